"""The command line ``sagemaker-async``: call endpoints, submit work to them, score files, list endpoints, serve one
locally or as OpenAI's API, run a demo.

`main` takes the arguments and returns the exit status:

- 0: success;
- 1: a call failed, or a check of the demo did;
- 2: nothing was sent, because the command line, the configuration or the input is wrong;
- 3: a bulk run is complete, and some of its records failed;
- 130: interrupted (Ctrl-C); connections are closed first (143 when a bulk run ends by SIGTERM);
- 141: the reader of the output left early, as ``head`` does.

Answers go to standard output and everything else to standard error. Each command is a module with
``add_parser(commands)`` and ``run(arguments)``.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata

from sagemaker_async.errors import SageMakerAsyncError

from . import bulk, demo, endpoints, invoke, openai, result, serve, stream, submit
from .failures import description, exit_status

__all__ = ["COMMANDS", "main", "make_parser"]

COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "invoke": invoke.run,
    "stream": stream.run,
    "bulk": bulk.run,
    "submit": submit.run,
    "result": result.run,
    "endpoints": endpoints.run,
    "serve": serve.run,
    "openai": openai.run,
    "demo": demo.run,
}

_INTERRUPTED = 128 + 2
_BROKEN_PIPE = 128 + 13


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; `argv` is ``sys.argv[1:]`` unless given.

    Raises:
        SystemExit: argparse's, after ``--help`` and ``--version`` (0) and for a wrong command line (2).
    """
    parser = make_parser()
    arguments = _parsed(parser, argv)
    arguments.argv = sys.argv[1:] if argv is None else list(argv)
    if arguments.command not in COMMANDS:
        parser.print_help(sys.stderr)
        return 2
    try:
        with _logging(arguments.verbose):
            status = COMMANDS[arguments.command](arguments)
            sys.stdout.flush()
    except SageMakerAsyncError as error:
        print(f"sagemaker-async: {description(error)}", file=sys.stderr)
        return exit_status(error)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # The interpreter would fail to flush the rest of the output when it exits, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except OSError as error:  # the disk is full, for instance
        print(f"sagemaker-async: {error}", file=sys.stderr)
        return 1
    return status


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="sagemaker-async",
        description="Amazon SageMaker inference from the command line.",
        epilog="Exit status: 0 success, 1 the call failed, 2 wrong usage or configuration (nothing was sent), "
        "3 records of a\nbulk run failed, 130 interrupted.\nNew here? sagemaker-async demo needs no AWS account.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"sagemaker-async {metadata.version('sagemaker-async')}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for command in (invoke, stream, bulk, submit, result, endpoints, serve, openai, demo):
        command.add_parser(commands)
    return parser


def _parsed(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments; BODY may stand after options, where argparse finds it from Python 3.12.7 on only."""
    arguments, left = parser.parse_known_args(argv)
    if len(left) == 1 and getattr(arguments, "body", "") is None and (left[0] == "-" or not left[0].startswith("-")):
        arguments.body = left.pop()
    if left:
        parser.error(f"unrecognized arguments: {' '.join(left)}")
    return arguments


@contextmanager
def _logging(verbose: int) -> Iterator[None]:
    """Send the package's log to standard error while a command runs, from level INFO (1) or DEBUG (2) on."""
    if not verbose:
        yield
        return
    logger = logging.getLogger("sagemaker_async")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO if verbose == 1 else logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
