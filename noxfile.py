"""The project's checks: ``nox`` runs the tests in both environments; ``nox --list`` says what the other sessions do.

Two environments, because aiobotocore needs an older botocore than the one we test and generate against: ``tests``, with
the newest botocore as the oracle, and ``foreign``, with aiobotocore and its own botocore as a client of the embedded
SageMaker. Sessions of their own have what is too large for these (``sdk``, ``ray``) or is tested in several versions.

Tests run on all cores. No test depends on another, so how they are spread changes nothing.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import nox

# Where a shell forbids it, each of the suite's many processes would compile the whole package again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

nox.options.sessions = ["tests", "foreign"]
nox.options.error_on_external_run = True
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = False


@nox.session
def tests(session: nox.Session) -> None:
    """Run the test suite."""
    session.install("-q", "-e", ".[cli,test]")
    session.run("pytest", *_MOST_TESTS, *session.posargs)


@nox.session
def foreign(session: nox.Session) -> None:
    """Run the tests with aiobotocore and its botocore."""
    session.install("-q", "-e", ".[test-foreign]")
    session.run("pytest", "--confcutdir=tests/foreign", "tests/foreign", *session.posargs)


@nox.session
def sdk(session: nox.Session) -> None:
    """Run the SageMaker Python SDK's own AsyncPredictor against the embedded SageMaker, and ours beside it."""
    session.install("-q", "-e", ".[test-sdk]")
    # The SDK warns of itself when it is imported.
    session.run("pytest", "-W", "ignore", "--confcutdir=tests/sdk", "tests/sdk", *session.posargs)


@nox.session
def openai(session: nox.Session) -> None:
    """Run the tests with OpenAI's client, the oldest that takes a callable as its key and the newest, and its guide."""
    for version in ("openai==1.106.*", "openai"):
        session.install("-q", "-e", ".[test-openai]")
        session.install("-q", "--upgrade", version)
        session.run("pytest", "tests/openai", "-k", "not litellm", *session.posargs)
        session.run("pytest", "tests/unit/test_readme.py", "-k", "openai", *session.posargs)
    session.install("-q", "litellm", "mcp")  # which wants an OpenAI client of its own choice
    session.run("pytest", "tests/openai", "-k", "litellm", *session.posargs)


@nox.session
def ray(session: nox.Session) -> None:
    """Score datasets on a Ray of this machine."""
    session.install("-q", "-e", ".[ray]", "pytest>=8.3", "pytest-asyncio>=1.0", "pytest-timeout>=2.3")
    # What Ray warns of is Ray's affair. A job that hangs may not heed signals: the process ends, and shows all stacks.
    arguments = ["--confcutdir=tests/ray", "--timeout-method=thread", "-W", "default", "tests/ray"]
    session.run("pytest", *arguments, *session.posargs)


@nox.session
def oldest(session: nox.Session) -> None:
    """Run the tests of the request path with the oldest dependencies that are allowed."""
    dependencies = nox.project.load_toml("pyproject.toml")["project"]["dependencies"]
    oldest = [re.sub(r">=([\d.]+).*", r"==\1", dependency) for dependency in dependencies]
    session.install("-q", "-e", ".", *oldest, *_REQUEST_PATH_TOOLS)
    session.run("pytest", *_ON_ALL_CORES, *_REQUEST_PATH, *session.posargs)


@nox.session
def loops(session: nox.Session) -> None:
    """Run the tests of the request path on uvloop."""
    session.install("-q", "-e", ".", "uvloop", "pytest-asyncio>=1.5", *_REQUEST_PATH_TOOLS)
    session.run(
        "pytest", *_ON_ALL_CORES, "-p", "on_uvloop", *_REQUEST_PATH, *session.posargs, env={"PYTHONPATH": "tests"}
    )


@nox.session(python=["3.12", "3.13"])
def newer(session: nox.Session) -> None:
    """Run the tests on a newer Python, but for what does not depend on it and takes long, and measure their coverage.

    asyncio is in debug mode here. Which lines of the package are run is told by ``sys.monitoring``, which costs next to
    nothing; below the floor in pyproject.toml the session fails. With arguments of its own nothing is measured.
    """
    session.install("-q", "-e", ".[cli,test]", _COVERAGE)
    folders = ("tests/unit/test_benchmarks.py", "tests/differential", "tests/fuzz")
    arguments = (*_MOST_TESTS, *(f"--ignore={folder}" for folder in folders), "-o", "asyncio_debug=true")
    if session.posargs:
        session.run("pytest", *arguments, *session.posargs)
        return
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *arguments, env={"COVERAGE_CORE": "sysmon"})
    # Processes that tests kill leave files that cannot be read, which is a warning.
    session.run("coverage", "combine", "-q")
    session.run("coverage", "report")


@nox.session
def prerelease(session: nox.Session) -> None:
    """Run the tests of the request path on aiohttp's next pre-release, where there is one; a failure is shown only."""
    session.install("-q", "-e", ".", *_REQUEST_PATH_TOOLS)
    session.install("-q", "--upgrade", "--pre", "aiohttp")
    version = session.run("python", "-c", "import aiohttp; print(aiohttp.__version__)", silent=True) or ""
    if not re.search(r"[a-z]", version.strip()):
        session.skip(f"there is no pre-release of aiohttp: the newest is {version.strip()}")
    session.run("pytest", *_ON_ALL_CORES, *_REQUEST_PATH, *session.posargs, success_codes=range(256))


