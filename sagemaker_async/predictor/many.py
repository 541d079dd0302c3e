"""`MapsRecords`: what a `Predictor` does with many records. The engine, `mapping`, is imported by its first use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, Unpack, overload

from sagemaker_async import _lazy
from sagemaker_async.aws.call import Reply
from sagemaker_async.aws.client import CallOptions
from sagemaker_async.aws.http import Progress as CallProgress
from sagemaker_async.codecs.bases import Serializer
from sagemaker_async.config import Timeouts
from sagemaker_async.errors import ConfigurationError
from sagemaker_async.iterators import ByteIterator, TokenIterator
from sagemaker_async.serializers import IdentitySerializer
from sagemaker_async.session import Session

from .iterating import IteratorFactory
from .stream import PredictionStream

if TYPE_CHECKING:
    from .batches import Batch
    from .map_options import MapFields
    from .mapping import Outcomes, Records, Watch, WatchedCall

__all__ = ["MapsRecords", "map_calls"]

R = TypeVar("R")
T = TypeVar("T")


class MapsRecords(Generic[R]):
    """One endpoint and any number of records; what makes one call is `Predictor`'s."""

    sagemaker_session: Session
    serializer: Serializer
    content_type: str

    if TYPE_CHECKING:

        def _fields(self, initial_args: Mapping[str, Any] | None, given: Mapping[str, Any]) -> dict[str, Any]: ...
        async def _predicted(
            self, data: Any, initial_args: Mapping[str, Any] | None, given: Mapping[str, Any], options: CallOptions
        ) -> tuple[R, Reply]: ...
        def _check_of_endpoint(self, what: str) -> None: ...
        def _stream(
            self,
            data: Any,
            initial_args: Mapping[str, Any] | None,
            given: Mapping[str, Any],
            options: CallOptions,
            iterator: IteratorFactory[T],
        ) -> PredictionStream[T]: ...

    @overload
    def map(
        self,
        records: Records,
        *,
        prepare: Callable[[Any], Any] | None = None,
        batch: None = None,
        stream: Literal[False] = False,
        initial_args: Mapping[str, Any] | None = None,
        timeout: float | Timeouts | None = None,
        **options: Unpack[MapFields],
    ) -> Outcomes[R]: ...

    @overload
    def map(
        self,
        records: Records,
        *,
        prepare: Callable[[Any], Any] | None = None,
        batch: None = None,
        stream: Literal[True],
        initial_args: Mapping[str, Any] | None = None,
        timeout: float | Timeouts | None = None,
        **options: Unpack[MapFields],
    ) -> Outcomes[str]: ...

    @overload
    def map(
        self,
        records: Records,
        *,
        prepare: Callable[[Any], Any] | None = None,
        batch: None = None,
        stream: Callable[[PredictionStream[bytes]], Awaitable[T]],
        initial_args: Mapping[str, Any] | None = None,
        timeout: float | Timeouts | None = None,
        **options: Unpack[MapFields],
    ) -> Outcomes[T]: ...

    @overload
    def map(
        self,
        records: Records,
        *,
        prepare: Callable[[Any], Any] | None = None,
        batch: int | Batch | None = None,
        stream: bool | Callable[[PredictionStream[bytes]], Awaitable[Any]] = False,
        initial_args: Mapping[str, Any] | None = None,
        timeout: float | Timeouts | None = None,
        **options: Unpack[MapFields],
    ) -> Outcomes[Any]: ...

    def map(
        self,
        records: Records,
        *,
        prepare: Callable[[Any], Any] | None = None,
        batch: int | Batch | None = None,
        stream: bool | Callable[[PredictionStream[bytes]], Awaitable[Any]] = False,
        initial_args: Mapping[str, Any] | None = None,
        timeout: float | Timeouts | None = None,
        **options: Unpack[MapFields],
    ) -> Outcomes[Any]:
        """Return the answers to many records, as an asynchronous iterator of `Outcome`; nothing is sent before a read.

        Args:
            records: an iterable or asynchronous iterable of any length, read as there is room. One that is not
                asynchronous is read on the event loop, which waits for its ``next``.
            prepare: turns a record into what the serializer takes, such as ``lambda row: {"inputs": row["text"]}``; the
                outcome has the record itself. None: the serializer takes records.
            batch: several records in one request: how many, if the content type says how to send them (JSON Lines, CSV,
                or JSON as ``instances``), or a `Batch`. An answer with the wrong number of results is an error for all
                its records. None: one record in each request.
            stream: True calls the endpoint's stream and gives the whole text of its tokens; a coroutine function is
                given each stream, opened, and its result is the record's: one that reads ``tokens = stream.tokens()``
                to the end can return ``tokens.result``, which has usage and tool calls too. False: the deserialised
                answer.
            initial_args: fields of every request, as for `predict`.
            timeout: seconds for each request, or limits of its own, as for `predict`.
            options: `concurrency`, `max_concurrency`, `ordered`, `on_error`, `id`, `rate`, `total_timeout`,
                `retry_for`, `on_progress`, `progress_bar`, `total`: see `MapOptions`.

        Raises:
            ConfigurationError: an argument is wrong.

        For what reading raises, see `Outcomes`. Leaving the loop early drops the requests under way; `Outcomes.stop`
        drains them instead.

        Example:
            ::

                async for outcome in predictor.map(records, concurrency=64, on_error="return"):
                    print(outcome.index, outcome.result if outcome.ok else outcome.error)
        """
        if not isinstance(stream, bool) and not callable(stream):
            raise ConfigurationError(f"stream must be True, False or a coroutine function, got {stream!r}")
        if batch is not None and stream:
            raise ConfigurationError("batch and stream exclude each other: a stream is the answer to one record")
        if stream:
            self._check_of_endpoint("response streams")
        self._fields(initial_args, {})  # what is wrong is refused here

        async def predicted(data: Any, watch: Watch) -> Any:
            call = CallOptions(timeout, CallProgress(on_attempt_failed=watch.attempt_failed))
            answer, _ = await self._predicted(data, initial_args, {}, call)
            return answer

        async def streamed(data: Any, watch: Watch) -> Any:
            call = CallOptions(timeout, CallProgress(on_attempt_failed=watch.attempt_failed))
            if callable(stream):
                async with self._stream(data, initial_args, {}, call, ByteIterator) as opened:
                    watch.answer_began()
                    return await stream(opened)
            async with self._stream(data, initial_args, {}, call, TokenIterator) as tokens:
                texts: list[str] = []
                async for token in tokens:
                    watch.answer_began()
                    if not token.special and token.choice == 0:
                        texts.append(token.text)
                return "".join(texts)

        return map_calls(self, streamed if stream else predicted, records, prepare=prepare, batch=batch, **options)


def map_calls(
    predictor: MapsRecords[Any],
    call: WatchedCall[T],
    records: Records,
    *,
    prepare: Callable[[Any], Any] | None,
    batch: int | Batch | None,
    **options: Unpack[MapFields],
) -> Outcomes[Any]:
    """Return the outcomes of `call` with what the predictor says of batches, connections and time.

    Raises:
        ConfigurationError: an argument is wrong.
    """
    session = predictor.sagemaker_session
    chosen = _lazy.module("predictor.map_options").MapOptions().with_fields(**options)
    if chosen.concurrency is None and chosen.max_concurrency is None:
        chosen = chosen.with_fields(max_concurrency=session.config.max_connections)
    serializes = not isinstance(predictor.serializer, IdentitySerializer)
    batch = _lazy.module("predictor.batches").batch_for(batch, predictor.content_type, serializes=serializes)
    outcomes: Outcomes[Any] = _lazy.module("predictor.mapping").map_watched(
        call, records, chosen, prepare=prepare, batch=batch, timing=session.channel.timing
    )
    return outcomes
