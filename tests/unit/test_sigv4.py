"""Signing as the request path and the embedded SageMaker use it."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Iterator

import pytest
from yarl import URL

from sagemaker_async.aws.http import HTTPRequest, RequestHead
from sagemaker_async.aws.signing import (
    EMPTY_SHA256,
    S3,
    STANDARD,
    UNSIGNED_PAYLOAD,
    Signer,
    SigningRules,
    amz_date,
    canonical_request,
    encode_path,
    encode_query,
    encode_segment,
    host_header,
    signature,
    signing_key,
    sigv4,
    string_to_sign,
)
from sagemaker_async.config import Credentials
from sagemaker_async.errors import ConfigurationError, RequestValidationError

NOW = 1_440_938_160.75
KEYS = Credentials("AKIDEXAMPLE", "very-secret-key")
SESSION_KEYS = Credentials("AKIDEXAMPLE", "very-secret-key", "very-secret-token")


def request(target: str = "/", body: bytes = b"", **headers: str) -> HTTPRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HTTPRequest("POST", "https://runtime.sagemaker.us-east-1.amazonaws.com", target, named, body)


@pytest.fixture
def signer() -> Signer:
    return Signer("us-east-1", "sagemaker")


@pytest.fixture
def empty_key_cache() -> Iterator[None]:
    sigv4._signing_key_cell.cache_clear()
    yield
    sigv4._signing_key_cell.cache_clear()


# --- which headers are sent and signed -------------------------------------------------------------------------------


def test_headers_of_the_request_come_first_and_unchanged(signer: Signer) -> None:
    headers = signer.sign(request(Content_Type="text/csv", X_Note="  a   b "), SESSION_KEYS, NOW)
    assert list(headers) == ["Content-Type", "X-Note", "X-Amz-Date", "X-Amz-Security-Token", "Authorization"]
    assert headers["X-Note"] == "  a   b "
    assert headers["X-Amz-Date"] == "20150830T123600Z"
    assert headers["X-Amz-Security-Token"] == "very-secret-token"


def test_the_request_is_not_changed_by_signing(signer: Signer) -> None:
    unsigned = request(Accept="text/csv", authorization="old")
    signer.sign(unsigned, SESSION_KEYS, NOW)
    assert dict(unsigned.headers) == {"Accept": "text/csv", "authorization": "old"}


def test_signing_again_replaces_every_earlier_signature_header(signer: Signer) -> None:
    first = signer.sign(request(Accept="a"), SESSION_KEYS, NOW, payload_hash=UNSIGNED_PAYLOAD)
    stale = {name.lower(): value for name, value in first.items()}
    again = HTTPRequest("POST", request().origin, "/", stale)
    assert signer.sign(again, KEYS, NOW + 5) == {
        "accept": "a",
        **{k: v for k, v in signer.sign(request(accept="a"), KEYS, NOW + 5).items() if k != "accept"},
    }


def test_no_token_header_is_sent_without_a_token(signer: Signer) -> None:
    for credentials in (KEYS, Credentials("AKIDEXAMPLE", "very-secret-key", "")):
        assert "X-Amz-Security-Token" not in signer.sign(request(), credentials, NOW)


@pytest.mark.parametrize(
    ("rules", "payload_hash", "expected"),
    [
        (STANDARD, None, None),
        (STANDARD, UNSIGNED_PAYLOAD, UNSIGNED_PAYLOAD),
        (S3, None, hashlib.sha256(b"body").hexdigest()),
        (S3, EMPTY_SHA256, EMPTY_SHA256),
        (S3, UNSIGNED_PAYLOAD, UNSIGNED_PAYLOAD),
    ],
)
def test_content_sha256_is_sent_for_s3_and_for_unsigned_payloads(
    rules: sigv4.SigningRules, payload_hash: str | None, expected: str | None
) -> None:
    headers = Signer("us-east-1", "s3", rules).sign(request(body=b"body"), KEYS, NOW, payload_hash=payload_hash)
    assert headers.get("X-Amz-Content-Sha256") == expected


def test_a_given_payload_hash_replaces_hashing_the_body(signer: Signer) -> None:
    digest = hashlib.sha256(b"body").hexdigest()
    assert signer.sign(request(), KEYS, NOW, payload_hash=digest) == signer.sign(request(body=b"body"), KEYS, NOW)


def test_headers_that_hops_may_change_are_sent_and_not_signed(signer: Signer) -> None:
    headers = signer.sign(request(User_Agent="x", X_Amzn_Trace_Id="y", Accept="z"), KEYS, NOW)
    assert headers["User-Agent"] == "x"
    assert "SignedHeaders=accept;host;x-amz-date," in headers["Authorization"]


def test_a_host_header_of_the_request_is_sent_and_signed(signer: Signer) -> None:
    headers = signer.sign(request(Host="vpce.example"), KEYS, NOW)
    assert headers["Host"] == "vpce.example"
    assert headers["Authorization"] != signer.sign(request(), KEYS, NOW)["Authorization"]
    assert "Host" not in signer.sign(request(), KEYS, NOW)
    there = request()._replace(origin="https://vpce.example")
    assert headers["Authorization"] == signer.sign(there, KEYS, NOW)["Authorization"]


@pytest.mark.parametrize(
    "origin",
    [
        "https://runtime.sagemaker.us-east-1.amazonaws.com",
        "https://Example.COM:443",
        "http://example.com:443",
        "http://127.0.0.1:80",
        "http://127.0.0.1:8080",
        "https://example.com.:8443",
        "http://[0:0::1]:8080",
        "http://[::1]:80",
        "http://user:password@example.com",
    ],
)
def test_host_header_is_the_one_that_aiohttp_sends(origin: str) -> None:
    assert host_header(origin) == URL(origin).host_port_subcomponent


@pytest.mark.parametrize("origin", ["", "https://", "https://h:port", "https://[::1", "https://[zz]", "/path"])
def test_an_origin_without_a_host_is_a_configuration_error(origin: str) -> None:
    with pytest.raises(ConfigurationError, match="https://host"):
        host_header(origin)


@pytest.mark.parametrize("mark", ["\0", " ", "\x1f", "\x7f", "%s\0%%"])
def test_an_origin_whose_host_is_not_a_name_is_a_configuration_error(signer: Signer, mark: str) -> None:
    given = request()._replace(origin=f"https://a{mark}b")
    with pytest.raises(ConfigurationError, match="in its host"):
        signer.sign(given, KEYS, NOW)
    with pytest.raises(ConfigurationError, match="in its host"):
        signer.presign(given, KEYS, NOW, expires=60)


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\n", "\r", "\0", "café", "\ud800"])
def test_a_header_value_that_http_cannot_carry_is_refused_without_showing_it(signer: Signer, value: str) -> None:
    for unsafe in (request(Accept="fine", X_Note=f"private{value}"), request(X_Note=f"private{value}")):
        for sign in (signer.sign, lambda *args: signer.presign(*args, expires=60)):
            with pytest.raises(RequestValidationError, match=r"headers.*CR, LF, NUL") as caught:
                sign(unsafe, KEYS, NOW)
            assert "private" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "é"])
def test_a_header_name_that_is_not_a_token_is_refused(signer: Signer, name: str) -> None:
    with pytest.raises(RequestValidationError, match="is not a header name"):
        signer.sign(HTTPRequest("GET", "https://h", "/", {name: "1"}), KEYS, NOW)


@pytest.mark.parametrize("target", ["", "x", "/a b", "/é", "/a\r\nb", "/a#b", "/\x7f", "/?é=1", "https://h/", "/a\n"])
def test_a_target_that_is_not_percent_encoded_is_refused(signer: Signer, target: str) -> None:
    for sign in (signer.sign, lambda *args: signer.presign(*args, expires=60)):
        with pytest.raises(RequestValidationError, match="encode_path"):
            sign(request(target), KEYS, NOW)


@pytest.mark.parametrize("method", ["", "GE T", "GET\r\nX: 1", "\ud800"])
def test_a_method_that_is_not_a_token_is_refused(signer: Signer, method: str) -> None:
    with pytest.raises(RequestValidationError, match="method"):
        signer.sign(HTTPRequest(method, "https://h", "/", {}), KEYS, NOW)


@pytest.mark.parametrize("timestamp", [-1.0, 253_402_300_800.0, float("nan"), float("inf")])
def test_a_time_out_of_range_is_a_configuration_error(timestamp: float) -> None:
    with pytest.raises(ConfigurationError, match="1970 to 9999"):
        amz_date(timestamp)


def test_time_is_cut_to_whole_seconds() -> None:
    assert amz_date(0) == "19700101T000000Z"
    assert amz_date(0.999) == "19700101T000000Z"
    assert amz_date(253_402_300_799.5) == "99991231T235959Z"


# --- presigning ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("expires", [0, -1, 604_801, True, 60.0, "60"])
def test_expires_out_of_range_is_a_configuration_error(signer: Signer, expires: object) -> None:
    with pytest.raises(ConfigurationError, match=r"expires must be .* 1 to 604800"):
        signer.presign(request(), KEYS, NOW, expires=expires)  # type: ignore[arg-type]


@pytest.mark.parametrize("expires", [1, 604_800])
def test_expires_at_the_limits_is_accepted(signer: Signer, expires: int) -> None:
    assert f"&X-Amz-Expires={expires}&" in signer.presign(request(), KEYS, NOW, expires=expires)


def test_presigning_keeps_the_query_verbatim_and_duplicates_in_it(signer: Signer) -> None:
    url = signer.presign(request("/p?b=2&a=&b=1&c"), SESSION_KEYS, NOW, expires=60)
    assert url.startswith(f"{request().origin}/p?b=2&a=&b=1&c&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID")
    assert "&X-Amz-Security-Token=very-secret-token&X-Amz-Signature=" in url


def test_a_presigned_url_cannot_be_presigned_again(signer: Signer) -> None:
    url = signer.presign(request("/p"), KEYS, NOW, expires=60)
    with pytest.raises(RequestValidationError, match="presigned already"):
        signer.presign(request(url.removeprefix(request().origin)), KEYS, NOW, expires=60)


def test_presigned_body_is_signed_but_for_s3() -> None:
    def presign(rules: sigv4.SigningRules, body: bytes) -> str:
        return Signer("us-east-1", "s3", rules).presign(request(body=body), KEYS, NOW, expires=60)

    assert presign(STANDARD, b"one") != presign(STANDARD, b"two")
    assert presign(S3, b"one") == presign(S3, b"two")


@pytest.mark.parametrize("rules", [STANDARD, S3])
def test_a_given_payload_hash_is_presigned_whatever_the_body(rules: sigv4.SigningRules) -> None:
    def presign(body: bytes, payload_hash: str | None) -> str:
        signer = Signer("us-east-1", "s3", rules)
        return signer.presign(request(body=body), KEYS, NOW, expires=60, payload_hash=payload_hash)

    digest = hashlib.sha256(b"body").hexdigest()
    assert presign(b"", digest) == presign(b"other", digest) != presign(b"", UNSIGNED_PAYLOAD)
    assert presign(b"body", None) == presign(b"", UNSIGNED_PAYLOAD if rules is S3 else digest)


# --- canonicalisation ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "standard", "s3"),
    [
        ("", "/", "/"),
        ("/", "/", "/"),
        ("//", "/", "//"),
        ("/a//b/", "/a/b/", "/a//b/"),
        ("/a/./b/../c", "/a/c", "/a/./b/../c"),
        ("/../..", "/", "/../.."),
        ("/a/..", "/", "/a/.."),
        ("/a%20b", "/a%2520b", "/a%20b"),
        ("/%2e%2E/x", "/%252e%252E/x", "/%2e%2E/x"),
        ("/a~b:c@d", "/a~b%3Ac%40d", "/a~b:c@d"),
    ],
)
def test_path_is_normalised_and_encoded_twice_but_for_s3(path: str, standard: str, s3: str) -> None:
    assert canonical_request("get", path, [], [], "x", STANDARD).split("\n")[:2] == ["GET", standard]
    assert canonical_request("get", path, [], [], "x", S3).split("\n")[:2] == ["GET", s3]


@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        ("", ""),
        ("b=1&a=2", "a=2&b=1"),
        ("a=2&a=10&a=1", "a=1&a=10&a=2"),
        ("a&a=&=&b", "=&a=&a=&b="),
        ("a=b=c", "a=b=c"),
        ("a1=x&a=z", "a=z&a1=x"),
        ("B=1&a=1", "B=1&a=1"),
        ("q=a?b", "q=a?b"),
    ],
)
def test_query_is_sorted_by_name_and_then_value(query: str, canonical: str) -> None:
    assert canonical_request("GET", f"/?{query}", [], [], "x").split("\n")[2] == canonical


def test_received_headers_are_folded_joined_in_order_and_sorted() -> None:
    received = [("X-B", "2"), ("x-a", "  p   q\t"), ("User-Agent", "z"), ("X-b", "1\r\n  3"), ("HOST", "h")]
    assert canonical_request("GET", "/", received, ["X-B", "host", "x-a"], "hash") == (
        "GET\n/\n\nhost:h\nx-a:p q\nx-b:2,1 3\n\nhost;x-a;x-b\nhash"
    )


def test_a_signed_header_that_did_not_arrive_is_not_the_same_as_an_empty_one() -> None:
    absent = canonical_request("GET", "/", [("host", "h")], ["host", "x-a"], "hash")
    assert absent != canonical_request("GET", "/", [("host", "h"), ("x-a", "")], ["host", "x-a"], "hash")


def test_undecodable_received_bytes_are_signed_as_the_bytes_they_were() -> None:
    received = b"caf\xe9".decode("utf-8", "surrogateescape")
    canonical = canonical_request("GET", f"/{received}", [("x-a", received)], ["x-a"], "hash", S3)
    digest = hashlib.sha256(b"GET\n/caf\xe9\n\nx-a:caf\xe9\n\nx-a\nhash").hexdigest()
    assert string_to_sign("20150830T123600Z", "scope", canonical).endswith(digest)
    assert "/caf%E9\n" in canonical_request("GET", f"/{received}", [], [], "hash", STANDARD)


# --- the builder -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "path", "segment"),
    [
        ("a/b", "a/b", "a%2Fb"),
        ("AZaz09-._~", "AZaz09-._~", "AZaz09-._~"),
        ("100% é漢", "100%25%20%C3%A9%E6%BC%A2", "100%25%20%C3%A9%E6%BC%A2"),
        ("%20", "%2520", "%2520"),
        ("a?b#c+d", "a%3Fb%23c%2Bd", "a%3Fb%23c%2Bd"),
        ("x\r\ny", "x%0D%0Ay", "x%0D%0Ay"),
    ],
)
def test_builder_encodes_everything_but_unreserved_characters(raw: str, path: str, segment: str) -> None:
    assert encode_path(raw) == path
    assert encode_segment(raw) == segment


def test_query_builder_keeps_order_duplicates_and_empties() -> None:
    assert encode_query([("b", "1 2"), ("a", ""), ("b", "/&="), ("", "x")]) == "b=1%202&a=&b=%2F%26%3D&=x"


def test_text_without_utf8_form_is_refused() -> None:
    for encode in (encode_path, encode_segment, lambda text: encode_query([("a", text)])):
        with pytest.raises(RequestValidationError, match="surrogate"):
            encode("\ud800")


# --- keys and secrets ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("empty_key_cache")
def test_key_is_derived_once_per_day_region_and_service(monkeypatch: pytest.MonkeyPatch) -> None:
    derived = []
    one_shot = sigv4.hmac.digest

    def digest(key: bytes, message: bytes, name: str) -> bytes:
        if message == b"aws4_request":
            derived.append(message)
        return one_shot(key, message, name)

    monkeypatch.setattr(sigv4.hmac, "digest", digest)
    for _ in range(2):
        signer = Signer("us-east-1", "sagemaker")
        for seconds in (0, 1, 86_400 / 4):
            signer.sign(request(), KEYS, NOW + seconds)
    assert len(derived) == 1
    signer.sign(request(), KEYS, NOW + 86_400)
    Signer("eu-west-1", "sagemaker").sign(request(), KEYS, NOW)
    Signer("us-east-1", "s3").sign(request(), KEYS, NOW)
    signer.sign(request(), Credentials("AKIDEXAMPLE", "another-secret"), NOW)
    assert len(derived) == 5


def test_rotated_credentials_and_a_new_day_sign_with_new_keys(signer: Signer) -> None:
    for credentials in (KEYS, Credentials("AKIDEXAMPLE", "another-secret"), KEYS):
        for timestamp in (NOW, NOW + 86_400, NOW):
            fresh = Signer("us-east-1", "sagemaker").sign(request(), credentials, timestamp)
            assert signer.sign(request(), credentials, timestamp) == fresh


@pytest.mark.usefixtures("empty_key_cache")
def test_key_cache_is_bounded_and_does_not_hold_the_secret() -> None:
    secret = "a-secret-of-this-test-only"
    for day in range(100):
        signing_key(secret, f"2015{day:04}", "us-east-1", "s3")
    info = sigv4._signing_key_cell.cache_info()
    assert info.currsize == info.maxsize == 64
    cached = [key for key in gc.get_referents(sigv4._signing_key_cell) if secret in repr(key)]
    assert cached == []


def test_no_secret_shows_in_repr(signer: Signer) -> None:
    signer.sign(request(), SESSION_KEYS, NOW)
    assert "secret" not in repr(signer)
    assert repr(signer).startswith("Signer(region='us-east-1', service='sagemaker'")


# --- what is kept on a request's head ---------------------------------------------------------------------------------


def test_a_request_whose_head_was_signed_before_is_signed_as_any_other() -> None:
    signer = Signer("us-east-1", "sagemaker")
    other_host = request(A="1")._replace(origin="https://other.example")
    requests = [
        request(A="1"),
        request(A="2"),
        request(B="1"),
        request(A="1", body=b"x"),
        request("/a", A="1"),
        request("/?a=%25", A="100% %s"),
        request(A="1")._replace(method="PUT"),
        other_host,
        request(A="1", host="mine.example"),
    ]
    one_head = RequestHead({})
    heads = [RequestHead({}) for _ in requests]
    for _ in range(2):
        for each, own in zip(requests, heads, strict=True):
            for keys in (KEYS, SESSION_KEYS, Credentials("AKID2", "s2", "t2"), Credentials("AKID2", "s2", "t  2")):
                for payload_hash in (None, UNSIGNED_PAYLOAD):
                    for now in (NOW, NOW + 86_400):
                        expected = Signer("us-east-1", "sagemaker").sign(each, keys, now, payload_hash=payload_hash)
                        for head in (own, one_head):
                            signed = signer.sign(each, keys, now, payload_hash=payload_hash, head=head)
                            assert signed == expected


def test_a_head_is_worked_out_once_a_second_for_all_bodies(signer: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    assembled = []
    assemble = sigv4.assemble
    monkeypatch.setattr(sigv4, "assemble", lambda *args: assembled.append(args) or assemble(*args))
    head = RequestHead({})
    for number in range(3):
        signer.sign(request(A="1", body=bytes(number)), KEYS, int(NOW) + number / 4, head=head)
    assert len(assembled) == 1
    signer.sign(request(A="1"), KEYS, NOW + 1, head=head)
    signer.sign(request(A="2"), KEYS, NOW + 1, head=head)
    signer.sign(request(A="2"), SESSION_KEYS, NOW + 1, head=head)
    assert len(assembled) == 4


def test_what_happens_to_headers_afterwards_does_not_change_what_is_kept(signer: Signer) -> None:
    fields = {"A": "1"}
    head, given = RequestHead({}), request()._replace(headers=fields)
    first = signer.sign(given, KEYS, NOW, head=head)
    expected = dict(first)
    first["A"] = first["Authorization"] = "other"
    assert signer.sign(given, KEYS, NOW, head=head) == expected
    fields["A"] = "2"
    assert signer.sign(given, KEYS, NOW, head=head) == signer.sign(given, KEYS, NOW) != expected


def test_a_header_that_is_refused_is_refused_again(signer: Signer) -> None:
    head = RequestHead({})
    for _ in range(2):
        with pytest.raises(RequestValidationError):
            signer.sign(request(A="a\nb"), KEYS, NOW, head=head)


@pytest.mark.parametrize("credentials", [KEYS, SESSION_KEYS])
@pytest.mark.parametrize("rules", [STANDARD, S3])
def test_percent_signs_are_signed_as_they_are(credentials: Credentials, rules: SigningRules) -> None:
    given = request("/%25s/%2525?a=%25", A="100 %s %(x)d %%")
    signed = Signer("us-east-1", "sagemaker", rules).sign(given, credentials, NOW)
    sent = [*signed.items(), ("Host", host_header(given.origin))]
    names = signed["Authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    canonical = canonical_request("POST", given.target, sent, names, EMPTY_SHA256, rules)
    text = string_to_sign("20150830T123600Z", "20150830/us-east-1/sagemaker/aws4_request", canonical)
    key = signing_key(credentials.secret_access_key, "20150830", "us-east-1", "sagemaker")
    assert signed["Authorization"].endswith(f"Signature={signature(key, text)}")


def test_a_signer_takes_each_credentials_and_each_day_for_what_it_is(signer: Signer) -> None:
    for credentials, now in ((KEYS, NOW), (SESSION_KEYS, NOW), (KEYS, NOW + 86_400), (KEYS, NOW)):
        fresh = Signer("us-east-1", "sagemaker")
        assert signer.sign(request(), credentials, now) == fresh.sign(request(), credentials, now)


def test_a_head_keeps_no_credentials_and_no_session_token(signer: Signer) -> None:
    head = RequestHead({})
    signed = signer.sign(request(), SESSION_KEYS, NOW, head=head)
    assert "X-Amz-Security-Token" in signed
    kept: dict[int, object] = {}
    found: list[object] = [head.signature]
    while found:
        each = found.pop()
        if id(each) not in kept and not isinstance(each, type):
            kept[id(each)] = each
            found += gc.get_referents(each)
    assert len(kept) > 10
    assert not any(isinstance(each, Credentials | Signer) for each in kept.values())
    for secret in ("secret", "Signature="):
        assert not any(secret in each for each in kept.values() if isinstance(each, str))


def test_a_payload_hash_that_is_sent_as_a_header_is_checked_as_one() -> None:
    signer = Signer("us-east-1", "s3", S3)
    head, request = RequestHead({}), HTTPRequest("GET", "https://bucket.s3.amazonaws.com", "/key", {})
    credentials = Credentials("AKIDEXAMPLE", "secret")
    signer.sign(request, credentials, 1.0, head=head)
    with pytest.raises(RequestValidationError):
        signer.sign(request, credentials, 1.0, head=head, payload_hash="a\r\nEvil: 1")
