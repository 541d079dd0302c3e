"""`session.s3`: what is sent, what comes of it, which error each refusal is, and where a bucket is found."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from sagemaker_async import Credentials, RetryConfig, Session, StubResponse, StubTransport
from sagemaker_async.aws.endpoints import Endpoint
from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.timing import Timing
from sagemaker_async.errors import (
    AccessDeniedError,
    ConfigurationError,
    ConnectError,
    NoSuchBucketError,
    NoSuchKeyError,
    PreconditionFailedError,
    RequestValidationError,
    ResponseError,
    S3AccessDeniedError,
    ServiceError,
    SessionClosedError,
)

OBJECT = {"bucket": "my-bucket", "key": "k"}
TOKEN = "session-token-that-no-error-may-hold"


def error(status: int, code: str, *, headers: dict[str, str] | None = None, **members: str) -> StubResponse:
    texts = "".join(f"<{name}>{text}</{name}>" for name, text in {"Code": code, "Message": "words", **members}.items())
    return StubResponse(status, f"<?xml version='1.0'?><Error>{texts}</Error>".encode(), headers or {})


def content(body: bytes = b"content", status: int = 200, **headers: str) -> StubResponse:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return StubResponse(status, body, {"Content-Length": str(len(body)), "ETag": '"e"', **fields})


def head(**headers: str) -> StubResponse:
    """Return an answer without a body, as HeadObject and PutObject have it."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return StubResponse(200, b"", {"Content-Length": "7", "ETag": '"e"', **fields})


def region_of(request: HTTPRequest) -> str:
    match = re.search(r"Credential=[^/]+/\d+/([^/]+)/s3/", request.headers["Authorization"])
    assert match
    return match[1]


def places(stub: StubTransport) -> list[tuple[str, str]]:
    """Return where each request went, and the region in its signature."""
    return [(request.origin.removeprefix("https://"), region_of(request)) for request in stub.requests]


CALLS: dict[str, Callable[[Session], Coroutine[Any, Any, Any]]] = {
    "get": lambda session: session.s3.get_object(**OBJECT),
    "head": lambda session: session.s3.head_object(**OBJECT),
    "put": lambda session: session.s3.put_object(**OBJECT, body=b"content"),
    "delete": lambda session: session.s3.delete_object(**OBJECT),
    "list": lambda session: anext(aiter(session.s3.list_objects(bucket="my-bucket"))),
}
EACH_CALL = pytest.mark.parametrize("name", CALLS)


# --- what is sent -----------------------------------------------------------------------------------------------------


async def test_fields_travel_where_s3_wants_them() -> None:
    stub = StubTransport(content(), head(), head(), StubResponse(204))
    async with Session(transport=stub) as session:
        got = await session.s3.get_object(
            bucket="my-bucket", key="a b/../+é", if_match='"e"', expected_bucket_owner="123456789012"
        )
        await got.aclose()
        await session.s3.head_object(**OBJECT)
        await session.s3.put_object(
            **OBJECT,
            body=b"content",
            content_type="text/csv",
            user_metadata={"who": "me"},
            server_side_encryption="aws:kms",
            sse_kms_key_id="arn:aws:kms:us-east-1:123456789012:key/k",
            expected_bucket_owner="123456789012",
        )
        await session.s3.delete_object(**OBJECT)
    get, headed, put, delete = stub.requests
    assert [(r.method, r.target) for r in stub.requests] == [
        ("GET", "/a%20b/../%2B%C3%A9"),
        ("HEAD", "/k"),
        ("PUT", "/k"),
        ("DELETE", "/k"),
    ]
    assert get.origin == "https://my-bucket.s3.amazonaws.com"
    assert get.headers["If-Match"] == '"e"'
    assert get.headers["x-amz-expected-bucket-owner"] == "123456789012"
    assert get.headers["x-amz-checksum-mode"] == headed.headers["x-amz-checksum-mode"] == "ENABLED"
    assert put.body == b"content"
    assert put.headers["Content-Type"] == "text/csv"
    assert put.headers["x-amz-meta-who"] == "me"
    assert put.headers["x-amz-server-side-encryption"] == "aws:kms"
    assert put.headers["x-amz-server-side-encryption-aws-kms-key-id"].endswith("key/k")
    assert put.headers["x-amz-expected-bucket-owner"] == "123456789012"
    assert (put.headers["x-amz-sdk-checksum-algorithm"], put.headers["x-amz-checksum-crc32"]) == ("CRC32", "/sUwqQ==")
    assert put.headers["X-Amz-Content-Sha256"] != delete.headers["X-Amz-Content-Sha256"]


