"""`Caller`: the calls of a mapping, one for each record or batch, as many and as fast as the endpoint takes.

What the endpoint refuses is sent again, within `MapOptions.retry_for`. `Engine` says for which records, and when to
end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, NamedTuple, TypeVar

from sagemaker_async.aws.timing import Timing
from sagemaker_async.errors import CallError, SageMakerAsyncError

from .batches import Batch
from .concurrency import AdaptiveLimit, Signal, Spacing, is_refusal, signal_of
from .map_options import MapOptions

__all__ = ["Answers", "Caller", "Watch", "WatchedCall"]

R = TypeVar("R")

_FIRST_DELAY, _LONGEST_DELAY = 0.5, 20.0
_DEFAULT_MAXIMUM = 128


class Watch:
    """What a call tells of itself while it is under way; one for each call."""

    __slots__ = ("_caller", "began", "failures", "first_byte")

    def __init__(self, caller: Caller[Any], began: float) -> None:
        self._caller = caller
        self.began: float = began
        """When the call began, on the mapping's clock."""
        self.failures: int = 0
        """Attempts that failed."""
        self.first_byte: float | None = None
        """When the answer began, on the mapping's clock."""

    def attempt_failed(self, error: Exception) -> bool:
        """Take notice of an attempt that failed; return whether to leave it to the mapping to send the request again.

        That is so of throttling: what repeats it should keep to the pace.
        """
        self.failures += 1
        signal = self._caller.attempt_failed(error, self.began)
        return signal is Signal.THROTTLED and self._caller.sends_again

    def answer_began(self) -> None:
        """Take notice that the answer begins; only the first time counts."""
        if self.first_byte is None:
            self.first_byte = self._caller.now()


WatchedCall = Callable[[Any, Watch], Awaitable[R]]


class Answers(NamedTuple):
    """What became of the records of one call."""

    results: Any
    """An iterable with the result of each record that was sent, if there is no error."""
    error: Exception | None
    unprepared: dict[int, Exception]
    """The errors of the records that were not sent, by their places."""
    attempts: int
    latency: float


