"""`SQSClient`: messages out of a queue."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sagemaker_async.aws.client import CallOptions, ServiceClient
from sagemaker_async.aws.shapes.operation import Operation
from sagemaker_async.config import Timeouts
from sagemaker_async.errors import FieldProblem, RequestValidationError

from .operations import CHANGE_MESSAGE_VISIBILITY, DELETE_MESSAGE, OPERATIONS, RECEIVE_MESSAGE

if TYPE_CHECKING:
    from .shapes import ChangeMessageVisibilityResponse, DeleteMessageResponse, ReceiveMessageResponse

__all__ = ["SQSClient"]

SPARE_SECONDS = 10.0
"""How much longer than it waits itself SQS may take to answer."""

_is_aws_queue = re.compile(r"https://(?:sqs\.)?([a-z0-9-]+-[0-9]+)\.(?:queue\.)?amazonaws\.").match


class SQSClient(ServiceClient):
    """Amazon SQS, as much of it as waiting for a notification needs; ``session.sqs``.

    A queue delivers a message at least once, and in no certain order. One that was received is hidden from others until
    its visibility timeout ends; delete it before then, or give it back with a visibility timeout of 0.

    Each method takes `timeout`: seconds for the whole call over all attempts, or a `Timeouts` of its own. All raise
    `RequestValidationError` before anything is sent when a field breaks SQS's rules, and `CallError` with its many
    kinds when the call fails, such as `ResourceNotFound` for a queue that does not exist.

    Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html
    """

    operations = OPERATIONS

    async def receive_message(
        self,
        *,
        queue_url: str,
        max_number_of_messages: int | None = None,
        wait_time_seconds: int | None = None,
        visibility_timeout: int | None = None,
        timeout: float | Timeouts | None = None,
    ) -> ReceiveMessageResponse:
        """Return messages, as soon as there is one.

        The session's limits on the wait for an answer and on the whole call are raised to 10 s more than
        `wait_time_seconds` where they are below that; a limit given as `timeout` is kept.

        Args:
            queue_url: the queue's URL; the queue is in the session's region.
            max_number_of_messages: 1 to 10; None: 1.
            wait_time_seconds: how long SQS waits for a first message, 0 to 20; None: as the queue says.
            visibility_timeout: for how many seconds the messages are hidden from others; None: as the queue says.
            timeout: as for all methods.
        """
        fields = {
            "queue_url": queue_url,
            "max_number_of_messages": max_number_of_messages,
            "wait_time_seconds": wait_time_seconds,
            "visibility_timeout": visibility_timeout,
        }
        if timeout is None:
            await self._channel.settings()  # which has the session's limits
            timeout = _longer(self._channel.timeouts, wait_time_seconds)
        response: ReceiveMessageResponse = await self._call(RECEIVE_MESSAGE, fields, timeout)
        return response

    async def delete_message(
        self, *, queue_url: str, receipt_handle: str, timeout: float | Timeouts | None = None
    ) -> DeleteMessageResponse:
        """Delete a message that was received; succeeds as well when it is gone."""
        fields = {"queue_url": queue_url, "receipt_handle": receipt_handle}
        response: DeleteMessageResponse = await self._call(DELETE_MESSAGE, fields, timeout)
        return response

    async def change_message_visibility(
        self,
        *,
        queue_url: str,
        receipt_handle: str,
        visibility_timeout: int,
        timeout: float | Timeouts | None = None,
    ) -> ChangeMessageVisibilityResponse:
        """Hide a message that was received for so many seconds from now, 0 to 43,200; 0 gives it back to all."""
        fields = {
            "queue_url": queue_url,
            "receipt_handle": receipt_handle,
            "visibility_timeout": visibility_timeout,
        }
        response: ChangeMessageVisibilityResponse = await self._call(CHANGE_MESSAGE_VISIBILITY, fields, timeout)
        return response

    async def _call(self, operation: Operation, fields: Mapping[str, Any], timeout: float | Timeouts | None) -> Any:
        self._channel.check_usable()
        await self.load(operation)
        call = self.prepare(operation, fields, CallOptions(timeout))
        region = (await self._channel.settings()).region
        queue = _is_aws_queue(call.head.fields["queue_url"])
        if queue is not None and queue[1] != region:
            rule = f"is in {queue[1]}, and this session calls {region}: use a session of that region"
            raise RequestValidationError(operation.name, [FieldProblem("queue_url", "QueueUrl", rule)])
        return await self.perform(call)


def _longer(timeouts: Timeouts, wait_time_seconds: object) -> Timeouts:
    """Return limits that outlast how long SQS waits, 20 s at most where the queue decides."""
    waits = wait_time_seconds if isinstance(wait_time_seconds, int) and 0 <= wait_time_seconds < 20 else 20
    least = waits + SPARE_SECONDS
    shorter = {
        name: least
        for name in ("first_byte", "total")
        if (limit := getattr(timeouts, name)) is not None and limit < least
    }
    return dataclasses.replace(timeouts, **shorter) if shorter else timeouts
