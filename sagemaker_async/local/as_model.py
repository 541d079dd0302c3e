"""What can be a model: anything that `as_model` knows how to call.

A model is one of these, in the order in which `as_model` tries them:

- any object with ``async def invoke(request, executor) -> ModelOutput`` (`Model`), such as `Container`;
- the URL of a running container, ``http://127.0.0.1:8080/invocations`` (`sagemaker_async.local.container`);
- a directory, file or module with SageMaker's ``model_fn``, ``input_fn``, ``predict_fn`` and ``output_fn``
  (`sagemaker_async.local.inference_script`);
- a callable that takes the body, or the body and an `InvocationRequest`. It may return bytes, str, a `ModelResponse`
  or an iterator of parts; be ``async``; or be a generator, async or not. Callables that are not async run in a thread,
  off the event loop.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeAlias

from sagemaker_async.errors import ConfigurationError

from .container import Container
from .inference_script import InferenceScript
from .models import CallableModel, Model

__all__ = ["ModelLike", "as_model", "spec_of"]

ModelLike: TypeAlias = Model | Callable[..., Any] | ModuleType | str | os.PathLike[str]


def spec_of(model: ModelLike) -> str | None:
    """Return the URL or the absolute path that a model is given by; None for what cannot be written down."""
    if isinstance(model, Container):
        return model.url
    if isinstance(model, str) and model.startswith(("http://", "https://")):
        return model
    return os.path.abspath(model) if isinstance(model, str | os.PathLike) else None  # noqa: PTH100


def as_model(model: ModelLike) -> Model:
    """Return anything that can be a model as a `Model`.

    Raises:
        ConfigurationError: `model` cannot be a model, or the directory or file is not what SageMaker expects.
    """
    if isinstance(model, Model):
        return model
    if isinstance(model, str) and model.startswith(("http://", "https://")):
        return Container(model)
    if isinstance(model, str | os.PathLike | ModuleType):
        return InferenceScript(model)
    if callable(model):
        return CallableModel(model)
    raise ConfigurationError(
        "a model must be a callable, a directory, file or module with SageMaker's functions, "
        f"or the URL of a container; got {type(model).__name__}"
    )
