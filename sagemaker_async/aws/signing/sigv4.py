"""AWS Signature Version 4: signed headers and presigned URLs.

`Signer.sign` takes a complete request, credentials and the time, and returns the headers to send; `Signer.presign` puts
the signature into the query instead. The functions below them (`canonical_request`, `string_to_sign`, `signing_key`,
`signature`) are the steps of the algorithm, and serve as well to verify what a foreign client signed.

Pure: no I/O, no clock, no randomness. The target is signed as it will be sent and must be percent-encoded already
(`encode_path`, `encode_segment`, `encode_query`). Raises `RequestValidationError` for a target or header that cannot be
sent safely, `ConfigurationError` for options out of range, and nothing else for requests made of strings and bytes.

Signing keys are derived once per secret, day, region and service. The bounded cache knows a secret by its SHA-256 only;
what it keeps are the derived keys, which are worth nothing after their day. A `Signer` remembers who signed last, with
the two states of SHA-256 that the HMACs of the key begin with: OpenSSL 3 sets a key up anew for each HMAC.
What does not change when a request is sent again with another body is kept on the request's head (`http.RequestHead`),
not here: all of the canonical request but the time, the session token and the payload's hash.

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
from typing import Final, NamedTuple

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


class _KeyedStates:
    """A key's HMAC-SHA256 with its first step done: the states of both hashes after the block of the key (RFC 2104)."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = key.ljust(sha256().block_size, b"\0")
        self._inner = sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = sha256(bytes(byte ^ 0x5C for byte in block))

    def signature(self, text: str) -> str:
        """Return what `signature` returns for the key."""
        inner = self._inner.copy()
        inner.update(text.encode())
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest()


class _Signatory(NamedTuple):
    """Credentials on one day, with what their signatures of that day have in common."""

    credentials: Credentials
    date: str
    scope: str
    token: str
    """The session token as it is signed; empty without one."""
    key: _KeyedStates

    def __repr__(self) -> str:
        return f"_Signatory({self.credentials!r}, date={self.date!r})"  # error reporters show variables


class SignatureTemplate(NamedTuple):
    """What the signatures of requests with the same head have in common."""

    head: tuple[object, ...]
    """What it is valid for."""
    headers: dict[str, str]
    """What is sent before the signer's own."""
    canonical: str
    """The canonical request, for ``%`` with the payload's hash where that is sent, the time, the session token where
    there is one, and the payload's hash: the order of the header fields' names."""
    signed_headers: str


_FILLED_IN = "\0"
"""Stands for what differs from one signature to the next: no header value and no target can hold it."""


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
        self._last: _Signatory | None = None

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
            head: Where the signer keeps what the next signature of such a request can begin with.

        Raises:
            RequestValidationError: The target is not percent-encoded, a header name is not a token, or a header value
                holds CR, LF, NUL or non-ASCII characters.
            ConfigurationError: The origin has no host, or the time is out of range.
        """
        if payload_hash is None:
            payload_hash = _payload_hash(request.body)
        date_time = amz_date(timestamp)
        hash_sent = self.rules.content_sha256_header or payload_hash == UNSIGNED_PAYLOAD
        if hash_sent:
            check_header_values([payload_hash])
        signatory = self._signatory(credentials, date_time[:8])
        token = credentials.session_token
        template = self._template_of(request, bool(token), hash_sent, head)
        headers = {**template.headers, "X-Amz-Date": date_time}
        filled_in: tuple[str, ...] = (date_time, payload_hash)
        if token:
            headers["X-Amz-Security-Token"] = token
            filled_in = (date_time, signatory.token, payload_hash)
        if hash_sent:
            headers["X-Amz-Content-Sha256"] = payload_hash
            filled_in = (payload_hash, *filled_in)
        text = string_to_sign(date_time, signatory.scope, template.canonical % filled_in)
        headers["Authorization"] = (
            f"{ALGORITHM} Credential={credentials.access_key_id}/{signatory.scope}, "
            f"SignedHeaders={template.signed_headers}, Signature={signatory.key.signature(text)}"
        )
        return headers

    def _template_of(
        self, request: HTTPRequest, with_token: bool, hash_sent: bool, head: RequestHead | None
    ) -> SignatureTemplate:
        """Return the template for such a request: the one its head has, if it was made for an equal request."""
        if head is None:
            return self._new_template(request, with_token, hash_sent)
        template = head.signature
        wanted = (self.rules, with_token, hash_sent, request.method, request.origin, request.target, request.headers)
        if not isinstance(template, SignatureTemplate) or template.head != wanted:
            template = head.signature = self._new_template(request, with_token, hash_sent)
        return template

    def _new_template(self, request: HTTPRequest, with_token: bool, hash_sent: bool) -> SignatureTemplate:
        method, origin, target = request.method, request.origin, request.target
        headers = _without_own_headers(request)
        marked = {**headers, "X-Amz-Date": _FILLED_IN}
        if with_token:
            marked["X-Amz-Security-Token"] = _FILLED_IN
        if hash_sent:
            marked["X-Amz-Content-Sha256"] = _FILLED_IN
        names, values = _with_host(marked, origin)
        signed = signable_names(names)
        check_request_line(method, target)
        check_header_values([*headers.values()])
        canonical = assemble(method, target, names, values, signed, _FILLED_IN, self.rules)
        canonical = canonical.replace("%", "%%").replace(_FILLED_IN, "%s")
        head = (self.rules, with_token, hash_sent, method, origin, target, dict(request.headers))
        return SignatureTemplate(head, headers, canonical, signed_headers(signed))

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
        signatory = self._signatory(credentials, date_time[:8])
        parameters = [
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Credential", f"{credentials.access_key_id}/{signatory.scope}"),
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
        text = string_to_sign(date_time, signatory.scope, canonical)
        return f"{request.origin}{target}&X-Amz-Signature={signatory.key.signature(text)}"

    def _signatory(self, credentials: Credentials, date: str) -> _Signatory:
        last = self._last
        if last is None or last.credentials is not credentials or last.date != date:
            key = _KeyedStates(signing_key(credentials.secret_access_key, date, self.region, self.service))
            scope = credential_scope(date, self.region, self.service)
            token = " ".join((credentials.session_token or "").split())
            last = self._last = _Signatory(credentials, date, scope, token, key)
        return last


def _payload_hash(body: bytes) -> str:
    return sha256(body).hexdigest() if body else EMPTY_SHA256


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
