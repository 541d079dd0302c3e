"""The fields of an invocation: what a predictor has and what a call adds, in the SDK's order of precedence. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagemaker_async.errors import ConfigurationError

__all__ = ["invocation_fields"]


def invocation_fields(
    initial_args: Mapping[str, Any] | None,
    names: Mapping[str, str],
    *,
    target: Mapping[str, str],
    content_type: str,
    accept: str | tuple[str, ...],
    own: Mapping[str, Any],
    given: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the fields of a request under AWS's names.

    Args:
        initial_args: fields under either spelling, which the predictor's own do not replace.
        names: AWS's name of each field by its Python name.
        target: the fields that say what is called.
        content_type: the predictor's.
        accept: the predictor's.
        own: further fields of the predictor, which replace those in `initial_args`.
        given: the arguments of the call, which replace everything. Of both, None and empty texts are not given.

    Raises:
        ConfigurationError: `initial_args` is not a mapping of fields, or has one twice.
    """
    if initial_args is not None and not isinstance(initial_args, Mapping):
        raise ConfigurationError(f"initial_args must be a mapping, got {type(initial_args).__name__}")
    fields: dict[str, Any] = {}
    for name, value in (initial_args or {}).items():
        if not isinstance(name, str) or name == "timeout":
            raise ConfigurationError(f"initial_args holds fields of the request, under AWS's names, not {name!r}")
        aws_name = names.get(name, name)
        if aws_name in fields:
            raise ConfigurationError(f"initial_args has {aws_name} twice, in two spellings; give it once")
        fields[aws_name] = value
    fields = {**target, **fields}
    fields.setdefault("ContentType", content_type)
    if "Accept" not in fields:
        fields["Accept"] = accept if isinstance(accept, str) else ", ".join(accept)
    # An empty text is not given, as in the SDK; of other types, what is wrong is left for the checks to say.
    for more in (own, given):
        fields |= {name: value for name, value in more.items() if value is not None and value != ""}
    return fields
