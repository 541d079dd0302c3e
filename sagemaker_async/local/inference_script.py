"""A model that is SageMaker's ``inference.py``: ``model_fn``, ``input_fn``, ``predict_fn`` and ``output_fn``.

`InferenceScript` takes a model directory (with ``inference.py`` or ``code/inference.py``), such a file, or a module. As
in SageMaker's framework containers, all functions are optional except ``predict_fn``, which is optional only if the
model itself is callable; ``transform_fn`` replaces the three after ``model_fn``; and each may take one more argument,
the context, which is the `InvocationRequest` here (None while the model is loaded). The model is loaded once, in a
thread, at the first request.

The default ``input_fn`` reads JSON, CSV (rows of str), NPY (with numpy) and text, and passes other bodies on as bytes;
the default ``output_fn`` passes bytes and str on and writes all other values as JSON. Unlike in SageMaker,
``predict_fn`` may return an iterator, which becomes a stream.

See https://sagemaker.readthedocs.io/en/stable/frameworks/pytorch/using_pytorch.html#serve-a-pytorch-model
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
import threading
from collections.abc import AsyncIterable, Callable, Iterator
from concurrent.futures import Executor
from pathlib import Path
from types import ModuleType
from typing import Any

from sagemaker_async.deserializers import BaseDeserializer, CSVDeserializer, JSONDeserializer, NumpyDeserializer
from sagemaker_async.errors import ConfigurationError, DeserializationError, SerializationError
from sagemaker_async.serializers import JSONSerializer

from .models import CallableModel, InvocationRequest, ModelFailure, ModelOutput, ModelResponse, definite_type

__all__ = ["InferenceScript"]

_FUNCTIONS = ("model_fn", "input_fn", "predict_fn", "output_fn", "transform_fn")


class InferenceScript:
    """The functions of an inference script, called as SageMaker's containers call them.

    Args:
        source: a model directory, a Python file, or a module.
        model_dir: what ``model_fn`` receives; None: the directory itself, or the directory of the file.

    Raises:
        ConfigurationError: the file does not exist, or defines none of the functions.
    """

    def __init__(self, source: str | os.PathLike[str] | ModuleType, *, model_dir: str | None = None) -> None:
        if isinstance(source, ModuleType):
            module, home = source, Path(getattr(source, "__file__", None) or ".").parent
        else:
            module, home = _load(Path(source))
        self._functions: dict[str, Callable[..., Any]] = {
            name: function for name in _FUNCTIONS if callable(function := getattr(module, name, None))
        }
        if not self._functions:
            raise ConfigurationError(f"{module.__name__} defines none of {', '.join(_FUNCTIONS)}")
        self._model_dir = model_dir if model_dir is not None else str(home)
        self._lock = threading.Lock()
        self._loaded = False
        self._model: Any = None
        self._run = CallableModel(self._transform)

    async def invoke(self, request: InvocationRequest, executor: Executor) -> ModelOutput:
        """Run the functions in a thread; see `Model`."""
        return await self._run.invoke(request, executor)

    async def close(self) -> None:
        """Do nothing: only the model itself is held, as long as this object exists."""

    def _call(self, name: str, default: Callable[..., Any], arguments: tuple[Any, ...], context: Any) -> Any:
        function = self._functions.get(name, default)
        if _takes(function, len(arguments) + 1):
            return function(*arguments, context)
        return function(*arguments)

    def _loaded_model(self) -> Any:
        with self._lock:
            if not self._loaded:
                self._model = self._call("model_fn", _no_model, (self._model_dir,), None)
                self._loaded = True
            return self._model

    def _transform(self, body: bytes, request: InvocationRequest) -> ModelResponse:
        model = self._loaded_model()
        content_type = request.content_type or "application/octet-stream"
        accept = definite_type(request.accept) or "application/json"
        if "transform_fn" in self._functions:
            answer = self._call("transform_fn", _no_model, (model, body, content_type, accept), request)
        else:
            data = self._call("input_fn", _default_input, (body, content_type), request)
            prediction = self._call("predict_fn", _default_predict, (data, model), request)
            if isinstance(prediction, Iterator | AsyncIterable):
                return ModelResponse(prediction, accept)
            answer = self._call("output_fn", _default_output, (prediction, accept), request)
        if isinstance(answer, ModelResponse):
            return answer
        if isinstance(answer, tuple) and len(answer) == 2:
            return ModelResponse(answer[0], answer[1])
        return ModelResponse(answer, accept)


def _load(path: Path) -> tuple[ModuleType, Path]:
    candidates = [path / "code" / "inference.py", path / "inference.py"] if path.is_dir() else [path]
    file = next((candidate for candidate in candidates if candidate.is_file()), None)
    if file is None:
        raise ConfigurationError(
            f"there is no inference script at {path}; a model directory holds inference.py or code/inference.py"
        )
    name = f"sagemaker_async_inference_{abs(hash(file.resolve())):x}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Kept in sys.modules as long as it is used: its classes are pickled and annotated by module name.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module, path if path.is_dir() else file.parent


def _takes(function: Callable[..., Any], count: int) -> bool:
    try:
        inspect.signature(function).bind(*range(count))
    except (TypeError, ValueError):
        return False
    return True


def _no_model(*_: Any) -> None:
    return None


_DESERIALIZERS: dict[str, Callable[[], BaseDeserializer[Any]]] = {
    "application/json": JSONDeserializer,
    "text/csv": CSVDeserializer,
    "application/x-npy": NumpyDeserializer,
}


def _default_input(body: bytes, content_type: str) -> Any:
    media_type = content_type.partition(";")[0].strip().lower()
    make_deserializer = _DESERIALIZERS.get(media_type)
    try:
        if make_deserializer is not None:
            return make_deserializer().deserialize(body, content_type)
        return body.decode() if media_type.startswith("text/") else body
    except (DeserializationError, UnicodeDecodeError) as error:
        raise ModelFailure(400, f"the default input_fn cannot read the body: {error}") from error


def _default_predict(data: Any, model: Any) -> Any:
    if not callable(model):
        raise TypeError("the inference script has no predict_fn, and the value that model_fn returns is not callable")
    return model(data)


def _default_output(prediction: Any, accept: str) -> Any:
    if isinstance(prediction, bytes | bytearray | memoryview | str):
        return prediction
    media_type = accept.partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise ModelFailure(406, f"the default output_fn writes application/json, not {accept}; define output_fn")
    try:
        return JSONSerializer().serialize(prediction)
    except SerializationError as error:
        raise TypeError(f"the prediction cannot be written as JSON: {error}; define output_fn") from error
