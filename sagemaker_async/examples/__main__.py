"""``python -m sagemaker_async.examples [NAME] [--endpoint-name ENDPOINT]``: list the examples, or run one.

An example is a file that runs by itself: a program, a file of tests for pytest, or a notebook. Without
``--endpoint-name`` the environment leads it to an embedded SageMaker that is made for it; with it, to AWS.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from sagemaker_async import _lazy
from sagemaker_async.local import LocalSageMaker, TextModel

EXAMPLES = {
    path.stem: path
    for path in sorted(Path(__file__).parent.iterdir())
    if path.suffix in {".py", ".ipynb"} and not path.name.startswith("_")
}


def main(arguments: list[str] | None = None) -> int:
    """List the examples or run one; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sagemaker_async.examples", description=__doc__)
    parser.add_argument("name", nargs="?", choices=EXAMPLES, help="the example to run; without it, all are listed")
    parser.add_argument("--endpoint-name", metavar="ENDPOINT", help="an endpoint of AWS; default: an embedded one")
    given = parser.parse_args(arguments)
    if given.name is None:
        width = max(map(len, EXAMPLES))
        for name, path in EXAMPLES.items():
            print(f"{name:{width}}  {purpose(path)}")
        return 0
    path = EXAMPLES[given.name]
    print(f"# {path}", file=sys.stderr)
    with _environment(given.endpoint_name):
        try:
            return _run(path)
        except ImportError as error:
            print(
                f"{error}; the examples' libraries come with pip install 'sagemaker-async[examples]'", file=sys.stderr
            )
            return 2


def purpose(path: Path) -> str:
    """Return the first line of an example's docstring, or a notebook's title."""
    if path.suffix == ".ipynb":
        return str(json.loads(path.read_text("utf-8"))["cells"][0]["source"][0]).strip("# \n")
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")[0]


def _run(path: Path) -> int:
    if path.suffix == ".ipynb":
        return _run_notebook(path)
    if path.name.startswith("test_"):
        command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(path))
        return subprocess.call(command)  # pytest rewrites what it imports, so it wants to come first
    runpy.run_path(str(path), run_name="__main__")
    return 0


def _run_notebook(path: Path) -> int:
    notebook = _lazy.optional("nbformat", "the notebook", extra="examples").read(path, as_version=4)
    client = _lazy.optional("nbclient", "the notebook", extra="examples").NotebookClient(notebook, timeout=60)
    client.execute()
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            print(output.get("text") or output.get("data", {}).get("text/plain", ""))
    return 0


@contextlib.contextmanager
def _environment(endpoint_name: str | None) -> Iterator[None]:
    """Have the environment lead to an endpoint of AWS, or else to an embedded SageMaker."""
    if endpoint_name is not None:
        with _set({"ENDPOINT_NAME": endpoint_name}):
            yield
        return
    with LocalSageMaker.in_thread() as local:
        local.add_endpoint("my-endpoint", TextModel())
        local.add_endpoint("my-async-endpoint", TextModel(), asynchronous=True)
        credentials = local.credentials
        variables = {
            "AWS_ENDPOINT_URL": local.url,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        }
        with _set(variables):
            yield


@contextlib.contextmanager
def _set(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


if __name__ == "__main__":
    sys.exit(main())
