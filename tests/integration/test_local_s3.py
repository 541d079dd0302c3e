"""The embedded SageMaker's objects over S3's protocol: boto3 and other clients read and write them."""

from __future__ import annotations

import base64
import hashlib
import io
import time
import zlib
from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import aiohttp
import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from yarl import URL

from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.signing import S3, Signer, signature, signing_key
from sagemaker_async.local import LocalSageMaker, ThreadedLocalSageMaker

PART = 5 << 20


@pytest.fixture(scope="module")
def server() -> Iterator[ThreadedLocalSageMaker]:
    with LocalSageMaker.in_thread() as server:
        yield server


@pytest.fixture(scope="module")
def s3(server: ThreadedLocalSageMaker) -> Iterator[Any]:
    client = boto3.client("s3", config=Config(retries={"max_attempts": 1}), **server.boto3_options)
    yield client
    client.close()


@pytest.fixture
def local(server: ThreadedLocalSageMaker) -> Iterator[ThreadedLocalSageMaker]:
    """The server, without the objects of the tests before."""
    server.objects.clear()
    yield server
    server.allow_objects("s3://b/")


def code(error: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    answer = error.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


KEYS = ["plain", "a b/ü", "a//b", "../up", "a+b%20c", "x?y=z&w", "trailing/"]


@pytest.mark.parametrize("key", KEYS)
def test_boto3_puts_gets_and_deletes(s3: Any, local: ThreadedLocalSageMaker, key: str) -> None:
    put = s3.put_object(Bucket="b", Key=key, Body=b"content", ContentType="text/csv", Metadata={"who": "me"})
    assert put["ETag"] == f'"{hashlib.md5(b"content").hexdigest()}"'
    assert dict(local.objects) == {f"s3://b/{key}": b"content"}
    got = s3.get_object(Bucket="b", Key=key, ChecksumMode="ENABLED")
    assert got["Body"].read() == b"content"
    assert (got["ContentType"], got["ETag"], got["Metadata"]) == ("text/csv", put["ETag"], {"who": "me"})
    assert got["ChecksumCRC32"] == base64.b64encode(zlib.crc32(b"content").to_bytes(4, "big")).decode()
    head = s3.head_object(Bucket="b", Key=key)
    assert (head["ContentLength"], head["ContentType"]) == (7, "text/csv")
    s3.delete_object(Bucket="b", Key=key)
    assert not local.objects


def test_what_the_program_put_is_there_for_boto3(s3: Any, local: ThreadedLocalSageMaker) -> None:
    local.objects["s3://b/k"] = b"0123456789"
    got = s3.get_object(Bucket="b", Key="k")
    assert (got["Body"].read(), got["ContentType"]) == (b"0123456789", "binary/octet-stream")
    for asked, body, answered in [
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=5-500", b"56789", "bytes 5-9/10"),
    ]:
        part = s3.get_object(Bucket="b", Key="k", Range=asked)
        assert (part["Body"].read(), part["ContentRange"]) == (body, answered)
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket="b", Key="k", Range="bytes=10-")
    assert code(error) == (416, "InvalidRange")


def test_conditions_are_kept(s3: Any, local: ThreadedLocalSageMaker) -> None:
    etag = s3.put_object(Bucket="b", Key="k", Body=b"1")["ETag"]
    assert s3.get_object(Bucket="b", Key="k", IfMatch=etag)["Body"].read() == b"1"
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket="b", Key="k", IfMatch='"other"')
    assert code(error) == (412, "PreconditionFailed")
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket="b", Key="k", IfNoneMatch=etag)
    assert code(error)[0] == 304
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket="b", Key="k", Body=b"2", IfNoneMatch="*")
    assert code(error) == (412, "PreconditionFailed")
    assert local.objects["s3://b/k"] == b"1"


def test_what_is_missing_is_an_error_in_xml(s3: Any, local: ThreadedLocalSageMaker) -> None:
    with pytest.raises(ClientError, match="The specified key does not exist") as error:
        s3.get_object(Bucket="b", Key="k")
    assert code(error) == (404, "NoSuchKey")
    assert error.value.response["ResponseMetadata"]["RequestId"]
    with pytest.raises(ClientError) as error:
        s3.head_object(Bucket="b", Key="k")
    assert code(error) == (404, "404")


