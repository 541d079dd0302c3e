"""What goes wrong beside calls: before one is sent, between several, and with what is made of an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .calls import CallError
from .root import SageMakerAsyncError


class ConfigurationError(SageMakerAsyncError, ValueError):
    """An option, environment variable or configuration file is wrong; the message names it and the remedy."""


class NoRegionError(ConfigurationError):
    """No AWS region was found in any of the places that were looked in."""


class MissingExtraError(ConfigurationError, ImportError):
    """An optional dependency is missing; `extra` is the name to install: ``pip install 'sagemaker-async[extra]'``."""

    extra: str

    def __init__(self, extra: str, needed_for: str) -> None:
        super().__init__(f"{needed_for} needs an optional dependency: pip install 'sagemaker-async[{extra}]'")
        self.extra = extra


class CredentialsError(SageMakerAsyncError):
    """Credentials could not be obtained; the message names the source and the remedy, never a secret."""


class NoCredentialsError(CredentialsError):
    """No credentials were found in any of the places that were looked in."""


class CredentialsConfigurationError(CredentialsError, ConfigurationError):
    """A profile, file or variable that credentials come from is wrong; the message names it and the remedy."""


class CredentialsExpiredError(CredentialsError):
    """The credentials at hand have expired and could not be refreshed."""


class UsageError(SageMakerAsyncError, RuntimeError):
    """The object cannot do that in the state it is in."""


class SessionClosedError(UsageError):
    """The session was closed before or during the call."""


class WrongEventLoopError(UsageError):
    """A session is used from another event loop than the one it first ran on."""


class StreamConsumedError(UsageError):
    """A stream is iterated a second time."""


class StreamClosedError(UsageError):
    """A stream is used after it was closed."""


class ConcurrentReadError(UsageError):
    """Two tasks read from one stream at the same time."""


@dataclass(frozen=True)
class FieldProblem:
    """One rule that one field of a request breaks."""

    field: str
    """The Python name, such as ``endpoint_name``; nested ones are dotted."""
    aws_name: str
    """AWS's name of the same field, such as ``EndpointName``."""
    rule: str
    """What is wrong and what to do, in words; never holds the value of a sensitive field."""


class RequestValidationError(SageMakerAsyncError, ValueError):
    """A request breaks the service's rules; all problems are listed and nothing was sent."""

    operation: str
    problems: tuple[FieldProblem, ...]

    def __init__(self, operation: str, problems: Sequence[FieldProblem]) -> None:
        listed = "; ".join(
            f"{p.field} ({p.aws_name}): {p.rule}" if p.aws_name != p.field else f"{p.field}: {p.rule}" for p in problems
        )
        stop = "" if listed.endswith("?") else "."
        super().__init__(f"{operation}: {listed}{stop} Nothing was sent.")
        self.operation = operation
        self.problems = tuple(problems)


class UnexpectedStatusException(SageMakerAsyncError, ValueError):
    """What was waited for reached another status than it should; named as in the SageMaker SDK.

    Attributes:
        allowed_statuses: the statuses that were waited for; empty when it was to disappear.
        actual_status: the one it has.
        failure_reason: AWS's own words about why; None when it gave none.
    """

    def __init__(
        self, message: str, allowed_statuses: Sequence[str], actual_status: str, failure_reason: str | None = None
    ) -> None:
        super().__init__(message)
        self.allowed_statuses: list[str] = list(allowed_statuses)
        self.actual_status = actual_status
        self.failure_reason = failure_reason


class CapacityError(UnexpectedStatusException):
    """It failed because AWS had no capacity for it: another instance type, region or time may have."""


class WaiterTimeoutError(SageMakerAsyncError, TimeoutError):
    """What was waited for did not come within the limit; it may still come.

    Attributes:
        seconds: the limit.
        last_status: the last status that was seen; None when there was none.
        failure_reason: AWS's own words in the last description; None when it gave none.
    """

    def __init__(
        self, message: str, seconds: float, last_status: str | None = None, failure_reason: str | None = None
    ) -> None:
        super().__init__(message)
        self.seconds = seconds
        self.last_status = last_status
        self.failure_reason = failure_reason


class MapTimeoutError(SageMakerAsyncError, TimeoutError):
    """Not all records of a mapping were done within ``total_timeout``; those that were have been delivered.

    Attributes:
        seconds: the limit.
    """

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class ModelsNotDeletedError(SageMakerAsyncError):
    """Some of a predictor's models could not be deleted; the others were.

    Attributes:
        failures: why not, by the model's name.
    """

    def __init__(self, failures: Mapping[str, SageMakerAsyncError]) -> None:
        failures = dict(failures)
        reasons = "".join(f"\n- {name}: {error}" for name, error in failures.items())
        super().__init__(
            f"One or more models cannot be deleted, please retry. \nFailed models: {', '.join(failures)}{reasons}"
        )
        self.failures = failures


class RunStoppedError(SageMakerAsyncError):
    """A bulk run stopped before its end; what is finished is kept, and the same run with ``resume=True`` goes on.

    The error that stopped it, where there is one, is its `__cause__`.

    Attributes:
        summary: what came of the run up to there, a `sagemaker_async.bulk.Summary`.
    """

    def __init__(self, message: str, summary: object) -> None:
        super().__init__(message)
        self.summary = summary


class UnknownMonitoringTypeError(SageMakerAsyncError, TypeError):
    """A monitoring schedule is of a type that this package does not know; the message names it."""


class ToolArgumentsError(SageMakerAsyncError, ValueError):
    """The arguments that a model wrote for a tool call are not JSON.

    Models make mistakes: ask again, or send the message back as the tool's answer.

    Attributes:
        name: the function that the model wants called.
        arguments: what the model wrote; in no message, for it may be confidential.
    """

    def __init__(self, name: str, arguments: str, reason: str) -> None:
        super().__init__(f"the arguments of the tool call {name!r} are not JSON: {reason}")
        self.name = name
        self.arguments = arguments


class SerializationError(SageMakerAsyncError, ValueError):
    """An object cannot be turned into a request body."""


class DeserializationError(CallError, ValueError):
    """A response body cannot be turned into an object.

    The model has answered, and what it said may be worth more than a second call: `Predictor.predict` adds the call and
    the beginning of the answer. A deserializer that is used by itself knows neither.

    Attributes:
        status: the answer's HTTP status; None without a call.
        content_type: the answer's Content-Type; None without a call.
        body: the first kilobyte of the answer, for whoever wants to look at it; in no message, `repr` or log.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.status: int | None = None
        self.content_type: str | None = None
        self.body: bytes = b""

    def keep_answer(self, status: int, content_type: str, body: bytes) -> None:
        """Note what came, of the body no more than its beginning."""
        self.status, self.content_type, self.body = status, content_type, body[:_KEPT_BYTES]

    def _facts(self) -> list[str]:
        return super()._facts() + ([f"HTTP {self.status}"] if self.status else [])


_KEPT_BYTES = 1024
"""Enough to see what a model sent instead, and little enough for errors that are kept or pickled in numbers."""