async def test_no_checksums_travel_where_they_are_not_wanted() -> None:
    stub = StubTransport(content(x_amz_checksum_crc32="AAAAAA=="), StubResponse(200))
    options: Any = {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}
    async with Session(transport=stub, **options) as session:
        got = await session.s3.get_object(**OBJECT)
        await got.aclose()
        await session.s3.put_object(**OBJECT, body=b"content")
    assert not [name for request in stub.requests for name in request.headers if "checksum" in name]


@pytest.mark.parametrize(
    ("options", "bucket", "url"),
    [
        ({"region": "eu-west-1"}, "my-bucket", "https://my-bucket.s3.eu-west-1.amazonaws.com/k"),
        ({"region": "eu-west-1"}, "my.bucket", "https://s3.eu-west-1.amazonaws.com/my.bucket/k"),
        ({"region": "eu-west-1"}, "My_Bucket", "https://s3.eu-west-1.amazonaws.com/My_Bucket/k"),
        ({"region": "cn-north-1"}, "my-bucket", "https://my-bucket.s3.cn-north-1.amazonaws.com.cn/k"),
        (
            {"region": "eu-west-1", "use_dualstack_endpoint": True},
            "my-bucket",
            "https://my-bucket.s3.dualstack.eu-west-1.amazonaws.com/k",
        ),
        (
            {"region": "us-east-2", "use_fips_endpoint": True},
            "my-bucket",
            "https://my-bucket.s3-fips.us-east-2.amazonaws.com/k",
        ),
        ({"endpoint_url": "http://127.0.0.1:9/base"}, "my-bucket", "http://127.0.0.1:9/base/my-bucket/k"),
        ({"endpoint_urls": {"s3": "http://minio:9000"}}, "my.bucket", "http://minio:9000/my.bucket/k"),
        (
            {"endpoint_resolver": lambda rules, region, **_: Endpoint.from_url(
                f"https://gateway/{rules.service}/{region}", signing_region=region, signing_name="s3"
            )},
            "my-bucket",
            "https://gateway/s3/us-east-1/my-bucket/k",
        ),
    ],
)  # fmt: skip
async def test_a_bucket_is_called_by_its_host_or_in_the_path(options: Any, bucket: str, url: str) -> None:
    stub = StubTransport(head())
    async with Session(transport=stub, **options) as session:
        await session.s3.head_object(bucket=bucket, key="k")
    (request,) = stub.requests
    assert request.origin + request.target == url


async def test_one_client_belongs_to_a_session_and_closes_with_it() -> None:
    async with Session(transport=StubTransport(head())) as session:
        assert session.s3 is session.s3
        assert (await session.s3.head_object(**OBJECT)).content_length == 7
    with pytest.raises(SessionClosedError):
        await session.s3.head_object(**OBJECT)


# --- what comes -------------------------------------------------------------------------------------------------------


async def test_what_s3_says_of_an_object_is_on_its_answers() -> None:
    headers = {
        "Content_Type": "text/csv",
        "Last_Modified": "Sat, 21 Nov 2026 18:00:00 GMT",
        "X_Amz_Meta_Who": "me",
        "x_amz_server_side_encryption": "aws:kms",
        "x_amz_version_id": "v",
    }
    stub = StubTransport(head(**headers), content(**headers), head(Last_Modified="whenever"))
    async with Session(transport=stub) as session:
        known = await session.s3.head_object(**OBJECT)
        got = await session.s3.get_object(**OBJECT)
        for said in (known, got):
            assert (said.content_length, said.content_type, said.etag) == (7, "text/csv", '"e"')
            assert said.user_metadata == {"who": "me"}
            assert said.last_modified is not None
            assert said.last_modified.isoformat() == "2026-11-21T18:00:00+00:00"
            assert said.metadata.request_id is not None
        assert (known.version_id, known.server_side_encryption) == ("v", "aws:kms")
        await got.aclose()
        assert (await session.s3.head_object(**OBJECT)).last_modified is None
        assert stub.in_use == 0