def test_boto3_uploads_in_parts(s3: Any, local: ThreadedLocalSageMaker) -> None:
    parts = [b"a" * PART, b"b" * PART, b"end"]
    upload = s3.create_multipart_upload(Bucket="b", Key="k", ContentType="text/plain")["UploadId"]
    etags = []
    for number, part in enumerate(parts, 1):
        answer = s3.upload_part(Bucket="b", Key="k", UploadId=upload, PartNumber=number, Body=part)
        etags.append({"PartNumber": number, "ETag": answer["ETag"]})
    assert not local.objects
    for wrong, name in [
        ([etags[1], etags[0]], "InvalidPartOrder"),
        ([etags[2], {**etags[0], "PartNumber": 4}], "InvalidPart"),
        ([{**etags[0], "ETag": '"0"'}], "InvalidPart"),
    ]:
        with pytest.raises(ClientError) as error:
            s3.complete_multipart_upload(Bucket="b", Key="k", UploadId=upload, MultipartUpload={"Parts": wrong})
        assert code(error) == (400, name)
    for number in (0, 10_001):
        with pytest.raises(ClientError) as error:
            s3.upload_part(Bucket="b", Key="k", UploadId=upload, PartNumber=number, Body=b"")
        assert code(error) == (400, "InvalidArgument")
    done = s3.complete_multipart_upload(Bucket="b", Key="k", UploadId=upload, MultipartUpload={"Parts": etags})
    assert done["ETag"].endswith('-3"')
    assert local.objects["s3://b/k"] == b"".join(parts)
    assert s3.head_object(Bucket="b", Key="k")["ContentType"] == "text/plain"
    with pytest.raises(ClientError) as error:
        s3.abort_multipart_upload(Bucket="b", Key="k", UploadId=upload)
    assert code(error) == (404, "NoSuchUpload")


def test_an_aborted_upload_leaves_nothing(s3: Any, local: ThreadedLocalSageMaker) -> None:
    upload = s3.create_multipart_upload(Bucket="b", Key="k")["UploadId"]
    small = [s3.upload_part(Bucket="b", Key="k", UploadId=upload, PartNumber=n, Body=b"x")["ETag"] for n in (1, 2)]
    listed = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(small, 1)]
    with pytest.raises(ClientError) as error:
        s3.complete_multipart_upload(Bucket="b", Key="k", UploadId=upload, MultipartUpload={"Parts": listed})
    assert code(error) == (400, "EntityTooSmall")
    s3.abort_multipart_upload(Bucket="b", Key="k", UploadId=upload)
    assert not local.objects


def test_s3transfer_works(s3: Any, local: ThreadedLocalSageMaker) -> None:
    content = bytes(range(256)) * (40 << 10)  # 10 MiB: in parts
    s3.upload_fileobj(io.BytesIO(content), "b", "big")
    assert local.objects["s3://b/big"] == content
    back = io.BytesIO()
    s3.download_fileobj("b", "big", back)
    assert back.getvalue() == content


def test_lists_have_pages_and_prefixes(s3: Any, local: ThreadedLocalSageMaker) -> None:
    for key in ("a/1", "a/2", "b", "c/ü +", "c/d/e"):
        local.objects[f"s3://b/{key}"] = b"xy"
    local.objects["s3://other/z"] = b""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="b", PaginationConfig={"PageSize": 2})
    found = [(each["Key"], each["Size"]) for page in pages for each in page["Contents"]]
    assert found == [("a/1", 2), ("a/2", 2), ("b", 2), ("c/d/e", 2), ("c/ü +", 2)]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="b", Delimiter="/", PaginationConfig={"PageSize": 1})
    listed = [
        each.get("Prefix") or each["Key"]
        for page in pages
        for each in [*page.get("CommonPrefixes", ()), *page.get("Contents", ())]
    ]
    assert listed == ["a/", "b", "c/"]
    below = s3.list_objects_v2(Bucket="b", Prefix="c/", Delimiter="/")
    assert [each["Key"] for each in below["Contents"]] == ["c/ü +"]
    assert [each["Prefix"] for each in below["CommonPrefixes"]] == ["c/d/"]
    assert s3.list_objects_v2(Bucket="b", StartAfter="b")["KeyCount"] == 2
    with pytest.raises(ClientError) as error:
        s3.list_objects_v2(Bucket="b", ContinuationToken="!")
    assert code(error) == (400, "InvalidArgument")


