"""The README and the guides do what they say: their examples run, and the README's commands are those of CI.

A guide is a file `GUIDE.md` or `GUIDE-topic.md` beside the code that it describes.

Examples that need a library of `ELSEWHERE` run in the environment that has it; all others run in each.

Each Python example runs by itself, with `await` at its top level, against an embedded SageMaker that it finds through
the environment, as it would find AWS. The endpoints it names are below; each answers in one container's dialect, cut
into slices of a few bytes, and refuses requests that the container would refuse.
"""

from __future__ import annotations

import ast
import asyncio
import gc
import importlib.util
import inspect
import json
import logging
import re
import sys
import tomllib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest

from sagemaker_async import (
    Config,
    Credentials,
    Predictor,
    RetryConfig,
    Session,
    Timeouts,
    deserializers,
    local,
    serializers,
)
from sagemaker_async.aws.interceptors import Interceptor
from sagemaker_async.hosting.generated.methods import HostingMethods
from sagemaker_async.local import InvocationRequest, LocalSageMaker, ModelFailure, ModelResponse, TextModel
from sagemaker_async.local.embedded import EmbeddedSageMaker

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "sagemaker_async"
PAGES = [ROOT / "README.md", *sorted(PACKAGE.rglob("GUIDE*.md"))]
FIXTURES: dict[str, dict[str, Any]] = {
    fixture["name"]: fixture
    for fixture in json.loads((Path(__file__).parents[1] / "vectors" / "dialects.json").read_text())
}
EVENTS, LINES, JSON, TEXT = "text/event-stream", "application/jsonlines", "application/json", "text/plain"


@dataclass(frozen=True)
class Container:
    """A model that answers with a fixture of `tests/vectors/dialects.json`."""

    fixture: str
    content_type: str
    required: tuple[str, ...] = ()
    """Fields that a request must have,"""
    refused: tuple[str, ...] = ()
    """and those it must not have."""

    def __call__(self, body: bytes, request: InvocationRequest) -> ModelResponse:
        fields = json.loads(body) if self.required else {}
        if missing := [name for name in self.required if not fields.get(name)]:
            raise ModelFailure(422, f"missing: {', '.join(missing)}")
        if refused := [name for name in self.refused if name in fields]:
            raise ModelFailure(422, f"refused: {', '.join(refused)}")
        return ModelResponse(sliced(FIXTURES[self.fixture]["payload"].encode()), self.content_type)


async def sliced(payload: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(payload), 7):
        yield payload[start : start + 7]


async def failing(body: bytes) -> AsyncIterator[bytes]:
    yield b'{"token": {"id": 1, "text": "Once upon a", "log_prob": -0.5}}\n'
    yield b'{"error": "CUDA out of memory", "code": 424}\n'


def unless_told_to_fail(body: bytes) -> bytes:
    if b"fail" in body:
        raise ModelFailure(500, "CUDA out of memory")
    return body


def assistant(body: bytes) -> ModelResponse:
    """A model that speaks OpenAI's schema: has a tool called if it is given any, and goes on from what that says."""
    fields = json.loads(body)
    asks = fields.get("tools") and fields["messages"][-1]["role"] != "tool"
    call = {"index": 0, "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}}
    message: dict[str, Any] = (
        {"content": None, "tool_calls": [call]} if asks else {"content": fields["messages"][-1]["content"]}
    )
    choice = {"index": 0, "finish_reason": "tool_calls" if asks else "stop"}
    usage = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
    if not fields.get("stream"):
        return ModelResponse(json.dumps({"choices": [{**choice, "message": message}], "usage": usage}), JSON)
    records = [{"choices": [{"delta": {"reasoning": "Hm."}}]}, {"choices": [{**choice, "delta": message}]}]
    if fields.get("stream_options"):
        records.append({"choices": [], "usage": usage})
    events = "".join(f"data: {json.dumps(record)}\n\n" for record in records)
    return ModelResponse(sliced(f"{events}data: [DONE]\n\n".encode()), EVENTS)


CONTAINERS = {
    "chat": Container("openai chat, server-sent events", EVENTS, ("messages", "stream")),
    "completions": Container("openai completions", EVENTS, ("prompt", "stream")),
    "lmi": Container("lmi json lines", LINES, ("inputs", "stream")),
    "jumpstart": Container("jumpstart, one list", JSON, ("inputs",)),
    "nova": Container("nova", EVENTS, ("messages", "stream"), ("model",)),
    "raw-text": Container("raw text", TEXT),
}


@pytest.fixture
def sagemaker(clean_environment: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedSageMaker]:
    """The embedded SageMaker that the environment leads to, with the endpoints of the README."""
    with LocalSageMaker.in_thread() as local:
        local.add_endpoint("my-endpoint", TextModel())
        local.add_endpoint("failing", failing)
        local.add_endpoint("lines", lambda body: body)
        local.add_endpoint("scores", lambda body: json.dumps({"score": len(json.loads(body)["inputs"])}))
        local.add_endpoint("my-async-endpoint", unless_told_to_fail, asynchronous=True)
        local.add_endpoint("my-llm", assistant)
        local.add_endpoint("stateful", lambda body: body)
        for name, container in CONTAINERS.items():
            local.add_endpoint(name, container)
        local.accept_credentials(Credentials("AKIDEXAMPLE", "secret"))
        monkeypatch.setenv("AWS_ENDPOINT_URL", local.url)
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", local.credentials.access_key_id)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", local.credentials.secret_access_key)
        yield local


