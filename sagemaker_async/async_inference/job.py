"""`AsyncInferenceJob`: an accepted asynchronous invocation whose result can be awaited, here or in another process.

It is known by where its result will be. Waiting looks there, the output first and then the failure, until one of them
is found: only S3 shows what became of it. SageMaker has no operation that returns an invocation's state or cancels it.
"""

from __future__ import annotations

import asyncio
import io
import math
from collections.abc import AsyncGenerator, Generator, Iterable
from functools import partial
from typing import Any, Generic, TypeVar

from sagemaker_async.codecs.offload import deserialize_off_loop
from sagemaker_async.deserializers import BytesDeserializer, Deserializer
from sagemaker_async.errors import (
    AsyncInferenceModelError,
    ConfigurationError,
    ObjectNotExistedError,
    PollingTimeoutError,
    SageMakerAsyncError,
    WaitCancelledError,
)
from sagemaker_async.session import Session

from .job_json import fields_of, job_json
from .lookup import Counter, Denied, Locations, Outcome, Status, look, status_of
from .poller import Pace, Poller, Watch
from .waiter_config import WaiterConfig

__all__ = ["AsyncInferenceJob", "as_completed"]

R = TypeVar("R")

LONGEST_DELAY = 15.0
"""The longest time between two looks, in seconds: the SDK's delay."""
DEFAULT_TTL = 21_600
"""Seconds that SageMaker keeps a request in the queue unless it says otherwise."""
DEFAULT_TIMEOUT = 900
"""Seconds that SageMaker gives a model unless the request says otherwise."""
MARGIN = 60.0
"""Seconds for writing the result, and for clocks that differ."""
STILL_RUNNING = "Inference could still be running"


