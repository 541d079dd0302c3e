"""The house rules that a reader cannot see in one file: which way imports point, what is pure, what is lazy."""

from __future__ import annotations

import ast
import io
import os
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

import sagemaker_async

PACKAGE = Path(sagemaker_async.__file__).parent

LAYERS: list[tuple[str, ...]] = [
    ("_lazy", "_version", "config", "errors"),
    ("records", "codecs"),
    (
        "aws.endpoints", "aws.eventstream", "aws.frames", "aws.http", "aws.protocols", "aws.retries", "aws.shapes",
        "aws.signing", "aws.timing",
    ),
    ("aws.transport",),
    ("aws",),
    ("aws.client", "aws.channel", "aws.pipeline", "aws.call", "aws.logs", "aws.sts"),
    ("runtime", "hosting"),
    ("iterators", "records.iterator", "dialects", "serializers", "deserializers"),
    (
        "predictor.changes", "predictor.lineage", "predictor.monitors", "predictor.updates", "predictor.values",
    ),
    ("session", "predictor", "stub"),
    ("local", "integrations", "cli"),
]  # fmt: skip
"""From the bottom up; a module belongs to the longest name that begins its own."""

PURE = [
    "predictor.changes",
    "dialects",
    "errors",
    "config",
    "records",
    "codecs",
    "local.admission",
    "aws.endpoints.partition_table",
    "aws.endpoints.partitions",
    "aws.endpoints.rules",
    "aws.eventstream",
    "aws.frames",
    "aws.http",
    "aws.protocols",
    "aws.retries",
    "aws.shapes.metadata",
    "aws.shapes.models",
    "aws.shapes.operation",
    "aws.shapes.rules",
    "aws.signing",
    "runtime.events",
    "runtime.operations",
    "runtime.rules",
]
IMPURE = {"codecs.offload", "records.iterator"}
"""Run the pure ones: in a thread, and over a stream."""
FORBIDDEN_IN_PURE = {"asyncio", "random", "secrets", "socket", "threading", "time", "subprocess"}
FORMATTING = {"gmtime", "strftime"}
"""What of `time` is a function of its arguments alone."""


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__").replace("__init__", "")


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def begins(module: str, name: str) -> bool:
    return module == name or module.startswith(f"{name}.")


def layer(module: str) -> int:
    found = [(len(name), number) for number, names in enumerate(LAYERS) for name in names if begins(module, name)]
    assert found, f"{module} is in no layer: add it to the list, and to CONTRIBUTING.md"
    return max(found)[1]


def type_checking_only(tree: ast.Module) -> set[int]:
    """Return the ids of the nodes that run for type checkers alone."""
    return {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test).endswith("TYPE_CHECKING")
        for statement in block.body
        for node in ast.walk(statement)
    }


def imports(module: str) -> Iterator[tuple[str, str | None, int]]:
    """Yield what a module imports when it runs: absolute module, name or None, line."""
    path = MODULES[module]
    tree = ast.parse(path.read_text())
    skipped = type_checking_only(tree)
    package = ["sagemaker_async", *(module.split(".") if module else [])]
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, None, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            home = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield home, alias.name, node.lineno


def own_imports(module: str) -> Iterator[tuple[str, int]]:
    """Yield the modules of this package that a module imports."""
    for home, name, line in imports(module):
        if not begins(home, "sagemaker_async"):
            continue
        inside = home.removeprefix("sagemaker_async").removeprefix(".")
        deeper = f"{inside}.{name}".strip(".")
        yield (deeper if deeper in MODULES else inside), line


@pytest.mark.parametrize("module", [name for name in MODULES if name])
def test_imports_point_down(module: str) -> None:
    upward = [
        f"{module}:{line} imports {target}"
        for target, line in own_imports(module)
        if target and layer(target) > layer(module)
    ]
    assert not upward


def test_nothing_imports_what_is_on_top() -> None:
    top = LAYERS[-1]
    for module in MODULES:
        if any(begins(module, name) for name in top):
            continue
        for target, line in own_imports(module):
            assert not any(begins(target, name) for name in top), f"{module}:{line} imports {target}"


def test_only_the_transport_imports_aiohttp_on_the_client_side() -> None:
    importers = {
        module for module in MODULES for home, _, _ in imports(module) if home.partition(".")[0] in {"aiohttp", "yarl"}
    }
    client_side = {module for module in importers if layer(module) < len(LAYERS) - 1}
    assert client_side
    assert all(begins(module, "aws.transport") for module in client_side)