class Example(NamedTuple):
    page: Path
    chapter: str
    line: int
    """Of the page, from 0, at which the code begins."""
    code: str
    module: str | None
    """The module that it is, where the paragraph before it says "a whole `service.py`"; others import it."""


def examples(language: str) -> list[Example]:
    """Return the code blocks of a language of all pages, in order."""
    return [example for page in PAGES for example in examples_of(page, language)]


def examples_of(page: Path, language: str) -> list[Example]:
    found: list[Example] = []
    chapter, begin, lines = "", 0, page.read_text().splitlines()
    for number, line in enumerate(lines):
        if begin and line.startswith("```"):
            module = re.search(r"a whole `(\w+)\.py`", " ".join(lines[max(0, begin - 4) : begin]))
            found.append(Example(page, chapter, begin, "\n".join(lines[begin:number]), module and module[1]))
            begin = 0
        elif line == f"```{language}":
            begin = number + 1
        elif not begin and re.match("##+ ", line):
            chapter = line.lstrip("# ")
    return found


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The examples that are modules can be imported."""
    monkeypatch.syspath_prepend(tmp_path)
    modules = {example.module: example.code for example in examples("python") if example.module is not None}
    for name, code in modules.items():
        (tmp_path / f"{name}.py").write_text(code)
    yield
    for name in modules:
        sys.modules.pop(name, None)


ELSEWHERE = {"openai": r"openai_client\(|from openai |import openai$", "httpx2": r"from fastapi\.testclient "}
"""Libraries that only some environments have, with what shows that an example needs one: it runs where it is there."""


def runs_here(example: Example) -> bool:
    needed = [name for name, sign in ELSEWHERE.items() if re.search(sign, example.code, re.MULTILINE)]
    return all(importlib.util.find_spec(name) for name in needed)


@pytest.fixture
def s3(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Examples of S3 find a bucket, and may write files."""
    if "session.s3" in request.getfixturevalue("example").code:
        url = request.getfixturevalue("moto_url")
        keys = {"aws_access_key_id": "A", "aws_secret_access_key": "s"}
        boto3.client("s3", endpoint_url=url, region_name="us-east-1", **keys).create_bucket(Bucket="my-bucket")
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
        monkeypatch.chdir(tmp_path)


