"""The text of `generated.shapes`: pydantic models of requests, responses and the structures they hold, by module.

Annotations there are not strings, because pydantic would have to evaluate each: every class stands after those it
holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.model import Shape

from sagemaker_async.aws.protocols.structures import OUTPUT

from .layout import Name, arguments, head, imports, packed, quoted, text_of_words, words
from .model import HostingModel, bounds, python_name

__all__ = ["shape_modules"]

PACKAGE = "hosting.generated.shapes"

_FOREIGN = {
    "typing": ("Annotated",),
    "pydantic": ("Field", "StrictBool", "StrictInt", "StrictStr"),
    "sagemaker_async.aws.protocols.structures": (
        "ABSENT",
        "RequestStructure",
        "RequestTimestamp",
        "ResponseStructure",
        "Timestamp",
    ),
    "sagemaker_async.aws.shapes.models": ("RequestShape", "ResponseShape"),
    "sagemaker_async.hosting.enumerations": ("OneOf",),
}
"""What shapes are made of, by where it is from."""


def shape_modules(model: HostingModel, notice: str) -> dict[str, str]:
    """Return the text of each module by its file's name."""
    bodies = _bodies(model)
    homes = {name: module for module, classes in bodies.items() for name in classes}
    enums = {shape.name for shape in model.enums}
    modules = {
        f"{module}.py": _module(module, _details(module, model), classes, homes, enums, notice)
        for module, classes in bodies.items()
    }
    fields = {f"{row.name}Fields": "fields" for row in model.rows}
    modules["fields.py"] = _fields(model, homes, enums, notice)
    modules["__init__.py"] = _package(homes | fields, notice)
    return modules


def _bodies(model: HostingModel) -> dict[str, dict[str, str]]:
    """Return the definitions of all names, by module, each after those that it needs."""
    bodies: dict[str, dict[str, str]] = defaultdict(dict)
    finite = "Annotated[float, Field(strict=True, allow_inf_nan=False)]"
    bodies["scalars"]["FiniteFloat"] = f"FiniteFloat = {finite}\n"
    for shape in model.request_enums:
        values = [quoted(value) for value in (shape.name, *shape.metadata["enum"])]
        name = model.request_type(shape)
        body = packed(f"{name} = Annotated[{shape.name}, OneOf(", values, ")]")
        bodies["enumerations"][name] = body
    for shape in model.scalars:
        bodies[model.home(shape, request=True)][shape.name] = _scalar(model, shape)
    for shape in model.structures(model.requests):
        body = _request_class(model, shape, shape.name, "RequestStructure")
        bodies[model.home(shape, request=True)][shape.name] = body
    for shape in model.structures(model.responses):
        name = model.response_type(shape)
        bodies[model.home(shape, request=False)][name] = _response_class(model, shape, name, "ResponseStructure")
    for row in model.rows:
        operation = model.operations[row.name]
        body = _request_class(model, operation.input_shape, row.request, "RequestShape")
        bodies[model.module(row.name, request=True)][row.request] = body
        body = _response_class(model, operation.output_shape, row.response, "ResponseShape")
        bodies[model.module(row.name, request=False)][row.response] = body
    return bodies


def _module(
    module: str,
    details: str,
    classes: Mapping[str, str],
    homes: Mapping[str, str],
    enums: Iterable[str],
    notice: str,
) -> str:
    body = "".join(classes.values())
    used = words(body)
    text = head(f"{_subject(module)}.", details, notice, strings=False)
    text += "".join(imports(home, used.intersection(names)) for home, names in _FOREIGN.items())
    text += "\n" + _own_imports(module, used, homes, enums)
    return f"{text}\n{body}"


def _details(module: str, model: HostingModel) -> str:
    if module != "scalars":
        return ""
    dropped = ", ".join(model.dropped) or "none"
    return f"Patterns are translated by `generator.patterns`. Left out, because they have no translation: {dropped}."


def _subject(module: str) -> str:
    if module == "enumerations":
        return "The texts in requests for which SageMaker has a list of values, with those that botocore knows"
    if module == "scalars":
        return "The values that the requests of several families may hold, with SageMaker's limits"
    kind, _, side = module.rpartition("_")
    if kind == "shared":
        return f"The structures in {side} of several families"
    family, _, reads = kind.rpartition("_")
    does = "only read" if reads == "read" else "change something"
    return f"The {side} of the operations on {family.replace('_', ' ')} that {does}"


