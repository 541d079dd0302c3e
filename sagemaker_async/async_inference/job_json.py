"""A job as a text, for another process: JSON with a kind, a version, and a digest of the rest.

The digest reveals text that was cut or changed by mistake. It is not a signature: the text says where to read a result,
and anyone who can write it can have another object read. Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from sagemaker_async.aws.s3.uris import parse_s3_uri
from sagemaker_async.errors import InvalidJobError, RequestValidationError

__all__ = ["VERSION", "fields_of", "job_json"]

VERSION: Final = 1
"""The version of the format."""
_KIND: Final = "sagemaker_async.AsyncInferenceJob"
_MOST: Final = 16_384
"""The longest text that is read: more than two S3 URIs and the names can take."""


def job_json(fields: Mapping[str, Any]) -> str:
    """Return the text for the fields of a job."""
    content = {"kind": _KIND, "version": VERSION, **fields}
    return json.dumps({**content, "digest": _digest(content)})


def fields_of(text: str | bytes) -> dict[str, Any]:
    """Return the fields of a job.

    Raises:
        InvalidJobError: the text is not a job, was changed, or has another version.
    """
    if not isinstance(text, str | bytes) or len(text) > _MOST:
        raise InvalidJobError(f"a job is the text that to_json() returned, of at most {_MOST} characters")
    try:
        content = json.loads(text)
        digest = content.pop("digest", None) if isinstance(content, dict) else None
        expected = _digest(content)
    except (ValueError, RecursionError):
        raise InvalidJobError("the text is not JSON; give what to_json() returned") from None
    if not isinstance(content, dict) or content.get("kind") != _KIND:
        raise InvalidJobError(f"the JSON is not a job: it does not have the kind {_KIND!r}")
    version = content.get("version")
    if version != VERSION or isinstance(version, bool):
        raise InvalidJobError(
            f"the job has version {str(version)[:20]!r}, and this sagemaker-async reads version {VERSION}: use the "
            "sagemaker-async that wrote it"
        )
    if digest != expected:
        raise InvalidJobError("the job was changed since it was written: its digest does not match")
    del content["kind"], content["version"]
    if set(content) != set(_FIELDS):
        raise InvalidJobError(f"the job does not have the fields {', '.join(_FIELDS)}")
    for name, is_valid in _FIELDS.items():
        if not is_valid(content[name]):
            raise InvalidJobError(f"the job's {name} is not what to_json() writes")
    return content


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def _is_location(value: object) -> bool:
    try:
        parse_s3_uri(value)  # type: ignore[arg-type]  # it refuses what is not a str
    except RequestValidationError:
        return False
    return True


def _is_text(value: object) -> bool:
    return value is None or (isinstance(value, str) and len(value) <= 1024)


def _is_seconds(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 86_400


_FIELDS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "output_path": _is_location,
    "failure_path": lambda value: value is None or _is_location(value),
    "endpoint_name": _is_text,
    "inference_id": _is_text,
    "submitted": lambda value: isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12,
    "ttl": _is_seconds,
    "timeout": _is_seconds,
}