def page(*keys: str, token: str = "", encoding: str = "<EncodingType>url</EncodingType>") -> StubResponse:
    listed = "".join(f"<Contents><Key>{key}</Key><Size>3</Size><ETag>&quot;e&quot;</ETag></Contents>" for key in keys)
    rest = "<IsTruncated>false</IsTruncated>"
    if token:
        rest = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>"
    return StubResponse(200, f"<ListBucketResult>{encoding}{rest}{listed}</ListBucketResult>".encode())


async def test_a_list_is_asked_for_page_after_page_with_its_keys_decoded() -> None:
    stub = StubTransport(page("a+b%20c%2B", "%00", token="t/+="), page("z"), page("x%20+", encoding=""), page())
    async with Session(transport=stub) as session:
        objects = [each async for each in session.s3.list_objects(bucket="my-bucket", prefix="p q", page_size=2)]
        assert [(each.key, each.size, each.etag) for each in objects] == [
            ("a b c+", 3, '"e"'),
            ("\0", 3, '"e"'),
            ("z", 3, '"e"'),
        ]
        assert [each.key async for each in session.s3.list_objects(bucket="my-bucket")] == ["x%20+"]
        assert [each async for each in session.s3.list_objects(bucket="my-bucket", start_after="m")] == []
    assert [request.target for request in stub.requests] == [
        "/?list-type=2&encoding-type=url&prefix=p%20q&max-keys=2",
        "/?list-type=2&encoding-type=url&prefix=p%20q&max-keys=2&continuation-token=t%2F%2B%3D",
        "/?list-type=2&encoding-type=url",
        "/?list-type=2&encoding-type=url&start-after=m",
    ]


async def test_a_list_that_names_the_same_page_again_is_an_error() -> None:
    async with Session(transport=StubTransport(otherwise=page("a", token="t"))) as session:
        with pytest.raises(ResponseError, match="came twice"):
            _ = [each async for each in session.s3.list_objects(bucket="my-bucket")]


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"{}", b"<!DOCTYPE a><ListBucketResult/>", page("a").chunks[0][:-9]],  # type: ignore[index]
)
async def test_a_list_that_is_not_xml_is_an_error(body: bytes) -> None:
    async with Session(transport=StubTransport(StubResponse(200, body))) as session:
        with pytest.raises(ResponseError, match="answers XML"):
            _ = [each async for each in session.s3.list_objects(bucket="my-bucket")]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "IsTruncated is missing"),
        (b"<html><body>Welcome</body></html>", "IsTruncated is missing"),
        (page("a", token=" ").chunks[0].replace(b" ", b""), "NextContinuationToken is missing"),  # type: ignore[index]
    ],
)
async def test_a_list_that_may_not_be_whole_never_just_ends(body: bytes, words: str) -> None:
    async with Session(transport=StubTransport(StubResponse(200, body))) as session:
        with pytest.raises(ResponseError, match=words):
            _ = [each async for each in session.s3.list_objects(bucket="my-bucket")]


async def test_an_error_with_the_status_of_success_is_one_and_is_repeated() -> None:
    failed = StubResponse(200, b"<Error><Code>InternalError</Code><Message>words</Message></Error>", {"ETag": '"e"'})
    stub = StubTransport(failed, StubResponse(200, b"", {"ETag": '"f"'}), failed)
    async with Session(transport=stub, retry=RetryConfig(max_attempts=2)) as session:
        session.channel.timing = Timing(uniform=lambda: 0.0)  # no delay
        assert (await session.s3.put_object(**OBJECT, body=b"1")).etag == '"f"'
    async with Session(transport=StubTransport(failed), retry=RetryConfig(max_attempts=1)) as session:
        with pytest.raises(ServiceError, match="words"):
            await session.s3.delete_object(**OBJECT)


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (error(404, "NoSuchKey", Key="k"), NoSuchKeyError, r"GetObject on 's3://my-bucket/k': HTTP 404 NoSuchKey: wor"),
        (error(404, "NoSuchBucket"), NoSuchBucketError, "words"),
        (error(412, "PreconditionFailed"), PreconditionFailedError, "words"),
        (error(403, "AccessDenied"), S3AccessDeniedError, r"it needs s3:GetObject \(and kms:Decrypt.*without s3:List"),
        (error(403, "InvalidAccessKeyId"), AccessDeniedError, "words"),
        (error(416, "InvalidRange"), ServiceError, "HTTP 416 InvalidRange"),
        (StubResponse(403, b"<html>"), AccessDeniedError, "HTTP 403: access denied; it needs s3:GetObject"),
        (StubResponse(404, b"nonsense"), ServiceError, "nonsense"),
    ],
)
async def test_a_refusal_is_the_error_of_its_name(answer: StubResponse, kind: type[ServiceError], words: str) -> None:
    async with Session(transport=StubTransport(answer)) as session:
        with pytest.raises(kind, match=words) as raised:
            await session.s3.get_object(**OBJECT)
        assert raised.value.resource == "s3://my-bucket/k"