class AsyncInferenceJob(Generic[R]):
    """An accepted asynchronous invocation; ``result = await job``.

    Jobs come from `AsyncPredictor.predict_async` and `from_json`. Several tasks may wait for one; what was found
    is kept.

    Args:
        session: the session to look with.
        output_path: where the result will be, an S3 URI.
        failure_path: where a failure will be; None when the endpoint has no S3FailurePath.
        endpoint_name: the endpoint; None when it is not known.
        inference_id: by which notifications name the job.
        deserializer: makes an object of the result; None: bytes.
        submitted: when it was accepted, in seconds since the epoch; None: now.
        ttl: seconds that the request may wait in SageMaker's queue.
        timeout: seconds that the model may take.
    """

    def __init__(
        self,
        session: Session,
        *,
        output_path: str,
        failure_path: str | None = None,
        endpoint_name: str | None = None,
        inference_id: str | None = None,
        deserializer: Deserializer[R] | None = None,
        submitted: float | None = None,
        ttl: int = DEFAULT_TTL,
        timeout: int = DEFAULT_TIMEOUT,
    ) -> None:
        self.session = session
        self.output_path = output_path
        self.failure_path = failure_path
        self.endpoint_name = endpoint_name
        self.inference_id = inference_id
        self.deserializer: Deserializer[Any] = BytesDeserializer() if deserializer is None else deserializer
        self.submitted: float = session.channel.timing.clock() if submitted is None else submitted
        self.ttl = ttl
        self.timeout = timeout
        self._outcome: Outcome | None = None
        self._error: SageMakerAsyncError | None = None
        self._result: tuple[R] | None = None
        self._seen = False
        self._waits: set[Watch] = set()

    def __repr__(self) -> str:
        state = "" if self._outcome is None else ", failed" if self._outcome.failed else ", completed"
        return f"<{type(self).__name__} {self.inference_id or self.output_path!r}{state}>"

    # --- waiting ------------------------------------------------------------------------------------------------------

    def __await__(self) -> Generator[Any, Any, R]:
        return self.wait().__await__()

    async def wait(
        self,
        *,
        limit: float | None = None,
        max_bytes: int | None = None,
        denied: Denied = "raise",
        longest_delay: float = LONGEST_DELAY,
    ) -> R:
        """Wait for the result, and return it; ``await job`` is this without arguments.

        A caller that is cancelled ends its wait and nothing else: the job can be awaited again.

        Args:
            limit: seconds to wait. None: until nothing can come any more, that is the request's TTL in the queue, its
                invocation timeout and a minute, from when it was submitted on.
            max_bytes: the largest result to read; None: `Config.max_response_bytes`.
            denied: what to do about a 403 from S3: ``raise`` an error, or ``wait``, because without s3:ListBucket, S3
                also answers 403 for a missing object.
            longest_delay: the longest time between looks at S3 in seconds; four times that while a `CompletionQueue`
                reports completions.

        Raises:
            AsyncInferenceModelError: the invocation failed; the error has the text of the failure object.
            PollingTimeoutError: there was neither a result nor a failure within the limit. An endpoint without a
                failure path leaves nothing when it fails, so all its failures end this way.
            ResultAccessDeniedError: S3 answered 403, as it also does for a missing object without s3:ListBucket.
            ObjectNotExistedError: the result was there, and has been deleted.
            UnexpectedClientError: S3 refused the request otherwise, such as for a bucket that does not exist.
            ResponseTooLargeError: the result is larger than `max_bytes`.
            DeserializationError: the result cannot be deserialised.
            WaitCancelledError: `cancel_wait` was called.
            CallError, CredentialsError, SessionClosedError: S3 could not be asked, or can no longer be asked.
        """
        check_limits(limit, max_bytes, denied)
        if not (isinstance(longest_delay, int | float) and 0 < longest_delay < math.inf):
            raise ConfigurationError(
                f"longest_delay must be a finite number of seconds, more than 0, got {longest_delay!r}"
            )
        pace = Pace(longest=longest_delay, limit=self._seconds_left() if limit is None else limit)
        return await self._wait(pace, max_bytes, denied)

    async def get_result(self, waiter_config: WaiterConfig | None = None) -> R:
        """Return the result: the SDK's method.

        Args:
            waiter_config: how long to wait; None: not at all.

        Raises:
            ObjectNotExistedError: without `waiter_config`, there is no result yet.
            SageMakerAsyncError: as `wait`.
        """
        if waiter_config is not None and not isinstance(waiter_config, WaiterConfig):
            raise ConfigurationError("waiter_config should be a WaiterConfig object")
        if waiter_config is not None:
            return await self._wait(_pace(waiter_config), None, "raise")
        if self._outcome is None:
            self._outcome, _ = await self._look(None, None, "raise", Poller.of(self.session).counter)
        if self._outcome is None:
            raise ObjectNotExistedError(STILL_RUNNING, self.output_path)
        return await self._result_of(self._outcome)

    async def status(self) -> Status:
        """Look once, and return how far the job is: ``Completed``, ``Failed`` or ``InProgress``.

        ``InProgress`` is also the status of a job that has failed on an endpoint without a failure path.

        Raises:
            ResultAccessDeniedError, UnexpectedClientError: as `wait`.
            CallError, CredentialsError, SessionClosedError: S3 could not be asked.
        """
        if self._outcome is not None:
            return "Failed" if self._outcome.failed else "Completed"
        status = await status_of(self.session.s3, self._locations)
        self._seen = self._seen or status != "InProgress"
        return status

    def cancel_wait(self) -> None:
        """End all waits for the job with `WaitCancelledError`; the invocation goes on, and can be awaited again."""
        for watch in self._waits:
            if not watch.future.done():
                watch.future.set_exception(
                    WaitCancelledError(f"the wait for {self.output_path} was cancelled; the invocation goes on")
                )

    async def _wait(self, pace: Pace, max_bytes: int | None, denied: Denied) -> R:
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        if self._outcome is None:
            watch = self._begin(pace, max_bytes, denied)
            try:
                self._outcome = await watch.future
            finally:
                await self._end(watch)
        return await self._result_of(self._outcome)

    def _begin(self, pace: Pace, max_bytes: int | None, denied: Denied) -> Watch:
        poller = Poller.of(self.session)

        async def look_once(left: float) -> tuple[Outcome | None, str | None]:
            return await self._look(left, max_bytes, denied, poller.counter)

        watch = poller.watch(look_once, pace, inference_id=self.inference_id, overdue=self._overdue)
        self._waits.add(watch)
        return watch

    async def _end(self, watch: Watch) -> None:
        self._waits.discard(watch)
        await watch.end()

    def _drop(self, watch: Watch) -> set[asyncio.Task[None]]:
        self._waits.discard(watch)
        return watch.drop()

    def _settle(self, watch: Watch) -> None:
        """Keep what a wait has come to, for whoever awaits the job next."""
        error = watch.future.exception()
        if error is None:
            self._outcome = watch.future.result()
        elif isinstance(error, SageMakerAsyncError):
            self._error = error
        else:
            raise error

    async def _look(
        self, left: float | None, max_bytes: int | None, denied: Denied, counter: Counter
    ) -> tuple[Outcome | None, str | None]:
        if self._outcome is not None:  # another wait has found it
            return self._outcome, None
        found = await look(
            self.session.s3, self._locations, denied=denied, max_bytes=max_bytes, timeout=left, counter=counter
        )
        if found[0] is None and self._seen:
            raise ObjectNotExistedError("It was there and has been deleted", self.output_path)
        return found

    async def _result_of(self, outcome: Outcome) -> R:
        if outcome.failed:
            raise AsyncInferenceModelError(outcome.body.decode("utf-8", "replace"))
        if self._result is None:
            body = outcome.body
            result = await deserialize_off_loop(self.deserializer, io.BytesIO(body), outcome.content_type, len(body))
            self._result = (result,)
        return self._result[0]

    @property
    def _locations(self) -> Locations:
        return Locations(output=self.output_path, failure=self.failure_path)

    def _seconds_left(self) -> float:
        """Return how long something may still come, by the clock of whoever submitted the job."""
        whole = self.ttl + self.timeout + MARGIN
        age = self.session.channel.timing.clock() - self.submitted
        return min(max(whole - age, 0.0), whole)

    def _overdue(self, watch: Watch) -> SageMakerAsyncError:
        message = STILL_RUNNING
        if self.failure_path is None:
            message += (
                ". Its endpoint has no S3FailurePath, so that an invocation that fails or expires leaves nothing to be "
                "found: set S3FailurePath in its AsyncInferenceConfig to learn of failures"
            )
        if watch.hidden is not None:
            message += (
                f". S3 says 403 for {watch.hidden}, which is also what it says of a missing object without "
                "s3:ListBucket: it may be there, and need s3:GetObject"
            )
        if watch.trouble is not None:
            message += ". S3 could not be reached at the end; the log says why"
        limit = watch.pace.limit
        return PollingTimeoutError(message, self.output_path, 0.0 if limit is None else limit)

    # --- over processes -----------------------------------------------------------------------------------------------

    def to_json(self) -> str:
        """Return the job as a text from which another process can make it; it holds no secret, and no result."""
        return job_json(
            {
                "output_path": self.output_path,
                "failure_path": self.failure_path,
                "endpoint_name": self.endpoint_name,
                "inference_id": self.inference_id,
                "submitted": self.submitted,
                "ttl": self.ttl,
                "timeout": self.timeout,
            }
        )

    @classmethod
    def from_json(
        cls, text: str | bytes, session: Session, *, deserializer: Deserializer[Any] | None = None
    ) -> AsyncInferenceJob[Any]:
        """Return the job that `to_json` wrote.

        Args:
            text: what it returned. An accidental change is noticed; a deliberate one is not, so read it only from
                places where nobody but your programs can write.
            session: the session to look with; its credentials may be others than those that submitted the job.
            deserializer: as of the predictor; None: bytes.

        Raises:
            InvalidJobError: the text is not a job, was changed, or was written by a version with another format.
        """
        fields = fields_of(text)
        return AsyncInferenceJob(session, deserializer=deserializer, **fields)


