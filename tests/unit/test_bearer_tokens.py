"""What the embedded SageMaker's OpenAI-compatible route accepts as a bearer token."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Callable

import pytest

from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.signing import Signer
from sagemaker_async.config import Credentials
from sagemaker_async.local.answers import Refusal
from sagemaker_async.local.bearer_tokens import verify
from sagemaker_async.local.signatures import Recipient, SignedRequest

NOW = 1_767_225_600.0
TEMPORARY = Credentials("AKIDEXAMPLE", "SECRET", "TOKEN/+=")
PLAIN = Credentials("AKIDPLAIN", "SECRET")


def url(
    credentials: Credentials = TEMPORARY,
    *,
    region: str = "us-west-2",
    service: str = "sagemaker",
    at: float = NOW,
    expires: int = 300,
    action: str = "CallWithBearerToken",
    method: str = "POST",
    host: str = "sagemaker.amazonaws.com",
) -> str:
    request = HTTPRequest(method, f"https://{host}", f"/?Action={action}", {}, b"")
    return Signer(region, service).presign(request, credentials, at, expires=expires).removeprefix("https://")


def token_of(presigned: str, *, end: str = "&Version=1", prefix: str = "sagemaker-api-key-") -> str:
    return prefix + base64.b64encode((presigned + end).encode()).decode()


def verified(authorization: str | None, *, now: float = NOW, expiration: float | None = None) -> Credentials:
    end = None if expiration is None else datetime.datetime.fromtimestamp(expiration, datetime.UTC)
    temporary = Credentials(
        TEMPORARY.access_key_id, TEMPORARY.secret_access_key, TEMPORARY.session_token, expiration=end
    )
    headers = {} if authorization is None else {"Authorization": authorization}
    keys = {each.access_key_id: each for each in (temporary, PLAIN)}
    return verify(SignedRequest("POST", "/x", headers, ""), Recipient(keys, "us-west-2", "sagemaker", now))


@pytest.mark.parametrize("credentials", [TEMPORARY, PLAIN])
def test_a_token_of_a_known_key_is_accepted(credentials: Credentials) -> None:
    assert verified(f"Bearer {token_of(url(credentials))}").access_key_id == credentials.access_key_id


def test_the_token_of_awss_generator_is_accepted() -> None:
    signed = (
        "sagemaker.amazonaws.com/?Action=CallWithBearerToken&X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIDEXAMPLE%2F20260101%2Fus-west-2%2Fsagemaker%2Faws4_request&X-Amz-Date=20260101T000000Z"
        "&X-Amz-Expires=300&X-Amz-SignedHeaders=host&X-Amz-Security-Token=TOKEN%2F%2B%3D"
        "&X-Amz-Signature=b98234871833553288206b7786064edfe74e19909cd5b663483ed888e07f7d84"
    )
    assert verified(f"Bearer {token_of(signed)}").access_key_id == "AKIDEXAMPLE"


@pytest.mark.parametrize(("second", "accepted"), [(-301, False), (-300, True), (299, True), (300, False)])
def test_a_token_works_from_its_date_to_its_end(second: float, accepted: bool) -> None:
    authorization = f"Bearer {token_of(url())}"
    if accepted:
        verified(authorization, now=NOW + second)
        return
    with pytest.raises(Refusal, match="expired or not yet valid") as caught:
        verified(authorization, now=NOW + second)
    assert caught.value.status == 401


def test_a_token_ends_with_its_credentials() -> None:
    authorization = f"Bearer {token_of(url(expires=3600))}"
    verified(authorization, now=NOW + 59, expiration=NOW + 60)
    with pytest.raises(Refusal, match=r"security token .* expired"):
        verified(authorization, now=NOW + 60, expiration=NOW + 60)


def changed(change: Callable[[str], str]) -> str:
    presigned = url()
    assert change(presigned) != presigned
    return f"Bearer {token_of(change(presigned))}"


@pytest.mark.parametrize(
    ("authorization", "status", "words"),
    [
        (None, 401, "Missing bearer token"),
        ("", 401, "Missing bearer token"),
        ("Bearer", 401, "Missing bearer token"),
        ("Basic dXNlcjpwYXNz", 401, "Missing bearer token"),
        ("AWS4-HMAC-SHA256 Credential=A/20260101/us-west-2/sagemaker/aws4_request, ...", 403, "Version 4"),
        ("Bearer sk-live", 401, "malformed"),
        ("Bearer sagemaker-api-key-", 401, "malformed"),
        ("Bearer sagemaker-api-key-%%%", 401, "malformed"),
        ("Bearer sagemaker-api-key-/////w==", 401, "malformed"),
        (f"Bearer {token_of(url(), end='')}", 401, "malformed"),
        (f"Bearer {token_of(url(), end='&Version=2')}", 401, "malformed"),
        (f"Bearer {token_of(url(), prefix='')}", 401, "malformed"),
        (f"Bearer {token_of(url(host='sts.amazonaws.com'))}", 401, "malformed"),
        (f"Bearer {token_of(url(action='Other'))}", 401, "malformed"),
        (f"Bearer {token_of(url(expires=43_201))}", 401, "malformed"),
        (changed(lambda text: text.replace("&X-Amz-Expires=300", "")), 401, "malformed"),
        (changed(lambda text: text.replace("X-Amz-Expires=300", "X-Amz-Expires=300&X-Amz-Expires=300")), 401, "malf"),
        (changed(lambda text: text.replace("20260101T000000Z", "20269901T000000Z")), 403, "scoped"),
        (changed(lambda text: text.replace("X-Amz-Expires=300", "X-Amz-Expires=3000")), 403, "signature"),
        (changed(lambda text: text.replace("%2Faws4_request", "")), 401, "malformed"),
        (f"Bearer {token_of(url(Credentials('AKIDOTHER', 'SECRET')))}", 401, "security token .* invalid"),
        (f"Bearer {token_of(url(Credentials('AKIDEXAMPLE', 'SECRET')))}", 401, "security token .* invalid"),
        (f"Bearer {token_of(url(Credentials('AKIDPLAIN', 'WRONG')))}", 403, "signature .* does not match"),
        (f"Bearer {token_of(url(region='eu-west-1'))}", 403, "region 'us-west-2'"),
        (f"Bearer {token_of(url(service='bedrock'))}", 403, "service 'sagemaker'"),
        (f"Bearer {token_of(url(method='GET'))}", 403, "signature"),
    ],
)
def test_what_is_no_valid_token_is_refused(authorization: str | None, status: int, words: str) -> None:
    with pytest.raises(Refusal, match=words) as caught:
        verified(authorization)
    assert caught.value.status == status
