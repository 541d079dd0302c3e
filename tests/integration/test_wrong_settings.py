"""Settings that are wrong: the first call of a session names the file, variable or field, and what to do about it.

What can be seen at once is refused when the option is made. In either case nothing is sent.
"""

from __future__ import annotations

import hashlib
import json
import math
import shlex
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.credentials
import botocore.tokens
import pytest

from sagemaker_async import Config, Credentials, Predictor, RetryConfig, Session, Timeouts, TLSConfig
from sagemaker_async.aws.transport.stub import StubTransport
from sagemaker_async.errors import (
    ConfigurationError,
    CredentialsError,
    NoCredentialsError,
    NoRegionError,
    SageMakerAsyncError,
)
from sagemaker_async.local import LocalSageMaker
from sagemaker_async.runtime.stub import StubResponse

SECRET = "wJalrXUtnFEMI-K7MDENG-SECRET"


@pytest.fixture
def aws(clean_environment: Path) -> Path:
    """The directory of the shared AWS files."""
    return clean_environment / ".aws"


@pytest.fixture
def first_call(local: LocalSageMaker, aws: Path) -> Callable[..., Any]:
    """Makes a session with these options beside those of `local`, calls once, and returns what was raised."""
    local.add_endpoint("echo", lambda body: body)

    async def first_call(*without: str, **fields: Any) -> SageMakerAsyncError:
        options = {name: value for name, value in local.client_options.items() if name not in without}
        async with Session(**{**options, **fields}) as session:
            with pytest.raises(SageMakerAsyncError) as caught:
                await session.runtime.invoke_endpoint(endpoint_name="echo", body=b"hello")
            assert session.connections_in_use == 0
        assert not local.requests
        seen: BaseException | None = caught.value
        while seen is not None:
            assert SECRET not in f"{seen} {seen!r} {vars(seen)}"
            seen = seen.__cause__ or seen.__context__
        return caught.value

    return first_call


def check(error: SageMakerAsyncError, kind: type[SageMakerAsyncError], *says: str) -> None:
    assert isinstance(error, kind)
    for words in says:
        assert words in str(error)


FirstCall = Callable[..., Any]


async def test_no_region_lists_where_it_was_looked_for(first_call: FirstCall, aws: Path) -> None:
    error = await first_call("region")
    check(error, NoRegionError, "Config.region", "AWS_REGION", "AWS_DEFAULT_REGION", str(aws / "config"), "Set one")


async def test_no_credentials_list_where_they_were_looked_for(first_call: FirstCall, aws: Path) -> None:
    error = await first_call("credentials")
    check(error, NoCredentialsError, "AWS_ACCESS_KEY_ID", str(aws / "credentials"), "EC2 instance metadata", "aws sso")


@pytest.mark.parametrize("by_variable", [True, False])
async def test_an_unknown_profile_names_who_asks_for_it_the_files_and_the_nearest(
    first_call: FirstCall, aws: Path, monkeypatch: pytest.MonkeyPatch, by_variable: bool
) -> None:
    (aws / "config").write_text("[profile production]\nregion = eu-west-1\n")
    if by_variable:
        monkeypatch.setenv("AWS_PROFILE", "prodution")
        error = await first_call()
    else:
        error = await first_call(profile="prodution")
    asks = "AWS_PROFILE" if by_variable else "Config.profile"
    check(error, ConfigurationError, asks, "'prodution'", str(aws / "config"), "did you mean 'production'?", "add the")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"[default\naws_secret_access_key = {SECRET}\n", 1),
        (f"[default]\nregion = eu-west-1\n{SECRET}\n", 3),
        (f"[default]\nregion = a\nregion = {SECRET}\n", 3),
    ],
)
@pytest.mark.parametrize("name", ["config", "credentials"])
async def test_a_malformed_file_is_named_with_its_line(
    first_call: FirstCall, aws: Path, text: str, line: int, name: str
) -> None:
    (aws / name).write_text(text)
    check(await first_call(), ConfigurationError, f"{aws / name}, line {line},", "key = value")


