"""From our errors to botocore's exceptions; ours stays as the ``__cause__``, with all its facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from botocore import exceptions as botocore
from botocore.parsers import ResponseParserError
from botocore.validate import ParamValidator

from sagemaker_async import errors as ours

__all__ = ["Exceptions", "Model", "botocore_error", "error_response", "raise_from"]

Exceptions = Any
"""What botocore makes for a client's ``exceptions``: a class for each error of the service's model."""

Model = Any
"""botocore's `ServiceModel`, of which the stubs say too little."""


def botocore_error(
    error: ours.SageMakerAsyncError,
    model: Model,
    operation: str,
    given: Mapping[str, Any],
    exceptions: Exceptions,
) -> Exception:
    """Return the exception that botocore would raise.

    Args:
        error: what was raised.
        model: botocore's model of the service.
        operation: AWS's name of the operation.
        given: the fields it was called with.
        exceptions: those of the client.
    """
    if isinstance(error, ours.ServiceError):
        response = error_response(error, model)
        failure: Exception = exceptions.from_code(response["Error"]["Code"])(response, operation)
        return failure
    if isinstance(error, ours.RequestValidationError):
        report = ParamValidator().validate(given, model.operation_model(operation).input_shape)
        text = report.generate_report() if report.has_errors() else str(error)
        return botocore.ParamValidationError(report=text)
    if isinstance(error, ours.ModelStreamError | ours.InternalStreamFailure | ours.UnmodeledStreamError):
        code = error.code if isinstance(error, ours.UnmodeledStreamError) else _event_name(error)
        return botocore.EventStreamError({"Error": {"Code": code, "Message": error.message}}, operation)
    for kind, made in _KINDS:
        if isinstance(error, kind):
            return made(error)
    return error


def raise_from(failure: Exception, error: Exception) -> NoReturn:
    """Raise what an error was translated to, with the error as its cause unless it is the same."""
    if failure is error:
        raise error
    raise failure from error


def error_response(error: ours.ServiceError, model: Model) -> dict[str, Any]:
    """Return what botocore's `ClientError` has as its ``response``."""
    code = error.code or str(error.status)
    shape = model.shape_for_error_code(code)
    metadata: dict[str, Any] = {
        "RequestId": error.request_id,
        "HTTPStatusCode": error.status,
        "HTTPHeaders": {} if error.request_id is None else {"x-amzn-requestid": error.request_id},
        "RetryAttempts": max(len(error.attempts) - 1, 0),
    }
    if error.retryable and error.attempts and error.not_repeated is None:
        metadata["MaxAttemptsReached"] = True
    given = {} if shape is None else {name: error.fields.get(name) for name in shape.members}
    members = {name: value for name, value in given.items() if value is not None}
    return {"Error": {"Message": error.error_message, "Code": code}, "ResponseMetadata": metadata, **members}


def _event_name(error: ours.StreamError) -> str:
    return "ModelStreamError" if isinstance(error, ours.ModelStreamError) else "InternalStreamFailure"


def _at_endpoint(kind: Callable[..., Exception]) -> Callable[[Any], Exception]:
    return lambda error: kind(endpoint_url=error.url, error=error)


def _told(kind: Callable[..., Exception]) -> Callable[[Any], Exception]:
    return lambda error: kind(error=error)


_KINDS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Callable[[Any], Exception]], ...] = (
    (ours.NoRegionError, lambda _: botocore.NoRegionError()),
    (ours.ConfigurationError, lambda error: error),
    (ours.NoCredentialsError, lambda _: botocore.NoCredentialsError()),
    (ours.CredentialsError, lambda error: botocore.CredentialRetrievalError(provider="chain", error_msg=str(error))),
    (ours.SessionClosedError, _told(botocore.HTTPClientError)),
    (ours.StreamClosedError, _told(botocore.ResponseStreamingError)),
    (ours.UsageError, lambda error: error),
    ((ours.PoolTimeoutError, ours.PoolFullError), _told(botocore.HTTPClientError)),
    (ours.ConnectTimeoutError, _at_endpoint(botocore.ConnectTimeoutError)),
    (ours.TransportTimeoutError, _at_endpoint(botocore.ReadTimeoutError)),
    (ours.StreamError, _told(botocore.ResponseStreamingError)),
    (ours.TLSError, _at_endpoint(botocore.SSLError)),
    (ours.ProxyError, lambda error: botocore.ProxyConnectionError(proxy_url=error.url, error=error)),
    (ours.ConnectError, _at_endpoint(botocore.EndpointConnectionError)),
    (ours.ConnectionLostError, _at_endpoint(botocore.ConnectionClosedError)),
    (ours.ResponseError, lambda error: ResponseParserError(str(error))),
    (ours.CallError, _told(botocore.HTTPClientError)),
)
"""Our errors, the special before the general, and what makes botocore's of them."""
