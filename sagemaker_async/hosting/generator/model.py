"""What `generate` takes from botocore's service model: the modelled operations' shapes, and their types in Python.

A shape is used in up to three ways, and each way has types of its own: in requests (constrained), in responses (as it
comes), and as a keyword of a method (what an editor is to suggest). Blocks if it is given botocore's loader to read.

The classes of shapes are spread over modules, so that an operation's first call imports little beside what it needs:
each family of operations has its operations that only read apart from the others, and for both one module of requests
and one of responses; structures that several families have are in modules of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from botocore import xform_name
from botocore.model import OperationModel, ServiceModel, Shape

from sagemaker_async.aws.protocols.structures import OUTPUT, RequestStructure
from sagemaker_async.hosting.operations import HostingOperation

from .patterns import translated

__all__ = ["HostingModel", "bounds", "python_name"]

_PLAIN = {"string": "str", "integer": "int", "long": "int", "float": "float", "double": "float", "boolean": "bool"}
_STRICT = {"int": "StrictInt", "float": "FiniteFloat", "bool": "StrictBool", "str": "StrictStr"}
_READING = ("Describe", "List", "Query")


def python_name(aws_name: str) -> str:
    """Return a member's name in snake_case; with an underscore behind it where pydantic has a method of that name."""
    name: str = xform_name(aws_name)
    return f"{name}_" if hasattr(RequestStructure, name) else name


def bounds(shape: Shape) -> dict[str, Any]:
    """Return the limits of a shape as arguments of `pydantic.Field`."""
    names = ("ge", "le") if _PLAIN.get(shape.type_name) in ("int", "float") else ("min_length", "max_length")
    found = {
        name: shape.metadata[key] for key, name in zip(("min", "max"), names, strict=True) if key in shape.metadata
    }
    if found.get("min_length") == 0:
        del found["min_length"]
    if shape.type_name == "string" and (pattern := shape.metadata.get("pattern")) is not None:
        rust = translated(pattern)
        if rust is not None:
            found["pattern"] = rust
    return found


