"""`AsyncInferenceResponse`: a job under the SageMaker Python SDK's name, with its constructor."""

from __future__ import annotations

from typing import Protocol, TypeVar

from sagemaker_async.deserializers import Deserializer
from sagemaker_async.session import Session

from .job import AsyncInferenceJob

__all__ = ["AsyncInferenceResponse"]

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class _Submitter(Protocol[R_co]):
    """What a response takes from an `AsyncPredictor`."""

    endpoint_name: str
    sagemaker_session: Session

    @property
    def deserializer(self) -> Deserializer[R_co]: ...


class AsyncInferenceResponse(AsyncInferenceJob[R]):
    """What `AsyncPredictor.predict_async` returns: a job whose result the predictor's deserializer makes.

    Args:
        predictor_async: the predictor.
        output_path: where the result will be, an S3 URI.
        failure_path: where a failure will be; None when the endpoint has no S3FailurePath.
    """

    def __init__(self, predictor_async: _Submitter[R], output_path: str, failure_path: str | None = None) -> None:
        super().__init__(
            predictor_async.sagemaker_session,
            output_path=output_path,
            failure_path=failure_path,
            endpoint_name=predictor_async.endpoint_name,
            deserializer=predictor_async.deserializer,
        )
        self.predictor_async = predictor_async