@pytest.mark.parametrize(
    ("name", "permission"),
    [
        ("get", "s3:GetObject"),
        ("head", "s3:GetObject"),
        ("put", "s3:PutObject"),
        ("delete", "s3:DeleteObject"),
        ("list", "s3:ListBucket"),
    ],
)
async def test_a_denial_names_the_permission_that_is_missing(name: str, permission: str) -> None:
    answer = StubResponse(403) if name == "head" else error(403, "AccessDenied")
    async with Session(transport=StubTransport(answer)) as session:
        with pytest.raises(S3AccessDeniedError, match=f"it needs {permission}") as raised:
            await CALLS[name](session)
        assert raised.value.permission == permission


async def test_a_head_without_a_body_says_what_its_status_means() -> None:
    stub = StubTransport(StubResponse(404), StubResponse(412))
    async with Session(transport=stub) as session:
        with pytest.raises(NoSuchKeyError, match="HTTP 404: there is no such object, or no such bucket"):
            await session.s3.head_object(**OBJECT)
        with pytest.raises(PreconditionFailedError):
            await session.s3.head_object(**OBJECT)


async def test_an_object_that_vanishes_between_head_and_get_is_missing() -> None:
    async with Session(transport=StubTransport(head(), error(404, "NoSuchKey"))) as session:
        known = await session.s3.head_object(**OBJECT)
        with pytest.raises(NoSuchKeyError):
            await session.s3.get_object(**OBJECT, if_match=known.etag)


async def test_no_error_holds_what_s3_repeats_of_a_refused_request(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    members = {"CanonicalRequest": f"x-amz-security-token:{TOKEN}", "StringToSign": TOKEN, "Token-0": TOKEN}
    for code in ("SignatureDoesNotMatch", "ExpiredToken"):
        stub = StubTransport(otherwise=error(403, code, **members))
        async with Session(transport=stub, credentials=Credentials("AKID", "secret", TOKEN)) as session:
            with pytest.raises(ServiceError) as raised:
                await session.s3.get_object(**OBJECT)
        assert raised.value.code == code
        for text in (str(raised.value), repr(vars(raised.value)), caplog.text):
            assert TOKEN not in text


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"bucket": "b"}, "bucket .* is a bucket's name"),
        ({"bucket": "../x"}, "bucket"),
        ({"bucket": "my-bucket/k"}, "bucket"),
        ({"bucket": "s3://my-bucket"}, "bucket"),
        ({"bucket": None}, "bucket .* is required"),
        ({"key": ""}, "key .* must have at least 1 character"),
        ({"key": "é" * 513}, "may have 1024 bytes of UTF-8, has 1026"),
        ({"key": "\ud800"}, "lone surrogate"),
        ({"range": "0-9"}, "is a range of bytes, such as bytes=0-99"),
        ({"range": "bytes=0-9, 20-29"}, "is a range of bytes"),
        ({"if_match": "a\r\nX: y"}, "if_match"),
        ({"expected_bucket_owner": "me"}, "is an account's id of 12 digits"),
        ({"key": 1}, "must be a str"),
    ],
)
async def test_what_s3_would_refuse_is_refused_before_anything_is_sent(fields: Any, rule: str) -> None:
    stub = StubTransport(content())
    async with Session(transport=stub) as session:
        with pytest.raises(RequestValidationError, match=rule):
            await session.s3.get_object(**{**OBJECT, **fields})
    assert stub.requests == []


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"body": "text"}, "got str; encode it first"),
        ({"body": None}, "got NoneType"),
        ({"body": [b"a"]}, "got list"),
        ({"content_type": "é"}, "content_type"),
        ({"user_metadata": {"a b": "c"}}, "names take letters"),
        ({"user_metadata": {"a": "b\n"}}, "not printable ASCII"),
        ({"user_metadata": {"a": "b "}}, "with spaces around it"),
        ({"user_metadata": {"a": "b", "A": "c"}}, "differ in case alone"),
        ({"user_metadata": {"a": "b" * 2048}}, "may have 2048 characters in all, has 2049"),
        ({"user_metadata": "a"}, "user_metadata"),
        ({"server_side_encryption": "rot13"}, "should be 'AES256', 'aws:kms'"),
        ({"body": Path("/nonexistent/file")}, "cannot be read: No such file"),
        ({"body": Path("/tmp")}, "cannot be read: it is not a regular file"),
    ],
)
async def test_what_cannot_be_uploaded_is_refused_before_anything_is_sent(fields: Any, rule: str) -> None:
    stub = StubTransport(content())
    async with Session(transport=stub) as session:
        with pytest.raises(RequestValidationError, match=rule):
            await session.s3.put_object(**{**OBJECT, "body": b"", **fields})
    assert stub.requests == []


