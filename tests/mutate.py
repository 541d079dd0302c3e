"""``python -m tests.mutate MODULE ...``: change one thing at a time in the pure core, and see whether a test notices.

A mutant is a module with one change: a comparison, an operator, a number, a flag, a condition turned round, a statement
left out. Each is run in a forked process against the tests that `TESTS` names for its module; a mutant that all of them
pass has survived, and is listed. Texts are left alone where they only say something: in f-strings and what is raised.
A test must fail on a survivor, or CONTRIBUTING.md say why none can. ``MODULE:LINE`` takes the mutants of one line.
Without a module all of them run, which takes half an hour of CPU.

To import the package anew for each would take longer than the tests. So what changes within a function is put into the
functions that are there already, as their code; only for the rest is everything imported again.
"""

from __future__ import annotations

import ast
import copy
import importlib.abc
import importlib.util
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "sagemaker_async"
_SECONDS = 60
"""What the tests of one mutant may take; more is a hang, which counts as noticed."""

_PLUGINS = ("pytest_asyncio.plugin", "pytest_timeout", "sagemaker_async.local.pytest_plugin")
_OPTIONS = (
    "-x", "-q", "--timeout=0", *(option for plugin in _PLUGINS for option in ("-p", plugin)),
    # What was imported before the fork cannot have its assertions rewritten, which pytest warns of.
    "-W", "ignore::pytest.PytestAssertRewriteWarning",
)  # fmt: skip

_SIGNING = (
    "tests/vectors/test_sigv4_vectors.py",
    "tests/unit/test_sigv4.py",
    "tests/unit/test_local_signatures.py",
    "tests/properties/test_sigv4_properties.py",
)
_STREAM = (
    "tests/unit/test_eventstream.py",
    "tests/vectors/test_eventstream_vectors.py",
    "tests/properties/test_eventstream_properties.py",
)
_RETRIES = (
    "tests/unit/test_outcomes.py",
    "tests/unit/test_ratelimit.py",
    "tests/unit/test_retries_policy.py",
    "tests/properties/test_retries_properties.py",
)
_RECORDS = (
    "tests/unit/test_records.py",
    "tests/unit/test_sse.py",
    "tests/unit/test_records_dialects.py",
    "tests/unit/test_results.py",
    "tests/unit/test_iterators.py",
    "tests/fuzz/test_corpus.py",
    "tests/properties/test_splitters_properties.py",
)
TESTS = {
    "aws/signing/sigv4.py": _SIGNING,
    "aws/signing/canonical.py": _SIGNING,
    "aws/eventstream/decoder.py": _STREAM,
    "aws/eventstream/headers.py": _STREAM,
    "aws/eventstream/messages.py": _STREAM,
    "aws/retries/outcomes.py": _RETRIES,
    "aws/retries/ratelimit.py": _RETRIES,
    "aws/retries/policy.py": _RETRIES,
    "aws/credentials/cache.py": ("tests/unit/test_aws_credentials.py",),
    "records/dialects.py": _RECORDS,
    "records/_bounds.py": _RECORDS,
    "records/json_values.py": _RECORDS,
    "records/lines.py": _RECORDS,
    "records/results.py": _RECORDS,
    "records/sse.py": _RECORDS,
    "records/text.py": _RECORDS,
    "records/tokens.py": _RECORDS,
}
"""The modules, and the tests that are to notice, the quickest first."""

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
_OTHER_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}


class _Mutator(ast.NodeTransformer):
    """Makes the change of one number, or with None counts them."""

    def __init__(self, wanted: int | None) -> None:
        self._wanted = wanted
        self._depth = 0
        self.count = 0
        self.change = ""
        self.in_function = False

    def _is_wanted(self, node: ast.AST, change: str) -> bool:
        self.count += 1
        if self.count - 1 != self._wanted:
            return False
        self.change = f"line {getattr(node, 'lineno', 0)}: {change}"
        self.in_function = self._depth > 0
        return True

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.args.defaults = [self.visit(default) for default in node.args.defaults]
        node.args.kw_defaults = [default and self.visit(default) for default in node.args.kw_defaults]
        self._depth += 1
        node.body = [self.visit(statement) for statement in node.body]
        self._depth -= 1
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        if names and (
            names[0].startswith("__") or (isinstance(node.value, ast.Subscript | ast.BinOp) and names[0][0].isupper())
        ):
            return node  # __all__, __slots__, aliases of types
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        return ast.Pass(lineno=node.lineno, col_offset=0) if self._is_wanted(node, "raise left out") else node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        if isinstance(node.value, ast.Constant):
            return node  # a docstring
        if not isinstance(node.value, ast.Yield | ast.YieldFrom) and self._is_wanted(
            node, f"left out: {ast.unparse(node)}"
        ):
            return ast.Pass(lineno=node.lineno, col_offset=0)
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST:
        if ast.unparse(node.test) == "TYPE_CHECKING":
            return node
        return self._turned(node)

    def _turned(self, node: ast.If | ast.IfExp | ast.While) -> ast.AST:
        if not isinstance(node.test, ast.Constant) and self._is_wanted(node, f"turned round: {ast.unparse(node.test)}"):
            node.test = ast.UnaryOp(ast.Not(), node.test)
            return node
        return self.generic_visit(node)

    visit_IfExp = _turned
    visit_While = _turned

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        for place, operator in enumerate(node.ops):
            other = _COMPARISONS[type(operator)]
            if self._is_wanted(node, f"{ast.unparse(node)}: {type(operator).__name__} becomes {other.__name__}"):
                node.ops[place] = other()
                return node
        return self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        other = _OPERATORS.get(type(node.op))
        if other and self._is_wanted(node, f"{ast.unparse(node)}: {type(node.op).__name__} becomes {other.__name__}"):
            node.op = other()
            return node
        return self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        other = _OPERATORS.get(type(node.op))
        if other and self._is_wanted(node, f"{ast.unparse(node)}: {type(node.op).__name__} becomes {other.__name__}"):
            node.op = other()
            return node
        if self._is_wanted(node, f"left out: {ast.unparse(node)}"):
            return ast.Pass(lineno=node.lineno, col_offset=0)
        return self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        for place, _ in enumerate(node.values):
            if self._is_wanted(node, f"{ast.unparse(node)}: without part {place + 1}"):
                del node.values[place]
                return node if len(node.values) > 1 else node.values[0]
        return self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        if isinstance(node.op, ast.Not | ast.USub) and self._is_wanted(node, f"without the sign: {ast.unparse(node)}"):
            return node.operand
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        changed: object
        match node.value:
            case bool():
                changed = not node.value
            case int() | float():
                changed = node.value + 1
            case str():
                changed = f"{node.value}?"
            case bytes():
                changed = node.value + b"?"
            case _:
                return node
        return ast.Constant(changed) if self._is_wanted(node, f"{node.value!r} becomes {changed!r}") else node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        other = _OTHER_NAMES.get(node.id)
        return ast.Name(other, node.ctx) if other and self._is_wanted(node, f"{node.id} becomes {other}") else node

    def visit_Break(self, node: ast.Break) -> ast.AST:
        return ast.Continue() if self._is_wanted(node, "break becomes continue") else node

    def visit_Continue(self, node: ast.Continue) -> ast.AST:
        return ast.Break() if self._is_wanted(node, "continue becomes break") else node


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from a tree."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if fullname != self._mutant.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self._mutant.path, loader=self)

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        self._mutant.run(vars(module))