@nox.session
def soak(session: nox.Session) -> None:
    """Call a faulty server for two minutes, match every answer with its request, and watch for leaks."""
    session.install("-q", "-e", ".", "trustme")
    session.run("python", "-m", "tests.hostile.soak", *(session.posargs or ("--seconds", "120")))


_PURE_CORE = ("*/aws/eventstream/*", "*/aws/retries/*", "*/aws/signing/*", "*/records/*")
_PURE_CORE_TESTS = (
    "tests/vectors/test_eventstream_vectors.py",
    "tests/vectors/test_sigv4_vectors.py",
    "tests/unit/test_eventstream.py",
    "tests/unit/test_iterators.py",
    "tests/unit/test_local_signatures.py",
    "tests/unit/test_outcomes.py",
    "tests/unit/test_ratelimit.py",
    "tests/unit/test_records.py",
    "tests/unit/test_records_dialects.py",
    "tests/unit/test_results.py",
    "tests/unit/test_retries_policy.py",
    "tests/unit/test_sigv4.py",
    "tests/unit/test_sse.py",
)
_COVERAGE = "coverage>=7.10"
_ON_ALL_CORES = ("-n", "auto", "--dist", "worksteal")
_MOST_TESTS = (
    *_ON_ALL_CORES,
    *(f"--ignore=tests/{folder}" for folder in ("docs", "foreign", "openai", "ray", "sdk")),
)
_REQUEST_PATH_TOOLS = (
    "aioresponses", "hypothesis", "pytest>=8.3", "pytest-asyncio>=1.0", "pytest-timeout>=2.3", "pytest-xdist>=3.6",
    "trustme",
)  # fmt: skip
_REQUEST_PATH = (
    "tests/wire",
    "tests/hostile",
    "tests/unit/test_transport.py",
    "tests/unit/test_transport_public.py",
    "tests/unit/test_places.py",
    "tests/unit/test_protocol.py",
    "tests/unit/test_straight.py",
    "tests/unit/test_translation.py",
    "tests/unit/test_pipeline.py",
    "tests/unit/test_runtime_client.py",
    "tests/unit/test_predictor_stream.py",
    "tests/unit/test_session.py",
    "tests/unit/test_settings_resolve.py",
    "tests/unit/test_hosting_client.py",
    "tests/unit/test_response_schema.py",
    "tests/integration/test_end_to_end.py",
    "tests/integration/test_retries_counted.py",
    "tests/integration/test_streams_left_early.py",
    "tests/integration/test_timeouts.py",
    "tests/integration/test_wrong_settings.py",
)
"""What needs no botocore as its oracle: an older one differs from us where a newer one does not."""


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Run the benchmarks, or those that are named; see benchmarks/README.md."""
    session.install("-q", "-e", ".[bench]")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Look for inputs that break what reads others' bytes: ``nox -s fuzz -- TARGET --seconds 60``, or all targets."""
    session.install("-q", "-e", ".", "atheris")
    session.run("python", "-m", "tests.fuzz", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site of guides and reference into `build/site`, and the wheel, and test both; run the notebook."""
    session.install("-q", "-e", ".[docs,examples]")
    session.run("pip", "wheel", "-q", "--no-deps", "--wheel-dir", "build/wheel", ".")
    session.run("mkdocs", "build", "--strict", "--quiet", env={"NO_MKDOCS_2_WARNING": "1"})
    session.run("pytest", "-s", "--confcutdir=tests/docs", "tests/docs", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install("-q", "-e", ".[lint]")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, of the package and of `tests/typing`, which is checked and never run; and that all are known."""
    session.install("-q", "-e", ".[cli,test,lint]")
    session.run("mypy")
    # What pyright fails for: no py.typed, or a public name whose type it would have to infer.
    session.run("pyright", "--verifytypes", "sagemaker_async", "--ignoreexternal")


@nox.session
def coverage(session: nox.Session) -> None:
    """Measure which lines and branches of the pure core its own tests take, and fail unless that is all of them."""
    session.install("-q", "-e", ".", _COVERAGE, "orjson", "pytest-asyncio>=1.5", *_REQUEST_PATH_TOOLS)
    session.run("coverage", "erase")
    # Tests that count operations would count those of the measurement.
    arguments = (*_ON_ALL_CORES, "-k", "not WorkIsLinear", *_PURE_CORE_TESTS)
    session.run("coverage", "run", "--branch", "-m", "pytest", *arguments)
    session.run("coverage", "combine", "-q")
    files = f"--include={','.join(_PURE_CORE)}", "--omit=*/records/iterator.py"
    session.run("coverage", "report", *files, "--fail-under=100")


@nox.session
def audit(session: nox.Session) -> None:
    """Look for known vulnerabilities in what gets installed with the package; skip where nobody can be asked."""
    session.install("-q", ".")
    installed = session.run("pip", "freeze", "--exclude", "sagemaker-async", silent=True, log=False) or ""
    requirements = Path(session.create_tmp(), "requirements.txt")
    requirements.write_text(installed)
    session.install("-q", "pip-audit")
    answer = session.run(
        "pip-audit", "--requirement", str(requirements), "--no-deps", "--disable-pip", "--progress-spinner=off",
        "--timeout=5", silent=True, success_codes=range(256),
    ) or ""  # fmt: skip
    unknown = answer.count("could not be audited")
    if re.search(r"^Found \d+ known vulnerabilit", answer, re.MULTILINE):
        session.error(answer)
    if "No known vulnerabilities found" not in answer or unknown == len(installed.splitlines()):
        session.skip(f"the service could not be asked: {answer[-300:]}")
    session.log(f"no known vulnerabilities in {len(installed.splitlines()) - unknown} packages; {unknown} are unknown")
