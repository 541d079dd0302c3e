"""What AWS answers when it refuses or fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from .calls import CallError


class ServiceError(CallError):
    """AWS answered with an error.

    Attributes:
        message: what went wrong, without the status and code that the exception's text begins with.
        status: the HTTP status.
        code: AWS's error code, such as ``ThrottlingException``.
        error_message: AWS's own words, without what this package adds around them.
        fields: the error's members under AWS's names, as they came.
        null_message: whether the message is JSON ``null``, as SageMaker's throttling in disguise has it.
    """

    null_message: bool = False

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str,
        error_message: str | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.error_message: str = error_message if error_message is not None else message
        self.fields: dict[str, Any] = dict(fields or {})

    @property
    def outcome(self) -> str:
        """The HTTP status and AWS's error code."""
        return f"{self.status} {self.code}".rstrip()

    def _words(self) -> str:
        words = super()._words()
        return f"HTTP {self.outcome}: {words}" if self.status else words  # without one, nobody has answered


class ThrottlingError(ServiceError):
    """The service asks to be called less often."""

    retryable = True


class ModelNotReadyException(ThrottlingError):
    """A multi-model endpoint is still loading the model (HTTP 429); later attempts usually succeed."""


class ValidationError(ServiceError):
    """The service refused the request as invalid: an unknown endpoint, a body too large, a bad field."""


class ResourceNotFound(ServiceError):
    """There is no such resource. (Of unknown endpoints, components and models AWS says `ValidationError` instead.)"""


class ResourceInUse(ServiceError):
    """The resource exists already, or something else uses it."""


class ResourceLimitExceeded(ServiceError):
    """The account's quota for such resources is used up; Service Quotas raises it, waiting does not."""


class ConflictException(ServiceError):
    """Someone else changed the resource at the same time."""


class ModelError(ServiceError):
    """The model's container answered with an error (HTTP 424); it is never retried.

    Attributes:
        original_status_code: the status the container answered with.
        original_message: the body the container answered with.
        log_stream_arn: the CloudWatch log stream of the container.
    """

    def _words(self) -> str:
        words = super()._words()
        said = (self.original_message or "").strip()
        if not said or said in self.message:
            return words
        return f"{words}; the container said: {_printable(said[:_SHOWN])}{'...' if len(said) > _SHOWN else ''}"

    @property
    def original_status_code(self) -> int | None:
        """The status the container answered with."""
        status = self.fields.get("OriginalStatusCode")
        return status if isinstance(status, int) else None

    @property
    def original_message(self) -> str | None:
        """The body the container answered with."""
        return _text(self.fields.get("OriginalMessage"))

    @property
    def log_stream_arn(self) -> str | None:
        """The ARN of the container's CloudWatch log stream."""
        return _text(self.fields.get("LogStreamArn"))

    @property
    def log_url(self) -> str | None:
        """The CloudWatch console page of the log stream, or of its group where AWS names no more; None without one."""
        return _cloudwatch_url(self.log_stream_arn) if self.log_stream_arn else None


class InternalFailure(ServiceError):
    """The service failed (HTTP 500)."""

    retryable = True


class ServiceUnavailable(ServiceError):
    """The service is unavailable (HTTP 503)."""

    retryable = True


class GatewayError(ServiceError):
    """A gateway between here and the service answered (HTTP 502 or 504); the request may have been processed."""

    retryable = True
    ambiguous = True


class InternalDependencyException(ServiceError):
    """Something the service depends on failed (HTTP 530)."""

    retryable = True


class AccessDeniedError(ServiceError):
    """The credentials are not allowed to do this."""


class SignatureError(ServiceError):
    """AWS refused the signature: missing, malformed, of an unknown key, of a wrong secret, or out of time."""


class ExpiredTokenError(SignatureError):
    """The session token has expired."""


_SHOWN = 500
"""How many characters of what a container said an error's text shows; `ModelError.original_message` has them all."""


def _printable(text: str) -> str:
    """Return a text with its control characters escaped, so that it cannot forge lines of a log."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _text(member: object) -> str | None:
    """Return a member of an error's body that is a text; the body may hold anything."""
    return member if isinstance(member, str) else None


def _cloudwatch_url(arn: str) -> str | None:
    # arn:{partition}:logs:{region}:{account}:log-group:{group}[:log-stream:{stream}]
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "logs" or not parts[5].startswith("log-group:"):
        return None
    group, _, stream = parts[5].removeprefix("log-group:").partition(":log-stream:")
    domains = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}
    domain = domains.get(parts[1], "console.aws.amazon.com")
    region = parts[3]

    def encoded(text: str) -> str:
        # The console's own fragment encoding: percent-encode twice and write "%" as "$".
        return quote(quote(text, safe="", errors="replace"), safe="").replace("%", "$")

    page = f"https://{region}.{domain}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/"
    page += encoded(group.removesuffix(":*"))
    return f"{page}/log-events/{encoded(stream)}" if stream else page