async def test_a_line_that_is_wrong_is_named_with_key_profile_and_file(first_call: FirstCall, aws: Path) -> None:
    (aws / "config").write_text("[profile who]\nmax_attempts = many\n")
    error = await first_call(profile="who")
    check(error, ConfigurationError, f"max_attempts of profile 'who' in {aws / 'config'}", "at least 1, got 'many'")


@pytest.mark.parametrize("content", [None, "", "no certificate"])
@pytest.mark.parametrize("place", ["field", "variable", "profile"])
async def test_a_bundle_that_cannot_be_used_is_named(
    first_call: FirstCall, aws: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, place: str
) -> None:
    bundle = aws / "bundle.pem"
    if content is not None:
        bundle.write_text(content)
    fields: dict[str, Any] = {}
    if place == "field":
        fields["tls"] = TLSConfig(ca_bundle=bundle)
        source = "TLSConfig.ca_bundle"
    elif place == "variable":
        monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
        source = "AWS_CA_BUNDLE"
    else:
        (aws / "config").write_text(f"[default]\nca_bundle = {bundle}\n")
        source = "ca_bundle of profile 'default'"
    check(await first_call(**fields), ConfigurationError, source, str(bundle), "give the path of a readable PEM file")


async def test_an_expired_sso_token_asks_for_a_new_sign_in(
    first_call: FirstCall, aws: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (aws / "config").write_text(
        "[profile who]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = reader\n"
        "[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\n"
    )
    cache = aws / "sso" / "cache"
    cache.mkdir(parents=True)
    token = {"accessToken": SECRET, "expiresAt": "2001-01-01T00:00:00Z", "region": "eu-west-1"}
    (cache / f"{hashlib.sha1(b'corp').hexdigest()}.json").write_text(json.dumps(token))
    for holder in (botocore.credentials.SSOProvider, botocore.tokens.SSOTokenProvider):
        monkeypatch.setattr(holder, "_SSO_TOKEN_CACHE_DIR", str(cache))

    error = await first_call("credentials", profile="who")

    check(error, CredentialsError, "profile 'who'", "sign in again: aws sso login --profile who")


@pytest.mark.parametrize(
    ("program", "says"),
    [
        (f"print('{SECRET}')", "printed something wrong; it must print"),
        ("print('{\"Version\": 2}')", "printed something wrong; it must print"),
        ("print('{\"Version\": 1}')", "it must print a JSON object"),
        ("import sys; sys.exit('locked out')", "locked out"),
    ],
)
async def test_a_credential_process_that_fails_is_named(
    first_call: FirstCall, aws: Path, tmp_path: Path, program: str, says: str
) -> None:
    script = tmp_path / "process.py"
    script.write_text(program)
    command = shlex.join([sys.executable, str(script)])
    (aws / "config").write_text(f"[profile who]\ncredential_process = {command}\n")
    error = await first_call("credentials", profile="who")
    check(error, CredentialsError, "the credential_process of profile 'who'", str(aws / "config"), says)


async def test_a_credential_process_that_may_not_run_is_named(first_call: FirstCall, aws: Path, tmp_path: Path) -> None:
    script = tmp_path / "process"
    script.write_text("#!/bin/sh\n")
    script.chmod(stat.S_IRUSR)
    (aws / "config").write_text(f"[profile who]\ncredential_process = {script}\n")
    error = await first_call("credentials", profile="who")
    check(error, CredentialsError, "the credential_process of profile 'who'", "check the path and its permissions")


@pytest.mark.parametrize(
    ("resolver", "got"),
    [
        (lambda *_, **__: "https://gateway.example", "str"),
        (lambda *_, **__: None, "NoneType"),
    ],
)
async def test_a_resolver_that_returns_nonsense_is_named(first_call: FirstCall, resolver: Any, got: str) -> None:
    error = await first_call("endpoint_url", endpoint_resolver=resolver)
    check(
        error, ConfigurationError, "Config.endpoint_resolver must return", "Endpoint.from_url makes one", f"got {got}"
    )


async def test_a_source_that_returns_nonsense_is_named(first_call: FirstCall) -> None:
    class Source:
        async def get(self) -> Any:
            return ("AKID", SECRET)

    error = await first_call(credentials=Source())
    check(error, CredentialsError, "the credential source Source returned tuple", "must return")


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("AWS_MAX_ATTEMPTS", "0", "at least 1"),
        ("AWS_RETRY_MODE", "fast", "standard, adaptive, legacy"),
        ("AWS_DEFAULTS_MODE", "quick", "in-region"),
        ("AWS_USE_FIPS_ENDPOINT", "perhaps", "true or false"),
        ("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", "gateway", "must look like https://host"),
    ],
)
async def test_a_wrong_variable_is_named(
    first_call: FirstCall, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, says: str
) -> None:
    monkeypatch.setenv(variable, value)
    check(await first_call("endpoint_url"), ConfigurationError, variable, says)


