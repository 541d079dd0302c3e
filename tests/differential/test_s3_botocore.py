"""What `session.s3` sends equals what botocore's S3 client sends and signs, whatever is in a key."""

from __future__ import annotations

import asyncio
import datetime
import re
from collections.abc import Callable, Iterator
from typing import Any

import botocore.auth
import botocore.session
import pytest
from botocore.awsrequest import AWSRequest
from botocore.config import Config as BotocoreConfig
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sagemaker_async import Credentials, Session, StubResponse, StubTransport
from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.signing import encode_path
from sagemaker_async.aws.timing import Timing

NOW = 1_790_000_000
ACCESS, SECRET, TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "IQoJb3JpZ2luX2VjEA+/=="
OWN = {"authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256", "user-agent"}
TRAILER = {"x-amz-trailer", "x-amz-decoded-content-length"}
"""Over TLS, botocore sends the checksum behind the body; we send it before."""
ADDED_AFTER = {"amz-sdk-invocation-id", "amz-sdk-request"}

PIECES = ["/", "//", ".", "..", "/../", "a", "B", "~", "%", "%2F", "%2e", " ", "+", "é", "漢", "\U0001f600", "=&?#"]
PIECES += ["'()*!", ":@$,;"]
KEYS = st.one_of(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12),
)
BUCKETS = ["my-bucket", "my.bucket", "Old_Bucket"]
PLACES = [("us-east-1", None), ("eu-west-1", None), ("cn-north-1", None), ("us-east-1", "http://127.0.0.1:9000/base")]


class Sent(Exception):
    """Carries what botocore would send, instead of sending it."""

    def __init__(self, request: Any) -> None:
        super().__init__("sent")
        self.request = request


@pytest.fixture(scope="module", autouse=True)
def _now() -> Iterator[None]:
    """Have botocore sign at our time."""
    now = datetime.datetime.fromtimestamp(NOW, datetime.UTC).replace(tzinfo=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda: now)
        yield


@pytest.fixture(scope="module")
def botocore_client() -> Callable[[str, str | None], Any]:
    """Make botocore's clients, each once."""
    session = botocore.session.Session()
    clients: dict[tuple[str, str | None], Any] = {}

    def client(region: str, url: str | None) -> Any:
        if (region, url) not in clients:
            made = clients[region, url] = session.create_client(
                "s3",
                region_name=region,
                endpoint_url=url,
                aws_access_key_id=ACCESS,
                aws_secret_access_key=SECRET,
                aws_session_token=TOKEN,
                config=BotocoreConfig(s3={"payload_signing_enabled": True}, retries={"max_attempts": 0}),
            )

            def send(request: Any, **_: Any) -> None:
                raise Sent(request)

            made.meta.events.register("before-send.s3", send)
        return clients[region, url]

    return client


async def ours(region: str, url: str | None, name: str, **fields: Any) -> HTTPRequest:
    """Return what our client sends."""
    headers = {"Content-Length": "2", "Content-Range": "bytes 1-2/9"}
    page = b"<L><IsTruncated>false</IsTruncated></L>" if name == "list_objects" else b""
    stub = StubTransport(otherwise=StubResponse(206, page, headers))
    options: Any = {"endpoint_urls": {"s3": url}} if url else {}
    async with Session(
        transport=stub, region=region, credentials=Credentials(ACCESS, SECRET, TOKEN), **options
    ) as session:
        session.channel.timing = Timing(clock=lambda: NOW)
        answer = getattr(session.s3, name)(**fields)
        if name == "list_objects":
            _ = [each async for each in answer]
        elif name == "get_object":
            await (await answer).aclose()
        else:
            await answer
    return stub.requests[0]


