"""What the embedded SageMaker says to each kind of missing or wrong signature, and that it accepts right ones."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from hashlib import sha256

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from multidict import CIMultiDict

from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.signing import Signer
from sagemaker_async.config import Credentials
from sagemaker_async.local.answers import Refusal
from sagemaker_async.local.signatures import Recipient, SignedRequest, verify

NOW = 1_440_938_160.0  # 20150830T123600Z
CREDENTIALS = Credentials("AKID", "secret")
SESSION = Credentials("ASID", "secret", "token")
EXPIRED = Credentials("EXPD", "secret", "old", expiration=dt.datetime.fromtimestamp(NOW, dt.UTC))
KEYS = {credentials.access_key_id: credentials for credentials in (CREDENTIALS, SESSION, EXPIRED)}
TARGET = "/endpoints/echo/invocations"
BODY = b"hello"

Headers = CIMultiDict[str]


def signed(
    credentials: Credentials = CREDENTIALS, *, at: float = NOW, region: str = "us-east-1", service: str = "sagemaker"
) -> Headers:
    request = HTTPRequest("POST", "http://localhost:8000", TARGET, {"Content-Type": "text/plain"}, BODY)
    return CIMultiDict({"Host": "localhost:8000", **Signer(region, service).sign(request, credentials, at)})


def check(headers: Headers, *, body: bytes = BODY, target: str = TARGET, method: str = "POST", now: float = NOW) -> str:
    digest = sha256(body).hexdigest()
    found = verify(SignedRequest(method, target, headers, digest), Recipient(KEYS, "us-east-1", "sagemaker", now))
    return found.access_key_id


def changed(name: str, change: Callable[[str], str]) -> Headers:
    headers = signed()
    headers[name] = change(headers[name])
    return headers


def without(name: str) -> Headers:
    headers = signed()
    del headers[name]
    return headers


@pytest.mark.parametrize("credentials", [CREDENTIALS, SESSION])
def test_a_right_signature_is_accepted(credentials: Credentials) -> None:
    assert check(signed(credentials)) == credentials.access_key_id


@pytest.mark.parametrize("target", [TARGET, "/endpoints/a%20b/invocations?x=1&a=%2F"])
def test_what_botocore_signs_is_accepted(target: str) -> None:
    request = AWSRequest("POST", "http://localhost:8000" + target, headers={"X-Extra": "  a   b "}, data=BODY)
    credentials = BotocoreCredentials("ASID", "secret", "token")
    auth = SigV4Auth(credentials, "sagemaker", "us-east-1")
    auth.add_auth(request)
    at = dt.datetime.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
    headers = CIMultiDict({"Host": "localhost:8000", **dict(request.headers.items())})
    assert check(headers, target=target, now=at.timestamp()) == "ASID"


@pytest.mark.parametrize("date", ["20150830T123600Z", "Sun, 30 Aug 2015 12:36:00 GMT"])
def test_a_date_header_serves_in_place_of_x_amz_date(date: str) -> None:
    headers = signed()
    credential = headers["Authorization"].partition("Credential=")[2].partition(",")[0]
    del headers["X-Amz-Date"]
    headers["Date"] = date
    headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=date;host, Signature={'0' * 64}"
    )
    with pytest.raises(Refusal) as refusal:
        check(headers)
    assert refusal.value.code == "InvalidSignatureException"
    assert "does not match" in refusal.value.message


@pytest.mark.parametrize(
    ("headers", "code", "words"),
    [
        pytest.param(without("Authorization"), "MissingAuthenticationTokenException", "Missing", id="missing"),
        pytest.param(changed("Authorization", lambda _: ""), "MissingAuthenticationTokenException", "", id="empty"),
        pytest.param(
            changed("Authorization", lambda _: "Bearer x"), "IncompleteSignatureException", "algo", id="bearer"
        ),
        pytest.param(
            changed("Authorization", lambda a: a.partition(", Signature")[0]),
            "IncompleteSignatureException",
            "'Signature'",
            id="no signature",
        ),
        pytest.param(
            changed("Authorization", lambda a: a.replace("SignedHeaders=", "Signed=")),
            "IncompleteSignatureException",
            "'SignedHeaders'",
            id="no signed headers",
        ),
        pytest.param(
            changed("Authorization", lambda a: a.replace("Credential=", "Credential")),
            "IncompleteSignatureException",
            "key=value",
            id="no pair",
        ),
        pytest.param(
            changed("Authorization", lambda a: a + ", Signature=" + "0" * 64),
            "IncompleteSignatureException",
            "distinct",
            id="signature twice",
        ),
        pytest.param(
            changed("Authorization", lambda a: a.replace("/aws4_request", "")),
            "IncompleteSignatureException",
            "5 slash",
            id="short scope",
        ),
        pytest.param(
            changed("Authorization", lambda a: a[:-1]), "IncompleteSignatureException", "64", id="short signature"
        ),
        pytest.param(
            changed("Authorization", lambda a: a.replace("content-type;host", "host;content-type")),
            "IncompleteSignatureException",
            "sorted",
            id="unsorted names",
        ),
        pytest.param(without("X-Amz-Date"), "IncompleteSignatureException", "'X-Amz-Date'", id="no date"),
        pytest.param(changed("X-Amz-Date", lambda _: "today"), "IncompleteSignatureException", "ISO", id="bad date"),
        pytest.param(
            changed("X-Amz-Date", lambda _: "20159930T123600Z"), "IncompleteSignatureException", "ISO", id="no such day"
        ),
        pytest.param(
            signed(Credentials("NOBODY", "secret")), "UnrecognizedClientException", "security token", id="unknown key"
        ),
        pytest.param(
            signed(Credentials("ASID", "secret", "other")),
            "UnrecognizedClientException",
            "security token",
            id="wrong session token",
        ),
        pytest.param(
            signed(Credentials("ASID", "secret")), "UnrecognizedClientException", "security", id="no session token"
        ),
        pytest.param(
            signed(Credentials("AKID", "secret", "extra")), "UnrecognizedClientException", "security", id="extra token"
        ),
        pytest.param(signed(EXPIRED), "ExpiredTokenException", "expired", id="expired session"),
        pytest.param(signed(region="eu-west-1"), "InvalidSignatureException", "valid region", id="wrong region"),
        pytest.param(signed(service="s3"), "InvalidSignatureException", "correct service", id="wrong service"),
        pytest.param(
            changed("X-Amz-Date", lambda _: "20150829T123600Z"),
            "InvalidSignatureException",
            "Date in Credential scope",
            id="another day than the scope",
        ),
        pytest.param(
            changed("Authorization", lambda a: a.replace(";host", "")),
            "InvalidSignatureException",
            "'Host'",
            id="host not signed",
        ),
        pytest.param(
            signed(Credentials("AKID", "wrong")), "InvalidSignatureException", "does not match", id="wrong secret"
        ),
        pytest.param(
            changed("Content-Type", lambda _: "text/html"),
            "InvalidSignatureException",
            "does not match",
            id="changed header",
        ),
        pytest.param(without("Content-Type"), "InvalidSignatureException", "does not match", id="header taken away"),
        pytest.param(
            changed("Content-Type", lambda _: "\udcff"), "InvalidSignatureException", "does not match", id="not UTF-8"
        ),
        pytest.param(
            changed("Content-Type", lambda _: "\ud800"), "InvalidSignatureException", "does not match", id="surrogate"
        ),
    ],
)
def test_each_wrong_signature_has_the_code_aws_gives_it(headers: Headers, code: str, words: str) -> None:
    with pytest.raises(Refusal) as refusal:
        check(headers)
    assert (refusal.value.status, refusal.value.code) == (403, code)
    assert words in refusal.value.message
    assert "secret" not in refusal.value.message.replace("Secret Access Key", "")


@pytest.mark.parametrize(
    "options", [{"body": b"other"}, {"target": TARGET + "?a=1"}, {"method": "PUT"}], ids=["body", "target", "method"]
)
def test_a_changed_request_does_not_match_its_signature(options: dict[str, str]) -> None:
    with pytest.raises(Refusal, match="does not match"):
        check(signed(), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [-300, 300])
def test_a_date_five_minutes_off_is_accepted(seconds: int) -> None:
    assert check(signed(), now=NOW + seconds) == "AKID"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (
            301,
            "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)",
        ),
        (
            -301,
            (
                "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z "
                "(20150830T123059Z + 5 min.)"
            ),
        ),
    ],
)
def test_a_date_further_off_is_refused_with_both_times(seconds: int, words: str) -> None:
    with pytest.raises(Refusal, match=re.escape(words)) as refusal:
        check(signed(), now=NOW + seconds)
    assert refusal.value.code == "InvalidSignatureException"


@pytest.mark.parametrize("cut", range(0, 190, 7))
def test_no_prefix_of_an_authorization_header_is_accepted_or_breaks_anything(cut: int) -> None:
    with pytest.raises(Refusal):
        check(changed("Authorization", lambda a: a[:cut]))
