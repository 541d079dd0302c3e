"""`CompletionQueue`: learn of completions from an SQS queue that is subscribed to the endpoint's topics.

A message only says when to look; S3 shows what became of a job. So a message that is late, lost, delivered twice or
forged costs no more than a look. Messages about jobs of this session are deleted; all others are returned to the queue
at once, because the queue may have other readers.

With and without raw message delivery (https://docs.aws.amazon.com/sns/latest/dg/sns-large-payload-raw-message-delivery.html).
"""

from __future__ import annotations

import asyncio
import json
import logging
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sagemaker_async.errors import CallError, SageMakerAsyncError, SessionClosedError, UsageError
from sagemaker_async.session import Session

from .poller import Poller

if TYPE_CHECKING:
    from sagemaker_async.aws.sqs.shapes import Message

__all__ = ["CompletionQueue", "inference_id_of"]

_log = logging.getLogger(__name__)

AT_ONCE = 10
"""How many messages SQS gives at once, at most."""
LONG_POLL = 20
"""How long SQS waits for a message, in seconds, at most."""
HIDDEN = 30
"""How long a message is hidden from others while it is looked at, in seconds."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 20.0
"""Seconds to leave the queue to its other readers, after messages that were all theirs, and after a failure."""


class CompletionQueue:
    """Listens to a queue while it is entered; waits of its session then look at once when a job has completed.

    ::

        async with CompletionQueue(session, "https://sqs.us-east-1.amazonaws.com/123456789012/done"):
            result = await job

    Meanwhile, looks without a message are up to four times as far apart. The credentials need sqs:ReceiveMessage,
    sqs:DeleteMessage and sqs:ChangeMessageVisibility.

    Args:
        session: the session whose jobs are meant: those that it has submitted, and those that are awaited with it.
        queue_url: the queue's URL.

    Attributes:
        received: how many messages were acted on.
        error: why it stopped listening; None while it listens. Jobs are still found without it.
    """

    def __init__(self, session: Session, queue_url: str) -> None:
        self.session = session
        self.queue_url = queue_url
        self.received: int = 0
        self.error: SageMakerAsyncError | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to listen.

        Raises:
            RequestValidationError: the URL is not that of a queue.
            CallError: the queue cannot be read: it does not exist, or a permission is missing.
        """
        if self._task is not None:
            raise UsageError("this CompletionQueue is entered already; make another one")
        await self._receive(0)
        self._task = asyncio.get_running_loop().create_task(
            self._listen(Poller.of(self.session)), name="sagemaker-async completions"
        )
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop listening; idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))

    async def _listen(self, poller: Poller) -> None:
        pause = FIRST_PAUSE
        poller.listeners += 1  # not before: a task that is cancelled before it begins runs no `finally`
        try:
            while True:
                try:
                    idle = await self._receive(LONG_POLL)
                except CallError as error:
                    if not error.retryable:
                        raise
                    _log.info("the queue of completions cannot be read, and will be tried again: %s", error)
                    idle = True
                if idle:
                    await poller.timing.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE) if idle else FIRST_PAUSE
        except SessionClosedError:
            pass
        except SageMakerAsyncError as error:
            self.error = error
            _log.warning("the queue of completions is no longer read; results are found by looking into S3: %s", error)
        finally:
            poller.listeners -= 1

    async def _receive(self, wait: int) -> bool:
        """Receive messages once and act on them; returns whether there were some, and all were others'."""
        sqs = self.session.sqs
        response = await sqs.receive_message(
            queue_url=self.queue_url,
            max_number_of_messages=AT_ONCE,
            wait_time_seconds=wait,
            visibility_timeout=HIDDEN,
        )
        if response.error is not None:
            raise response.error
        own = [await self._handle(message) for message in response.messages]
        return bool(own) and not any(own)

    async def _handle(self, message: Message) -> bool:
        """Act on a message; returns whether it is about a job of this session."""
        poller = Poller.of(self.session)
        inference_id = inference_id_of(message.body)
        own = inference_id is not None and inference_id in poller.known
        handle = message.receipt_handle
        try:
            if own:
                assert inference_id is not None
                poller.notify(inference_id)
                await self.session.sqs.delete_message(queue_url=self.queue_url, receipt_handle=handle)
            else:
                await self.session.sqs.change_message_visibility(
                    queue_url=self.queue_url, receipt_handle=handle, visibility_timeout=0
                )
        except CallError as error:  # it comes again by itself
            _log.info("a message could not be taken from the queue of completions, or returned to it: %s", error)
        self.received += 1
        return own


def inference_id_of(body: str) -> str | None:
    """Return the inference id that a message is about, raw or in SNS's envelope; None for any other text."""
    try:
        content = json.loads(body)
        if isinstance(content, dict) and content.get("Type") == "Notification" and isinstance(content["Message"], str):
            content = json.loads(content["Message"])
    except (ValueError, KeyError, RecursionError):
        return None
    found = content.get("inferenceId") if isinstance(content, dict) else None
    return found if isinstance(found, str) else None
