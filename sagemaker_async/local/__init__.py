"""The embedded SageMaker: SageMaker's own wire protocol on loopback, for first steps and for tests.

    async with LocalSageMaker() as local:
        local.add_endpoint("echo", lambda body: body)
        async with Session(**local.client_options) as session:
            answer = await session.runtime.invoke_endpoint(endpoint_name="echo", body=b"hello")

It also has a control plane, for clients that create the endpoints they invoke: ``local.add_model("my-model",
callable)`` sets the callable behind a model that CreateModel creates; see `sagemaker_async.local.control_plane`.

Names are imported when they are first used (PEP 562), so that the pytest plugin in this package does not slow down test
runs that do not use it: importing this module imports neither aiohttp nor pydantic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .container import Container
    from .endpoints import AsyncInvocation, Endpoint
    from .faults import (
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

_MODULES = {
    "container": ("Container",),
    "endpoints": ("AsyncInvocation", "Endpoint"),
    "faults": (
        "CutFrame",
        "DropConnection",
        "Fault",
        "InStreamError",
        "NotAnEventStream",
        "PartSize",
        "Reset",
        "SlowFirstByte",
        "Stall",
        "Status",
        "TcpWrites",
        "Throttle",
        "UnknownEvent",
        "UnmodeledError",
        "WrongChecksum",
    ),
    "models": ("InvocationRequest", "ModelFailure", "ModelResponse"),
    "server": ("LocalSageMaker", "ThreadedLocalSageMaker"),
    "state": ("RecordedRequest",),
    "text_model": ("TextModel",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AsyncInvocation",
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


def __getattr__(name: str) -> object:
    module = _HOMES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f".{module}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