def code_without_prose(path: Path) -> str:
    """Return a module's source without docstrings and comments, which may give AWS's services as examples."""
    source = path.read_text()
    tree = ast.parse(source)
    prose: set[int] = set()
    for node in ast.walk(tree):
        for statement in getattr(node, "body", []) if isinstance(getattr(node, "body", []), list) else []:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                prose.update(range(statement.lineno, (statement.end_lineno or statement.lineno) + 1))
    comments = {
        token.start[0]: token.start[1]
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    lines = source.splitlines()
    return "\n".join(line[: comments.get(number)] for number, line in enumerate(lines, start=1) if number not in prose)


@pytest.mark.parametrize("module", [name for name in MODULES if begins(name, "aws")])
def test_aws_knows_no_sagemaker_name(module: str) -> None:
    own_name = re.compile(r"sagemaker[-_]async|SageMakerAsyncError", re.IGNORECASE)
    found = [
        line
        for line in code_without_prose(MODULES[module]).splitlines()
        if re.search(r"sagemaker|invoke_?endpoint", own_name.sub("", line), re.IGNORECASE)
    ]
    assert not found


@pytest.mark.parametrize(
    "module", [name for name in MODULES if name not in IMPURE and any(begins(name, pure) for pure in PURE)]
)
def test_pure_modules_touch_no_loop_clock_randomness_or_socket(module: str) -> None:
    impure = [
        f"{module}:{line} imports {home} {name or ''}"
        for home, name, line in imports(module)
        if home.partition(".")[0] in FORBIDDEN_IN_PURE and not (home == "time" and name in FORMATTING)
    ]
    source = MODULES[module].read_text()
    if impure == [f"{module}:{line} imports time " for home, _, line in imports(module) if home == "time"]:
        used = set(re.findall(r"\btime\.(\w+)", code_without_prose(MODULES[module])))
        impure = [] if used <= FORMATTING else impure
    assert not impure
    awaiting = [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith)
    ]
    assert not awaiting


def test_every_module_says_what_it_is_for() -> None:
    for module, path in MODULES.items():
        assert ast.get_docstring(ast.parse(path.read_text())), module


# --- what is imported when, in a process of its own -------------------------------------------------------------------


def modules_after(program: str, tmp_path: Path, **environment: str) -> set[str]:
    """Run a program where there are no AWS files and variables; return the top-level modules it has imported."""
    bare = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "PYTHON", "COV_")) and name.lower() not in {"http_proxy", "https_proxy"}
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{program}\nimport sys\nprint(*sys.modules)"],
        env={**bare, "HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_importing_the_package_imports_nothing_heavy(tmp_path: Path) -> None:
    imported = modules_after("import sagemaker_async", tmp_path)
    assert not imported & {"botocore", "boto3", "numpy", "pandas", "aiohttp", "pydantic", "asyncio"}


def test_importing_session_and_predictor_imports_no_botocore_and_no_extra(tmp_path: Path) -> None:
    imported = modules_after(
        "from sagemaker_async import Session, Predictor\n"
        "from sagemaker_async.serializers import JSONSerializer\n"
        "from sagemaker_async.deserializers import JSONDeserializer\n"
        "from sagemaker_async.iterators import LineIterator",
        tmp_path,
    )
    assert not imported & {"botocore", "boto3", "numpy", "pandas", "scipy", "torch", "orjson"}


UNWANTED = {
    "csv", "importlib.metadata", "importlib.resources", "zipfile",
    "sagemaker_async.codecs.arrays", "sagemaker_async.codecs.csv_rows",
    "sagemaker_async.predictor.changes", "sagemaker_async.predictor.updates", "sagemaker_async.predictor.values",
    "sagemaker_async.hosting.client", "sagemaker_async.hosting.operations", "sagemaker_async.hosting.waiting",
    "sagemaker_async.predictor.lineage", "sagemaker_async.predictor.monitors",
}  # fmt: skip
"""What most predictions have no use for."""

FIRST_PREDICTION = """
import asyncio
from sagemaker_async import Credentials, Predictor, Session

async def main():
    options = {"region": "us-east-1", "endpoint_url": "http://127.0.0.1:9", "credentials": Credentials("A", "s")}
    async with Session(**options) as session:
        try:
            await Predictor("e", session).predict(b"hello", timeout=5)
        except Exception as error:
            assert type(error).__name__ == "ConnectError", error

asyncio.run(main())
"""


@pytest.mark.parametrize("program", ["from sagemaker_async import Predictor, Session", FIRST_PREDICTION])
def test_a_prediction_imports_only_what_it_uses(program: str, tmp_path: Path) -> None:
    assert not modules_after(program, tmp_path) & UNWANTED


PREDICT = """
import asyncio
from sagemaker_async import Credentials, Predictor, Session
from sagemaker_async.local import LocalSageMaker

async def main():
    async with LocalSageMaker() as local:
        local.add_endpoint("echo", lambda body: body)
        credentials = Credentials(local.credentials.access_key_id, local.credentials.secret_access_key)
        async with Session(region="us-east-1", endpoint_url=local.url, credentials=credentials) as session:
            predictor = Predictor("echo", session)
            assert await predictor.predict(b"hello") == b"hello"
            assert [part async for part in predictor.predict_stream(b"hello")] == [b"hello"]

asyncio.run(main())
"""


def test_predicting_with_region_and_credentials_given_imports_no_botocore(tmp_path: Path) -> None:
    imported = modules_after(PREDICT, tmp_path)
    assert not {name for name in imported if name.partition(".")[0] in {"botocore", "boto3", "numpy", "pandas"}}


ABSENT = """
import importlib.abc, sys

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {extras!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
"""
EXTRAS = {"numpy", "pandas", "scipy", "torch", "orjson", "rich", "boto3", "moto", "fastapi", "opentelemetry", "ray"}


def test_everything_but_the_parts_that_need_an_extra_imports_without_any(tmp_path: Path) -> None:
    names = [
        f"sagemaker_async.{module}" if module else "sagemaker_async"
        for module in MODULES
        if not begins(module, "cli") and not begins(module, "integrations") and module != "local.pytest_plugin"
    ]
    program = ABSENT.format(extras=EXTRAS) + "".join(f"import {name}\n" for name in names) + PREDICT
    assert not modules_after(program, tmp_path) & EXTRAS