def test_a_choice_of_checksums_that_is_none_is_refused() -> None:
    options: Any = {"request_checksum_calculation": "never"}
    with pytest.raises(ConfigurationError, match="must be when_supported or when_required or None, got 'never'"):
        Session(**options)


# --- regions ----------------------------------------------------------------------------------------------------------

HOME = ("my-bucket.s3.eu-west-1.amazonaws.com", "eu-west-1")
AWAY = ("my-bucket.s3.eu-central-1.amazonaws.com", "eu-central-1")
SAID = {"x-amz-bucket-region": "eu-central-1"}
ELSEWHERE = {
    "301 and a header field": error(301, "PermanentRedirect", headers=SAID, Endpoint="my-bucket.s3.evil.example"),
    "301 and a member": error(301, "PermanentRedirect", Region="eu-central-1"),
    "307": error(307, "TemporaryRedirect", headers={**SAID, "Location": "https://my-bucket.s3.evil.example/k"}),
    "400 of the signature": error(400, "AuthorizationHeaderMalformed", Region="eu-central-1"),
    "400 of a region that is off by default": error(
        400, "IllegalLocationConstraintException", headers=SAID
    ),
    "301 without a body": StubResponse(301, b"", SAID),
}  # fmt: skip


@EACH_CALL
@pytest.mark.parametrize("answer", ELSEWHERE)
async def test_a_bucket_elsewhere_is_called_there_with_a_new_signature(name: str, answer: str) -> None:
    good = {"list": page("k"), "get": content()}.get(name, head())
    stub = StubTransport(ELSEWHERE[answer], good, good)
    async with Session(transport=stub, region="eu-west-1") as session:
        for _ in range(2):
            got = await CALLS[name](session)
            if name == "get":
                await got.aclose()
    assert places(stub) == [HOME, AWAY, AWAY]
    first, second, _ = stub.requests
    assert first.headers["Authorization"] != second.headers["Authorization"]
    assert first.body == second.body


@pytest.mark.parametrize("status", [301, 400])
@pytest.mark.parametrize("asked", [StubResponse(301, b"", SAID), StubResponse(200, b"", SAID)])
async def test_a_bare_answer_to_head_has_the_bucket_asked_for(status: int, asked: StubResponse) -> None:
    stub = StubTransport(StubResponse(status), asked, head())
    async with Session(transport=stub, region="eu-west-1") as session:
        assert (await session.s3.head_object(**OBJECT)).content_length == 7
    assert places(stub) == [HOME, HOME, AWAY]
    assert [(request.method, request.target) for request in stub.requests] == [
        ("HEAD", "/k"),
        ("HEAD", "/"),
        ("HEAD", "/k"),
    ]


@pytest.mark.parametrize("asked", [StubResponse(400), StubResponse(404), ConnectError("refused")])
async def test_a_bare_answer_stays_the_error_where_nobody_knows_the_region(asked: Any) -> None:
    stub = StubTransport(StubResponse(400), asked)
    async with Session(transport=stub, region="eu-west-1") as session:
        with pytest.raises(ServiceError, match="HTTP 400"):
            await session.s3.head_object(**OBJECT)
    assert len(stub.requests) == 2


