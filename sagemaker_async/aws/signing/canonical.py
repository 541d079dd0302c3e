"""Canonical form of HTTP requests, as AWS Signature Version 4 hashes it, and the encoding that comes before it.

The two halves must agree. The *builder* (`encode_path`, `encode_segment`, `encode_query`) turns the user's text into a
percent-encoded target, once; that target is signed and sent unchanged. `canonical_request` turns a target and a header
list, ours or those of a foreign client, into the text whose hash is signed. It takes strings and returns strings, and
never decodes a target: the parameters of a query are sorted in their encoded form.

Services differ in the path only (`SigningRules`): all but S3 remove dot segments and repeated slashes, and encode the
encoded path once more. The results for paths and header layouts are memoised in bounded caches, which hold neither
values of headers nor queries.

Raises `RequestValidationError` for text that has no UTF-8 form, for targets that are not percent-encoded, and for
header names and values that HTTP/1.1 cannot carry safely; `ConfigurationError` for an origin without a host.

Sources: AWS's "Create a signed AWS API request" (IAM User Guide), "Signature Calculations for the Authorization Header"
(Amazon S3 API Reference), RFC 3986 sections 2.3 and 5.2.4, RFC 9110 section 5.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from sagemaker_async.errors import ConfigurationError, FieldProblem, RequestValidationError

__all__ = [
    "S3",
    "STANDARD",
    "SigningRules",
    "assemble",
    "canonical_headers",
    "canonical_path",
    "canonical_query",
    "canonical_request",
    "check_header_values",
    "check_request_line",
    "encode_path",
    "encode_query",
    "encode_segment",
    "host_header",
    "refuse",
    "signable_names",
    "signed_headers",
]

UNSIGNED_HEADERS = frozenset(
    {
        "authorization",
        "baggage",
        "connection",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "traceparent",
        "tracestate",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "x-amzn-trace-id",
    }
)
"""Header fields that are never signed, because proxies on the way may change them (botocore's list)."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_is_host = re.compile(r"[^\x00-\x20\x7f]+").fullmatch
_is_target = re.compile(r"/[!\"$-~]*").fullmatch
_is_token = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_is_unreserved = re.compile(r"[A-Za-z0-9._~-]*").fullmatch


class SigningRules(NamedTuple):
    """How a service differs from others in what is signed."""

    double_encode_path: bool = True
    """Percent-encode the encoded path once more before hashing it."""
    normalize_path: bool = True
    """Remove dot segments and repeated slashes from the path before hashing it; object keys may need them."""
    content_sha256_header: bool = False
    """Always send ``X-Amz-Content-Sha256``, and leave the payload of presigned URLs unsigned."""


STANDARD = SigningRules()
"""Every service but S3."""
S3 = SigningRules(double_encode_path=False, normalize_path=False, content_sha256_header=True)
"""Amazon S3, whose keys may hold ``//`` and ``..``."""


def refuse(field: str, rule: str) -> RequestValidationError:
    """Return the error for a part of a request that cannot be signed; `rule` must not contain its value."""
    return RequestValidationError("SigV4 signing", [FieldProblem(field, field, rule)])


# --- the builder -----------------------------------------------------------------------------------------------------


def encode_path(path: str) -> str:
    """Percent-encode a raw path: UTF-8, unreserved characters and ``/`` kept, a ``%`` becomes ``%25``.

    Raises:
        RequestValidationError: the path holds lone surrogates, which have no UTF-8 form.
    """
    return _quote(path, "/", "path")


def encode_segment(text: str) -> str:
    """Percent-encode one raw path segment or query part: as `encode_path`, but ``/`` becomes ``%2F``.

    Raises:
        RequestValidationError: the text holds lone surrogates, which have no UTF-8 form.
    """
    if _is_unreserved(text):  # endpoint names are, on every call
        return text
    return _quote(text, "", "path segment")


def encode_query(pairs: Iterable[tuple[str, str]]) -> str:
    """Percent-encode raw names and values into ``name=value&...``, in the order given, duplicates and empties kept.

    Raises:
        RequestValidationError: a name or value holds lone surrogates, which have no UTF-8 form.
    """
    return "&".join([f"{_quote(name, '', 'query')}={_quote(value, '', 'query')}" for name, value in pairs])


def _quote(text: str, safe: str, field: str) -> str:
    try:
        return quote(text, safe)
    except UnicodeEncodeError:
        raise refuse(field, "holds a lone surrogate, which UTF-8 cannot encode; decode the text correctly") from None


@lru_cache(maxsize=64)
def host_header(origin: str) -> str:
    """Return the Host header for ``https://host[:port]``: lower case, no default port, no user name, no final dot.

    Raises:
        ConfigurationError: the origin is not a URL with a host.
    """
    try:
        parts = urlsplit(origin)
        host, port = (parts.hostname or "").rstrip("."), parts.port
        if ":" in host:
            host = f"[{ipaddress.ip_address(host).compressed}]"
    except ValueError as error:
        raise ConfigurationError(
            f"the endpoint's origin is not a URL ({error}); it must look like https://host"
        ) from None
    if not host:
        raise ConfigurationError("the endpoint's origin has no host; it must look like https://host")
    if not _is_host(host):
        raise ConfigurationError(
            "the endpoint's origin has white space or control characters in its host; it must look like https://host"
        )
    return host if port is None or port == _DEFAULT_PORTS.get(parts.scheme) else f"{host}:{port}"


# --- what can be signed ----------------------------------------------------------------------------------------------


def check_request_line(method: str, target: str) -> None:
    """Raise `RequestValidationError` unless `method` is a token and `target` a percent-encoded path and query."""
    if not _is_token(method):
        raise refuse("method", "must be an HTTP method such as POST")
    if not _is_target(target):
        raise refuse(
            "target",
            "must begin with / and hold no white space, #, control or non-ASCII characters; "
            "build it with encode_path and encode_query",
        )


def check_header_values(values: Sequence[str]) -> None:
    """Raise `RequestValidationError` if a header value is not ASCII or holds CR, LF or NUL (RFC 9110 section 5.5)."""
    joined = "\n".join(values)
    if not joined.isascii() or joined.count("\n") >= max(len(values), 1) or "\r" in joined or "\0" in joined:
        raise refuse(
            "headers",
            "a value holds CR, LF, NUL or non-ASCII characters; remove or encode them (for example percent-encoding)",
        )


@lru_cache(maxsize=256)
def signable_names(names: tuple[str, ...]) -> frozenset[str]:
    """Return the lower-case names of the headers to sign: all of `names` but those that proxies may change.

    Raises:
        RequestValidationError: a name is not a token (RFC 9110 section 5.6.2).
    """
    for name in names:
        if not _is_token(name):
            raise refuse("headers", f"{name!r} is not a header name; use letters, digits and hyphens")
    return frozenset(name.lower() for name in names) - UNSIGNED_HEADERS


# --- the canonical request -------------------------------------------------------------------------------------------


def canonical_request(
    method: str,
    target: str,
    headers: Iterable[tuple[str, str]],
    signed_names: Collection[str],
    payload_hash: str,
    rules: SigningRules = STANDARD,
) -> str:
    """Return the canonical request: six parts, joined by newlines, whose SHA-256 goes into the string to sign.

    Args:
        method: The HTTP method.
        target: Path and query as on the wire, percent-encoded.
        headers: Name and value of every header field in the order sent; those of one name are joined by commas.
        signed_names: The names of the signed headers, in any case and order. A name that `headers` lacks is left out of
            the block but stays in the list of names, so that the signature differs from one over such a header.
        payload_hash: Hexadecimal SHA-256 of the body, or a constant such as `UNSIGNED_PAYLOAD`.
        rules: How the service treats the path.
    """
    pairs = tuple(headers)
    names = tuple([name for name, _ in pairs])
    values = [value for _, value in pairs]
    signed = frozenset([name.lower() for name in signed_names])
    return assemble(method, target, names, values, signed, payload_hash, rules)


def assemble(
    method: str,
    target: str,
    names: tuple[str, ...],
    values: Sequence[str],
    signed: frozenset[str],
    payload_hash: str,
    rules: SigningRules,
) -> str:
    """Return the `canonical_request`; `names` and `values` are parallel, `signed` is in lower case."""
    path, _, query = target.partition("?")
    hashed_path = canonical_path(path, rules.normalize_path, rules.double_encode_path)
    return (
        f"{method.upper()}\n{hashed_path}\n{canonical_query(query)}"
        f"{canonical_headers(names, values, signed)}\n\n{signed_headers(signed)}\n{payload_hash}"
    )


@lru_cache(maxsize=512)
def canonical_path(path: str, normalize: bool, double_encode: bool) -> str:
    """Return a percent-encoded path in the form that is hashed; an empty one counts as ``/``."""
    if not path:
        return "/"
    if normalize:
        path = _without_dot_segments(path)
    return quote(path, safe="/~", errors="surrogateescape") if double_encode else path


def _without_dot_segments(path: str) -> str:
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment and segment != ".":
            kept.append(segment)
    normalized = "/" + "/".join(kept)
    return normalized + "/" if kept and path.endswith("/") else normalized


def canonical_query(query: str) -> str:
    """Return the parameters of a percent-encoded query, sorted by name and then value; ``a`` counts as ``a=``."""
    if not query:
        return ""
    pairs = sorted([(name, value) for name, _, value in [part.partition("=") for part in query.split("&")]])
    return "&".join([f"{name}={value}" for name, value in pairs])


def canonical_headers(names: tuple[str, ...], values: Sequence[str], signed: frozenset[str]) -> str:
    """Return ``\\nname:value`` for each name of `signed`, sorted; runs of white space fold into one space.

    `names` and `values` are parallel, in the order sent; `signed` is in lower case.
    """
    return "".join([prefix + " ".join(values[index].split()) for prefix, index in _header_layout(names, signed)])


@lru_cache(maxsize=256)
def _header_layout(names: tuple[str, ...], signed: frozenset[str]) -> tuple[tuple[str, int], ...]:
    """For each signed header in canonical order: what precedes its value in the block, and its position in `names`."""
    layout: list[tuple[str, int]] = []
    previous = None
    for name, index in sorted([(name.lower(), index) for index, name in enumerate(names)]):
        if name in signed:
            layout.append(("," if name == previous else f"\n{name}:", index))
            previous = name
    return tuple(layout)


@lru_cache(maxsize=256)
def signed_headers(signed: frozenset[str]) -> str:
    """Return the sorted, semicolon-separated list of signed header names; `signed` is in lower case."""
    return ";".join(sorted(signed))