class HostingModel:
    """The part of botocore's service model that the modelled operations need.

    Args:
        service: botocore's model of SageMaker.
        families: the operations by what they are about.
    """

    def __init__(self, service: ServiceModel, families: Mapping[str, Iterable[HostingOperation]]) -> None:
        self.rows: list[HostingOperation] = [row for rows in families.values() for row in rows]
        self.operations: dict[str, OperationModel] = {}
        self.requests: dict[str, Shape] = {}
        self.responses: dict[str, Shape] = {}
        self._kinds: dict[str, str] = {}
        """Of each operation, its family and whether it only reads: ``endpoints_read``."""
        self._users: dict[tuple[str, bool], set[str]] = {}
        """The kinds of operations that use a shape, by its name and whether that is in requests."""
        self._tops: set[str] = set()
        for family, rows in families.items():
            for row in rows:
                model = self.operations[row.name] = service.operation_model(row.name)
                kind = "read" if row.name.startswith(_READING) else "write"
                self._kinds[row.name] = f"{family}_{kind}"
                self._use(row.name, model.input_shape, self.requests)
                self._use(row.name, model.output_shape, self.responses)

    def _use(self, operation: str, top: Shape | None, found: dict[str, Shape]) -> None:
        if top is None:
            return
        self._tops.add(top.name)
        used: dict[str, Shape] = {}
        _collect(top, used)
        for name, shape in used.items():
            found.setdefault(name, shape)
            self._users.setdefault((name, found is self.requests), set()).add(self._kinds[operation])

    def module(self, operation: str, *, request: bool) -> str:
        """Return the module of an operation's request or response."""
        return _module(self._kinds[operation], request=request)

    def home(self, shape: Shape, *, request: bool) -> str:
        """Return the module of a structure, or of a value with constraints."""
        users = self._users[shape.name, request]
        families = {kind.rpartition("_")[0] for kind in users}
        if len(users) == 1:
            return _module(next(iter(users)), request=request)
        if len(families) == 1:
            return _module(f"{families.pop()}_read", request=request)
        return _module("shared", request=request) if shape.type_name == "structure" else "scalars"

    def literal_rules(self, shape: Shape) -> dict[str, Any] | None:
        """Return the rules of a value in a request as literals of pydantic_core; None: they cannot say them."""
        if _is_enum(shape) or shape.type_name not in _PLAIN:
            return None
        plain = self.plain_type(shape)
        return {"type": plain, **bounds(shape), **({"allow_inf_nan": False} if plain == "float" else {})}

    def structures(self, found: Mapping[str, Shape]) -> Iterator[Shape]:
        """Yield the nested structures among these shapes, each after those it holds."""
        return (shape for shape in found.values() if shape.type_name == "structure" and shape.name not in self._tops)

    @property
    def enums(self) -> list[Shape]:
        """The texts with known values, by name."""
        every = {**self.requests, **self.responses}
        return sorted((shape for shape in every.values() if _is_enum(shape)), key=lambda shape: shape.name)

    @property
    def request_enums(self) -> list[Shape]:
        """The texts with known values that requests hold, by name."""
        return [shape for shape in self.enums if shape.name in self.requests]

    @property
    def scalars(self) -> list[Shape]:
        """The values with constraints that requests hold, by name."""
        return sorted(
            (shape for shape in self.requests.values() if _is_constrained(shape)), key=lambda shape: shape.name
        )

    @property
    def dropped(self) -> list[str]:
        """The names of the shapes whose pattern has no translation."""
        patterns = ((shape.name, shape.metadata.get("pattern")) for shape in self.requests.values())
        return sorted(name for name, pattern in patterns if pattern is not None and translated(pattern) is None)

    def request_type(self, shape: Shape, *, element: bool = False) -> str:
        """Return the type of a value in a request shape; an element of a list or map has its bounds in the type."""
        match shape.type_name:
            case "structure":
                return shape.name
            case "timestamp":
                return "RequestTimestamp"
            case "list" | "map":
                inside = ", ".join(self.request_type(part, element=True) for part in _parts(shape))
                whole = f"{'list' if shape.type_name == 'list' else 'dict'}[{inside}]"
                limits = ", ".join(f"{name}={value}" for name, value in bounds(shape).items())
                return f"Annotated[{whole}, Field({limits})]" if element and limits else whole
        if _is_enum(shape):
            return f"{shape.name}Input"
        if _is_constrained(shape):
            return shape.name
        return _STRICT[self.plain_type(shape)]

    def response_type(self, shape: Shape) -> str:
        """Return the type of a value in a response shape."""
        match shape.type_name:
            case "structure":
                return f"{shape.name}{OUTPUT}" if shape.name in self.requests else shape.name
            case "timestamp":
                return "Timestamp"
            case "list" | "map":
                inside = ", ".join(map(self.response_type, _parts(shape)))
                return f"{'list' if shape.type_name == 'list' else 'dict'}[{inside}]"
        return shape.name if _is_enum(shape) else self.plain_type(shape)

    def keyword_type(self, shape: Shape, prefix: str = "") -> str:
        """Return the type of a method's keyword; `prefix` stands before the names of structures."""
        match shape.type_name:
            case "structure":
                twin = f" | {prefix}{shape.name}{OUTPUT}" if shape.name in self.responses else ""
                return f"{prefix}{shape.name}{twin} | Mapping[str, Any]"
            case "timestamp":
                return "datetime | float | str"
            case "list" | "map":
                inside = ", ".join(self.keyword_type(part, prefix) for part in _parts(shape))
                return f"{'Sequence' if shape.type_name == 'list' else 'Mapping'}[{inside}]"
        return shape.name if _is_enum(shape) else self.plain_type(shape)

    def item_type(self, row: HostingOperation) -> str:
        """Return the type of what an operation that answers in pages lists."""
        output: Any = self.operations[row.name].output_shape
        return self.response_type(output.members[row.items].member)

    def plain_type(self, shape: Shape) -> str:
        """Return the Python type of a scalar.

        Raises:
            ValueError: a scalar of this kind has not occurred yet: say here what it is in Python.
        """
        try:
            return _PLAIN[shape.type_name]
        except KeyError:
            raise ValueError(f"{shape.name} is a {shape.type_name}, which has no type in Python yet") from None


def _module(kind: str, *, request: bool) -> str:
    return f"{kind}_{'requests' if request else 'responses'}"


def _collect(shape: Shape, found: dict[str, Shape]) -> None:
    if shape.name in found:
        return
    for part in _parts(shape):
        _collect(part, found)
    found[shape.name] = shape


def _parts(shape: Any) -> list[Shape]:
    match shape.type_name:
        case "structure":
            return list(shape.members.values())
        case "list":
            return [shape.member]
        case "map":
            return [shape.key, shape.value]
    return []


def _is_enum(shape: Shape) -> bool:
    return bool(shape.metadata.get("enum"))


def _is_constrained(shape: Shape) -> bool:
    return shape.type_name in _PLAIN and not _is_enum(shape) and bool(bounds(shape))
