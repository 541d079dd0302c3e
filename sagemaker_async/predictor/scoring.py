"""`Scoring`: how records are scored, described once for this machine, for a durable run, and for a cluster."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Unpack

from sagemaker_async.config import Timeouts
from sagemaker_async.deserializers import Deserializer
from sagemaker_async.errors import ConfigurationError
from sagemaker_async.serializers import Serializer
from sagemaker_async.session import Session

from .batches import Batch
from .map_options import MapFields
from .mapping import Outcomes, Records
from .predictor import Predictor
from .stream import PredictionStream

__all__ = ["Scoring"]


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """An endpoint, and how a record becomes a request to it and the answer a result: what `Predictor.map` is told.

    It holds neither a session nor anything else that is open, so it can be kept, and sent to other processes by
    `pickle` if its fields can.

    Example:
        ::

            scoring = Scoring(
                endpoint_name="my-endpoint", serializer=JSONSerializer(), deserializer=JSONDeserializer()
            )
            async with Session() as session:
                async for outcome in scoring.map(session, records, concurrency=64): ...

    Raises:
        ConfigurationError: a field is wrong; what a predictor refuses is refused when one is made.
    """

    endpoint_name: str
    """The endpoint."""
    serializer: Serializer | None = None
    """Makes request bodies. None: records are bytes or str already."""
    deserializer: Deserializer[Any] | None = None
    """Makes results. None: results are bytes."""
    component_name: str | None = None
    """The inference component on the endpoint."""
    content_type: str | None = None
    """Sent instead of the serializer's."""
    accept: str | tuple[str, ...] | None = None
    """Asked for instead of the deserializer's."""
    prepare: Callable[[Any], Any] | None = None
    """Turns a record into what the serializer takes. `pickle` requires a function that a module defines; Ray takes
    any."""
    batch: int | Batch | None = None
    """Several records in one request, as for `Predictor.map`."""
    stream: bool | Callable[[PredictionStream[bytes]], Awaitable[Any]] = False
    """Whether the endpoint's stream is called, as for `Predictor.map`."""
    initial_args: Mapping[str, Any] | None = None
    """Fields of every request, as for `Predictor.predict`."""
    timeout: float | Timeouts | None = None
    """Seconds for each request, or limits of its own."""

    def __post_init__(self) -> None:
        if not isinstance(self.endpoint_name, str) or not self.endpoint_name:
            raise ConfigurationError(f"Scoring needs an endpoint_name, a non-empty str, got {self.endpoint_name!r}")

    def predictor(self, session: Session) -> Predictor[Any]:
        """Return a predictor with these settings.

        Raises:
            ConfigurationError: a field is wrong.
        """
        return Predictor(
            self.endpoint_name,
            session,
            self.serializer,
            self.deserializer,
            self.component_name,
            content_type=self.content_type,
            accept=self.accept,
        )

    def map(self, session: Session, records: Records, **options: Unpack[MapFields]) -> Outcomes[Any]:
        """Return the outcomes of `records`, as `Predictor.map` does.

        Args:
            session: the session to call with.
            records: any iterable or asynchronous iterable.
            options: fields of `MapOptions`.

        Raises:
            ConfigurationError: a field or an option is wrong.
        """
        return self.predictor(session).map(
            records,
            prepare=self.prepare,
            batch=self.batch,
            stream=self.stream,
            initial_args=self.initial_args,
            timeout=self.timeout,
            **options,
        )