@pytest.mark.parametrize("url", ["no URL", "http://minio:9000"])
@pytest.mark.parametrize("place", ["variable", "services section", "key of the services section"])
@pytest.mark.parametrize("fips", [True, False])
async def test_an_endpoint_of_another_service_does_not_fail_a_prediction(
    aws: Path, monkeypatch: pytest.MonkeyPatch, url: str, place: str, fips: bool
) -> None:
    if place == "variable":
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
    else:
        s3 = f"s3 = {url}" if place == "services section" else f"s3 =\n  endpoint_url = {url}"
        (aws / "config").write_text(f"[default]\nservices = mine\n[services mine]\n{s3}\n")
    transport = StubTransport(StubResponse(200, b"hello"))
    transport.stubbed = False  # the surroundings count
    options: dict[str, Any] = {"region": "us-east-1", "credentials": Credentials("AKIDEXAMPLE", SECRET)}
    async with Session(transport=transport, use_fips_endpoint=fips, **options) as session:
        assert await Predictor("echo", session).predict(b"hello") == b"hello"
    assert transport.requests[0].origin == f"https://runtime{'-fips' if fips else ''}.sagemaker.us-east-1.amazonaws.com"


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf, "5", True])
@pytest.mark.parametrize("name", ["pool", "connect", "first_byte", "between_chunks", "keepalive", "total"])
def test_a_timeout_that_is_not_a_time_is_refused_when_it_is_made(name: str, seconds: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"^Timeouts\.{name} must be .*seconds"):
        Timeouts(**{name: seconds})


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: RetryConfig(max_attempts=0), r"RetryConfig\.max_attempts .* at least 1 \(1 = no retries\), got 0"),
        (lambda: RetryConfig(base_delay=math.nan), r"RetryConfig\.base_delay"),
        (lambda: Config(region="us east 1"), r"Config\.region"),
        (lambda: Config(max_connections=0), r"Config\.max_connections"),
        (lambda: Config(proxy="socks5://proxy:3128"), r"Config\.proxy "),
        (lambda: Config(endpoint_urls={"sagemaker_runtime": "https://a"}), r"sagemaker_runtime.*sagemaker-runtime"),
        (lambda: Config(endpoint_resolver="https://a"), r"Config\.endpoint_resolver must be a callable"),  # type: ignore[arg-type]
        (lambda: Config(credentials=object()), r"Config\.credentials .*'async def get"),  # type: ignore[arg-type]
        (lambda: Credentials("AKID", f"{SECRET}\n"), r"secret_access_key .*stray newline"),
        (lambda: TLSConfig(client_key="key.pem"), r"client_key needs TLSConfig\.client_cert"),
        (lambda: TLSConfig(verify=False, ca_bundle="b.pem"), r"verify=False contradicts ca_bundle"),
    ],
)
def test_an_option_that_is_wrong_in_itself_is_refused_when_it_is_made(make: Callable[[], object], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        make()
    assert SECRET not in str(caught.value)