class Caller(Generic[R]):
    """Makes the calls of one mapping, for any number of tasks of one event loop."""

    def __init__(
        self,
        call: WatchedCall[R],
        options: MapOptions,
        prepare: Callable[[Any], Any] | None,
        batch: Batch | None,
        timing: Timing,
    ) -> None:
        self.now: Callable[[], float] = timing.monotonic
        self.limit: int = options.concurrency or 1
        """How many requests may be under way."""
        self.in_flight: int = 0
        """How many are."""
        self.retried: int = 0
        """Requests that were made again because the endpoint had refused them."""
        self.stopped: bool = False
        """Whether nothing that is refused is to be sent again."""
        self.closed: bool = False
        """Whether the mapping has cancelled the tasks that call."""
        self._call = call
        self._options = options
        self._prepare = prepare
        self._batch = batch
        self._timing = timing
        self._limiter: AdaptiveLimit | None = None
        self._spacing = Spacing()
        self._sending = asyncio.Lock()

    def start(self, now: float) -> None:
        """Begin to adapt to the endpoint, unless the options say how many requests may be under way."""
        if self._options.concurrency is None:
            self._limiter = AdaptiveLimit(self._options.max_concurrency or _DEFAULT_MAXIMUM, now)
            self.limit = self._limiter.limit

    def pace(self, now: float) -> float | None:
        """Return how many requests a second the endpoint seems to take; None as long as it has not throttled."""
        return None if self._limiter is None else self._limiter.pace(now)

    async def call_for(self, records: list[Any]) -> Answers:
        """Call for these records until there is an answer or an error to keep."""
        attempts = 0
        began: float | None = None
        results: Any = ()
        error: Exception | None = None
        prepared, unprepared = self._prepared(records)
        try:
            data = prepared if self._batch is None or not prepared else self._batch.join(prepared)
            refusals = 0
            while prepared:
                if self._rate() is not None:
                    await self._pace()
                watch = Watch(self, self.now())
                began = watch.began if began is None else began
                answer, error = await self._called(data[0] if self._batch is None else data, watch)
                attempts += _attempts(watch, error)
                if error is None:
                    results = (answer,) if self._batch is None else self._batch.split(answer, len(prepared))
                if error is None or watch.first_byte is not None or not is_refusal(error):
                    break
                left = self._options.retry_for - (self.now() - began)
                asked = getattr(error, "retry_after", None) or 0.0
                if not self.sends_again or left <= 0 or asked > left:
                    break
                self.retried += 1
                backoff = min(_FIRST_DELAY * 2.0 ** min(refusals, 10), _LONGEST_DELAY)
                await self._timing.sleep(max(self._timing.uniform() * backoff, asked))
                refusals += 1
        except Exception as failure:  # noqa: BLE001 - of `Batch` or what the answer is
            error = failure
        latency = 0.0 if began is None else self.now() - began
        return Answers(results, error, unprepared, attempts, latency)

    def _prepared(self, records: list[Any]) -> tuple[list[Any], dict[int, Exception]]:
        """Return what is sent, and the errors of those that cannot be, by their places."""
        errors: dict[int, Exception] = {}
        if self._prepare is None:
            return records, errors
        prepared: list[Any] = []
        for place, record in enumerate(records):
            try:
                prepared.append(self._prepare(record))
            except Exception as failure:  # noqa: BLE001 - it is this record's error, and not that of its batch
                errors[place] = failure
        return prepared, errors

    async def _called(self, data: Any, watch: Watch) -> tuple[R | None, Exception | None]:
        """Return what a call returned or raised, having told the limiter."""
        answer: R | None = None
        error: Exception | None = None
        self.in_flight += 1
        try:
            answer = await self._call(data, watch)
        except asyncio.CancelledError as cancelled:
            task = asyncio.current_task()
            if self.closed or (task is not None and task.cancelling()):
                raise
            error = RuntimeError("the call was cancelled from within")
            error.__cause__ = cancelled
        except Exception as failure:  # noqa: BLE001 - it is the record's outcome
            error = failure
            if not watch.failures:
                self.attempt_failed(failure, watch.began)
        finally:
            self.in_flight -= 1
        if error is None and self._limiter is not None:
            now = self.now()
            # What had to be repeated says nothing about how fast the endpoint answers.
            seconds = None if watch.failures else (watch.first_byte or now) - watch.began
            self._limiter.answered(seconds, began=watch.began, now=now, in_flight=self.in_flight + 1)
            self.limit = self._limiter.limit
        return answer, error

    @property
    def sends_again(self) -> bool:
        """Whether what the endpoint refuses is sent again."""
        return self._options.retry_for > 0 and not self.stopped

    def attempt_failed(self, error: Exception, began: float) -> Signal:
        signal = signal_of(error)
        if self._limiter is not None:
            self._limiter.failed(signal, began=began, now=self.now(), in_flight=self.in_flight)
            self.limit = self._limiter.limit
        return signal

    async def _pace(self) -> None:
        """Wait until one more request may be made."""
        async with self._sending:
            while (rate := self._rate()) is not None and (wait := self._spacing.wait(rate, self.now())) > 0:
                await self._timing.sleep(wait)

    def _rate(self) -> float | None:
        rate = self._options.rate
        if self._limiter is None:
            return rate
        pace = self._limiter.pace(self.now())
        return pace if rate is None else rate if pace is None else min(rate, pace)


def _attempts(watch: Watch, error: Exception | None) -> int:
    """Return how many requests a call made, by what it told or its error says."""
    if error is None:
        return watch.failures + 1
    if isinstance(error, CallError):
        return len(error.attempts) or watch.failures or 1
    return watch.failures + (watch.first_byte is not None or not isinstance(error, SageMakerAsyncError))
