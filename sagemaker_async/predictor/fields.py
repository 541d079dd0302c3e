"""The fields of an invocation: what a predictor has and what a call adds, in the SDK's order of precedence. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagemaker_async.errors import ConfigurationError

__all__ = ["invocation_fields"]


def invocation_fields(
    initial_args: Mapping[str, Any] | None,
    names: Mapping[str, str],
    target: Mapping[str, str],
    content_type: str,
    accept: str | tuple[str, ...],
    given: Mapping[str, Any],
    component_name: str | None = None,
    session_id: str | None = None,
) -> dict[str, Any]:
    """Return the fields of a request under AWS's names.

    Args:
        initial_args: fields under either spelling.
        names: AWS's name of each field by its Python name.
        target: the fields that say what is called, unless `initial_args` says it.
        content_type: the predictor's, unless `initial_args` has one.
        accept: the predictor's, unless `initial_args` has one.
        given: the arguments of the call, which replace everything; None and empty texts are not given.
        component_name: the predictor's, which replaces the one in `initial_args`, unless it is None or empty.
        session_id: the same.

    Raises:
        ConfigurationError: `initial_args` is not a mapping of fields, or has one twice.
    """
    fields: dict[str, Any] = {**target, "ContentType": content_type}
    if initial_args is not None:
        fields |= _under_aws_names(initial_args, names)
    if "Accept" not in fields:
        fields["Accept"] = accept if isinstance(accept, str) else ", ".join(accept)
    # An empty text is not given, as in the SDK; of other types, what is wrong is left for the checks to say.
    if component_name is not None and component_name != "":
        fields["InferenceComponentName"] = component_name
    if session_id:
        fields["SessionId"] = session_id
    for name, value in given.items():
        if value is not None and value != "":
            fields[name] = value
    return fields


def _under_aws_names(initial_args: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    if not isinstance(initial_args, Mapping):
        raise ConfigurationError(f"initial_args must be a mapping, got {type(initial_args).__name__}")
    fields: dict[str, Any] = {}
    for name, value in initial_args.items():
        if not isinstance(name, str) or name == "timeout":
            raise ConfigurationError(f"initial_args holds fields of the request, under AWS's names, not {name!r}")
        aws_name = names.get(name, name)
        if aws_name in fields:
            raise ConfigurationError(f"initial_args has {aws_name} twice, in two spellings; give it once")
        fields[aws_name] = value
    return fields