def test_every_bucket_exists(s3: Any, local: ThreadedLocalSageMaker) -> None:
    assert s3.head_bucket(Bucket="new")["BucketRegion"] == "us-east-1"
    s3.create_bucket(Bucket="new")
    assert s3.get_bucket_location(Bucket="new")["LocationConstraint"] is None
    assert s3.list_buckets()["Buckets"] == []
    s3.put_object(Bucket="new", Key="k", Body=b"1")
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["new"]
    local.place_bucket("new", "eu-west-1")
    assert s3.get_bucket_location(Bucket="new")["LocationConstraint"] == "eu-west-1"


def test_a_bucket_of_another_region_is_found_by_the_redirect(s3: Any, local: ThreadedLocalSageMaker) -> None:
    local.place_bucket("far", "eu-west-1")
    before = len(local.requests)
    s3.put_object(Bucket="far", Key="k", Body=b"1")
    assert local.objects["s3://far/k"] == b"1"
    scopes = [request.headers["Authorization"].split("/")[2] for request in local.requests[before:]]
    assert (scopes[0], scopes[-1]) == ("us-east-1", "eu-west-1")


def test_what_is_denied_is_denied(s3: Any, local: ThreadedLocalSageMaker) -> None:
    local.objects["s3://b/k"] = b"1"
    local.deny_objects("s3://b/", missing=True)
    assert s3.get_object(Bucket="b", Key="k")["Body"].read() == b"1"
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket="b", Key="missing")
    assert code(error) == (403, "AccessDenied")
    local.deny_objects("s3://b/")
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket="b", Key="k")
    assert code(error) == (403, "AccessDenied")
    local.allow_objects("s3://b/")
    assert s3.head_object(Bucket="b", Key="k")["ContentLength"] == 1


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"aws_access_key_id": "AKIDOTHER"}, (403, "InvalidAccessKeyId")),
        ({"aws_secret_access_key": "other"}, (403, "SignatureDoesNotMatch")),
    ],
)
def test_signatures_are_checked(
    local: ThreadedLocalSageMaker, wrong: dict[str, str], expected: tuple[int, str]
) -> None:
    client = boto3.client("s3", **{**local.boto3_options, **wrong})
    with pytest.raises(ClientError) as error:
        client.put_object(Bucket="b", Key="k", Body=b"1")
    assert code(error) == expected
    assert not local.objects
    client.close()


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_checksums_of_uploads_are_verified(s3: Any, local: ThreadedLocalSageMaker, algorithm: str) -> None:
    put = s3.put_object(Bucket="b", Key="k", Body=b"content", ChecksumAlgorithm=algorithm)
    got = s3.get_object(Bucket="b", Key="k", ChecksumMode="ENABLED")
    assert got[f"Checksum{algorithm}"] == put[f"Checksum{algorithm}"]
    got["Body"].read()  # botocore verifies it
    size = {"CRC32": 4, "SHA1": 20, "SHA256": 32}[algorithm]
    wrong = base64.b64encode(bytes(size)).decode()
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket="b", Key="k", Body=b"other", **{f"Checksum{algorithm}": wrong})
    assert code(error) == (400, "BadDigest")
    assert local.objects["s3://b/k"] == b"content"


@pytest.mark.parametrize(
    ("name", "value"),
    [("x-amz-checksum-crc32c", "4waSgw=="), ("x-amz-checksum-crc64nvme", "rosUhgp5mIg=")],
)
async def test_the_checksums_that_python_lacks_are_verified_too(name: str, value: str) -> None:
    """Check values of "123456789", from the catalogue of CRC algorithms: E3069283 and AE8B14860A799888."""
    async with LocalSageMaker() as local:
        status, _ = await send(local, "PUT", "/b/k", b"123456789", {name: value})
        assert status == 200
        status, text = await send(local, "PUT", "/b/k", b"123456780", {name: value})
        assert (status, b"BadDigest" in text) == (400, True)


