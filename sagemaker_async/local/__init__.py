"""The embedded SageMaker: SageMaker's own wire protocol on loopback, for first steps and for tests.

    async with LocalSageMaker() as local:
        local.add_endpoint("echo", lambda body: body)
        async with Session(**local.client_options) as session:
            answer = await session.runtime.invoke_endpoint(endpoint_name="echo", body=b"hello")

It also has a control plane, for clients that create the endpoints they invoke: ``local.add_model("my-model",
callable)`` sets the callable behind a model that CreateModel creates; see `sagemaker_async.local.control_plane`.
"""

from __future__ import annotations

from .asynchronous import AsyncInference, AsyncInvocation
from .container import Container
from .endpoints import Endpoint
from .faults import (
    CloseOnOversize,
    CutFrame,
    DropConnection,
    Fault,
    InStreamError,
    NotAnEventStream,
    PartSize,
    Reset,
    SlowFirstByte,
    Stall,
    Status,
    TcpWrites,
    Throttle,
    UnknownEvent,
    UnmodeledError,
    WrongChecksum,
)
from .models import InvocationRequest, ModelFailure, ModelResponse
from .server import LocalSageMaker, ThreadedLocalSageMaker
from .state import RecordedRequest
from .text_model import TextModel

__all__ = [
    "AsyncInference",
    "AsyncInvocation",
    "CloseOnOversize",
    "Container",
    "CutFrame",
    "DropConnection",
    "Endpoint",
    "Fault",
    "InStreamError",
    "InvocationRequest",
    "LocalSageMaker",
    "ModelFailure",
    "ModelResponse",
    "NotAnEventStream",
    "PartSize",
    "RecordedRequest",
    "Reset",
    "SlowFirstByte",
    "Stall",
    "Status",
    "TcpWrites",
    "TextModel",
    "ThreadedLocalSageMaker",
    "Throttle",
    "UnknownEvent",
    "UnmodeledError",
    "WrongChecksum",
]
