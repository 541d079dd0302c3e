"""Verifying the bearer tokens of SageMaker's OpenAI-compatible route, which are presigned URLs in base64.

`verify` has the signature of `signatures.verify` and takes its place on that route: it returns whose token it is, or
raises the `Refusal`. A token is not bound to a request. Checked are the form, the credentials and their session, the
region and service in the scope, the time from the token's date to its end, and the signature. A plain Signature Version
4 is refused with 403, as SageMaker does; what SageMaker answers to a wrong token is not documented, so 401 and 403 with
these codes are ours. Pure.

Source: ``sagemaker.core.token_generator`` of AWS's sagemaker-core, which makes such tokens.
"""

from __future__ import annotations

import base64
import hmac
import re
from calendar import timegm
from datetime import UTC, datetime
from time import strptime
from typing import Final
from urllib.parse import unquote

from sagemaker_async.aws.signing import (
    ALGORITHM,
    EMPTY_SHA256,
    canonical_request,
    credential_scope,
    signature,
    signing_key,
    string_to_sign,
)
from sagemaker_async.config import Credentials

from .answers import Refusal
from .signatures import MAX_SKEW, Recipient, SignedRequest

__all__ = ["verify"]

_PREFIX: Final = "sagemaker-api-key-"
_HOST: Final = "sagemaker.amazonaws.com"
_MAX_EXPIRES: Final = 43_200
_url_of = re.compile(rf"{re.escape(_HOST)}/\?([!-~]+)&X-Amz-Signature=([0-9a-f]{{64}})&Version=1").fullmatch
_is_date = re.compile(r"[0-9]{8}T[0-9]{6}Z").fullmatch


def verify(request: SignedRequest, recipient: Recipient) -> Credentials:
    """Return the credentials that the token in a request's ``Authorization`` was made of.

    Raises:
        Refusal: there is no token, or it is wrong.
    """
    keys, region, service, now = recipient
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme == ALGORITHM:
        raise _forbidden("Signature Version 4 is not accepted here: send a bearer token.")
    if scheme.lower() != "bearer" or not token:
        raise _unauthorized("Missing bearer token.")
    query, given = _presigned(token)
    parameters = dict(part.partition("=")[::2] for part in query.split("&"))
    values = {name: unquote(value) for name, value in parameters.items()}
    scope = values.get("X-Amz-Credential", "").split("/")
    date_time, expires = values.get("X-Amz-Date", ""), values.get("X-Amz-Expires", "")
    if (
        len(scope) != 5
        or len(parameters) != query.count("&") + 1
        or values.get("Action") != "CallWithBearerToken"
        or values.get("X-Amz-Algorithm") != ALGORITHM
        or values.get("X-Amz-SignedHeaders") != "host"
        or not _is_date(date_time)
        or not re.fullmatch(r"[0-9]{1,5}", expires)
        or not 1 <= int(expires) <= _MAX_EXPIRES
    ):
        raise _unauthorized("The bearer token is malformed.")
    credentials = keys.get(scope[0])
    if credentials is None or (credentials.session_token or "") != values.get("X-Amz-Security-Token", ""):
        raise _unauthorized("The security token included in the request is invalid.")
    if credentials.expiration is not None and credentials.expiration <= datetime.fromtimestamp(now, UTC):
        raise _unauthorized("The security token included in the request is expired.")
    if scope[1:] != [date_time[:8], region, service, "aws4_request"]:
        raise _forbidden(f"The bearer token must be scoped to service '{service}' in region '{region}'.")
    canonical = canonical_request("POST", f"/?{query}", [("host", _HOST)], ["host"], EMPTY_SHA256)
    text = string_to_sign(date_time, credential_scope(date_time[:8], region, service), canonical)
    key = signing_key(credentials.secret_access_key, date_time[:8], region, service)
    if not hmac.compare_digest(signature(key, text), given):
        raise _forbidden("The signature of the bearer token does not match.")
    begins = _seconds(date_time)
    if not begins - MAX_SKEW <= now < begins + int(expires):
        raise _unauthorized("The bearer token is expired or not yet valid.")
    return credentials


def _presigned(token: str) -> tuple[str, str]:
    """Return the signed query of a token, and its signature."""
    try:
        text = base64.b64decode(token.removeprefix(_PREFIX), validate=True).decode("ascii")
    except ValueError:
        text = ""
    url = _url_of(text)
    if url is None or not token.startswith(_PREFIX):
        raise _unauthorized("The bearer token is malformed.")
    return url[1], url[2]


def _seconds(date_time: str) -> int:
    try:
        return timegm(strptime(date_time, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        raise _unauthorized("The bearer token is malformed.") from None


def _unauthorized(message: str) -> Refusal:
    return Refusal(401, "UnauthorizedException", message, common=True)


def _forbidden(message: str) -> Refusal:
    return Refusal(403, "AccessDeniedException", message, common=True)
