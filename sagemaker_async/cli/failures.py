"""The message and the exit status of a failed command: `description` and `exit_status`."""

from __future__ import annotations

from sagemaker_async.errors import (
    CallError,
    ConfigurationError,
    InvalidJobError,
    ModelError,
    NoCredentialsError,
    RequestValidationError,
    SageMakerAsyncError,
    ServiceError,
)

__all__ = ["description", "exit_status", "printable"]


def exit_status(error: SageMakerAsyncError) -> int:
    """Return 2 when nothing was sent because the input or the configuration is wrong, otherwise 1."""
    wrong_here = isinstance(error, ConfigurationError | RequestValidationError | NoCredentialsError | InvalidJobError)
    return 2 if wrong_here else 1


def description(error: SageMakerAsyncError) -> str:
    """Return one paragraph: what failed, where, the request id, how each attempt ended, and where the log is."""
    # Messages of the service's errors name the error, and errors before a call are clear without a name.
    named = isinstance(error, CallError) and not isinstance(error, ServiceError)
    sentences = [f"{type(error).__name__}: {error}" if named else str(error)]
    if isinstance(error, CallError) and len(error.attempts) > 1:
        outcomes = "; ".join(f"{attempt.number}. {attempt.outcome}" for attempt in error.attempts)
        sentences.append(f"Attempts: {outcomes}.")
    if isinstance(error, ModelError) and error.log_url is not None:
        sentences.append(f"The container's log: {error.log_url}")
    return printable(" ".join(sentences))


def printable(text: str) -> str:
    """Return the text with control characters escaped: a service's message must not control the terminal."""
    return "".join(
        character if character.isprintable() or character == "\n" else repr(character)[1:-1] for character in text
    )
