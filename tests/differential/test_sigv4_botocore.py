"""Header signatures and presigned URLs equal botocore's on generated requests, for S3 and for other services."""

from __future__ import annotations

import datetime
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.config import Config as BotocoreConfig
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.signing import S3, STANDARD, UNSIGNED_PAYLOAD, Signer, encode_path, encode_query
from sagemaker_async.config import Credentials

EXAMPLES = 10_000
"""Drawn by `drawn_call`, which takes a tenth of the time that Hypothesis takes for as many."""
BLOCK = 1_000
FreezeClock = Callable[[float], None]


class Call(NamedTuple):
    """One generated request and what it is signed with."""

    method: str
    origin: str
    path: str
    """Percent-encoded."""
    query: str
    """Percent-encoded, with duplicates and empties."""
    headers: dict[str, str]
    body: bytes
    token: str | None
    region: str
    timestamp: int
    unsigned: bool

    @property
    def request(self) -> HTTPRequest:
        target = f"{self.path}?{self.query}" if self.query else self.path
        return HTTPRequest(self.method, self.origin, target, self.headers, self.body)

    @property
    def presignable(self) -> HTTPRequest:
        """The same without a body, which botocore would move into the query, and with each query name once."""
        pairs = dict([part.split("=", 1) for part in self.query.split("&")] if self.query else [])
        query = "&".join([f"{name}={value}" for name, value in pairs.items()])
        return HTTPRequest(self.method, self.origin, f"{self.path}?{query}" if query else self.path, self.headers)

    @property
    def credentials(self) -> Credentials:
        return Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", self.token)


RAW_PARTS = [
    "",
    "/",
    "//",
    ".",
    "..",
    "/../",
    "a",
    "B",
    "~",
    "%",
    "%2F",
    " ",
    "+",
    "é",
    "漢",
    "\U0001f600",
    "a b",
    "=&?#",
]
ENCODED_PARTS = [
    "/",
    "//",
    ".",
    "..",
    "/../",
    "a",
    "~",
    "%2F",
    "%2f",
    "%2e%2E",
    "%25",
    "%C3%A9",
    "+",
    "*",
    "'()",
    ":@!$",
]
HEADERS = ["Content-Type", "X-A", "x-a", "X-B_c", "ACCEPT", "User-Agent", "Expect", "amz-sdk-request", "Content-Length"]
HEADERS += ["X-Amzn-Trace-Id", "Authorization", "X-Amz-Security-Token", "Host", "traceparent", "X-Amz-Meta-0"]
ORIGINS = [
    "https://runtime.sagemaker.eu-west-1.amazonaws.com",
    "http://127.0.0.1:8080",
    "https://h:443",
    "http://[::1]:80",
]
ORIGINS += ["https://h:80", "http://localhost:443", "https://EXAMPLE.com"]

PATHS = st.one_of(
    st.lists(st.sampled_from(RAW_PARTS), max_size=6).map(lambda parts: "/" + encode_path("".join(parts))),
    st.lists(st.sampled_from(ENCODED_PARTS), max_size=6).map(lambda parts: "/" + "".join(parts)),
    st.text(max_size=8).map(lambda text: "/" + encode_path(text)),
)
WORDS = ["", "a", "A", "a-b", "a.b", "é", "漢", "%", "%20", " ", "+", "/", "=", "&", "~", "a=b", "b"]
QUERIES = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(WORDS)), max_size=5).map(encode_query)
VALUE_PARTS = ["", " ", "   ", "a", "B", ",", "1:2", '"x  y"', "\t"]
VALUES = st.lists(st.sampled_from(VALUE_PARTS), max_size=6).map("".join)
METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"]
TOKENS = [None, "token", "IQoJb3JpZ2luX2VjEA+/=="]
REGIONS = ["us-east-1", "eu-west-1"]
TIMES = (1_400_000_000, 1_400_000_000 + 10 * 86_400)

