"""Request and response models of SQS's operations.

Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sagemaker_async.aws.protocols.structures import ResponseStructure
from sagemaker_async.aws.shapes.models import RequestShape, ResponseShape

__all__ = [
    "ChangeMessageVisibilityRequest",
    "ChangeMessageVisibilityResponse",
    "DeleteMessageRequest",
    "DeleteMessageResponse",
    "Message",
    "ReceiveMessageRequest",
    "ReceiveMessageResponse",
]

QueueUrl = Annotated[str, Field(strict=True, max_length=1024, pattern=r"\Ahttps?://[!-.0-~]+/[!-~]+\z")]
Seconds = Annotated[int, Field(strict=True, ge=0, le=43_200)]
_URL_WORDS = "is the URL of a queue, such as https://sqs.us-east-1.amazonaws.com/123456789012/my-queue"


class _QueueRequest(RequestShape):
    queue_url: QueueUrl = Field(alias="QueueUrl", description=_URL_WORDS)


class ReceiveMessageRequest(_QueueRequest):
    """What `ReceiveMessage` takes."""

    max_number_of_messages: Annotated[int, Field(strict=True, ge=1, le=10)] | None = Field(
        default=None, alias="MaxNumberOfMessages"
    )
    wait_time_seconds: Annotated[int, Field(strict=True, ge=0, le=20)] | None = Field(
        default=None, alias="WaitTimeSeconds"
    )
    visibility_timeout: Seconds | None = Field(default=None, alias="VisibilityTimeout")


class _MessageRequest(_QueueRequest):
    receipt_handle: Annotated[str, Field(strict=True, min_length=1)] = Field(alias="ReceiptHandle")


class DeleteMessageRequest(_MessageRequest):
    """What `DeleteMessage` takes."""


class ChangeMessageVisibilityRequest(_MessageRequest):
    """What `ChangeMessageVisibility` takes."""

    visibility_timeout: Seconds = Field(alias="VisibilityTimeout")


class Message(ResponseStructure):
    """One message of a queue."""

    message_id: str | None = Field(default=None, alias="MessageId")
    """The same each time that the message is received."""
    receipt_handle: str = Field(alias="ReceiptHandle")
    """What deletes the message or gives it back; another one each time that it is received."""
    body: str = Field(default="", alias="Body", repr=False)


class ReceiveMessageResponse(ResponseShape):
    """What `ReceiveMessage` answers."""

    messages: list[Message] = Field(default_factory=list, alias="Messages")
    """Empty when none came in time."""


class DeleteMessageResponse(ResponseShape):
    """What `DeleteMessage` answers: nothing."""


class ChangeMessageVisibilityResponse(ResponseShape):
    """What `ChangeMessageVisibility` answers: nothing."""
