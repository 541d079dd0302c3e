"""The project's checks: ``nox`` runs the tests in both environments, ``nox -s lint types`` the rest.

Two environments, because aiobotocore needs an older botocore than the one we test and generate against:

- ``tests``: everything but `tests/foreign`, with the newest botocore as the oracle.
- ``foreign``: `tests/foreign`, aiobotocore with its own botocore as a client of the embedded SageMaker.
"""

from __future__ import annotations

import nox

nox.options.sessions = ["tests", "foreign"]
nox.options.error_on_external_run = True
nox.options.reuse_venv = "yes"


@nox.session
def tests(session: nox.Session) -> None:
    """Run the test suite."""
    session.install("-q", "-e", ".[cli,test]")
    session.run("pytest", "--ignore=tests/foreign", *session.posargs)


@nox.session
def foreign(session: nox.Session) -> None:
    """Run the tests with aiobotocore and its botocore."""
    session.install("-q", "-e", ".[test-foreign]")
    session.run("pytest", "--confcutdir=tests/foreign", "tests/foreign", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install("-q", "-e", ".[lint]")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, of the package and of `tests/typing`, which is checked and never run."""
    session.install("-q", "-e", ".[cli,test,lint]")
    session.run("mypy")