class Mutant(NamedTuple):
    """A module with one change."""

    name: str
    path: Path
    tree: ast.Module
    change: str = ""
    in_function: bool = False

    def run(self, namespace: dict[str, Any]) -> None:
        """Run the module's own statements."""
        exec(compile(self.tree, str(self.path), "exec"), namespace)

    def install(self) -> None:
        """Put this module in the place of the one that was imported."""
        if self.in_function:
            module = sys.modules[self.name]
            fresh = ModuleType(self.name)
            fresh.__package__ = module.__package__
            self.run(vars(fresh))
            changed = dict(_functions(vars(fresh), self.name))
            for place, function in _functions(vars(module), self.name):
                function.__code__ = changed[place].__code__
            return
        for imported in [name for name in sys.modules if name.partition(".")[0] == PACKAGE.name]:
            del sys.modules[imported]
        sys.meta_path.insert(0, _Finder(self))

    def survives(self, tests: Sequence[str]) -> bool:
        """Return whether all tests pass with it."""
        child = os.fork()
        if child == 0:
            code = 1
            try:
                signal.alarm(_SECONDS)
                null = os.open(os.devnull, os.O_RDWR)
                for stream in (0, 1, 2):
                    os.dup2(null, stream)
                self.install()
                code = int(pytest.main([*_OPTIONS, *tests]))
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        return status == 0


def _functions(namespace: dict[str, Any], module: str) -> Iterator[tuple[str, FunctionType]]:
    """Yield the functions that a module defines, and the places where they are."""
    for name, value in namespace.items():
        if isinstance(value, type):
            if value.__module__ == module:
                yield from ((f"{name}.{inner}", function) for inner, function in _functions(dict(vars(value)), module))
            continue
        candidates = [value, *(getattr(value, inside, None) for inside in ("__func__", "__wrapped__", "fget", "func"))]
        for place, function in enumerate(candidates):
            if isinstance(function, FunctionType) and function.__module__ == module:
                yield f"{name} {place}", function


def mutants(module: str) -> Iterator[Mutant]:
    """Yield a module as it is, and then changed in all ways, one at a time."""
    path = PACKAGE / module
    name = "sagemaker_async." + module.removesuffix(".py").replace("/", ".")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    yield Mutant(name, path, tree)
    counter = _Mutator(None)
    counter.visit(copy.deepcopy(tree))
    for number in range(counter.count):
        mutator = _Mutator(number)
        changed = ast.fix_missing_locations(mutator.visit(copy.deepcopy(tree)))
        yield Mutant(name, path, changed, mutator.change, mutator.in_function)


def main(arguments: Sequence[str]) -> int:
    """Run the modules that are named, or all; return 1 when a mutant survives."""
    os.chdir(ROOT)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # all that are installed take longer than the tests
    for needed in ("aioresponses", "botocore.session", "hypothesis.strategies", "sagemaker_async.local.server"):
        importlib.import_module(needed)
    survivors = 0
    for argument in arguments or TESTS:
        module, _, line = argument.partition(":")
        importlib.import_module("sagemaker_async." + module.removesuffix(".py").replace("/", "."))
        count = 0
        for mutant in mutants(module):
            if mutant.change and not mutant.change.startswith(f"line {line}:" if line else ""):
                continue
            if mutant.survives(TESTS[module]) == bool(mutant.change):
                survivors += 1
                print(f"{module}, {mutant.change or 'its tests fail as it is'}", flush=True)
                if not mutant.change:
                    break
            count += 1
        print(f"{module}: {count - 1} mutants", flush=True)
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
