"""``python -m tests.fuzz TARGET --seconds N``: look for inputs that break a target, and keep what they reach.

With ``--replay FILE`` one input is run, with ``--list`` the targets are named, and with ``--seconds 0`` the kept corpus
is only made smaller. Without a target all of them run, one after the other. Looking needs atheris: ``pip install
atheris``, or ``nox -s fuzz -- TARGET --seconds N``. An input that breaks a target is left in the directory that
``--findings`` names, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

_SECONDS_OF_ONE_INPUT = 10
_MEGABYTES = 2048


def main(arguments: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    options = _parser().parse_args(arguments)
    from .targets import TARGETS

    if options.list:
        print("\n".join(TARGETS))
        return 0
    names = [options.target] if options.target else list(TARGETS)
    if unknown := [name for name in names if name not in TARGETS]:
        print(f"there is no target {unknown[0]!r}; the targets are {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    if options.replay:
        with TARGETS[names[0]].open() as check:
            check(options.replay.read_bytes())
        return 0
    options.findings.mkdir(parents=True, exist_ok=True)
    return max(_fuzzed(name, options.seconds, options.findings) for name in names)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", nargs="?", metavar="TARGET", help="what to fuzz; all when it is left out")
    parser.add_argument("--seconds", type=int, default=60, help="how long to look, for each target (60)")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run one input instead")
    parser.add_argument("--list", action="store_true", help="name the targets")
    parser.add_argument("--findings", type=Path, default=Path("findings"), help="where inputs that break a target go")
    return parser


def _fuzzed(name: str, seconds: int, findings: Path) -> int:
    """Look for `seconds`, in a process of its own, and fold what was found into the kept corpus."""
    from . import corpus
    from .targets import TARGETS

    target = TARGETS[name]
    known = [*dict(corpus.inputs(target)).values(), *target.seeds()]
    code = 0
    with tempfile.TemporaryDirectory() as directory:
        for number, data in enumerate(known):
            Path(directory, f"known-{number}").write_bytes(data)
        if seconds:
            command = [sys.executable, "-c", "from tests.fuzz.__main__ import look; look()", name]
            command += [directory, f"-max_total_time={seconds}", f"-artifact_prefix={findings}/{name}-"]
            # aiohttp's parser in Python can be watched, the one in C cannot.
            environment = {**os.environ, "AIOHTTP_NO_EXTENSIONS": "1"}
            code = subprocess.run(command, env=environment, check=False).returncode
        if code == 0:
            kept = corpus.minimised(target, [file.read_bytes() for file in Path(directory).iterdir()])
            print(f"{name}: {corpus.keep(target, kept)} inputs kept, {sum(map(len, kept))} bytes", flush=True)
    if code:
        print(f"{name}: broken; see {findings}, and --replay", flush=True)
    return 1 if code else 0


def look() -> None:
    """Fuzz the target that the command line names with atheris; does not return."""
    try:
        import atheris
    except ImportError:
        sys.exit("fuzzing needs atheris: pip install atheris, or run it as 'nox -s fuzz'")
    name, directory, *flags = sys.argv[1:]
    with atheris.instrument_imports(include=["sagemaker_async", "aiohttp.http_parser"]):
        from .targets import TARGETS
    target = TARGETS[name]
    with tempfile.NamedTemporaryFile("w", suffix=".dict") as words, target.open() as check:
        for word in target.words:
            words.write('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n')
        words.flush()
        flags += [f"-max_len={target.max_length}", f"-timeout={_SECONDS_OF_ONE_INPUT}", f"-rss_limit_mb={_MEGABYTES}"]
        flags += ["-verbosity=0", "-print_final_stats=1", *([f"-dict={words.name}"] if target.words else [])]
        atheris.Setup([sys.argv[0], directory, *flags], lambda data: check(bytes(data)))
        atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