async def send(
    local: LocalSageMaker,
    method: str,
    target: str,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    *,
    payload_hash: str | None = None,
    encode: Any = None,
) -> tuple[int, bytes]:
    """Send a signed request; `encode` makes the body, given the request's headers, as chunks are signed after it."""
    origin = local.url if not headers or "Host" not in headers else f"http://{headers['Host']}"
    request = HTTPRequest(method, origin, target, dict(headers or {}), body)
    signed = Signer("us-east-1", "s3", S3).sign(request, local.credentials, time.time(), payload_hash=payload_hash)
    data = encode(signed) if encode else body
    async with aiohttp.ClientSession() as session:
        url = URL(local.url + target, encoded=True)
        async with session.request(
            method, url, data=data, headers=signed, skip_auto_headers=["Content-Type"]
        ) as answer:
            return answer.status, await answer.read()


def chunked(chunks: list[bytes], trailers: dict[str, str]) -> bytes:
    lines = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks]
    return b"".join([*lines, b"0\r\n", *(f"{n}:{v}\r\n".encode() for n, v in trailers.items()), b"\r\n"])


CONTENT = b"some content in chunks"
CRC = {"x-amz-checksum-crc32": base64.b64encode(zlib.crc32(CONTENT).to_bytes(4, "big")).decode()}
STREAMED = {
    "content-encoding": "aws-chunked",
    "x-amz-trailer": "x-amz-checksum-crc32",
    "x-amz-decoded-content-length": str(len(CONTENT)),
}
UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


async def test_uploads_in_chunks_with_a_checksum_in_the_trailer_are_taken() -> None:
    async with LocalSageMaker() as local:
        body = chunked([CONTENT[:5], CONTENT[5:]], CRC)
        status, _ = await send(local, "PUT", "/b/k", body, STREAMED, payload_hash=UNSIGNED)
        assert status == 200
        stored = local.objects.find("s3://b/k")
        assert stored is not None
        assert (stored.body, stored.headers, stored.checksums) == (CONTENT, {}, CRC)


@pytest.mark.parametrize(
    ("body", "fields", "name"),
    [
        (chunked([CONTENT], {"x-amz-checksum-crc32": "AAAAAA=="}), {}, "BadDigest"),
        (chunked([CONTENT], CRC), {"x-amz-decoded-content-length": "5"}, "IncompleteBody"),
        (chunked([CONTENT], CRC)[:-30], {}, "InvalidRequest"),
        (chunked([CONTENT], CRC) + b"more", {}, "InvalidRequest"),
        (b"3\r\nabcde\r\n0\r\n\r\n", {}, "InvalidRequest"),
        (b"zz\r\n", {}, "InvalidRequest"),
        (b"ffffffff\r\nx", {}, "InvalidRequest"),
        (CONTENT, {}, "InvalidRequest"),
    ],
)
async def test_broken_chunks_are_refused(body: bytes, fields: dict[str, str], name: str) -> None:
    async with LocalSageMaker() as local:
        status, text = await send(local, "PUT", "/b/k", body, STREAMED | fields, payload_hash=UNSIGNED)
        assert (status, name.encode() in text) == (400, True)
        assert not local.objects


@pytest.mark.parametrize("tampered", [False, True])
async def test_signed_chunks_are_verified(tampered: bool) -> None:
    def encode(signed: dict[str, str]) -> bytes:
        date = signed["X-Amz-Date"]
        scope = f"{date[:8]}/us-east-1/s3/aws4_request"
        key = signing_key(local.credentials.secret_access_key, date[:8], "us-east-1", "s3")
        previous = signed["Authorization"].rpartition("Signature=")[2]
        out = b""
        for chunk in (CONTENT, b""):
            hashes = f"{sha256().hexdigest()}\n{sha256(chunk).hexdigest()}"
            previous = signature(key, f"AWS4-HMAC-SHA256-PAYLOAD\n{date}\n{scope}\n{previous}\n{hashes}")
            sent = chunk.replace(b"some", b"SOME") if tampered else chunk
            out += b"%x;chunk-signature=%b\r\n%b\r\n" % (len(chunk), previous.encode(), sent)
        return out

    async with LocalSageMaker() as local:
        fields = {"x-amz-decoded-content-length": str(len(CONTENT))}
        kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
        status, text = await send(local, "PUT", "/b/k", b"", fields, payload_hash=kind, encode=encode)
        assert (status, b"SignatureDoesNotMatch" in text) == ((403, True) if tampered else (200, False))
        assert dict(local.objects) == ({} if tampered else {"s3://b/k": CONTENT})


