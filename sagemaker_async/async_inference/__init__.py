"""Asynchronous inference end to end: submit, walk away, come back. GUIDE.md beside this file shows it.

`AsyncPredictor` submits, and has the SageMaker Python SDK's methods; an `AsyncInferenceJob` is awaited, here or from
its JSON in another process. One poller of a session looks into S3 for all jobs that somebody waits for.
"""

from __future__ import annotations

from .job import AsyncInferenceJob, as_completed
from .notifications import CompletionQueue
from .predictor import AsyncPredictor
from .response import AsyncInferenceResponse
from .waiter_config import WaiterConfig

__all__ = [
    "AsyncInferenceJob",
    "AsyncInferenceResponse",
    "AsyncPredictor",
    "CompletionQueue",
    "WaiterConfig",
    "as_completed",
]
