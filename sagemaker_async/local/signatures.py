"""Verifying Signature Version 4 as AWS does: `verify` returns, or raises the `Refusal` that AWS would answer with.

The checks, in this order: missing, malformed, unknown key or wrong session token, expired session, wrong scope, out of
time, wrong signature. The codes are those of AWS's common errors; the messages begin as AWS's do, so that clients that
look for ``Signature expired`` find it. Pure: the clock is passed in. The secret never appears in an answer.

Sources: AWS's "Troubleshoot Signature Version 4 signing" and "Common Errors" (SageMaker API Reference).
"""

from __future__ import annotations

import hmac
import re
from calendar import timegm
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from time import strptime
from typing import NamedTuple, Protocol

from sagemaker_async.aws.signing import (
    ALGORITHM,
    STANDARD,
    SigningRules,
    amz_date,
    canonical_request,
    credential_scope,
    signature,
    signing_key,
    string_to_sign,
)
from sagemaker_async.config import Credentials
from sagemaker_async.errors import ConfigurationError, RequestValidationError

from .answers import Refusal

__all__ = ["MAX_SKEW", "Recipient", "SignedRequest", "Verify", "verify"]

MAX_SKEW = 300.0
"""Seconds by which a request's date may differ from the server's."""

_is_date = re.compile(r"[0-9]{8}T[0-9]{6}Z").fullmatch
_is_signature = re.compile(r"[0-9a-f]{64}").fullmatch


class SignedRequest(NamedTuple):
    """What a signature is of."""

    method: str
    target: str
    """Path and query as received."""
    headers: Mapping[str, str]
    """The header fields as received; look-up ignores case, and `items` yields repeated ones repeatedly."""
    payload_hash: str
    """Hexadecimal SHA-256 of the body received."""


class Recipient(NamedTuple):
    """The server and service that a request must be signed for."""

    keys: Mapping[str, Credentials]
    """Who may call, by access key id."""
    region: str
    service: str
    """The signing name of the API that is called."""
    now: float
    """Seconds since the epoch by the server's clock."""


class Verify(Protocol):
    """What decides who calls."""

    def __call__(self, request: SignedRequest, recipient: Recipient) -> Credentials:
        """Return the credentials of the caller; raise `Refusal`."""
        ...


class _Authorization(NamedTuple):
    access_key_id: str
    date: str
    region: str
    service: str
    signed_names: tuple[str, ...]
    signature: str


def verify(request: SignedRequest, recipient: Recipient, *, rules: SigningRules = STANDARD) -> Credentials:
    """Return the credentials that a request is signed with; `rules` say how the service treats the path.

    Raises:
        Refusal: the signature is missing or wrong.
    """
    method, target, headers, payload_hash = request
    keys, region, service, now = recipient
    header = headers.get("Authorization")
    if not header:
        raise _refusal("MissingAuthenticationTokenException", "Missing Authentication Token")
    given = _parse(header)
    date_time, signed_at = _date(headers)
    credentials = keys.get(given.access_key_id)
    if credentials is None or (credentials.session_token or "") != headers.get("X-Amz-Security-Token", ""):
        raise _refusal("UnrecognizedClientException", "The security token included in the request is invalid.")
    if credentials.expiration is not None and credentials.expiration <= datetime.fromtimestamp(now, UTC):
        raise _refusal("ExpiredTokenException", "The security token included in the request is expired")
    _check_scope(given, date_time, region, service)
    _check_time(date_time, signed_at, now)

    try:
        canonical = canonical_request(method, target, headers.items(), given.signed_names, payload_hash, rules)
        text = string_to_sign(date_time, credential_scope(given.date, region, service), canonical)
    except (RequestValidationError, ConfigurationError, UnicodeError):
        raise _wrong() from None
    key = signing_key(credentials.secret_access_key, given.date, region, service)
    if not hmac.compare_digest(signature(key, text), given.signature):
        raise _wrong()
    return credentials


