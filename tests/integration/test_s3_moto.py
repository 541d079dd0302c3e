"""`session.s3` against moto's S3, and with boto3 on the other side of the bucket."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
import trustme
from boto3.s3.transfer import TransferConfig

from sagemaker_async import Credentials, Session
from sagemaker_async.config import TLSConfig
from sagemaker_async.errors import NoSuchBucketError, NoSuchKeyError, PreconditionFailedError

BUCKET = "bucket-of-test-s3-moto"
PART = 5 << 20
LARGE = bytes(range(256)) * (11 << 12)
"""11 MiB: two whole parts and a rest."""


@pytest.fixture(scope="module")
def boto(moto_url: str) -> Any:
    client = boto3.client(
        "s3", endpoint_url=moto_url, region_name="us-east-1", aws_access_key_id="A", aws_secret_access_key="s"
    )
    client.create_bucket(Bucket=BUCKET)
    return client


@pytest.fixture
async def session(moto_url: str, boto: Any) -> AsyncIterator[Session]:
    options: Any = {"region": "us-east-1", "endpoint_urls": {"s3": moto_url}, "credentials": Credentials("A", "s")}
    async with Session(**options) as session:
        yield session


@pytest.mark.parametrize("key", ["k", "a b/c+d%2F é 漢.json", "//a//./../b", "'()*!:@$,;=&?#", "\U0001f600"])
async def test_an_object_makes_its_whole_way(session: Session, key: str) -> None:
    place = {"bucket": BUCKET, "key": key}
    written = await session.s3.put_object(
        **place, body=b"content", content_type="text/csv", user_metadata={"Who": "me"}
    )
    head = await session.s3.head_object(**place)
    assert (head.etag, head.content_length, head.content_type) == (written.etag, 7, "text/csv")
    assert head.user_metadata == {"who": "me"}
    async with await session.s3.get_object(**place, if_match=head.etag) as got:
        assert await got.read(limit=7) == b"content"
    async with await session.s3.get_object(**place, range="bytes=2-3") as got:
        assert await got.read() == b"nt"
    assert key in [each.key async for each in session.s3.list_objects(bucket=BUCKET)]
    await session.s3.delete_object(**place)
    for call in (session.s3.get_object, session.s3.head_object):
        with pytest.raises(NoSuchKeyError):
            await call(**place)
    await session.s3.delete_object(**place)


async def test_refusals_have_their_errors(session: Session) -> None:
    with pytest.raises(NoSuchBucketError):
        await session.s3.get_object(bucket="no-such-bucket", key="k")
    with pytest.raises(NoSuchBucketError):
        _ = [each async for each in session.s3.list_objects(bucket="no-such-bucket")]
    with pytest.raises(NoSuchBucketError):
        await session.s3.put_object(bucket="no-such-bucket", key="k", body=LARGE)
    await session.s3.put_object(bucket=BUCKET, key="k", body=b"content")
    with pytest.raises(PreconditionFailedError):
        await session.s3.get_object(bucket=BUCKET, key="k", if_match='"other"')


async def test_pages_are_followed_to_their_end(session: Session, boto: Any) -> None:
    keys = [f"pages/{number:03} +%" for number in range(25)]
    for key in keys:
        boto.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    listed = session.s3.list_objects(bucket=BUCKET, prefix="pages/", page_size=7)
    assert [each.key async for each in listed] == keys
    later = session.s3.list_objects(bucket=BUCKET, prefix="pages/", start_after=keys[19])
    assert [each.key async for each in later] == keys[20:]


async def chunked(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 1 << 20):
        yield body[start : start + (1 << 20)]


@pytest.mark.parametrize("kind", ["bytes", "file", "iterable"])
async def test_what_goes_up_in_parts_comes_down_whole_for_boto3_too(
    session: Session, boto: Any, kind: str, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(LARGE)
    body: Any = {"bytes": LARGE, "file": path, "iterable": chunked(LARGE)}[kind]
    written = await session.s3.put_object(bucket=BUCKET, key="large", body=body, content_type="application/x-large")
    assert written.etag is not None
    assert written.etag.endswith('-3"')
    theirs = boto.get_object(Bucket=BUCKET, Key="large", ChecksumMode="ENABLED")
    assert theirs["ChecksumType"] == "FULL_OBJECT"
    assert theirs["Body"].read() == LARGE  # compared with the checksum, by botocore
    async with await session.s3.get_object(bucket=BUCKET, key="large") as got:
        assert got.content_type == "application/x-large"
        assert got.metadata.headers["x-amz-checksum-crc32"] == theirs["ChecksumCRC32"]
        assert await got.read() == LARGE
    assert "Uploads" not in boto.list_multipart_uploads(Bucket=BUCKET)


@pytest.mark.parametrize("size", [10, len(LARGE)])
async def test_what_boto3_uploads_is_read_and_its_checksum_compared(
    session: Session, boto: Any, size: int, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(LARGE[:size])
    boto.upload_file(
        str(path), BUCKET, "theirs", Config=TransferConfig(multipart_threshold=PART, multipart_chunksize=PART)
    )
    async with await session.s3.get_object(bucket=BUCKET, key="theirs") as got:
        checksum = got.metadata.headers["x-amz-checksum-crc32"]
        assert await got.read() == LARGE[:size]
    assert ("-" in checksum) == (size > PART)  # of the parts' checksums, which says nothing of the whole


async def test_a_small_object_of_ours_has_a_checksum_that_boto3_compares(session: Session, boto: Any) -> None:
    await session.s3.put_object(bucket=BUCKET, key="ours", body=b"content")
    theirs = boto.get_object(Bucket=BUCKET, Key="ours", ChecksumMode="ENABLED")
    assert (theirs["Body"].read(), theirs["ChecksumCRC32"]) == (b"content", "/sUwqQ==")


async def test_an_object_travels_over_tls(
    raw_server: Callable[..., Awaitable[Any]], http_answer: Callable[..., bytes], tmp_path: Path
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    headers = {"ETag": '"e"', "x-amz-checksum-crc32": "/sUwqQ=="}
    server = await raw_server(
        http_answer(200, b"", {"ETag": '"e"'}), http_answer(200, b"content", headers), tls=context
    )
    async with Session(
        region="us-east-1",
        endpoint_urls={"s3": server.origin},
        credentials=Credentials("A", "s"),
        tls=TLSConfig(ca_bundle=str(tmp_path / "ca.pem")),
    ) as session:
        await session.s3.put_object(bucket=BUCKET, key="k", body=b"content")
        async with await session.s3.get_object(bucket=BUCKET, key="k") as got:
            assert await got.read() == b"content"
    put, _ = server.requests
    assert (put.method, put.target, put.body) == ("PUT", f"/{BUCKET}/k", b"content")
    assert put.header("x-amz-checksum-crc32") == "/sUwqQ=="