async def test_a_body_other_than_the_one_that_was_signed_is_refused() -> None:
    async with LocalSageMaker() as local:
        status, text = await send(local, "PUT", "/b/k", b"x", encode=lambda _: b"y")
        assert (status, b"XAmzContentSHA256Mismatch" in text) == (400, True)


async def test_the_bucket_may_be_in_the_hosts_name() -> None:
    async with LocalSageMaker() as local:
        port = local.url.rpartition(":")[2]
        status, _ = await send(local, "PUT", "/a/k", b"1", {"Host": f"my.bucket.s3.localhost:{port}"})
        assert (status, dict(local.objects)) == (200, {"s3://my.bucket/a/k": b"1"})


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("PUT", "/", {}),
        ("GET", "/b?acl", {}),
        ("POST", "/b?delete", {}),
        ("POST", "/b/k", {}),
        ("PUT", "/b/k?uploads", {}),
        ("PATCH", "/b", {}),
        ("PUT", "/b/k?tagging", {}),
        ("PUT", "/b/k", {"x-amz-copy-source": "/b/other"}),
        ("PATCH", "/b/k", {}),
    ],
)
async def test_what_is_not_implemented_says_so(method: str, target: str, headers: dict[str, str]) -> None:
    async with LocalSageMaker() as local:
        status, text = await send(local, method, target, b"", headers)
        assert (status, b"NotImplemented" in text) == (501, True)


@pytest.mark.parametrize(
    "listed",
    [b"", b"<CompleteMultipartUpload/>", b"<Part><PartNumber>1</PartNumber></Part>", b"<Part><ETag>00</ETag></Part>"],
)
async def test_a_malformed_list_of_parts_is_refused_and_the_upload_goes_on(listed: bytes) -> None:
    async with LocalSageMaker() as local:
        _, begun = await send(local, "POST", "/b/k?uploads")
        upload = begun.partition(b"<UploadId>")[2].partition(b"</UploadId>")[0].decode()
        status, text = await send(local, "POST", f"/b/k?uploadId={upload}", listed)
        assert (status, b"MalformedXML" in text) == (400, True)
        assert (await send(local, "PUT", f"/b/k?partNumber=1&uploadId={upload}", b"1"))[0] == 200


async def test_a_body_that_is_not_of_its_md5_is_refused() -> None:
    async with LocalSageMaker() as local:
        for content, status in ((b"other", 400), (CONTENT, 200)):
            digest = base64.b64encode(hashlib.md5(content).digest()).decode()
            found, text = await send(local, "PUT", "/b/k", CONTENT, {"Content-MD5": digest})
            assert (found, b"BadDigest" in text) == (status, status == 400)


async def test_the_coding_of_the_content_is_kept_and_that_of_the_transfer_is_not() -> None:
    async with LocalSageMaker() as local:
        fields = STREAMED | {"content-encoding": "aws-chunked, gzip"}
        assert (await send(local, "PUT", "/b/k", chunked([CONTENT], CRC), fields, payload_hash=UNSIGNED))[0] == 200
        stored = local.objects.find("s3://b/k")
        assert stored is not None
        assert stored.headers == {"content-encoding": "gzip"}


@pytest.mark.parametrize("keys", ["-1", "many", "9999999999", "\u0663"])
async def test_a_page_of_no_size_is_refused(keys: str) -> None:
    async with LocalSageMaker() as local:
        status, text = await send(local, "GET", f"/b?list-type=2&max-keys={quote(keys)}")
        assert (status, b"InvalidArgument" in text) == (400, True)