CALLS = st.builds(
    Call,
    method=st.sampled_from(METHODS),
    origin=st.sampled_from(ORIGINS),
    path=PATHS,
    query=QUERIES,
    headers=st.dictionaries(st.sampled_from(HEADERS), VALUES, max_size=5),
    body=st.binary(max_size=12),
    token=st.sampled_from(TOKENS),
    region=st.sampled_from(REGIONS),
    timestamp=st.integers(*TIMES),
    unsigned=st.booleans(),
)
PLAIN = Call("GET", ORIGINS[0], "/", "", {}, b"", None, "us-east-1", 1_440_938_160, False)


def drawn_call(number: int) -> Call:
    """Return the call of this number: the same every time, from what the strategies draw from."""
    random_ = random.Random(number)

    def some(parts: list[str], limit: int) -> list[str]:
        return random_.choices(parts, k=random_.randint(0, limit))

    def path() -> str:
        kind = random_.randrange(3)
        if kind == 0:
            return "/" + encode_path("".join(some(RAW_PARTS, 6)))
        if kind == 1:
            return "/" + "".join(some(ENCODED_PARTS, 6))
        last = random_.choice([0x7F, 0xFF, 0xD7FF, 0x1_0FFFF])
        points = [random_.randint(0, last) for _ in range(random_.randint(0, 8))]
        return "/" + encode_path("".join(chr(point) for point in points if not 0xD800 <= point < 0xE000))

    return Call(
        method=random_.choice(METHODS),
        origin=random_.choice(ORIGINS),
        path=path(),
        query=encode_query([(random_.choice(WORDS), random_.choice(WORDS)) for _ in range(random_.randint(0, 5))]),
        headers={name: "".join(some(VALUE_PARTS, 6)) for name in some(HEADERS, 5)},
        body=random_.randbytes(random_.randint(0, 12)),
        token=random_.choice(TOKENS),
        region=random_.choice(REGIONS),
        timestamp=random_.randint(*TIMES),
        unsigned=random_.random() < 0.5,
    )


generated = settings(
    max_examples=1_000, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def freeze_clock() -> Iterator[FreezeClock]:
    """Set the time that botocore signs with."""
    now = datetime.datetime(2000, 1, 1)  # noqa: DTZ001 - botocore's own form: naive, in UTC

    def freeze(timestamp: float) -> None:
        nonlocal now
        now = datetime.datetime.fromtimestamp(timestamp, datetime.UTC).replace(tzinfo=None)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda: now)
        yield freeze


def botocore_request(call: Call, request: HTTPRequest, auth: type[Any], **options: Any) -> AWSRequest:
    """Return `request` as botocore signs it."""
    signed = AWSRequest(request.method, request.origin + request.target, dict(request.headers), request.body)
    signed.context["payload_signing_enabled"] = not call.unsigned
    signed.context["client_config"] = BotocoreConfig(s3={"payload_signing_enabled": not call.unsigned})
    keys = call.credentials
    credentials = BotocoreCredentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
    auth(credentials, "sagemaker", call.region, **options).add_auth(signed)
    return signed


@pytest.mark.parametrize("first", range(0, EXAMPLES, BLOCK))
def test_header_signatures_and_presigned_urls_equal_botocores(freeze_clock: FreezeClock, first: int) -> None:
    for number in range(first, first + BLOCK):
        compare(freeze_clock, drawn_call(number))


@given(CALLS)
@example(PLAIN)
@example(PLAIN._replace(path="/a/../../b//./c/", query="b=&a=2&a=1&a=&=&b="))
@example(PLAIN._replace(headers={"X-A": "  a   b  ", "x-a": "\tc"}, token="t"))
@generated
def test_calls_that_hypothesis_chooses_are_signed_as_botocore_signs_them(freeze_clock: FreezeClock, call: Call) -> None:
    compare(freeze_clock, call)


