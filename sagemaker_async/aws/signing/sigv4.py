"""AWS Signature Version 4: signed headers and presigned URLs.

`Signer.sign` takes a complete request, credentials and the time, and returns the headers to send; `Signer.presign` puts
the signature into the query instead. The functions below them (`canonical_request`, `string_to_sign`, `signing_key`,
`signature`) are the steps of the algorithm, and serve as well to verify what a foreign client signed.

Pure: no I/O, no clock, no randomness. The target is signed as it will be sent and must be percent-encoded already
(`encode_path`, `encode_segment`, `encode_query`). Raises `RequestValidationError` for a target or header that cannot be
sent safely, `ConfigurationError` for options out of range, and nothing else for requests made of strings and bytes.

Signing keys are derived once per secret, day, region and service. The bounded cache knows a secret by its SHA-256 only;
what it keeps are the derived keys, which are worth nothing after their day. Signatures name their second, so within
one, those of requests that differ in the body alone differ only in what follows the body's hash: the last line of the
canonical request, and the last line of the string to sign. All before that is done once a second, and kept on the
request's head (`http.RequestHead`), not here. A head is a part of each call, and frames of the call outlive it in the
traceback of its error: what is kept there holds no session token and no credentials. These the `Signer` remembers.

The small caches of functions here and in `canonical` are for heads that differ in the value of one field, such as an
inference id for each call: they go by the header fields' names, the path, or the second, which are still the same.

Sources: AWS's "Create a signed AWS API request" (IAM User Guide), "Authenticating Requests: Using Query Parameters"
(Amazon S3 API Reference).
"""

from __future__ import annotations

import hmac
import time
from functools import lru_cache
from hashlib import sha256
from typing import Final

from sagemaker_async.aws.http import HTTPRequest, RequestHead
from sagemaker_async.config import Credentials
from sagemaker_async.errors import ConfigurationError

from .canonical import (
    S3,
    STANDARD,
    SigningRules,
    assemble,
    canonical_request,
    check_header_values,
    check_request_line,
    encode_path,
    encode_query,
    encode_segment,
    host_header,
    refuse,
    signable_names,
    signed_headers,
)

__all__ = [
    "ALGORITHM",
    "EMPTY_SHA256",
    "MAX_EXPIRES",
    "S3",
    "STANDARD",
    "UNSIGNED_PAYLOAD",
    "Signer",
    "SigningRules",
    "amz_date",
    "canonical_request",
    "credential_scope",
    "encode_path",
    "encode_query",
    "encode_segment",
    "host_header",
    "signature",
    "signing_key",
    "string_to_sign",
]

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY_SHA256 = sha256(b"").hexdigest()
"""The payload hash of a request without a body."""
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
"""Stands for the payload hash when the body is not signed; for S3 over TLS."""
MAX_EXPIRES = 604_800
"""The longest time that a presigned URL may work, in seconds (7 days)."""

_OWN_HEADERS = frozenset({"authorization", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"})


def amz_date(timestamp: float) -> str:
    """Return seconds since the epoch (years 1970 to 9999) as ``20150830T123600Z``, fractions dropped.

    Raises:
        ConfigurationError: the time is outside those years.
    """
    if not 0 <= timestamp < 253_402_300_800:
        raise ConfigurationError("the time to sign with must be in the years 1970 to 9999; check the clock")
    return _amz_date_of_second(int(timestamp))


@lru_cache(maxsize=16)
def _amz_date_of_second(second: int) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))


def credential_scope(date: str, region: str, service: str) -> str:
    """Return what a signature is valid for: ``date/region/service/aws4_request``; `date` is ``YYYYMMDD``."""
    return f"{date}/{region}/{service}/aws4_request"


def string_to_sign(amz_date: str, scope: str, canonical: str) -> str:
    """Return the text that is signed, from the time, the `credential_scope` and the `canonical_request`.

    Surrogates, by which a server keeps bytes that it could not decode, are hashed as those bytes.
    """
    digest = sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{ALGORITHM}\n{amz_date}\n{scope}\n{digest}"


