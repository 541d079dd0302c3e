"""Answers in AWS's form: JSON errors with ``x-amzn-ErrorType``, and the faults that replace a whole answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from .faults import Status, Throttle

__all__ = ["NOT_ADMITTED", "Refusal", "json_answer", "json_refusal", "scripted_answer", "xml_answer"]

_no_xml = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot hold, not even escaped (XML 1.0, section 2.2)."""
_TYPE_SUFFIX = ":http://internal.amazon.com/coral/com.amazon.coral.service/"


NOT_ADMITTED = "AccessDeniedException"
"""The code of the refusal of a browser's request for another site: HTTP 403 in every service's form."""


class Refusal(Exception):
    """A request that is answered with an error.

    Args:
        status: the HTTP status.
        code: AWS's error code; empty for what SageMaker's front end refuses without one.
        message: AWS's text.
        fields: further members of the JSON body.
        common: whether it is one of AWS's common errors, which spell the member ``message``.
    """

    def __init__(
        self, status: int, code: str, message: str, *, fields: Mapping[str, Any] | None = None, common: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.fields: Mapping[str, Any] = fields or {}
        self.common = common


def json_answer(
    content: object, headers: dict[str, str], *, status: int = 200, content_type: str = "application/json"
) -> web.Response:
    """Return a JSON answer."""
    return web.Response(
        status=status, body=json.dumps(content).encode(), headers={**headers, "Content-Type": content_type}
    )


def json_refusal(refusal: Refusal, headers: dict[str, str]) -> web.Response:
    """Return a refusal in the form of the REST-JSON services: the code in a header, the fields in the body."""
    member = "message" if refusal.common else "Message"
    if refusal.code:
        headers = {**headers, "x-amzn-ErrorType": refusal.code + _TYPE_SUFFIX}
    return json_answer({**refusal.fields, member: refusal.message}, headers, status=refusal.status)


def xml_answer(
    content: str, headers: dict[str, str], *, status: int = 200, content_type: str = "text/xml"
) -> web.Response:
    """Return an XML answer; what XML cannot hold is replaced."""
    body = _no_xml.sub("\ufffd", content).encode()
    return web.Response(status=status, body=body, headers={**headers, "Content-Type": content_type})


def scripted_answer(fault: Status | Throttle, headers: dict[str, str]) -> web.Response:
    """Return the answer of a scripted error."""
    headers = dict(headers)
    if isinstance(fault, Throttle):
        if fault.retry_after_ms is not None:
            headers["x-amz-retry-after"] = str(fault.retry_after_ms)
        if fault.null_message:
            return json_answer({"message": None}, headers, status=400)
        headers["x-amzn-ErrorType"] = "ThrottlingException" + _TYPE_SUFFIX
        return json_answer({"message": "Rate exceeded"}, headers, status=fault.status)
    if fault.error_type is not None:
        headers["x-amzn-ErrorType"] = fault.error_type + _TYPE_SUFFIX
    headers.update(fault.headers)
    if fault.body is not None:
        return web.Response(
            status=fault.status, body=fault.body, headers={**headers, "Content-Type": fault.content_type}
        )
    return json_answer({"Message": fault.message}, headers, status=fault.status, content_type=fault.content_type)
