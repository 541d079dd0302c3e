"""SageMaker's rules over several fields of a request, which botocore's model does not have. Pure.

A rule is here only if AWS documents it or always refuses what breaks it, so that nothing is refused that would work.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModel.html and
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sagemaker_async.errors import FieldProblem

__all__ = ["broken_rules"]


def broken_rules(operation: str, fields: Mapping[str, Any]) -> list[FieldProblem]:
    """Return what is wrong with a request whose fields are right, each taken by itself.

    Args:
        operation: AWS's name of the operation.
        fields: the validated fields by Python names.
    """
    rule = _RULES.get(operation)
    return rule(fields) if rule is not None else []


def _create_model(fields: Mapping[str, Any]) -> list[FieldProblem]:
    containers = fields.get("containers") or []
    if not containers and fields.get("primary_container") is None:
        rule = "must be given, or containers for a pipeline of several: a model needs at least one container"
        return [FieldProblem("primary_container", "PrimaryContainer", rule)]
    nameless = [number for number, container in enumerate(containers) if not container.container_hostname]
    if len(nameless) == len(containers):
        return []
    rule = "must be given, because other containers of this model have one: name all containers or none"
    return [
        FieldProblem(f"containers.{number}.container_hostname", f"Containers.{number}.ContainerHostname", rule)
        for number in nameless
    ]


_RULES: dict[str, Callable[[Mapping[str, Any]], list[FieldProblem]]] = {"CreateModel": _create_model}
