"""Known answers of Signature Version 4, from AWS's documentation and its published signing test suite.

``sigv4.json`` names the source of each, and says how it was made. Cases of the suite share one key, host, service and
time, given here. A field that is repeated goes through the steps only, which servers take too: we never send one twice.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.signing import (
    EMPTY_SHA256,
    Signer,
    SigningRules,
    amz_date,
    canonical_request,
    credential_scope,
    encode_path,
    encode_query,
    signature,
    signing_key,
    string_to_sign,
)
from sagemaker_async.config import Credentials

DATA = json.loads((Path(__file__).parent / "sigv4.json").read_text(encoding="utf-8"))
SUITE = {"keys": "suite", "service": "service", "timestamp": 1_440_938_160, "method": "GET", "body": "", "token": None}
SUITE |= {"host": "example.amazonaws.com", "payload_hash": None, "expires": 3600}
HEADER_CASES = [pytest.param(SUITE | case, id=case["name"]) for case in DATA["headers"]]
SENT_ONCE = [case for case in HEADER_CASES if len(dict(case.values[0]["headers"])) == len(case.values[0]["headers"])]
QUERY_CASES = [case for case in HEADER_CASES if "query_signature" in case.values[0]]
PRESIGNED_CASES = [pytest.param(SUITE | case, id=case["name"]) for case in DATA["presigned"]]


def signing(case: dict[str, Any]) -> tuple[Signer, Credentials, HTTPRequest]:
    rules = SigningRules(*DATA["rules"][case["rules"]])
    target = encode_path(case["path"]) if "path" in case else case["target"]
    headers = dict(case.get("headers", []))
    request = HTTPRequest(case["method"], f"https://{case['host']}", target, headers, case["body"].encode())
    return (
        Signer("us-east-1", case["service"], rules),
        Credentials(*DATA["credentials"][case["keys"]], case["token"]),
        request,
    )


@pytest.mark.parametrize("case", HEADER_CASES)
def test_steps_over_received_headers_give_the_published_signature(case: dict[str, Any]) -> None:
    signer, credentials, request = signing(case)
    date_time = amz_date(case["timestamp"])
    payload_hash = case["payload_hash"] or hashlib.sha256(request.body).hexdigest()
    received = [*map(tuple, case["headers"]), ("User-Agent", "unsigned"), ("HOST", case["host"])]
    received += [("X-Amz-Date", date_time), ("x-amz-content-sha256", payload_hash)]
    received += [("X-Amz-Security-Token", case["token"])] if case["token"] else []
    canonical = canonical_request(
        request.method, request.target, received, case["signed"].split(";"), payload_hash, signer.rules
    )
    if "canonical_sha256" in case:
        assert hashlib.sha256(canonical.encode()).hexdigest() == case["canonical_sha256"]
    scope = credential_scope(date_time[:8], "us-east-1", case["service"])
    key = signing_key(credentials.secret_access_key, date_time[:8], "us-east-1", case["service"])
    assert signature(key, string_to_sign(date_time, scope, canonical)) == case["signature"]


@pytest.mark.parametrize("case", SENT_ONCE)
def test_signer_sends_the_published_authorization(case: dict[str, Any]) -> None:
    signer, credentials, request = signing(case)
    headers = signer.sign(request, credentials, case["timestamp"], payload_hash=case["payload_hash"])
    scope = f"{amz_date(case['timestamp'])[:8]}/us-east-1/{case['service']}/aws4_request"
    assert headers["Authorization"] == (
        f"AWS4-HMAC-SHA256 Credential={credentials.access_key_id}/{scope}, "
        f"SignedHeaders={case['signed']}, Signature={case['signature']}"
    )


@pytest.mark.parametrize("case", QUERY_CASES)
def test_steps_over_a_received_query_give_the_published_signature(case: dict[str, Any]) -> None:
    signer, credentials, request = signing(case)
    date_time = amz_date(case["timestamp"])
    scope = credential_scope(date_time[:8], "us-east-1", case["service"])
    signed = [name for name in case["signed"].split(";") if not name.startswith("x-amz-")]
    parameters = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{credentials.access_key_id}/{scope}",
        "X-Amz-Date": date_time,
        "X-Amz-SignedHeaders": ";".join(signed),
        "X-Amz-Expires": str(case["expires"]),
    }
    if case["token"]:
        parameters["X-Amz-Security-Token"] = case["token"]
    target = request.target + ("&" if "?" in request.target else "?") + encode_query(parameters.items())
    received = [*map(tuple, case["headers"]), ("Host", case["host"]), ("X-Amz-Date", "not signed")]
    canonical = canonical_request(request.method, target, received, signed, EMPTY_SHA256, signer.rules)
    key = signing_key(credentials.secret_access_key, date_time[:8], "us-east-1", case["service"])
    assert signature(key, string_to_sign(date_time, scope, canonical)) == case["query_signature"]


@pytest.mark.parametrize("case", [case for case in QUERY_CASES if case in SENT_ONCE])
def test_presigned_url_has_the_published_signature(case: dict[str, Any]) -> None:
    signer, credentials, request = signing(case)
    url = signer.presign(request, credentials, case["timestamp"], expires=case["expires"])
    assert url.endswith(f"&X-Amz-Signature={case['query_signature']}")


@pytest.mark.parametrize("case", PRESIGNED_CASES)
def test_presigned_url_is_the_published_one(case: dict[str, Any]) -> None:
    signer, credentials, request = signing(case)
    assert signer.presign(request, credentials, case["timestamp"], expires=case["expires"]) == case["url"]


def test_signing_key_is_the_published_one() -> None:
    key = signing_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830", "us-east-1", "iam")
    assert key.hex() == "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
