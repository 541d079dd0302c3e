"""What ``serve --endpoint NAME=SPEC`` may name."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sagemaker_async.cli.models import named_model
from sagemaker_async.errors import ConfigurationError
from sagemaker_async.local import Container, InvocationRequest, TextModel
from sagemaker_async.local.inference_script import InferenceScript
from sagemaker_async.local.models import Model


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_text_is_the_built_in_model() -> None:
    name, model = named_model("my-llm=text", 0.0)
    assert name == "my-llm"
    assert isinstance(model, TextModel)


def test_echo_answers_what_it_is_sent() -> None:
    _, model = named_model("e=echo", 0.0)
    assert callable(model)
    assert model(b"\x00") == b"\x00"


def test_a_url_is_a_container() -> None:
    _, model = named_model("e=http://127.0.0.1:9/invocations?a=b", 0.0)
    assert isinstance(model, Container)
    assert model.url == "http://127.0.0.1:9/invocations?a=b"


@pytest.mark.parametrize("spec", ["{}", "{}/inference.py"])
def test_a_directory_or_file_is_an_inference_script(tmp_path: Path, spec: str) -> None:
    (tmp_path / "inference.py").write_text("def predict_fn(data, model): return data\n")
    assert isinstance(named_model(f"e={spec.format(tmp_path)}", 0.0)[1], InferenceScript)


async def test_module_and_callable_are_found_in_the_current_directory(here: Path) -> None:
    (here / "cli_spec_app.py").write_text(
        "class models:\n    @staticmethod\n    def predict(body): return body + b'!'\n"
    )
    _, model = named_model("e=cli_spec_app:models.predict", 0.0)
    assert isinstance(model, Model)
    with ThreadPoolExecutor(1) as executor:
        output = await model.invoke(
            InvocationRequest(endpoint_name="e", operation="InvokeEndpoint", body=b"hi"), executor
        )
    assert output.body == b"hi!"


@pytest.mark.parametrize("given", ["", "name", "name=", "=text"])
def test_name_and_model_are_both_needed(given: str) -> None:
    with pytest.raises(ConfigurationError, match="NAME=SPEC"):
        named_model(given, 0.0)


@pytest.mark.parametrize("spec", ["missing", "./missing", "./missing:predict", "module:"])
def test_a_model_that_is_nowhere_is_an_error_that_says_what_was_looked_for(here: Path, spec: str) -> None:
    with pytest.raises(ConfigurationError, match=r"must be text, echo, a URL, an existing file or directory"):
        named_model(f"e={spec}", 0.0)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("no_such_module_here:predict", "ModuleNotFoundError"),
        ("json:no_such_function", "AttributeError"),
        (".relative:predict", "TypeError"),
        ("cli_spec_broken:predict", "ZeroDivisionError"),
        ("broken.py", "SyntaxError"),
    ],
)
def test_what_a_model_raises_while_it_is_loaded_is_in_the_message(here: Path, spec: str, reason: str) -> None:
    (here / "cli_spec_broken.py").write_text("1 / 0\n")
    (here / "broken.py").write_text("def\n")
    with pytest.raises(ConfigurationError, match=rf"e={spec}: the model cannot be loaded: {reason}"):
        named_model(f"e={spec}", 0.0)


@pytest.mark.parametrize("spec", ["sys:maxsize", "./empty"])
def test_what_can_be_no_model_is_refused(here: Path, spec: str) -> None:
    (here / "empty").mkdir()
    with pytest.raises(ConfigurationError, match=r"a model must be|no inference script"):
        named_model(f"e={spec}", 0.0)


def test_an_impossible_delay_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="delay"):
        named_model("e=text", -1.0)
