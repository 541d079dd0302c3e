"""The models of ``serve``'s options: `named_model` turns ``--endpoint NAME=SPEC`` into a name and a model."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any

from sagemaker_async import _lazy
from sagemaker_async.errors import ConfigurationError
from sagemaker_async.local.as_model import ModelLike, as_model
from sagemaker_async.local.text_model import TextModel

__all__ = ["imported", "named_model"]

_log = logging.getLogger(__name__)


def named_model(given: str, token_delay: float, *, option: str = "--endpoint") -> tuple[str, ModelLike]:
    """Return the name and the model of ``NAME=SPEC``; `token_delay` (seconds) applies to the built-in text model.

    SPEC is, in the order in which it is tried, ``text`` or ``echo``, a URL, an existing path, or ``module:callable``;
    the module is looked for in the current directory first.

    Raises:
        ConfigurationError: SPEC is not one of these, or the model cannot be loaded.
    """
    name, separator, spec = given.partition("=")
    if not separator or not name or not spec:
        raise ConfigurationError(f"{option} takes NAME=SPEC, such as my-model=./model, got {given!r}")
    if spec == "text":
        return name, TextModel(token_delay)
    if spec == "echo":
        return name, _echo
    try:
        return name, as_model(_found(spec, option))
    except ConfigurationError:
        raise
    except Exception as error:
        _log.info("the model of %s %s cannot be loaded", option, given, exc_info=error)
        raise ConfigurationError(
            f"{option} {given}: the model cannot be loaded: {type(error).__name__}: {error} (-v shows the traceback)"
        ) from error


def _echo(body: bytes) -> bytes:
    return body


def _found(spec: str, option: str) -> Any:
    """Return what a spec refers to, whether or not it can be a model."""
    if spec.startswith(("http://", "https://")):
        return spec
    if Path(spec).exists():
        return Path(spec)
    module_name, separator, attributes = spec.partition(":")
    if not separator or not attributes or os.sep in module_name:
        raise ConfigurationError(
            f"{option} ...={spec}: the model must be text, echo, a URL, an existing file or directory, or "
            "module:callable"
        )
    return _attribute(module_name, attributes)


def imported(spec: str, option: str) -> Any:
    """Return what ``module:callable`` refers to; the module is looked for in the current directory first.

    Raises:
        ConfigurationError: it cannot be imported.
    """
    module_name, separator, attributes = spec.partition(":")
    if not separator or not module_name or not attributes:
        raise ConfigurationError(f"{option} takes module:callable, such as templates:llama, got {spec!r}")
    try:
        return _attribute(module_name, attributes)
    except Exception as error:
        raise ConfigurationError(f"{option} {spec}: cannot be imported: {type(error).__name__}: {error}") from error


def _attribute(module_name: str, attributes: str) -> Any:
    if "" not in sys.path and os.getcwd() not in sys.path:  # noqa: PTH109 - sys.path holds str
        sys.path.insert(0, os.getcwd())  # noqa: PTH109
    found: Any = _lazy.library(module_name)
    for attribute in attributes.split("."):
        found = getattr(found, attribute)
    return found
