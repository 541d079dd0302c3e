"""Signature Version 4: what is signed, and how it is signed. Pure."""

from __future__ import annotations

from .sigv4 import (
    ALGORITHM,
    EMPTY_SHA256,
    MAX_EXPIRES,
    S3,
    STANDARD,
    UNSIGNED_PAYLOAD,
    Signer,
    SigningRules,
    amz_date,
    canonical_request,
    credential_scope,
    encode_path,
    encode_query,
    encode_segment,
    host_header,
    signature,
    signing_key,
    string_to_sign,
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
