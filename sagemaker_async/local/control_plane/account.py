"""What the parts of one control plane share: the account, the time, the callables, and the scripted failures."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from sagemaker_async.local.answers import Refusal
from sagemaker_async.local.endpoints import Endpoint
from sagemaker_async.local.models import Model
from sagemaker_async.local.state import LocalState

from .records import Fields, Kind, Record, RecordT, Table

__all__ = ["Account", "Failure", "Family", "Operation"]

Operation: TypeAlias = Callable[[Fields], Fields]
"""Takes a request's members, already checked, and returns the answer's; raises `Refusal`."""


@dataclass(frozen=True, slots=True)
class Failure:
    """How an operation that has begun fails."""

    reason: str
    rollback: bool = True
    """Whether an endpoint whose update fails returns to what it ran before."""


class Family(Protocol):
    """The operations on related resources."""

    @property
    def operations(self) -> Mapping[str, Operation]:
        """The operations by name."""
        ...

    @property
    def tables(self) -> Sequence[Table[Any]]:
        """All the resources it keeps that can be tagged."""
        ...


@dataclass(slots=True)
class Account:
    """One account in one region."""

    state: LocalState
    callables: dict[str, Model] = field(default_factory=dict)
    """The callables to run, by the model's name or its container's image."""
    specs: dict[str, str] = field(default_factory=dict)
    """The URLs and paths that callables were made from, by the same keys, where they were."""
    failures: defaultdict[str, deque[Failure]] = field(default_factory=lambda: defaultdict(deque))
    """How the next calls of an operation fail, by operation."""
    refusals: defaultdict[str, deque[Refusal]] = field(default_factory=lambda: defaultdict(deque))
    """The errors that answer the next calls of an operation, by operation."""

    @property
    def arn_prefix(self) -> str:
        """``arn:aws:sagemaker:us-east-1:123456789012``."""
        return self.state.arn_prefix

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """The endpoints that can be invoked, by name."""
        return self.state.endpoints

    def now(self) -> float:
        """Return seconds since the epoch."""
        return self.state.transitions.now()

    def schedule(
        self,
        table: Table[RecordT],
        record: RecordT,
        kind: str,
        change: Callable[[], None],
        seconds: float | None = None,
    ) -> None:
        """Schedule a change of one resource, which is dropped if the resource has been removed by then."""

        def happen() -> None:
            if table.find(record.name) is record:
                change()

        self.state.transitions.schedule(kind, happen, seconds)

    def table(self, kind: Kind, record: type[RecordT]) -> Table[RecordT]:
        """Return an empty table."""
        return Table(kind, record, self.arn_prefix, self.now)

    def plain_table(self, kind: Kind) -> Table[Record]:
        """Return an empty table of records without state of their own."""
        return self.table(kind, Record)

    def next_failure(self, operation: str) -> Failure | None:
        """Return and remove the next scripted failure of an operation, None if there is none."""
        waiting = self.failures[operation]
        return waiting.popleft() if waiting else None

    def next_refusal(self, operation: str) -> Refusal | None:
        """Return and remove the next scripted error of an operation, None if there is none."""
        waiting = self.refusals[operation]
        return waiting.popleft() if waiting else None
