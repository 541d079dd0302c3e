"""The package's surface, what importing it costs, and the pytest fixture it brings."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import sagemaker_async.local
from sagemaker_async import Credentials, Predictor, Session
from sagemaker_async.local import LocalSageMaker, ThreadedLocalSageMaker


def test_the_public_names_are_these_and_all_exist() -> None:
    assert sagemaker_async.local.__all__ == [
        "AsyncInference",
        "AsyncInvocation",
        "CloseOnOversize",
        "Container",
        "CutFrame",
        "DropConnection",
        "Endpoint",
        "Fault",
        "InStreamError",
        "InvocationRequest",
        "LocalSageMaker",
        "ModelFailure",
        "ModelResponse",
        "NotAnEventStream",
        "PartSize",
        "RecordedRequest",
        "Reset",
        "SlowFirstByte",
        "Stall",
        "Status",
        "TcpWrites",
        "TextModel",
        "ThreadedLocalSageMaker",
        "Throttle",
        "UnknownEvent",
        "UnmodeledError",
        "WrongChecksum",
    ]
    for name in sagemaker_async.local.__all__:
        assert getattr(sagemaker_async.local, name).__name__ == name
    assert set(sagemaker_async.local.__all__) <= set(dir(sagemaker_async.local))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = sagemaker_async.local.Nothing


def test_importing_the_plugin_imports_no_pydantic_model_and_no_botocore() -> None:
    code = (
        "import sys, sagemaker_async.local.pytest_plugin\n"
        "heavy = {'pydantic', 'botocore', 'numpy', 'sagemaker_async.hosting.client'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_plugin_is_an_entry_point_of_pytest() -> None:
    (plugin,) = [point for point in entry_points(group="pytest11") if point.name == "sagemaker_async"]
    assert plugin.value == "sagemaker_async.local.pytest_plugin"


def test_a_test_that_asks_for_the_fixture_gets_a_running_sagemaker(
    local_sagemaker: ThreadedLocalSageMaker,
) -> None:
    assert local_sagemaker.url.startswith("http://127.0.0.1:")
    assert not local_sagemaker.endpoints


def test_the_fixture_works_without_pytest_asyncio(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "from urllib.request import urlopen\n"
        "from urllib.error import HTTPError\n"
        "def test_it(local_sagemaker):\n"
        "    try:\n"
        "        urlopen(local_sagemaker.url)\n"
        "    except HTTPError as error:\n"
        "        with error:\n"
        "            assert error.code == 404\n"
        "    else:\n"
        "        assert False\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:asyncio", "-p", "no:cacheprovider", "-W", "error"]
    done = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


async def test_a_program_finds_it_by_the_variables_of_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = Credentials("AKIDEXAMPLE", "secret", "token")
    async with LocalSageMaker(credentials=credentials) as local:
        local.add_endpoint("echo", lambda body: body)
        for name, value in local.environment.items():
            monkeypatch.setenv(name, value)
        async with Session() as session:
            assert await Predictor("echo", session).predict(b"found") == b"found"
