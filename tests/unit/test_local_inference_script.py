"""SageMaker's inference.py: which functions are called, with what, and what stands in for those left out."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sagemaker_async.errors import ConfigurationError
from sagemaker_async.local.as_model import as_model
from sagemaker_async.local.inference_script import InferenceScript
from sagemaker_async.local.models import InvocationRequest, ModelFailure, ModelResponse

ALL_FOUR = """
import json
loads = []
def model_fn(model_dir):
    loads.append(model_dir)
    return 10
def input_fn(body, content_type):
    assert content_type == "application/json"
    return json.loads(body)["x"]
def predict_fn(data, model):
    return data * model
def output_fn(prediction, accept):
    return json.dumps({"y": prediction, "loads": loads}), accept
"""


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def request(body: bytes, content_type: str | None = "application/json", accept: str | None = None) -> InvocationRequest:
    return InvocationRequest(
        endpoint_name="e", operation="InvokeEndpoint", body=body, content_type=content_type, accept=accept
    )


def module(source: str) -> ModuleType:
    made = ModuleType("made")
    exec(source, made.__dict__)
    return made


@pytest.mark.parametrize("place", ["inference.py", "code/inference.py"])
async def test_a_model_directory_is_loaded_once_and_its_functions_called_in_turn(
    place: str, tmp_path: Path, executor: ThreadPoolExecutor
) -> None:
    file = tmp_path / place
    file.parent.mkdir(exist_ok=True)
    file.write_text(ALL_FOUR)
    model = as_model(str(tmp_path))
    for _ in range(2):
        output = await model.invoke(request(b'{"x": 4}'), executor)
    assert output.body == b'{"y": 40, "loads": ["%s"]}' % str(tmp_path).encode()
    assert output.content_type == "application/json"
    await model.close()


async def test_a_file_serves_as_well(tmp_path: Path, executor: ThreadPoolExecutor) -> None:
    file = tmp_path / "serve.py"
    file.write_text("def predict_fn(data, model):\n    return [data, model]\n")
    assert (await as_model(file).invoke(request(b"7"), executor)).body == b"[7, null]"


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("application/json; charset=utf-8", b'{"a": [1]}', b'{"a": [1]}'),
        ("text/csv", b"a,b\n", b'[["a", "b"]]'),
        ("text/plain", "é".encode(), "é".encode()),
        (None, b"\x00", b"\x00"),
    ],
)
async def test_the_default_functions_read_by_content_type_and_write_json(
    content_type: str | None, body: bytes, expected: bytes, executor: ThreadPoolExecutor
) -> None:
    script = InferenceScript(module("def predict_fn(data, model):\n    return data"))
    assert (await script.invoke(request(body, content_type), executor)).body == expected


async def test_a_callable_model_needs_no_predict_fn(executor: ThreadPoolExecutor) -> None:
    script = InferenceScript(module("def model_fn(model_dir):\n    return lambda data: data[::-1]"), model_dir="/m")
    assert (await script.invoke(request(b"[1, 2]"), executor)).body == b"[2, 1]"


async def test_every_function_may_take_the_context(executor: ThreadPoolExecutor) -> None:
    script = InferenceScript(
        module(
            "def model_fn(model_dir, context):\n    return context\n"
            "def predict_fn(data, model, context):\n    return [model, context.endpoint_name]"
        )
    )
    assert (await script.invoke(request(b"1"), executor)).body == b'[null, "e"]'


async def test_transform_fn_replaces_the_three_others(executor: ThreadPoolExecutor) -> None:
    script = InferenceScript(
        module(
            "def model_fn(model_dir):\n    return b'm'\n"
            "def transform_fn(model, body, content_type, accept):\n    return model + body, 'text/' + accept"
        )
    )
    output = await script.invoke(request(b"x", accept="csv"), executor)
    assert (output.body, output.content_type) == (b"mx", "text/csv")


async def test_output_fn_may_return_a_response_object(executor: ThreadPoolExecutor) -> None:
    made = module("def predict_fn(data, model):\n    return data")
    made.output_fn = lambda prediction, accept: ModelResponse("x", "text/html")  # type: ignore[attr-defined]
    output = await InferenceScript(made).invoke(request(b"1"), executor)
    assert (output.body, output.content_type) == (b"x", "text/html")


async def test_an_iterator_from_predict_fn_streams(executor: ThreadPoolExecutor) -> None:
    script = InferenceScript(module("def predict_fn(data, model):\n    yield from ('a', 'b')"))
    output = await script.invoke(request(b"1"), executor)
    assert not isinstance(output.body, bytes)
    assert [part async for part in output.body] == [b"a", b"b"]


@pytest.mark.parametrize(
    ("source", "call", "status", "words"),
    [
        ("def predict_fn(d, m): return d", request(b"{"), 400, "input_fn cannot read"),
        ("def predict_fn(d, m): return d", request(b"\xff", "text/plain"), 400, "input_fn cannot read"),
        ("def predict_fn(d, m): return d", request(b"1", accept="text/csv"), 406, "define output_fn"),
        ("def predict_fn(d, m): return object()", request(b"1"), 500, "define output_fn"),
        ("def model_fn(d): return 1", request(b"1"), 500, "no predict_fn"),
        ("def predict_fn(d, m): raise KeyError('k')", request(b"1"), 500, "KeyError"),
    ],
)
async def test_what_goes_wrong_in_a_script_is_a_failure_that_says_so(
    source: str, call: InvocationRequest, status: int, words: str, executor: ThreadPoolExecutor
) -> None:
    with pytest.raises(ModelFailure, match=words) as failure:
        await InferenceScript(module(source)).invoke(call, executor)
    assert failure.value.status == status


def test_a_directory_without_a_script_and_a_module_without_functions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"holds inference\.py or code/inference\.py"):
        as_model(tmp_path)
    with pytest.raises(ConfigurationError, match="made defines none of model_fn"):
        as_model(module(""))
    (tmp_path / "inference.py").write_text("raise OSError('at import')")
    with pytest.raises(OSError, match="at import"):
        as_model(tmp_path)


async def test_a_model_that_cannot_be_loaded_fails_each_request(executor: ThreadPoolExecutor) -> None:
    calls: list[Any] = []
    made = module("def predict_fn(d, m): return d")
    made.model_fn = lambda model_dir: calls.append(model_dir) or 1 / 0  # type: ignore[attr-defined]
    script = InferenceScript(made)
    for _ in range(2):
        with pytest.raises(ModelFailure, match="ZeroDivisionError"):
            await script.invoke(request(b"1"), executor)
    assert len(calls) == 2
