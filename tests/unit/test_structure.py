"""The house rules that a reader cannot see in one file: which way imports point, what is pure, what is lazy."""

from __future__ import annotations

import ast
import functools
import io
import os
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

import sagemaker_async

PACKAGE = Path(sagemaker_async.__file__).parent
ROOT = "sagemaker_async"


def layers() -> list[tuple[str, ...]]:
    """Return the layers that CONTRIBUTING.md lists, from the top down; each line is names, two spaces, and prose."""
    house = (PACKAGE.parent / "CONTRIBUTING.md").read_text().partition("## The house")[2]
    _, block, _ = house.split("```", 2)
    return [tuple(line.split("  ")[0].split(", ")) for line in block.strip().splitlines()]


LAYERS = layers()
"""A module belongs to the longest name that begins its own."""

PURE = [
    "predictor.batches",
    "predictor.concurrency",
    "predictor.map_options",
    "predictor.outcome",
    "bulk.lines",
    "bulk.selection",
    "bulk.summary",
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
    "aws.shapes.requests",
    "aws.shapes.response_schema",
    "aws.shapes.words",
    "aws.signing",
    "runtime.events",
    "runtime.generated",
    "runtime.operations",
]
IMPURE = {"codecs.offload", "records.iterator"}
"""Run the pure ones: in a thread, and over a stream."""
FORBIDDEN_IN_PURE = {"asyncio", "random", "secrets", "socket", "threading", "time", "subprocess"}
FORMATTING = {"gmtime", "strftime"}
"""What of `time` is a function of its arguments alone."""


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__").replace("__init__", "")


