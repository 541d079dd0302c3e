"""The public names, where they come from, and the keyword classes that mirror option and request classes."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import typing
from importlib import metadata

import pytest

import sagemaker_async
from sagemaker_async import config as config_module
from sagemaker_async import errors
from sagemaker_async.config import Config, ConfigFields, Credentials

PUBLIC = {
    "AsyncInferenceJob",
    "AsyncPredictor",
    "CapacityProgress",
    "Batch",
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
}


def test_the_package_exports_exactly_these_names() -> None:
    assert set(sagemaker_async.__all__) == PUBLIC
    assert list(sagemaker_async.__all__) == sorted(sagemaker_async.__all__)


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_exported_name_can_be_had_and_is_listed(name: str) -> None:
    assert getattr(sagemaker_async, name) is not None
    assert name in dir(sagemaker_async)


def test_a_star_import_brings_the_exported_names() -> None:
    namespace: dict[str, object] = {}
    exec("from sagemaker_async import *", namespace)
    assert set(namespace) - {"__builtins__"} == PUBLIC


def test_the_version_is_the_one_in_the_metadata() -> None:
    assert sagemaker_async.__version__ == metadata.version("sagemaker-async")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Sesion'"):
        sagemaker_async.Sesion  # noqa: B018


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("serializers", ["JSONSerializer", "IdentitySerializer", "NumpySerializer", "CSVSerializer"]),
        ("deserializers", ["JSONDeserializer", "BytesDeserializer", "StreamDeserializer", "PandasDeserializer"]),
        (
            "iterators",
            ["ByteIterator", "LineIterator", "SSEIterator", "JSONIterator", "TokenIterator", "StreamIterator"],
        ),
        ("local", ["LocalSageMaker"]),
        ("errors", ["ModelError", "ThrottlingError", "RequestValidationError", "StreamIncomplete"]),
    ],
)
def test_the_modules_users_import_from_have_their_names(module: str, names: list[str]) -> None:
    home = importlib.import_module(f"sagemaker_async.{module}")
    for name in names:
        assert name in home.__all__
        assert getattr(home, name) is not None


def test_every_error_class_is_exported_from_errors() -> None:
    defined = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, Exception) and value.__module__ == errors.__name__
    }
    assert defined <= set(errors.__all__)


def test_the_keywords_of_a_session_are_the_fields_of_config() -> None:
    fields = {field.name for field in dataclasses.fields(Config)}
    assert set(ConfigFields.__annotations__) == fields
    assert not ConfigFields.__required_keys__
    for field in dataclasses.fields(Config):
        annotation = ConfigFields.__annotations__[field.name]
        text = annotation.__forward_arg__ if isinstance(annotation, typing.ForwardRef) else annotation
        assert text == field.type, field.name


def test_option_classes_are_frozen_and_keyword_only_but_for_credentials() -> None:
    for name in config_module.__all__:
        kind = getattr(config_module, name)
        if not dataclasses.is_dataclass(kind) or kind is Credentials:
            continue
        parameters = inspect.signature(kind).parameters.values()
        assert {parameter.kind for parameter in parameters} <= {inspect.Parameter.KEYWORD_ONLY}, name
        assert kind.__dataclass_params__.frozen, name  # type: ignore[attr-defined]


def test_credentials_take_three_fields_by_position() -> None:
    parameters = inspect.signature(Credentials).parameters
    positional = [name for name, parameter in parameters.items() if parameter.kind is not parameter.KEYWORD_ONLY]
    assert positional == ["access_key_id", "secret_access_key", "session_token"]
    assert {"account_id", "expiration"} <= set(parameters)
