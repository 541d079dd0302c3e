"""Asyncio client for Amazon SageMaker inference.

What a prediction and a stream need is imported with this package; the control plane is imported on its first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _lazy
from ._version import __version__
from .aws.transport.stub import StubTransport
from .config import Config, Credentials, RetryConfig, Timeouts, TLSConfig
from .errors import InternalStreamFailure, ModelStreamError, SageMakerAsyncError
from .predictor import Prediction, Predictor
from .runtime.client import SageMakerRuntimeClient
from .runtime.events import PayloadPart, UnknownEvent
from .runtime.stub import StubResponse
from .session import Session

if TYPE_CHECKING:
    from .async_inference import AsyncInferenceJob, AsyncPredictor, WaiterConfig
    from .hosting.client import SageMakerClient
    from .predictor.batches import Batch
    from .predictor.capacity import CapacityProgress, WaitForCapacity
    from .predictor.mapping import map_records
    from .predictor.outcome import Outcome
    from .predictor.scoring import Scoring
    from .predictor.values import DataCaptureConfig, ResourceRequirements, name_from_base, production_variant
else:
    __getattr__, __dir__ = _lazy.names(
        __name__,
        {
            "AsyncInferenceJob": "async_inference",
            "AsyncPredictor": "async_inference",
            "Batch": "predictor.batches",
            "CapacityProgress": "predictor.capacity",
            "DataCaptureConfig": "predictor.values",
            "Outcome": "predictor.outcome",
            "ResourceRequirements": "predictor.values",
            "SageMakerClient": "hosting.client",
            "Scoring": "predictor.scoring",
            "WaitForCapacity": "predictor.capacity",
            "WaiterConfig": "async_inference",
            "map_records": "predictor.mapping",
            "name_from_base": "predictor.values",
            "production_variant": "predictor.values",
        },
    )

__all__ = [
    "AsyncInferenceJob",
    "AsyncPredictor",
    "Batch",
    "CapacityProgress",
    "Config",
    "Credentials",
    "DataCaptureConfig",
    "InternalStreamFailure",
    "ModelStreamError",
    "Outcome",
    "PayloadPart",
    "Prediction",
    "Predictor",
    "ResourceRequirements",
    "RetryConfig",
    "SageMakerAsyncError",
    "SageMakerClient",
    "SageMakerRuntimeClient",
    "Scoring",
    "Session",
    "StubResponse",
    "StubTransport",
    "TLSConfig",
    "Timeouts",
    "UnknownEvent",
    "WaitForCapacity",
    "WaiterConfig",
    "__version__",
    "map_records",
    "name_from_base",
    "production_variant",
]
