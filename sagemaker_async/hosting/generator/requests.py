"""The text of `generated.requests`: what the requests of flat fields take, as literals that need no model.

They say what the models say in `generated.shapes`, of the same facts. A request with a field that a literal cannot say
(an enumeration, a moment, a list, a structure) is validated by its model.
"""

from __future__ import annotations

from typing import Any

from sagemaker_async.hosting.operations import HostingOperation

from .layout import arguments, head, packed, quoted
from .model import HostingModel, python_name

__all__ = ["requests_module"]


def requests_module(model: HostingModel, notice: str) -> str:
    """Return the text of the module."""
    text = head(
        "What each request of flat fields takes, as literals that need no model.",
        "Every other request is validated by its model, in `shapes`.",
        notice,
    )
    text += "from collections.abc import Mapping\n\n"
    text += "from sagemaker_async.aws.shapes.requests import CompiledRequest, RequestField\n\n"
    text += '__all__ = ["COMPILED"]\n\nCOMPILED: Mapping[str, CompiledRequest] = {\n'
    text += "".join(_request(model, row) for row in model.rows)
    return f'{text}}}\n"""By AWS\'s name of the operation."""\n'


def _request(model: HostingModel, row: HostingOperation) -> str:
    """Return the entry of an operation; nothing if a literal cannot say it."""
    shape: Any = model.operations[row.name].input_shape
    fields = ""
    for aws_name, member in shape.members.items():
        rules = model.literal_rules(member)
        if rules is None:
            return ""
        literal = ", ".join(f'"{name}": {value}' for name, value in _literals(rules))
        given = [quoted(python_name(aws_name)), quoted(aws_name), f"{{{literal}}}"]
        if aws_name in shape.required_members:
            given.append("required=True")
        fields += packed("        RequestField(", given, "),")
    return f"    {quoted(row.name)}: CompiledRequest(\n{fields}    ),\n"


def _literals(rules: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, literal.partition("=")[2]) for name, literal in zip(rules, arguments(rules), strict=True)]