def _own_imports(module: str, used: set[str], homes: Mapping[str, str], enums: Iterable[str]) -> str:
    text = imports("sagemaker_async.hosting.generated.names", used.intersection(enums))
    for home in sorted({homes[name] for name in used if name in homes} - {module}):
        text += imports(f".{home}", (name for name in used if homes.get(name) == home))
    return text


def _fields(model: HostingModel, homes: Mapping[str, str], enums: Iterable[str], notice: str) -> str:
    body = ""
    used: set[str] = set()
    for row in model.rows:
        shape: Any = model.operations[row.name].input_shape
        body += f"\nclass {row.name}Fields(TypedDict, total=False):\n"
        for name, member in shape.members.items():
            kind = model.keyword_type(member)
            body += f"    {name}: {kind}{'' if name in shape.required_members else ' | None'}\n"
            used |= words(kind)
    text = head("The keywords of the hosting client's methods in AWS's spelling, for type checkers.", "", notice)
    text += "from collections.abc import Mapping, Sequence\n"
    text += "from datetime import datetime\n" if "datetime" in used else ""
    text += "from typing import TYPE_CHECKING, Any, TypedDict\n\n"
    text += imports("sagemaker_async.hosting.generated.names", used.intersection(enums))
    text += "\nif TYPE_CHECKING:\n"
    for home in sorted({homes[name] for name in used if name in homes}):
        text += imports(f".{home}", (name for name in used if homes.get(name) == home), "    ")
    return f"{text}{body}"


def _package(homes: Mapping[str, str], notice: str) -> str:
    by_module: dict[str, list[str]] = {}
    for name, home in homes.items():
        by_module.setdefault(home, []).append(name)
    text = head(
        "The requests and responses of SageMaker hosting, and the structures they hold.",
        "Requests are checked against SageMaker's rules. Responses are taken as they come: a member that SageMaker\n"
        "always sends is typed without None, and reads as None where an answer lacks it all the same; unknown\n"
        "members are kept under AWS's names. A structure that travels both ways has a class for each; that for\n"
        f"responses ends in ``{OUTPUT}``.\n\n"
        "Every name is imported from its module on its first use: a call needs a few of the hundreds there are.",
        notice,
    )
    text += "from typing import TYPE_CHECKING\n\nfrom sagemaker_async import _lazy\n\n_NAMES = {\n"
    for module in sorted(by_module):
        text += f'    "{module}": {text_of_words(sorted(by_module[module]))},\n'
    text += '}\n"""The names that each module has."""\n\nif TYPE_CHECKING:\n'
    text += "".join(f"    from .{module} import *\n" for module in sorted(by_module))
    text += "else:\n    __getattr__, __dir__ = _lazy.names(\n        __name__,\n"
    text += f'        {{name: f"{PACKAGE}.{{home}}" for home, names in _NAMES.items() for name in names.split()}},\n'
    return f"{text}    )\n"


# --- classes ---------------------------------------------------------------------------------------------------------


def _scalar(model: HostingModel, shape: Shape) -> str:
    plain = model.plain_type(shape)
    limits = {**bounds(shape), "strict": True}
    if plain == "float":
        limits["allow_inf_nan"] = False
    return packed(f"{shape.name} = Annotated[{plain}, Field(", arguments(limits), ")]")


def _request_class(model: HostingModel, shape: Shape | None, name: str, base: str) -> str:
    lines = []
    for aws_name, member in _members(shape):
        kind = model.request_type(member)
        limits = bounds(member) if member.type_name in ("list", "map") else {}
        given: dict[str, Any] = {"alias": aws_name, **limits}
        if aws_name not in _required(shape):
            kind += " | None"
            given = {"default": None, **given}
        lines.append(_field(aws_name, kind, given))
    return _class(name, base, lines)


def _response_class(model: HostingModel, shape: Shape | None, name: str, base: str) -> str:
    lines = []
    for aws_name, member in _members(shape):
        always_sent = aws_name in _required(shape)
        kind = model.response_type(member)
        given = {"default": Name("ABSENT" if always_sent else "None"), "alias": aws_name}
        lines.append(_field(aws_name, kind if always_sent else f"{kind} | None", given))
    return _class(name, base, lines)


def _class(name: str, base: str, lines: list[str]) -> str:
    body = "".join(lines or ["    pass\n"])
    return f"\nclass {name}({base}):\n{body}"


def _field(aws_name: str, kind: str, given: Mapping[str, Any]) -> str:
    return packed(f"    {python_name(aws_name)}: {kind} = Field(", arguments(given), ")")


def _members(shape: Any) -> Iterable[tuple[str, Shape]]:
    return shape.members.items() if shape is not None else ()


def _required(shape: Any) -> list[str]:
    return list(shape.required_members) if shape is not None else []