def compare(freeze_clock: FreezeClock, call: Call) -> None:
    """Sign and presign a call, for S3 and for other services, as botocore does and as we do; both must be the same."""
    freeze_clock(call.timestamp)
    headers = {name: value for name, value in call.headers.items() if call.token or "Security" not in name}
    call = call._replace(headers=headers)
    presigned = call._replace(
        headers={
            name: value for name, value in headers.items() if name not in ("Authorization", "X-Amz-Security-Token")
        },
        unsigned=False,
    )
    payload_hash = UNSIGNED_PAYLOAD if call.unsigned else None
    for rules, header_auth, query_auth in (
        (STANDARD, botocore.auth.SigV4Auth, botocore.auth.SigV4QueryAuth),
        (S3, botocore.auth.S3SigV4Auth, botocore.auth.S3SigV4QueryAuth),
    ):
        signer = Signer(call.region, "sagemaker", rules)
        expected = botocore_request(call, call.request, header_auth)
        ours = signer.sign(call.request, call.credentials, call.timestamp, payload_hash=payload_hash)
        assert {name.lower(): value for name, value in ours.items()} == {
            name.lower(): value for name, value in expected.headers.items()
        }

        expected = botocore_request(presigned, presigned.presignable, query_auth, expires=60)
        url = signer.presign(presigned.presignable, presigned.credentials, presigned.timestamp, expires=60)
        assert url == expected.url


RAW_QUERIES = st.lists(
    st.sampled_from(["a", "b", "=", "==", "&", "&&", "%20", "%3d", "+", "A", "%C3%A9", "*"]), max_size=8
)


@given(PATHS, RAW_QUERIES.map("".join))
@generated
def test_queries_of_any_foreign_form_are_signed_as_botocore_signs_them(
    freeze_clock: FreezeClock, path: str, query: str
) -> None:
    call = PLAIN._replace(path=path, query=query)
    freeze_clock(call.timestamp)
    expected = botocore_request(call, call.request, botocore.auth.SigV4Auth)
    ours = Signer(call.region, "sagemaker").sign(call.request, call.credentials, call.timestamp)
    assert ours["Authorization"] == expected.headers["Authorization"]


def test_headers_that_are_not_signed_are_botocores() -> None:
    names = (*botocore.auth.SIGNED_HEADERS_BLACKLIST, "X-Signed")
    request = HTTPRequest("GET", "https://h", "/", dict.fromkeys(names, "1"))
    authorization = Signer("us-east-1", "s3").sign(request, PLAIN.credentials, PLAIN.timestamp)["Authorization"]
    assert "SignedHeaders=host;x-amz-date;x-signed," in authorization


VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "sigv4.json").read_text(encoding="utf-8"))
# Where a request has a Date, botocore goes by it and sends no X-Amz-Date.
WITHOUT_DATE = [case for case in VECTORS["headers"] if "Date" not in dict(case["headers"])]


@pytest.mark.parametrize("case", WITHOUT_DATE, ids=lambda case: case["name"])
def test_the_signatures_of_the_vectors_are_botocores(freeze_clock: FreezeClock, case: dict[str, Any]) -> None:
    double_encode, normalize, content_sha256 = VECTORS["rules"][case["rules"]]
    payload_hash = case.get("payload_hash")

    class Auth(botocore.auth.SigV4Auth):  # type: ignore[misc]
        """botocore's own, with the path treated as the case says."""

        def _normalize_url_path(self, path: str) -> str:
            path = botocore.auth.normalize_url_path(path) if normalize else path
            return quote(path, safe="/~") if double_encode else path

        def payload(self, request: AWSRequest) -> str:
            return payload_hash or super().payload(request)

        def headers_to_sign(self, request: AWSRequest) -> Any:
            if content_sha256:
                request.headers["X-Amz-Content-Sha256"] = self.payload(request)
            return super().headers_to_sign(request)

    freeze_clock(case.get("timestamp", 1_440_938_160))
    target = case["target"] if "target" in case else encode_path(case["path"])
    origin = f"https://{case.get('host', 'example.amazonaws.com')}"
    request = AWSRequest(case.get("method", "GET"), origin + target, {}, case.get("body", "").encode())
    for name, value in case["headers"]:
        if name.lower() in [*case["signed"].split(";"), "user-agent"]:
            request.headers.add_header(name, value)
    credentials = BotocoreCredentials(*VECTORS["credentials"][case.get("keys", "suite")], case.get("token"))
    Auth(credentials, case.get("service", "service"), "us-east-1").add_auth(request)
    assert request.headers["Authorization"].endswith(f"SignedHeaders={case['signed']}, Signature={case['signature']}")