def signed_by_botocore(request: HTTPRequest, region: str) -> dict[str, str]:
    """Return the header fields of our request as botocore's `S3SigV4Auth` signs it."""
    headers = {name: value for name, value in request.headers.items() if name.lower() not in OWN | ADDED_AFTER}
    signed = AWSRequest(request.method, request.origin + request.target, headers=headers, data=request.body)
    signed.context["client_config"] = BotocoreConfig(s3={"payload_signing_enabled": True})
    botocore.auth.S3SigV4Auth(BotocoreCredentials(ACCESS, SECRET, TOKEN), "s3", region).add_auth(signed)
    return dict(signed.headers.items())


CALLS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "get_object": ("get_object", {"range": "bytes=1-2", "if_match": '"e"'}, {"Range": "bytes=1-2", "IfMatch": '"e"'}),
    "head_object": ("head_object", {"expected_bucket_owner": "1" * 12}, {"ExpectedBucketOwner": "1" * 12}),
    "put_object": (
        "put_object",
        {
            "body": b"content",
            "content_type": "text/csv; charset=utf-8",
            "user_metadata": {"who": "a  b"},
            "server_side_encryption": "aws:kms",
            "sse_kms_key_id": "alias/k",
        },
        {
            "Body": b"content",
            "ContentType": "text/csv; charset=utf-8",
            "Metadata": {"who": "a  b"},
            "ServerSideEncryption": "aws:kms",
            "SSEKMSKeyId": "alias/k",
        },
    ),
    "delete_object": ("delete_object", {}, {}),
}


@given(
    key=KEYS,
    name=st.sampled_from(sorted(CALLS)),
    bucket=st.sampled_from(BUCKETS),
    place=st.sampled_from(PLACES),
)
@example(key="a//b/../c d+%2F", name="get_object", bucket="my-bucket", place=PLACES[0])
@example(key="..", name="head_object", bucket="my-bucket", place=PLACES[3])
@example(key="/", name="put_object", bucket="my.bucket", place=PLACES[2])
@settings(max_examples=60)
def test_calls_are_sent_and_signed_as_botocores(
    botocore_client: Callable[[str, str | None], Any],
    key: str,
    name: str,
    bucket: str,
    place: tuple[str, str | None],
) -> None:
    region, url = place
    method, fields, aws_fields = CALLS[name]
    request = asyncio.run(ours(region, url, method, bucket=bucket, key=key, **fields))
    expected = signed_by_botocore(request, region)
    assert request.headers["Authorization"] == expected["Authorization"]
    assert request.headers["X-Amz-Content-Sha256"] == expected["X-Amz-Content-SHA256"]
    assert request.target.endswith(encode_path(key))

    with pytest.raises(Sent) as sent:
        getattr(botocore_client(region, url), method)(Bucket=bucket, Key=key, **aws_fields)
    theirs = sent.value.request
    assert (request.method, request.origin + request.target) == (theirs.method, theirs.url)
    headers = {name.lower(): _text(value) for name, value in theirs.headers.items()}
    wanted = {
        name: value
        for name, value in headers.items()
        if name.startswith(("x-amz-", "range", "if-", "content-type")) and name not in OWN | TRAILER
    }
    given_here = {name.lower(): value for name, value in request.headers.items()}
    assert {name: given_here.get(name) for name in wanted} == wanted


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


@given(prefix=KEYS, bucket=st.sampled_from(BUCKETS), place=st.sampled_from(PLACES))
@settings(max_examples=25)
def test_lists_are_asked_for_and_signed_as_botocores(
    botocore_client: Callable[[str, str | None], Any],
    prefix: str,
    bucket: str,
    place: tuple[str, str | None],
) -> None:
    region, url = place
    request = asyncio.run(ours(region, url, "list_objects", bucket=bucket, prefix=prefix, page_size=7))
    assert request.headers["Authorization"] == signed_by_botocore(request, region)["Authorization"]
    with pytest.raises(Sent) as sent:
        botocore_client(region, url).list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=7)
    path, _, query = sent.value.request.url.partition("?")
    ours_path, _, our_query = (request.origin + request.target).partition("?")
    assert re.sub(r"/$", "", ours_path) == re.sub(r"/$", "", path)
    assert sorted(our_query.split("&")) == sorted(query.split("&"))