async def as_completed(
    jobs: Iterable[AsyncInferenceJob[R]],
    *,
    limit: float | None = None,
    max_bytes: int | None = None,
    denied: Denied = "raise",
) -> AsyncGenerator[AsyncInferenceJob[R], None]:
    """Yield jobs as they complete or fail; awaiting a yielded job returns or raises at once.

    ::

        async for job in as_completed(jobs):
            try:
                result = await job
            except AsyncInferenceError as error: ...

    Args:
        jobs: the jobs; they may be of several sessions and endpoints.
        limit: as for `AsyncInferenceJob.wait`, for each of them.
        max_bytes: likewise.
        denied: likewise.

    Raises:
        ConfigurationError: an argument is out of range.
    """
    check_limits(limit, max_bytes, denied)
    every = list(jobs)
    done: asyncio.Queue[tuple[AsyncInferenceJob[R], Watch | None]] = asyncio.Queue()
    watches: dict[Watch, AsyncInferenceJob[R]] = {}
    try:
        for job in every:
            if job._outcome is not None or job._error is not None:
                done.put_nowait((job, None))
                continue
            pace = Pace(longest=LONGEST_DELAY, limit=job._seconds_left() if limit is None else limit)
            watch = job._begin(pace, max_bytes, denied)
            watches[watch] = job
            watch.future.add_done_callback(partial(_tell, done, job, watch))
        for _ in every:
            job, found = await done.get()
            if found is not None:
                del watches[found]
                job._settle(found)
                await job._end(found)
            yield job
    finally:
        ended: set[asyncio.Task[None]] = set()
        for watch, job in watches.items():  # all of them before the first await, where the caller may be cancelled
            ended |= job._drop(watch)
        if ended:
            await asyncio.wait(ended)


def _tell(done: asyncio.Queue[Any], job: AsyncInferenceJob[Any], watch: Watch, _: object) -> None:
    done.put_nowait((job, watch))


def _pace(config: WaiterConfig) -> Pace:
    if config.delay == 0:
        return Pace(longest=LONGEST_DELAY, limit=None, looks=config.max_attempts)
    return Pace(longest=config.delay, limit=config.seconds)


def check_limits(limit: float | None, max_bytes: int | None, denied: str) -> None:
    """Raise `ConfigurationError` for what no wait takes."""
    if limit is not None and (
        isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 <= limit < math.inf
    ):
        raise ConfigurationError(f"limit must be a number of seconds, 0 or more, or None, got {limit!r}")
    if max_bytes is not None and (isinstance(max_bytes, bool) or not isinstance(max_bytes, int) or max_bytes < 0):
        raise ConfigurationError(f"max_bytes must be a whole number, 0 or more, or None, got {max_bytes!r}")
    if denied not in ("raise", "wait"):
        raise ConfigurationError(f"denied must be 'raise' or 'wait', got {denied!r}")