def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """Return the key for one day (``YYYYMMDD``), region and service; derived once and then kept."""
    cell = _signing_key_cell(sha256(secret.encode()).digest(), date, region, service)
    if not cell:
        key = b"AWS4" + secret.encode()
        for part in (date, region, service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        cell.append(key)
    return cell[0]


@lru_cache(maxsize=64)
def _signing_key_cell(fingerprint: bytes, date: str, region: str, service: str) -> list[bytes]:  # noqa: ARG001
    """Return the cell that keeps one derived key, empty at first: the cache's keys must not hold the secret."""
    return []


def signature(key: bytes, text: str) -> str:
    """Return the hexadecimal HMAC-SHA256 of a `string_to_sign`."""
    return hmac.digest(key, text.encode(), "sha256").hex()


class _Begun:
    """The signatures of one request's head within one second, as far as they are the same: up to the body's hash."""

    __slots__ = ("authorization", "canonical", "headers", "inner", "outer", "valid_for")

    def __init__(
        self, valid_for: object, headers: dict[str, str], authorization: str, canonical: str, text: str, key: bytes
    ) -> None:
        self.valid_for: object = valid_for
        self.headers: dict[str, str] = headers
        """What is sent before the session token and the signature."""
        self.authorization: str = authorization
        """What comes before the signature in its header."""
        self.canonical = sha256(canonical.encode("utf-8", "surrogateescape"))
        """The state of the hash before the last line of the canonical request, which is the body's hash."""
        # HMAC (RFC 2104) is one hash within another, each of which begins with a block of the key.
        block = key.ljust(self.canonical.block_size, b"\0")
        self.inner = sha256(block.translate(_INNER_PAD) + text.encode())
        """The state of the inner hash before the last line of the string to sign, which is the canonical request's."""
        self.outer = sha256(block.translate(_OUTER_PAD))
        """The state of the outer one before the inner hash."""

    def signed(self, credentials: Credentials, payload_hash: str) -> dict[str, str]:
        """Return the headers to send."""
        canonical, inner, outer = self.canonical.copy(), self.inner.copy(), self.outer.copy()
        canonical.update(payload_hash.encode())
        inner.update(canonical.hexdigest().encode())
        outer.update(inner.digest())
        authorization = f"{self.authorization}, Signature={outer.hexdigest()}"
        return {**self.headers, **_token_header(credentials), "Authorization": authorization}


_INNER_PAD, _OUTER_PAD = (bytes([byte ^ pad for byte in range(256)]) for pad in (0x36, 0x5C))


class Signer:
    """Signs requests to one service in one region; safe to share between tasks and threads."""

    __slots__ = ("_last", "region", "rules", "service")

    def __init__(self, region: str, service: str, rules: SigningRules = STANDARD) -> None:
        """Make a signer.

        Args:
            region: The signing region, such as ``us-east-1``.
            service: The signing name, which is ``sagemaker`` for SageMaker Runtime too.
            rules: `STANDARD`, or `S3` for Amazon S3.
        """
        self.region: Final = region
        self.service: Final = service
        self.rules: Final = rules
        self._last: tuple[Credentials, str, object] | None = None
        """Who signed last, in which second, and what stands for the two on heads."""

    def __repr__(self) -> str:
        return f"Signer(region={self.region!r}, service={self.service!r}, rules={self.rules!r})"

    def sign(
        self,
        request: HTTPRequest,
        credentials: Credentials,
        timestamp: float,
        *,
        payload_hash: str | None = None,
        head: RequestHead | None = None,
    ) -> dict[str, str]:
        """Return all headers to send except Host: those of the request, and those that sign it.

        All headers are signed except those that proxies may change (`User-Agent` and the like). `Authorization`,
        `X-Amz-Date`, `X-Amz-Security-Token` and `X-Amz-Content-Sha256` belong to the signer: the request's values for
        them are replaced or dropped. Host is signed as `host_header` returns it, unless the request has its own; `Date`
        is signed unchanged, because services use `X-Amz-Date` when a request has both.

        Args:
            request: The request; it is not changed.
            credentials: Whose signature it will be.
            timestamp: Seconds since the epoch, by the service's clock.
            payload_hash: Hexadecimal SHA-256 of the body when it is known, or `UNSIGNED_PAYLOAD`; None hashes the body.
            head: Where the signer keeps what the next signature of such a request begins with, in the same second.

        Raises:
            RequestValidationError: The target is not percent-encoded, a header name is not a token, or a header value
                holds CR, LF, NUL or non-ASCII characters.
            ConfigurationError: The origin has no host, or the time is out of range.
        """
        if payload_hash is None:
            payload_hash = _payload_hash(request.body)
        date_time = amz_date(timestamp)
        if self.rules.content_sha256_header or payload_hash == UNSIGNED_PAYLOAD:
            check_header_values([payload_hash])
            return self._begun(request, credentials, date_time, None, payload_hash).signed(credentials, payload_hash)
        if head is None:
            return self._begun(request, credentials, date_time, None).signed(credentials, payload_hash)
        last = self._last
        if last is None or last[:2] != (credentials, date_time):
            last = self._last = (credentials, date_time, object())
        who_and_when, begun = last[2], head.signature
        if not isinstance(begun, _Begun) or begun.valid_for != (who_and_when, request[:4]):
            begun = head.signature = self._begun(request, credentials, date_time, who_and_when)
        return begun.signed(credentials, payload_hash)

    def _begun(
        self,
        request: HTTPRequest,
        credentials: Credentials,
        date_time: str,
        who_and_when: object,
        hash_sent: str | None = None,
    ) -> _Begun:
        """Return the signatures of requests with this head; `hash_sent` is the body's hash where a header holds it."""
        method, origin, target = request.method, request.origin, request.target
        headers = {**_without_own_headers(request), "X-Amz-Date": date_time}
        if hash_sent is not None:
            headers["X-Amz-Content-Sha256"] = hash_sent
        names, values = _with_host({**headers, **_token_header(credentials)}, origin)
        signed = signable_names(names)
        check_request_line(method, target)
        check_header_values(values)
        date = date_time[:8]
        scope = credential_scope(date, self.region, self.service)
        return _Begun(
            (who_and_when, (method, origin, target, dict(request.headers))),
            headers,
            f"{ALGORITHM} Credential={credentials.access_key_id}/{scope}, SignedHeaders={signed_headers(signed)}",
            assemble(method, target, names, values, signed, "", self.rules),
            f"{ALGORITHM}\n{date_time}\n{scope}\n",
            signing_key(credentials.secret_access_key, date, self.region, self.service),
        )

    def presign(
        self,
        request: HTTPRequest,
        credentials: Credentials,
        timestamp: float,
        *,
        expires: int,
        payload_hash: str | None = None,
    ) -> str:
        """Return a URL that anyone can call until it expires, with the request's method, signed headers and payload.

        The request's query is kept unchanged, and the signature's parameters follow it. Headers are signed as by
        `sign`, so the caller of the URL must send the request's headers; `X-Amz-Date` and the like are parameters here.

        Args:
            request: The request; it is not changed.
            credentials: Whose signature it will be. The URL stops working when their session ends, if that is earlier.
            timestamp: When the URL begins to work, in seconds since the epoch.
            expires: For how many seconds it works, 1 to `MAX_EXPIRES`.
            payload_hash: As for `sign`; None is `UNSIGNED_PAYLOAD` for S3, and the hash of the body elsewhere.

        Raises:
            RequestValidationError: As for `sign`; or the target is presigned already.
            ConfigurationError: As for `sign`; or `expires` is out of range.
        """
        if isinstance(expires, bool) or not isinstance(expires, int) or not 1 <= expires <= MAX_EXPIRES:
            raise ConfigurationError(
                f"expires must be a whole number of seconds from 1 to {MAX_EXPIRES} (7 days), got {expires!r}"
            )
        if payload_hash is None:
            payload_hash = UNSIGNED_PAYLOAD if self.rules.content_sha256_header else _payload_hash(request.body)
        names, values = _with_host(_without_own_headers(request), request.origin)
        signed = signable_names(names)
        check_request_line(request.method, request.target)
        check_header_values(values)
        date_time = amz_date(timestamp)
        date = date_time[:8]
        scope = credential_scope(date, self.region, self.service)
        parameters = [
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Credential", f"{credentials.access_key_id}/{scope}"),
            ("X-Amz-Date", date_time),
            ("X-Amz-Expires", str(expires)),
            ("X-Amz-SignedHeaders", signed_headers(signed)),
        ]
        if credentials.session_token:
            parameters.append(("X-Amz-Security-Token", credentials.session_token))

        path, _, query = request.target.partition("?")
        if "&X-Amz-Signature=" in f"&{query}":
            raise refuse("target", "is presigned already; pass the target without its X-Amz-... parameters")
        target = f"{path}?{query}&{encode_query(parameters)}" if query else f"{path}?{encode_query(parameters)}"
        canonical = assemble(request.method, target, names, values, signed, payload_hash, self.rules)
        text = string_to_sign(date_time, scope, canonical)
        key = signing_key(credentials.secret_access_key, date, self.region, self.service)
        return f"{request.origin}{target}&X-Amz-Signature={signature(key, text)}"


def _payload_hash(body: bytes) -> str:
    return sha256(body).hexdigest() if body else EMPTY_SHA256


def _token_header(credentials: Credentials) -> dict[str, str]:
    return {"X-Amz-Security-Token": credentials.session_token} if credentials.session_token else {}


def _without_own_headers(request: HTTPRequest) -> dict[str, str]:
    headers = dict(request.headers)
    for name in _own_names(tuple(headers)):
        del headers[name]
    return headers


@lru_cache(maxsize=256)
def _own_names(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple([name for name in names if name.lower() in _OWN_HEADERS])


def _with_host(headers: dict[str, str], origin: str) -> tuple[tuple[str, ...], list[str]]:
    """Return names and values of `headers`, in parallel, with the Host that the transport will send."""
    names = tuple(headers)
    if _has_host(names):
        return names, [*headers.values()]
    return (*names, "host"), [*headers.values(), host_header(origin)]


@lru_cache(maxsize=256)
def _has_host(names: tuple[str, ...]) -> bool:
    return any(name.lower() == "host" for name in names)
