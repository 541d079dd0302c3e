"""Interceptors: seams at which a program sees every call and attempt, and may change what is sent.

What they are, in which order they run and what they may do is stated in `sagemaker_async.config.interceptors`.
"""

from __future__ import annotations

from sagemaker_async.config.interceptors import (
    AttemptOutcome,
    CallContext,
    ConnectionPool,
    Interceptor,
    StreamSummary,
)

from .chain import InterceptorChain

__all__ = [
    "AttemptOutcome",
    "CallContext",
    "ConnectionPool",
    "Interceptor",
    "InterceptorChain",
    "StreamSummary",
]
