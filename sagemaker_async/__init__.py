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
    from .hosting.client import SageMakerClient
    from .predictor.capacity import CapacityProgress, WaitForCapacity
    from .predictor.values import DataCaptureConfig, ResourceRequirements, name_from_base, production_variant
else:
    __getattr__, __dir__ = _lazy.names(
        __name__,
        {
            "CapacityProgress": "predictor.capacity",
            "DataCaptureConfig": "predictor.values",
            "ResourceRequirements": "predictor.values",
            "SageMakerClient": "hosting.client",
            "WaitForCapacity": "predictor.capacity",
            "name_from_base": "predictor.values",
            "production_variant": "predictor.values",
        },
    )

__all__ = [
    "CapacityProgress",
    "Config",
    "Credentials",
    "DataCaptureConfig",
    "InternalStreamFailure",
    "ModelStreamError",
    "PayloadPart",
    "Prediction",
    "Predictor",
    "ResourceRequirements",
    "RetryConfig",
    "SageMakerAsyncError",
    "SageMakerClient",
    "SageMakerRuntimeClient",
    "Session",
    "StubResponse",
    "StubTransport",
    "TLSConfig",
    "Timeouts",
    "UnknownEvent",
    "WaitForCapacity",
    "__version__",
    "name_from_base",
    "production_variant",
]