MODULES = {module_name(path) or ROOT: path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {module: ast.parse(path.read_text()) for module, path in MODULES.items()}


def begins(module: str, name: str) -> bool:
    return module == name or module.startswith(f"{name}.")


def room(module: str) -> str:
    """Return the name in CONTRIBUTING.md's list that a module belongs to."""
    found = [name for names in LAYERS for name in names if begins(module, name)]
    assert found, f"{module} is in no layer: add it to the list in CONTRIBUTING.md"
    return max(found, key=len)


def layer(module: str) -> int:
    """Return the number of a module's layer, from the top down."""
    return next(number for number, names in enumerate(LAYERS) if room(module) in names)


@functools.cache
def imports(module: str) -> list[tuple[str, str | None, int]]:
    """Return what a module imports, for type checkers and in functions as well: absolute module, name or None, line."""
    found: list[tuple[str, str | None, int]] = []
    package = [ROOT, *(module.split(".") if module != ROOT else [])]
    if MODULES[module].name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            found += [(alias.name, None, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            home = ".".join([*base, *([node.module] if node.module else [])])
            found += [(home, alias.name, node.lineno) for alias in node.names]
    return found


def lazy_imports(module: str) -> Iterator[tuple[str, int]]:
    """Yield the modules of this package that a module names to `_lazy`, or to what asks `_lazy` for it."""
    loggers = {
        id(argument)
        for call in ast.walk(TREES[module])
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("getLogger")
        for argument in call.args
    }
    uses_lazy = any(name == "_lazy" for _, name, _ in imports(module))
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in loggers:
            name = node.value.removeprefix(f"{ROOT}.")
            if name in MODULES and (name != node.value or (uses_lazy and "." in name)):
                yield name, node.lineno


def own_imports(module: str) -> Iterator[tuple[str, int]]:
    """Yield the modules of this package that a module imports, now or later."""
    for home, name, line in imports(module):
        if not begins(home, ROOT):
            continue
        inside = home.removeprefix(ROOT).removeprefix(".")
        deeper = f"{inside}.{name}".strip(".")
        target = deeper if deeper in MODULES else inside or ROOT
        if target != module:
            yield target, line
    yield from lazy_imports(module)


IMPORTS = {module: list(own_imports(module)) for module in MODULES}
GRAPH = {module: {target for target, _ in targets} for module, targets in IMPORTS.items()}


def circles(graph: Mapping[str, Iterable[str]]) -> list[tuple[str, ...]]:
    """Return a circle for each node that closes one, found depth first."""
    found: list[tuple[str, ...]] = []
    done: set[str] = set()

    def visit(node: str, path: tuple[str, ...]) -> None:
        if node in path:
            found.append((*path[path.index(node) :], node))
        elif node not in done:
            for target in sorted(graph.get(node, ())):
                visit(target, (*path, node))
            done.add(node)

    for node in sorted(graph):
        visit(node, ())
    return found


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == [("b", "c", "b")]


def test_the_list_in_contributing_is_complete_and_names_what_there_is() -> None:
    listed = [name for names in LAYERS for name in names]
    assert len(listed) == len(set(listed))
    assert set(listed) <= set(MODULES)
    without_code = {module for module, tree in TREES.items() if len(tree.body) == 1}
    assert set(MODULES) - without_code <= {module for module in MODULES if any(begins(module, n) for n in listed)}


def test_imports_point_down() -> None:
    upward = [
        f"{module}:{line} imports {target}"
        for module in MODULES
        if len(TREES[module].body) > 1
        for target, line in IMPORTS[module]
        if layer(target) < layer(module) and len(TREES[target].body) > 1
    ]
    assert not upward


BEHAVIOUR = {
    "benchmarks",
    "client_options",
    "conftest",
    "public_names",
    "raising_callbacks",
    "readme",
    "seams",
    "structure",
    "torch",
}
"""Files of `tests/unit` that show what no module does alone, or that are not of the package."""


def named_so(stem: str) -> set[str]:
    """Return the modules whose name, or its end from one of its rooms on, is this one; one that is all of it wins."""
    found = {
        module
        for module in MODULES
        for parts in [[part.lstrip("_") for part in module.split(".")]]
        if any("_".join(parts[first:]) == stem for first in range(len(parts)))
    }
    return {stem} if stem in found else found


@pytest.mark.parametrize(
    "path", sorted((PACKAGE.parent / "tests" / "unit").glob("test_*.py")), ids=lambda path: path.stem
)
def test_a_file_of_tests_is_named_after_one_module_or_room(path: Path) -> None:
    stem = path.stem.removeprefix("test_")
    if stem not in BEHAVIOUR:
        assert len(named_so(stem)) == 1, "with its room's name before it where two modules are called the same"


def test_a_name_of_two_modules_needs_their_room() -> None:
    assert named_so("endpoints") > {"cli.endpoints", "aws.endpoints"}
    assert named_so("cli_endpoints") == {"cli.endpoints"}
    assert named_so("lazy") == {"_lazy"}
    assert named_so("splitters") == set()


def test_there_is_no_circle_of_files() -> None:
    assert not circles(GRAPH)


def test_there_is_no_circle_of_rooms() -> None:
    rooms: dict[str, set[str]] = {}
    for module, targets in GRAPH.items():
        for target in targets:
            if len(TREES[target].body) > 1 and room(target) != room(module):
                rooms.setdefault(room(module), set()).add(room(target))
    assert not circles(rooms)


def test_nothing_imports_what_is_on_top() -> None:
    top = LAYERS[0]
    for module in MODULES:
        for target, line in IMPORTS[module]:
            user = begins(module, "examples")  # which are copied, and import as their copies must
            assert user or target != ROOT, f"{module}:{line} imports the package itself"
            if not any(begins(module, name) for name in top):
                assert not any(begins(target, name) for name in top), f"{module}:{line} imports {target}"


def test_the_top_floor_has_at_most_nine_modules() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= 9


def test_only_the_transport_imports_aiohttp_on_the_client_side() -> None:
    importers = {
        module for module in MODULES for home, _, _ in imports(module) if home.partition(".")[0] in {"aiohttp", "yarl"}
    }
    client_side = {module for module in importers if layer(module) > 0}
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


def test_aws_knows_no_sagemaker_name() -> None:
    own_name = re.compile(r"sagemaker[-_]async|SageMakerAsyncError", re.IGNORECASE)
    found = [
        f"{module}: {line}"
        for module in MODULES
        if begins(module, "aws")
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
    if impure == [f"{module}:{line} imports time " for home, _, line in imports(module) if home == "time"]:
        used = set(re.findall(r"\btime\.(\w+)", code_without_prose(MODULES[module])))
        impure = [] if used <= FORMATTING else impure
    assert not impure
    awaiting = [node for node in ast.walk(TREES[module]) if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith)]
    assert not awaiting


def test_every_module_says_what_it_is_for() -> None:
    for module, tree in TREES.items():
        assert ast.get_docstring(tree), module


# --- what is imported later -------------------------------------------------------------------------------------------


def test_nothing_is_imported_late_but_by_the_one_mechanism() -> None:
    trees = {module: tree for module, tree in TREES.items() if module != "_lazy"}
    late = [
        f"{module}:{node.lineno}: {ast.unparse(node)}"
        for module, tree in trees.items()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    late += [
        f"{module}:{node.lineno}: {name}"
        for module, tree in trees.items()
        for node in ast.walk(tree)
        for name in (getattr(node, "id", ""), getattr(node, "attr", ""), getattr(node, "name", ""))
        if name in {"import_module", "__import__"}
    ]
    assert not late


def test_only_three_packages_have_names_that_are_imported_later() -> None:
    functions, tables = set(), set()
    for module, tree in TREES.items():
        for statement in tree.body:
            for node in ast.walk(statement) if not isinstance(statement, ast.ClassDef) else ():
                if getattr(node, "name", "") == "__getattr__":
                    functions.add(module)
                if isinstance(node, ast.Name) and node.id == "__getattr__" and isinstance(node.ctx, ast.Store):
                    tables.add(module)
    assert not functions
    assert tables == {ROOT, "aws.credentials", "hosting.generated.shapes"}


CONTROL_PLANE = (
    "aws.protocols.json_rpc", "aws.protocols.query", "aws.protocols.structures", "aws.sts", "hosting",
    "predictor.changes", "predictor.control", "predictor.lineage", "predictor.monitoring_results", "predictor.monitors",
    "predictor.updates", "predictor.values",
)  # fmt: skip
MANY_RECORDS = (
    "predictor.batches", "predictor.caller", "predictor.concurrency", "predictor.engine", "predictor.map_options",
    "predictor.mapping", "predictor.outcome", "predictor.progress_bar", "predictor.scoring", "predictor.source",
)  # fmt: skip
MODELS = ("aws.shapes.models", "aws.shapes.response_schema", "runtime.shapes")
FACES = ("dialects",)
"""Whose contents are imported from elsewhere; the file itself is for users alone."""
S3 = ("aws.endpoints.s3", "aws.protocols.rest_xml", "aws.protocols.xml", "aws.s3", "aws.sqs")
"""For what keeps its payloads in S3 and waits for its results, which predictions do not."""
ASYNCHRONOUS = ("async_inference",)
"""For results that come later, and for what reads them."""
WAITING = ("predictor.capacity",)
"""For those who wait while a model has no copies."""
ROUTERS = ("runtime.generated.router_requests", "runtime.routers")
"""What is called instead of endpoints."""
SOURCES = tuple(f"aws.credentials.{name}" for name in ("blocking", "chain", "exchange", "machine"))
"""Credential sources that run botocore's providers; credentials that are given need none."""
GENERATORS = ("aws.endpoints.generator", "hosting.generator", "runtime.generator")


def test_what_is_not_imported_with_the_package_is_the_control_plane_and_the_models(tmp_path: Path) -> None:
    imported = modules_after("import sagemaker_async", tmp_path)
    later = {module for module in MODULES if f"{ROOT}.{module}".removesuffix(f".{ROOT}") not in imported}
    later_rooms = (*CONTROL_PLANE, *MANY_RECORDS, *MODELS, *FACES, *S3, *ASYNCHRONOUS, *ROUTERS, *WAITING, *SOURCES)
    allowed = ("bulk", *later_rooms, *GENERATORS, *LAYERS[0])
    assert not {module for module in later if not any(begins(module, name) for name in allowed)}
    assert not {module for module in set(MODULES) - later if any(begins(module, name) for name in allowed)}


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


HEAVY = {"botocore", "boto3", "pydantic", "numpy", "pandas", "scipy", "torch", "orjson", "fastapi", "rich"}


def test_importing_the_package_imports_aiohttp_and_pydantics_engine_and_nothing_heavier(tmp_path: Path) -> None:
    imported = modules_after(
        "import sagemaker_async\n"
        "from sagemaker_async import Session, Predictor\n"
        "from sagemaker_async.serializers import JSONSerializer\n"
        "from sagemaker_async.deserializers import JSONDeserializer\n"
        "from sagemaker_async.iterators import LineIterator",
        tmp_path,
    )
    assert {"aiohttp", "pydantic_core"} <= imported
    assert not imported & HEAVY


UNWANTED = {
    *HEAVY,
    "importlib.metadata",
    "importlib.resources",
    *(f"sagemaker_async.{m}" for m in (*CONTROL_PLANE, *MANY_RECORDS)),
}
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


def test_a_prediction_imports_only_what_it_uses(tmp_path: Path) -> None:
    assert not modules_after(FIRST_PREDICTION, tmp_path) & UNWANTED


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
EXTRAS = {
    *("numpy", "pandas", "scipy", "torch", "orjson", "rich", "boto3", "moto", "fastapi", "opentelemetry"),
    *("pyarrow", "ray"),
}


def test_everything_but_the_parts_that_need_an_extra_imports_without_any(tmp_path: Path) -> None:
    names = [
        f"sagemaker_async.{module}" if module != ROOT else ROOT
        for module in MODULES
        if not any(begins(module, name) for name in ("cli", "examples", "integrations", "local.pytest_plugin"))
    ]
    program = ABSENT.format(extras=EXTRAS) + "".join(f"import {name}\n" for name in names) + PREDICT
    assert not modules_after(program, tmp_path) & EXTRAS