@pytest.mark.parametrize(
    "region",
    ["evil.example/", "evil", "127.0.0.1", "us-east-1.evil.example", "us-évil-1", "cn-north-1", "us-gov-west-1",
     "-" * 99, "US-EAST-1", "us_east-1", "@evil"],
)  # fmt: skip
async def test_a_region_that_is_none_of_the_partition_is_not_followed(region: str) -> None:
    stub = StubTransport(otherwise=error(301, "PermanentRedirect", Region=region))
    async with Session(transport=stub, region="eu-west-1") as session:
        with pytest.raises(ResponseError, match=r"is not a region of eu-west-1's partition \(aws\)") as raised:
            await session.s3.get_object(**OBJECT)
    assert places(stub) == [HOME]
    assert raised.value.resource == "s3://my-bucket/k"


async def test_a_redirect_is_followed_once() -> None:
    stub = StubTransport(
        error(301, "PermanentRedirect", Region="eu-central-1"),
        otherwise=error(301, "PermanentRedirect", Region="us-east-2"),
    )
    async with Session(transport=stub, region="eu-west-1") as session:
        with pytest.raises(ServiceError, match="HTTP 301 PermanentRedirect"):
            await session.s3.get_object(**OBJECT)
        assert places(stub) == [HOME, AWAY]
        with pytest.raises(ServiceError):  # and it is not remembered
            await session.s3.get_object(**OBJECT)
        assert places(stub)[2] == HOME


async def test_a_redirect_to_where_the_call_came_from_is_not_followed() -> None:
    stub = StubTransport(error(301, "PermanentRedirect", Region="eu-west-1"))
    async with Session(transport=stub, region="eu-west-1") as session:
        with pytest.raises(ServiceError, match="HTTP 301"):
            await session.s3.get_object(**OBJECT)
    assert places(stub) == [HOME]


async def test_a_region_that_cannot_be_reached_is_not_remembered() -> None:
    stub = StubTransport(error(301, "PermanentRedirect", Region="eu-nowhere-1"), ConnectError("no such host"), head())
    async with Session(transport=stub, region="eu-west-1") as session:
        with pytest.raises(ConnectError):
            await session.s3.get_object(**OBJECT)
        await session.s3.head_object(**OBJECT)
    assert [region for _, region in places(stub)] == ["eu-west-1", "eu-nowhere-1", "eu-west-1"]


async def test_a_region_is_remembered_even_where_the_call_is_refused_there() -> None:
    stub = StubTransport(ELSEWHERE["301 and a member"], error(404, "NoSuchKey"), head())
    async with Session(transport=stub, region="eu-west-1") as session:
        with pytest.raises(NoSuchKeyError):
            await session.s3.get_object(**OBJECT)
        await session.s3.head_object(**OBJECT)
    assert places(stub) == [HOME, AWAY, AWAY]


async def test_of_many_buckets_the_latest_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagemaker_async.aws.s3.buckets.REMEMBERED_BUCKETS", 2)
    stub = StubTransport(ELSEWHERE["301 and a member"], otherwise=head())
    async with Session(transport=stub, region="eu-west-1") as session:
        for bucket in ("my-bucket", "bucket-2", "my-bucket", "bucket-3", "my-bucket"):
            await session.s3.head_object(bucket=bucket, key="k")
        assert places(stub)[-1] == AWAY  # used last, so kept
        for bucket in ("bucket-4", "bucket-5", "my-bucket"):
            await session.s3.head_object(bucket=bucket, key="k")
    assert places(stub)[-1] == HOME


async def test_the_transport_follows_no_redirect_by_itself(
    raw_server: Callable[..., Awaitable[Any]], http_answer: Callable[..., bytes]
) -> None:
    other = await raw_server(http_answer(200, b"secret"))
    redirect = http_answer(307, b"", {"Location": f"{other.origin}/my-bucket/k", "x-amz-bucket-region": "eu-west-1"})
    server = await raw_server(redirect, http_answer(200, b"content", {"ETag": '"e"'}))
    options: Any = {"region": "us-east-1", "endpoint_urls": {"s3": server.origin}, "credentials": Credentials("A", "s")}
    async with Session(**options) as session, await session.s3.get_object(**OBJECT) as got:
        assert await got.read() == b"content"
    assert other.requests == []
    scopes = [request.header("authorization").split("/")[2] for request in server.requests]
    assert scopes == ["us-east-1", "eu-west-1"]