@pytest.fixture
def log_levels() -> Iterator[None]:
    """Loggers have their levels again after an example that sets them."""
    loggers = [logger for logger in logging.root.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
    before = [(logger, logger.level) for logger in loggers]
    yield
    for logger, level in before:
        logger.setLevel(level)


def name_of(example: Example) -> str:
    return f"{example.page.relative_to(ROOT)}, {example.chapter}, line {example.line}"


@pytest.mark.parametrize("example", [*filter(runs_here, examples("python"))], ids=name_of)
def test_the_example_runs(
    sagemaker: EmbeddedSageMaker, s3: None, modules: None, log_levels: None, example: Example
) -> None:
    source = "\n" * example.line + example.code  # so that a traceback shows the page's own line numbers
    code = compile(source, str(example.page), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)

    ran = eval(code, {"__name__": "readme"})  # a whole program has run then; one with `await` at its top level has not
    if inspect.iscoroutine(ran):
        asyncio.run(ran, debug=True)
    gc.collect()  # what was left open warns now, and a warning is an error


@pytest.mark.parametrize("name", CONTAINERS)
async def test_each_endpoint_speaks_its_containers_dialect(sagemaker: EmbeddedSageMaker, name: str) -> None:
    container = CONTAINERS[name]
    expected = FIXTURES[container.fixture]
    async with Session(**sagemaker.client_options) as session:
        request = json.dumps(dict.fromkeys(container.required, True)).encode()
        async with Predictor(name, session).predict_stream(request).tokens() as stream:
            await stream.collect()
            assert stream.metadata is not None
            assert stream.metadata.content_type == container.content_type
    records = stream.records
    assert (records.dialect, records.text, records.finish_reason, records.usage) == (
        expected["dialect"],
        expected["text"],
        expected["finish_reason"],
        expected["usage"],
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Text Generation Inference", '"my-endpoint"'),
        ("vLLM, SGLang and LMI's chat", '"chat"'),
        ("OpenAI's completions schema", '"completions"'),
        ("LMI and DJL Serving", '"lmi"'),
        ("JumpStart and Hugging Face pipelines", '"jumpstart"'),
        ("Amazon Nova", '"nova"'),
        ("Raw text", '"raw-text"'),
    ],
)
def test_each_dialect_has_an_example(name: str, words: str) -> None:
    _, found, rest = (PACKAGE / "predictor" / "GUIDE-streaming.md").read_text().partition(f"**{name}**")
    assert found
    assert words in rest.partition("```python")[2].partition("```")[0]


def commands() -> list[str]:
    """Return the commands of the chapter "Two commands", without their comments."""
    return [
        line
        for example in examples_of(ROOT / "README.md", "sh")
        if example.chapter == "Two commands"
        for line in example.code.splitlines()
        if not line.startswith("#")
    ]


def test_the_first_command_runs_the_demonstration_with_what_it_needs() -> None:
    command = commands()[0]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = re.findall(r"'\.\[([\w,-]+)\]'", command)
    assert extras
    assert set(extras[0].split(",")) <= set(project["optional-dependencies"])
    assert command.endswith(".venv/bin/sagemaker-async demo")
    assert "sagemaker-async" in project["scripts"]


def test_the_second_command_is_the_one_that_ci_runs() -> None:
    _, command = commands()
    assert command in (ROOT / ".ci" / "run").read_text().splitlines()
    sessions = command.partition("nox -s ")[2].split()
    assert sessions
    defined = {node.name for node in ast.parse((ROOT / "noxfile.py").read_text()).body if hasattr(node, "name")}
    assert set(sessions) <= defined


def test_the_readme_fits_the_patience_of_a_newcomer() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 300


def test_the_readme_leads_to_every_guide() -> None:
    linked = re.findall(r"\]\((sagemaker_async/[^)]*)\)", (ROOT / "README.md").read_text())
    guides = {str(page.relative_to(ROOT)) for page in PAGES[1:]}
    assert guides == set(linked)


def words_in(guide: str) -> set[str]:
    """Return the names that a guide's text mentions as code."""
    text = re.sub(r"^```.*?^```", "", (PACKAGE / guide).read_text(), flags=re.MULTILINE | re.DOTALL)
    return {word for code in re.findall(r"`([^`]+)`", text) for word in re.findall(r"\w+", code)}


def test_the_guides_name_everything_that_they_are_about() -> None:
    methods = {name for name in vars(HostingMethods) if not name.startswith("_")} - {"invoke", "pages"}
    faults = {name for name in local.__all__ if issubclass(getattr(local, name), local.Fault)} - {"Fault"}
    assert methods <= words_in("hosting/GUIDE.md")
    assert faults <= words_in("local/GUIDE.md")
    assert {field.name for field in fields(Config)} <= words_in("config/GUIDE.md")
    limits = {field.name for kind in (Timeouts, RetryConfig) for field in fields(kind)}
    assert limits <= words_in("aws/retries/GUIDE.md")
    for module in serializers, deserializers:
        classes = {name for name in module.__all__ if name.endswith("erializer")} - {"Serializer", "Deserializer"}
        assert classes <= words_in("codecs/GUIDE.md")
    hooks = {name for name in vars(Interceptor) if not name.startswith("_")}
    assert hooks <= words_in("integrations/GUIDE-observability.md")


def test_what_security_promises_is_tested_by_files_that_exist() -> None:
    rows = re.findall(r"^\| [A-Z].*? \| (.*) \|$", (ROOT / "SECURITY.md").read_text(), re.MULTILINE)
    named = [re.findall(r"`(tests/[\w/.]+)`", row) for row in rows[1:]]
    assert named
    assert all(named)
    assert [path for paths in named for path in paths if not (ROOT / path).exists()] == []
