"""Asyncio client for Amazon SageMaker inference.

The names below are imported on first use (PEP 562), so that ``import sagemaker_async`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .config import Config, Credentials, RetryConfig, Timeouts, TLSConfig
    from .errors import InternalStreamFailure, ModelStreamError, SageMakerAsyncError
    from .hosting.client import SageMakerClient
    from .predictor import Predictor
    from .predictor.values import DataCaptureConfig, ResourceRequirements, name_from_base, production_variant
    from .runtime.client import SageMakerRuntimeClient
    from .runtime.events import PayloadPart, UnknownEvent
    from .session import Session
    from .stub import StubResponse, StubTransport

__all__ = [
    "Config",
    "Credentials",
    "DataCaptureConfig",
    "InternalStreamFailure",
    "ModelStreamError",
    "PayloadPart",
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
    "__version__",
    "name_from_base",
    "production_variant",
]

_HOMES = {
    "Config": "config",
    "Credentials": "config",
    "DataCaptureConfig": "predictor.values",
    "InternalStreamFailure": "errors",
    "ModelStreamError": "errors",
    "PayloadPart": "runtime.events",
    "Predictor": "predictor",
    "ResourceRequirements": "predictor.values",
    "RetryConfig": "config",
    "SageMakerAsyncError": "errors",
    "SageMakerClient": "hosting.client",
    "SageMakerRuntimeClient": "runtime.client",
    "Session": "session",
    "StubResponse": "stub",
    "StubTransport": "stub",
    "TLSConfig": "config",
    "Timeouts": "config",
    "UnknownEvent": "runtime.events",
    "name_from_base": "predictor.values",
    "production_variant": "predictor.values",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
