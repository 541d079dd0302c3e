"""What goes wrong with asynchronous inference: the SageMaker Python SDK's exceptions and texts, and three more."""

from __future__ import annotations

import re

from .root import SageMakerAsyncError


class AsyncInferenceError(SageMakerAsyncError):
    """The base of the errors of asynchronous inference."""


class ObjectNotExistedError(AsyncInferenceError):
    """There is no object at the output location, or not any more.

    Attributes:
        output_path: the location.
    """

    def __init__(self, message: str, output_path: str) -> None:
        super().__init__(f"Object not exist at {output_path}. {message}")
        self.message = message
        self.output_path = output_path


class PollingTimeoutError(AsyncInferenceError, TimeoutError):
    """There was neither a result nor a failure within the limit; there may still be one.

    Attributes:
        output_path: where the result will be.
        seconds: the limit.
    """

    def __init__(self, message: str, output_path: str, seconds: float) -> None:
        super().__init__(f"No result at {output_path} after polling for {seconds:g} seconds. {message}")
        self.message = message
        self.output_path = output_path
        self.seconds = seconds


class AsyncInferenceModelError(AsyncInferenceError):
    """The invocation failed: what SageMaker wrote to the failure location.

    Attributes:
        message: the text of the failure object.
    """

    def __init__(self, message: str) -> None:
        super().__init__(f"Model returned error: {message} ")
        self.message = message

    @property
    def original_message(self) -> str | None:
        """What the container itself said, where the text has the form of SageMaker's data log; None otherwise."""
        found = re.match(_DATA_LOG_LINE, self.message)
        return found[2] if found else None

    @property
    def original_status_code(self) -> int | None:
        """The status that the container answered with, likewise; 0 when it did not answer."""
        found = re.match(_DATA_LOG_LINE, self.message)
        return int(found[1]) if found else None


_DATA_LOG_LINE = r'(?s)Received \w{1,20} error \((\d{1,3})\) from \S{1,63} with message "(.*)".*'


class UnexpectedClientError(AsyncInferenceError):
    """S3 answered with an error other than that the object does not exist; the cause is that error.

    Attributes:
        message: what it said.
    """

    def __init__(self, message: str) -> None:
        super().__init__(f"Encountered unexpected client error: {message}")
        self.message = message


class ResultAccessDeniedError(UnexpectedClientError):
    """S3 refuses to say whether there is a result: the object is not there yet, or these credentials may not read it.

    Without s3:ListBucket on the bucket, S3 answers 403 for an object that does not exist.

    Attributes:
        location: what was asked for.
        permissions: what is needed to know.
    """

    permissions: tuple[str, ...] = ("s3:GetObject", "s3:ListBucket")

    def __init__(self, location: str) -> None:
        super().__init__(
            f"403 for {location}: without s3:ListBucket on the bucket, S3 does not say whether the object is missing "
            "or forbidden. Grant s3:GetObject and s3:ListBucket (and kms:Decrypt, if a KMS key encrypts it), "
            "or pass denied='wait' to take 403 as 'not yet'"
        )
        self.location = location


class WaitCancelledError(AsyncInferenceError):
    """`AsyncInferenceJob.cancel_wait` ended the wait; the invocation goes on, and can be awaited again."""


class InvalidJobError(AsyncInferenceError, ValueError):
    """A text cannot be read as a job: it is no JSON, of another version, or not as `to_json` wrote it."""
