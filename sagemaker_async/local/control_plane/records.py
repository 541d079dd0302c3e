"""What the control plane keeps: kinds of resources, records of single resources, and a table per kind.

A `Table` finds records by name as AWS does, ignoring case, and makes the errors for unknown and for taken names; a
`Kind` holds what differs between kinds. Names keep their case, but ARNs of hosting resources are in lower case.
Messages are AWS's where they are known from public reports, and otherwise written in AWS's style.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Generic, TypeVar

from sagemaker_async.local.answers import Refusal

__all__ = ["Fields", "Kind", "Record", "RecordT", "Table", "copied", "refused"]

Fields = dict[str, Any]
"""The members of a request or an answer, by AWS's names."""


def refused(message: str) -> Refusal:
    """Return a ValidationException."""
    return Refusal(400, "ValidationException", message, common=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of resource."""

    name: str
    """In ARNs: ``endpoint-config``."""
    label: str
    """In messages: ``endpoint configuration``."""
    missing: str = 'Could not find {label} "{arn}".'
    missing_code: str = "ValidationException"
    taken: str = 'Cannot create already existing {label} "{arn}".'
    taken_code: str = "ValidationException"
    lower_case: bool = True
    """Whether ARNs are in lower case."""


@dataclass(slots=True, kw_only=True)
class Record:
    """One resource."""

    kind: Kind
    name: str
    arn: str
    created: float
    """Seconds since the epoch."""
    modified: float
    sequence: int
    """Orders records that were created at the same time."""
    fields: Fields
    """The members it was created with, except its name and tags."""
    tags: dict[str, str] = field(default_factory=dict)
    status: str | None = None
    failure_reason: str | None = None

    def saved(self) -> Fields:
        """Return what all records have as a JSON value, for `Table.put`."""
        return {name: getattr(self, name) for name in _SAVED}


_SAVED = ("name", "created", "modified", "fields", "tags", "status", "failure_reason")

RecordT = TypeVar("RecordT", bound=Record)
_numbers = count()


class Table(Generic[RecordT]):
    """All resources of one kind.

    Args:
        kind: the kind.
        record: makes a record from `Record`'s fields.
        arn_prefix: ``arn:{partition}:sagemaker:{region}:{account}``.
        now: returns seconds since the epoch.
    """

    def __init__(self, kind: Kind, record: Callable[..., RecordT], arn_prefix: str, now: Callable[[], float]) -> None:
        self.kind = kind
        self._record = record
        self._arn_prefix = arn_prefix
        self._now = now
        self._records: dict[str, RecordT] = {}

    def __iter__(self) -> Iterator[RecordT]:
        return iter(list(self._records.values()))

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._records

    def arn(self, name: str) -> str:
        """Return the ARN that a resource of this name has or would have."""
        return f"{self._arn_prefix}:{self.kind.name}/{name.lower() if self.kind.lower_case else name}"

    def add(self, name: str, fields: Fields, *, status: str | None = None, **further: Any) -> RecordT:
        """Add a resource; raises `Refusal` when the name is taken. Its tags are removed from its fields."""
        if name in self:
            kind = self.kind
            message = kind.taken.format(label=kind.label, arn=self._records[name.lower()].arn, name=name)
            raise Refusal(400, kind.taken_code, message, common=kind.taken_code == "ValidationException")
        now = self._now()
        kept = copied(fields)
        tags = {tag["Key"]: tag["Value"] for tag in kept.pop("Tags", ())}
        record = self._record(
            kind=self.kind,
            name=name,
            arn=self.arn(name),
            created=now,
            modified=now,
            sequence=next(_numbers),
            fields=kept,
            tags=tags,
            status=status,
            **further,
        )
        self._records[name.lower()] = record
        return record

    def put(self, saved: Fields, **further: Any) -> RecordT:
        """Add a resource as `Record.saved` returned it."""
        record = self.made(saved, **further)
        self._records[record.name.lower()] = record
        return record

    def made(self, saved: Fields, **further: Any) -> RecordT:
        """Return a resource as `Record.saved` returned it, without adding it."""
        members = {name: saved[name] for name in _SAVED}
        arn = self.arn(members["name"])
        return self._record(kind=self.kind, arn=arn, sequence=next(_numbers), **members, **further)

    def get(self, name: str) -> RecordT:
        """Return a resource; raises `Refusal` when none has that name."""
        record = self._records.get(name.lower())
        if record is None:
            raise self.missing(self.arn(name), name)
        return record

    def find(self, name: str) -> RecordT | None:
        """Return a resource, or None."""
        return self._records.get(name.lower())

    def missing(self, arn: str, name: str = "") -> Refusal:
        """Return the error for a resource that does not exist."""
        kind = self.kind
        message = kind.missing.format(label=kind.label, arn=arn, name=name)
        return Refusal(400, kind.missing_code, message, common=kind.missing_code == "ValidationException")

    def remove(self, record: RecordT) -> None:
        """Remove a resource; one that was already removed is ignored."""
        if self._records.get(record.name.lower()) is record:
            del self._records[record.name.lower()]


def copied(value: Any) -> Any:
    """Return a deep copy of a JSON value; members that are null are left out."""
    if isinstance(value, dict):
        return {name: copied(member) for name, member in value.items() if member is not None}
    if isinstance(value, list | tuple):
        return [copied(member) for member in value]
    return value
