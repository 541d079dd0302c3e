"""Who may do what in the embedded S3: signatures, the regions of buckets, and what a test forbids.

S3 differs from other services in its signatures: the path is signed as it was sent, and the hash of the payload is what
``x-amz-content-sha256`` says, which may also say that the payload is not signed or is signed chunk by chunk.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from hashlib import sha256
from typing import Final, NamedTuple

from sagemaker_async.aws.signing import S3, UNSIGNED_PAYLOAD, credential_scope, signature, signing_key
from sagemaker_async.config import Credentials
from sagemaker_async.local.answers import Refusal
from sagemaker_async.local.signatures import Recipient, SignedRequest, verify
from sagemaker_async.local.state import Exchange, LocalState

from .addresses import Address, address_of
from .chunked import decoded

__all__ = ["Access", "Upload"]

_STREAMING: Final = "STREAMING-"
_CHUNKS_SIGNED: Final = ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER")
_CHUNKS_UNSIGNED: Final = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
_EMPTY: Final = sha256(b"").hexdigest()
_scope_of = re.compile(r"Credential=(?P<key>[^,/]+)/(?P<date>\d{8})/(?P<region>[^/,]*)/s3/aws4_request").search
_signature_of = re.compile(r"Signature=([0-9a-f]{64})").search


class Upload(NamedTuple):
    """The body of a request as it was meant, and what came with it."""

    body: bytes
    fields: dict[str, str]
    """The header fields and trailers, by lower-case names."""


class Access:
    """The rules of one embedded SageMaker.

    Args:
        state: what all services share.
    """

    def __init__(self, state: LocalState) -> None:
        self._state = state
        self.regions: Final[dict[str, str]] = {}
        """The regions of the buckets that are not in the server's own."""
        self.denied: Final[dict[str, bool]] = {}
        """What answers 403, by the beginning of its URL: True if only what is missing does."""

    def region_of(self, bucket: str) -> str:
        """Return the region that a bucket is in."""
        return self.regions.get(bucket, self._state.region)

    def check(self, address: Address, found: bool) -> None:
        """Raise `Refusal` for what a test has forbidden."""
        for prefix, only_missing in self.denied.items():
            if address.url.startswith(prefix) and not (only_missing and found):
                raise Refusal(403, "AccessDenied", "Access Denied")

    def verify(self, request: SignedRequest, recipient: Recipient) -> Credentials:
        """Return the credentials that a request is signed with, for the region of its bucket; see `Verify`."""
        headers = request.headers
        bucket = address_of(headers.get("Host", ""), request.target).bucket
        region = self.regions.get(bucket, recipient.region)
        scope = _scope_of(headers.get("Authorization", ""))
        if scope is not None and scope["region"] != region:
            raise self._wrong_region(bucket, region, scope["region"])
        given = headers.get("x-amz-content-sha256")
        if given is None:
            raise Refusal(400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
        credentials = verify(request._replace(payload_hash=given), recipient._replace(region=region), rules=S3)
        if not given.startswith(_STREAMING) and given not in (UNSIGNED_PAYLOAD, request.payload_hash):
            raise Refusal(
                400,
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            )
        return credentials

    def upload(self, address: Address, exchange: Exchange) -> Upload:
        """Return what a verified request carries; raises `Refusal` when its chunks are not what they should be."""
        request = exchange.request
        fields = {name.lower(): value for name, value in request.headers.items()}
        kind = fields["x-amz-content-sha256"]
        if not kind.startswith(_STREAMING):
            return Upload(exchange.body, fields)
        check_chunk = None
        if kind in _CHUNKS_SIGNED:
            scope, seed = _scope_of(fields["authorization"]), _signature_of(fields["authorization"])
            assert scope is not None  # `verify` has read both
            assert seed is not None
            credentials = self._state.keys[scope["key"]]
            region = self.region_of(address.bucket)
            key = signing_key(credentials.secret_access_key, scope["date"], region, "s3")
            date = fields.get("x-amz-date", "")
            check_chunk = _chunk_check(key, date, credential_scope(scope["date"], region, "s3"), seed[1])
        elif kind != _CHUNKS_UNSIGNED:
            raise Refusal(501, "NotImplemented", f"The embedded SageMaker does not take {kind}.")
        body, trailers = decoded(exchange.body, fields.get("x-amz-decoded-content-length"), check_chunk)
        return Upload(body, fields | trailers)

    def _wrong_region(self, bucket: str, region: str, given: str) -> Refusal:
        if bucket in self.regions:
            return Refusal(
                301,
                "PermanentRedirect",
                "The bucket you are attempting to access must be addressed using the specified endpoint. Please send "
                "all future requests to this endpoint.",
                fields={"Bucket": bucket, "Endpoint": f"{bucket}.s3.{region}.amazonaws.com", "Region": region},
            )
        return Refusal(
            400,
            "AuthorizationHeaderMalformed",
            f"The authorization header is malformed; the region '{given[:63]}' is wrong; expecting '{region}'",
            fields={"Region": region},
        )


def _chunk_check(key: bytes, date: str, scope: str, seed: str) -> Callable[[bytes, str], None]:
    """Return what checks the signatures of chunks, each of which covers the one before."""
    previous = seed

    def check(chunk: bytes, given: str) -> None:
        nonlocal previous
        digest = sha256(chunk).hexdigest()
        text = f"AWS4-HMAC-SHA256-PAYLOAD\n{date}\n{scope}\n{previous}\n{_EMPTY}\n{digest}"
        previous = signature(key, text)
        if not hmac.compare_digest(previous, given):
            raise Refusal(403, "SignatureDoesNotMatch", "The signature of a chunk does not match.")

    return check