def _parse(header: str) -> _Authorization:
    algorithm, _, rest = header.partition(" ")
    if algorithm != ALGORITHM:
        raise _malformed(f"Unsupported AWS 'algorithm': this API takes '{ALGORITHM}'.")
    fields: dict[str, str] = {}
    for item in rest.split(","):
        name, separator, value = item.strip().partition("=")
        if not separator or name in fields:
            raise _malformed("Authorization header is not a list of distinct key=value pairs.")
        fields[name] = value
    missing = [name for name in ("Credential", "Signature", "SignedHeaders") if not fields.get(name)]
    if missing:
        raise _malformed(" ".join(f"Authorization header requires '{name}' parameter." for name in missing))
    scope = fields["Credential"].rsplit("/", 4)
    if len(scope) != 5 or scope[4] != "aws4_request" or not all(scope):
        raise _malformed("Credential must have at least 5 slash-delimited elements and end in 'aws4_request'.")
    if not _is_signature(fields["Signature"]):
        raise _malformed("Signature must be 64 hexadecimal digits in lower case.")
    names = tuple(fields["SignedHeaders"].split(";"))
    if (
        not fields["SignedHeaders"].isascii()
        or list(names) != sorted(names)
        or any(n != n.lower() or not n for n in names)
    ):
        raise _malformed("SignedHeaders must be a sorted list of names in lower case.")
    return _Authorization(scope[0], scope[1], scope[2], scope[3], names, fields["Signature"])


def _date(headers: Mapping[str, str]) -> tuple[str, int]:
    """Return when the request was signed, as ``20150830T123600Z`` and as seconds since the epoch."""
    date_time = headers.get("X-Amz-Date")
    try:
        if date_time is None:
            plain = headers.get("Date")
            if plain is None:
                raise _malformed("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
            date_time = plain if _is_date(plain) else amz_date(parsedate_to_datetime(plain).timestamp())
        if _is_date(date_time):
            return date_time, _seconds(date_time)
    except (ValueError, OverflowError):
        pass
    raise _malformed("Date must be in ISO-8601 'basic format', such as 20150830T123600Z.")


@lru_cache(maxsize=64)
def _seconds(date_time: str) -> int:
    return timegm(strptime(date_time, "%Y%m%dT%H%M%SZ"))


def _check_scope(given: _Authorization, date_time: str, region: str, service: str) -> None:
    problems = []
    if given.region != region:
        problems.append(f"Credential should be scoped to a valid region: '{region}'.")
    if given.service != service:
        problems.append(f"Credential should be scoped to correct service: '{service}'.")
    if given.date != date_time[:8]:
        problems.append(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{given.date}' != '{date_time[:8]}'."
        )
    if "host" not in given.signed_names:
        problems.append("'Host' must be a 'SignedHeader' in the AWS Authorization.")
    if problems:
        raise _refusal("InvalidSignatureException", " ".join(problems))


def _check_time(date_time: str, signed_at: int, now: float) -> None:
    if signed_at < now - MAX_SKEW:
        words, limit, sign = "Signature expired: {} is now earlier than {}", now - MAX_SKEW, "-"
    elif signed_at > now + MAX_SKEW:
        words, limit, sign = "Signature not yet current: {} is still later than {}", now + MAX_SKEW, "+"
    else:
        return
    raise _refusal(
        "InvalidSignatureException", f"{words.format(date_time, amz_date(limit))} ({amz_date(now)} {sign} 5 min.)"
    )


def _malformed(message: str) -> Refusal:
    return _refusal("IncompleteSignatureException", message)


def _wrong() -> Refusal:
    return _refusal(
        "InvalidSignatureException",
        "The request signature we calculated does not match the signature you provided. "
        "Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
    )


def _refusal(code: str, message: str) -> Refusal:
    return Refusal(403, code, message, common=True)
