"""Laws of signing that hold for all requests."""

from __future__ import annotations

import hashlib
from random import Random
from urllib.parse import parse_qsl, unquote

from hypothesis import given
from hypothesis import strategies as st

from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.signing import (
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
    signature,
    signing_key,
    string_to_sign,
)
from sagemaker_async.config import Credentials
from sagemaker_async.errors import RequestValidationError

UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
KEYS = Credentials("AKIDEXAMPLE", "secret", "token")
NOW = 1_440_938_160.0
HOST = ("Host", "example.com")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
pairs = st.lists(st.tuples(texts, texts), max_size=5)
paths = texts.map(lambda text: "/" + encode_path(text))
header_names = st.from_regex(r"(X-[a-z]{1,5}|Accept|Content-Type)", fullmatch=True)
header_values = st.text(st.characters(codec="ascii", exclude_characters="\r\n\0"), max_size=20)
headers = st.dictionaries(header_names, header_values, max_size=5)
rules = st.sampled_from([STANDARD, S3])
methods = st.sampled_from(["GET", "POST", "PUT"])


@given(texts)
def test_encoding_is_reversible_and_leaves_unreserved_and_percent_only(text: str) -> None:
    segment, path = encode_segment(text), encode_path(text)
    assert unquote(segment, errors="strict") == unquote(path, errors="strict") == text
    assert set(segment) <= UNRESERVED | {"%"}
    assert set(path) <= UNRESERVED | {"%", "/"}


@given(pairs)
def test_an_encoded_query_decodes_to_the_same_pairs_in_the_same_order(pairs: list[tuple[str, str]]) -> None:
    decoded = parse_qsl(encode_query(pairs), keep_blank_values=True, strict_parsing=bool(pairs))
    assert decoded == pairs


@given(methods, paths, pairs, headers, st.binary(max_size=20), rules)
def test_a_verifier_of_what_was_received_finds_the_signature_that_was_sent(
    method: str,
    path: str,
    pairs: list[tuple[str, str]],
    headers: dict[str, str],
    body: bytes,
    rules: SigningRules,
) -> None:
    request = HTTPRequest(method, "https://example.com", f"{path}?{encode_query(pairs)}", headers, body)
    sent = Signer("us-east-1", "sagemaker", rules).sign(request, KEYS, NOW)
    authorization = dict(part.split("=", 1) for part in sent["Authorization"].split(" ", 1)[1].split(", "))
    received = [HOST, *sent.items()]
    canonical = canonical_request(
        method,
        request.target,
        received,
        authorization["SignedHeaders"].split(";"),
        hashlib.sha256(body).hexdigest(),
        rules,
    )
    key = signing_key("secret", "20150830", "us-east-1", "sagemaker")
    scope = credential_scope("20150830", "us-east-1", "sagemaker")
    assert signature(key, string_to_sign(sent["X-Amz-Date"], scope, canonical)) == authorization["Signature"]


@given(methods, paths, pairs, rules)
def test_a_verifier_of_a_presigned_url_finds_its_signature(
    method: str, path: str, pairs: list[tuple[str, str]], rules: SigningRules
) -> None:
    query = encode_query(pairs)
    request = HTTPRequest(method, "https://example.com", f"{path}?{query}" if query else path, {})
    url = Signer("us-east-1", "s3", rules).presign(request, KEYS, NOW, expires=60)
    target, _, sent = url.removeprefix("https://example.com").rpartition("&X-Amz-Signature=")
    payload_hash = UNSIGNED_PAYLOAD if rules == S3 else hashlib.sha256(b"").hexdigest()
    canonical = canonical_request(method, target, [HOST], ["host"], payload_hash, rules)
    key = signing_key("secret", "20150830", "us-east-1", "s3")
    scope = credential_scope("20150830", "us-east-1", "s3")
    assert signature(key, string_to_sign(amz_date(NOW), scope, canonical)) == sent


@given(pairs, st.randoms(use_true_random=False))
def test_the_order_of_the_query_does_not_change_the_signature(pairs: list[tuple[str, str]], random: Random) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)
    one, two = (
        canonical_request("GET", f"/?{encode_query(order)}", [HOST], ["host"], "x") for order in (pairs, shuffled)
    )
    assert one == two


@given(st.text(max_size=12), st.text(max_size=12), st.text(max_size=12))
def test_any_text_is_signed_or_refused_with_a_documented_error(target: str, name: str, value: str) -> None:
    signer = Signer("us-east-1", "sagemaker")
    request = HTTPRequest("GET", "https://example.com", f"/{target}", {name: value})
    for sign in (signer.sign, lambda *args: signer.presign(*args, expires=60)):
        try:
            signed = sign(request, KEYS, NOW)
        except RequestValidationError:
            continue
        text = signed if isinstance(signed, str) else "".join([*signed, *signed.values()])
        assert text.isascii()
        assert not {"\r", "\n", "\0"} & set(text)
