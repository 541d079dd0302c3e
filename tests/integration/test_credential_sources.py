"""Every source against the real thing on loopback: config files, programs, moto's STS and Cognito, fake agents."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import hashlib
import json
import os
import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import botocore.credentials
import botocore.session
import botocore.tokens
import botocore.utils
import pytest

from sagemaker_async.aws.credentials import (
    SSO,
    AssumeRole,
    CognitoIdentityProvider,
    ContainerCredentials,
    CredentialCache,
    DefaultChain,
    InstanceMetadata,
    Process,
    ProfileCredentials,
    WebIdentity,
    credential_source,
)
from sagemaker_async.aws.timing import Timing
from sagemaker_async.config import Credentials
from sagemaker_async.errors import (
    CredentialsConfigurationError,
    CredentialsError,
    CredentialsExpiredError,
    NoCredentialsError,
)

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TOKEN = "FwoGZXIvYXdzEXAMPLETOKEN"
ROLE = "arn:aws:iam::123456789012:role/reader"
LATER = "2099-01-31T12:00:00Z"
LATER_TIME = datetime.datetime(2099, 1, 31, 12, tzinfo=datetime.UTC)


class FakeAgent:
    """An HTTP server on loopback: `answers` maps "METHOD /path" to (status, body), or to a function of the headers."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        agent = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                route = f"{self.command} {self.path.split('?')[0]}"
                headers = {name.lower(): value for name, value in self.headers.items()}
                agent.requests.append((route, headers))
                found = agent.answers.get(route, (404, "not here"))
                status, body = found(headers) if callable(found) else found
                data = (body if isinstance(body, str) else json.dumps(body)).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                with contextlib.suppress(ConnectionError):  # who asked may have given up
                    self.end_headers()
                    self.wfile.write(data)

            do_GET = do_PUT = do_POST = answer  # noqa: N815 - the names that http.server looks for

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def agent() -> Iterator[FakeAgent]:
    fake = FakeAgent()
    yield fake
    fake.close()


class Files:
    """The shared AWS files of one test."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.config = home / "config"
        self.credentials = home / "credentials"
        self.sso_cache = home / "sso"


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    """No AWS setting but those of the test, a home of its own, and no way to the instance metadata service."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower() in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.delenv(name)
    found = Files(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("BOTO_CONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(found.config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(found.credentials))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(botocore.credentials.SSOProvider, "_SSO_TOKEN_CACHE_DIR", str(found.sso_cache))
    monkeypatch.setattr(botocore.tokens.SSOTokenProvider, "_SSO_TOKEN_CACHE_DIR", str(found.sso_cache))
    monkeypatch.setattr(botocore.utils.ContainerMetadataFetcher, "SLEEP_TIME", 0)
    return found


@pytest.fixture
def sts(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto_url)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return moto_url


def assert_clean(error: BaseException) -> None:
    """No secret in the error, in what it was raised from, or in any of their attributes."""
    seen: BaseException | None = error
    while seen is not None:
        for text in (str(seen), repr(seen), repr(vars(seen))):
            assert SECRET not in text
            assert TOKEN not in text
        seen = seen.__cause__ or seen.__context__


def given(name: str = "AKID", expiration: str = LATER, **more: Any) -> dict[str, Any]:
    """What the metadata service and the container agent answer with."""
    return {"AccessKeyId": name, "SecretAccessKey": SECRET, "Token": TOKEN, "Expiration": expiration, **more}


# --- shared files ----------------------------------------------------------------------------------------------------


async def test_a_profile_of_the_credentials_file_is_read(files: Files) -> None:
    files.credentials.write_text(
        f"[work]\naws_access_key_id = AKID\naws_secret_access_key = {SECRET}\naws_session_token = {TOKEN}\n"
        "aws_account_id = 123456789012\n"
    )
    expected = Credentials("AKID", SECRET, TOKEN, account_id="123456789012")
    assert await ProfileCredentials("work").get() == expected
    assert await DefaultChain(profile="work").get() == expected


async def test_the_config_file_serves_where_the_credentials_file_has_no_keys(files: Files) -> None:
    files.config.write_text(f"[profile work]\naws_access_key_id = AKID\naws_secret_access_key = {SECRET}\n")
    files.credentials.write_text("[other]\naws_access_key_id = NOT\naws_secret_access_key = THIS\n")
    assert await ProfileCredentials("work").get() == Credentials("AKID", SECRET)


async def test_environment_goes_before_a_profile_that_the_environment_names_and_after_one_that_is_passed(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.credentials.write_text(f"[work]\naws_access_key_id = FILE\naws_secret_access_key = {SECRET}\n")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert (await credential_source(None, profile=None, region=None).get()).access_key_id == "ENV"
    assert (await credential_source(None, profile="work", region=None).get()).access_key_id == "FILE"
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert (await credential_source(None, profile=None, region=None).get()).access_key_id == "FILE"


async def test_aws_profile_wins_over_aws_default_profile(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    files.credentials.write_text(
        "".join(f"[{name}]\naws_access_key_id = {name}\naws_secret_access_key = {SECRET}\n" for name in ("AAA", "BBB"))
    )
    monkeypatch.setenv("AWS_DEFAULT_PROFILE", "BBB")
    assert (await DefaultChain().get()).access_key_id == "BBB"
    monkeypatch.setenv("AWS_PROFILE", "AAA")
    assert (await DefaultChain().get()).access_key_id == "AAA"
    monkeypatch.setenv("AWS_PROFILE", "")
    assert (await DefaultChain().get()).access_key_id == "BBB"


async def test_a_rotated_credentials_file_is_read_again_after_a_refusal(files: Files) -> None:
    files.credentials.write_text(f"[default]\naws_access_key_id = OLD\naws_secret_access_key = {SECRET}\n")
    cache = credential_source(None, profile=None, region=None)
    old = await cache.get()
    files.credentials.write_text(f"[default]\naws_access_key_id = NEW\naws_secret_access_key = {SECRET}\n")
    assert await cache.get() is old
    assert (await cache.refresh(old)).access_key_id == "NEW"


@pytest.mark.parametrize("by_variable", [False, True])
async def test_an_unknown_profile_is_named_with_files_known_profiles_and_a_guess(
    files: Files, by_variable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.config.write_text("[profile production]\nregion = eu-west-1\n[profile staging]\nregion = eu-west-1\n")
    if by_variable:
        monkeypatch.setenv("AWS_PROFILE", "prodution")
    with pytest.raises(CredentialsConfigurationError) as caught:
        await DefaultChain(profile=None if by_variable else "prodution").get()
    said = str(caught.value)
    assert ("AWS_PROFILE" if by_variable else "Config.profile") in said
    assert all(part in said for part in (str(files.config), str(files.credentials), "did you mean 'production'"))
    assert "known profiles: production, staging" in said


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (f"[default]\naws_access_key_id = AKID\naws_secret_access_key {SECRET}\n", "line 3"),
        (f"aws_secret_access_key = {SECRET}\n", "line 1"),
        (f"[default]\naws_secret_access_key = {SECRET}\n[default]\n", "line 3"),
        (f"[default]\naws_secret_access_key = {SECRET}\naws_secret_access_key = {SECRET}\n", "line 3"),
        (f"[default]\naws_secret_access_key = {SECRET}\nregion = \xff\n", ""),
    ],
    ids=["no equals sign", "no section", "section twice", "key twice", "not UTF-8"],
)
@pytest.mark.parametrize("which", ["config", "credentials"])
async def test_a_malformed_file_is_named_with_the_line_and_without_its_text(
    files: Files, which: str, content: str, line: str
) -> None:
    path: Path = getattr(files, which)
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(CredentialsConfigurationError) as caught:
        await DefaultChain().get()
    assert str(path) in str(caught.value)
    assert line in str(caught.value)
    assert "name = value" in str(caught.value)
    assert_clean(caught.value)


async def test_half_a_pair_of_keys_names_the_profile_and_the_missing_field(files: Files) -> None:
    files.credentials.write_text("[work]\naws_access_key_id = AKID\n")
    with pytest.raises(
        CredentialsConfigurationError, match=r"profile 'work' in .*credentials: .*aws_secret_access_key"
    ):
        await ProfileCredentials("work").get()


async def test_keys_that_cannot_be_keys_name_the_profile_and_the_field(files: Files) -> None:
    files.credentials.write_text(f'[work]\naws_access_key_id = AKID\naws_secret_access_key = "{SECRET} x"\n')
    files.credentials.write_bytes(files.credentials.read_bytes().replace(b" x", b" \xc3\xa9"))
    with pytest.raises(CredentialsConfigurationError, match=r"profile 'work' .*secret_access_key contains") as caught:
        await ProfileCredentials("work").get()
    assert_clean(caught.value)


async def test_a_profile_without_credentials_says_what_it_may_hold(files: Files) -> None:
    files.config.write_text("[profile bare]\nregion = eu-west-1\n")
    with pytest.raises(NoCredentialsError, match=r"profile 'bare' holds no credentials .*credential_process"):
        await ProfileCredentials("bare").get()


async def test_no_credentials_anywhere_lists_the_places_and_the_remedies(files: Files) -> None:
    files.config.write_text("[default]\nregion = eu-west-1\n")
    with pytest.raises(NoCredentialsError) as caught:
        await credential_source(None, profile=None, region=None).get()
    said = str(caught.value)
    for part in (
        "AWS_ACCESS_KEY_ID",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        f"{files.credentials} (there is no such file)",
        f"{files.config} (its profile 'default' holds no credentials)",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "switched off by AWS_EC2_METADATA_DISABLED",
        "aws configure",
        "credentials=Credentials(...)",
    ):
        assert part in said


async def test_a_lone_secret_key_in_the_environment_is_pointed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    with pytest.raises(NoCredentialsError, match="AWS_SECRET_ACCESS_KEY is set, AWS_ACCESS_KEY_ID is not") as caught:
        await DefaultChain().get()
    assert_clean(caught.value)


async def test_variables_that_are_there_and_empty_are_told_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "")
    with pytest.raises(NoCredentialsError, match=r"environment \(AWS_ACCESS_KEY_ID is set but empty\)"):
        await DefaultChain().get()


async def test_the_chain_runs_off_the_event_loop(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    files.credentials.write_text(f"[default]\naws_access_key_id = AKID\naws_secret_access_key = {SECRET}\n")
    seen: list[threading.Thread] = []
    original = botocore.credentials.create_credential_resolver

    def resolver(*args: Any, **kwargs: Any) -> Any:
        seen.append(threading.current_thread())
        return original(*args, **kwargs)

    monkeypatch.setattr(botocore.credentials, "create_credential_resolver", resolver)
    await DefaultChain().get()
    assert [thread is threading.main_thread() for thread in seen] == [False]


# --- programs --------------------------------------------------------------------------------------------------------


def program(tmp_path: Path, body: str) -> str:
    """A command line that runs a real program with this body."""
    path = tmp_path / "a tool.py"
    path.write_text(body)
    return f"{shlex.quote(sys.executable)} {shlex.quote(str(path))}"


def printing(tmp_path: Path, answer: object) -> str:
    return program(tmp_path, f"print({json.dumps(answer)!r})")


@pytest.fixture(params=["constructed", "profile", "role"])
def run_process(request: pytest.FixtureRequest, files: Files, sts: str) -> Callable[[str], Any]:
    """Get credentials of a command: from `Process`, a profile, or (its failures) the source profile of a role."""

    def run(command: str) -> Any:
        files.config.write_text(
            f"[profile tool]\ncredential_process = {command}\n"
            f"[profile role]\nrole_arn = {ROLE}\nsource_profile = tool\nregion = us-east-1\n"
        )
        if request.param == "constructed":
            return Process(command).get()
        return ProfileCredentials("tool" if request.param == "profile" else "role").get()

    run.through_role = request.param == "role"  # type: ignore[attr-defined]
    return run


@pytest.mark.parametrize("expiration", [LATER, None])
async def test_a_program_gives_credentials(tmp_path: Path, expiration: str | None, run_process: Any) -> None:
    answer = {"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": SECRET}
    if expiration:
        answer |= {"SessionToken": TOKEN, "Expiration": expiration, "AccountId": "123456789012"}
    found = await run_process(printing(tmp_path, answer))
    if run_process.through_role:
        assert found.access_key_id.startswith("ASIA")
    elif expiration:
        assert found == Credentials("AKID", SECRET, TOKEN, account_id="123456789012", expiration=LATER_TIME)
    else:
        assert found == Credentials("AKID", SECRET)


async def test_a_program_runs_once_even_when_its_credentials_are_about_to_expire(tmp_path: Path) -> None:
    soon = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=5)).isoformat()
    answer = {"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": SECRET, "SessionToken": TOKEN, "Expiration": soon}
    count = tmp_path / "count"
    command = program(tmp_path, f"open({str(count)!r}, 'a').write('x'); print({json.dumps(answer)!r})")
    cache = credential_source(Process(command), profile=None, region=None)
    assert (await cache.get()).expiration == datetime.datetime.fromisoformat(soon)
    await cache.get()
    assert count.read_text() == "x"


@pytest.mark.parametrize(
    "body",
    [
        f"print('{SECRET}')",
        f"print('[\"{SECRET}\"]')",
        f"print('\"{SECRET}\"')",
        f"import sys; sys.stdout.buffer.write(b'\\xff{SECRET}')",
        "pass",
        f'print(\'{{"Version": "{SECRET}"}}\')',
        f'print(\'{{"AccessKeyId": "{SECRET}"}}\')',
    ],
    ids=["text", "list", "string", "not UTF-8", "nothing", "another version", "no version"],
)
async def test_a_program_that_prints_nonsense_is_told_what_to_print(
    tmp_path: Path, body: str, run_process: Any
) -> None:
    with pytest.raises(
        CredentialsError, match=r'process.*printed something wrong; it must print .*"Version": 1, "AccessKeyId"'
    ) as caught:
        await run_process(program(tmp_path, body))
    assert_clean(caught.value)


async def test_a_program_that_leaves_a_key_out_is_told_which(tmp_path: Path, run_process: Any) -> None:
    with pytest.raises(CredentialsError, match="Missing required key in response: 'AccessKeyId'") as caught:
        await run_process(printing(tmp_path, {"Version": 1, "SecretAccessKey": SECRET}))
    assert_clean(caught.value)


async def test_a_program_that_fails_is_quoted_from_its_standard_error_alone_and_bounded(
    tmp_path: Path, run_process: Any
) -> None:
    body = f"import sys; print('{SECRET}'); sys.exit('no network\\n' + 'x' * 100_000)"
    with pytest.raises(
        CredentialsError, match=r"process.* failed; run it by hand to see why;.*no network x+\.\.\.$"
    ) as caught:
        await run_process(program(tmp_path, body))
    assert len(str(caught.value)) < 1000
    assert_clean(caught.value)


async def test_a_program_that_does_not_exist_is_named(run_process: Any) -> None:
    with pytest.raises(
        CredentialsConfigurationError, match=r"process.* could not be run: No such file.*check the path"
    ):
        await run_process("/no/such/tool --flag")


@pytest.mark.parametrize(
    "answer",
    [
        {"Version": 1, "AccessKeyId": 5, "SecretAccessKey": SECRET},
        {"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": SECRET, "Expiration": TOKEN},
        {"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": SECRET, "Expiration": 7},
    ],
    ids=["number for a key", "nonsense for a time", "number for a time"],
)
async def test_a_program_that_prints_wrong_values_is_a_credentials_error(tmp_path: Path, answer: object) -> None:
    with pytest.raises(CredentialsError, match="credential process") as caught:
        await Process(printing(tmp_path, answer)).get()
    assert_clean(caught.value)


async def test_a_program_whose_credentials_have_expired_is_named(tmp_path: Path) -> None:
    answer = {"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": SECRET, "Expiration": "2001-01-01T00:00:00Z"}
    cache = credential_source(Process(printing(tmp_path, answer)), profile=None, region=None)
    with pytest.raises(CredentialsExpiredError, match="Process gave credentials that expired at 2001-01-01"):
        await cache.get()


# --- STS -------------------------------------------------------------------------------------------------------------


async def test_assume_role_exchanges_another_sources_credentials(tmp_path: Path, sts: str) -> None:
    tool = Process(printing(tmp_path, {"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": SECRET}))
    before = datetime.datetime.now(datetime.UTC)
    found = await AssumeRole(ROLE, tool, session_name="me", external_id="them", duration=900).get()
    assert found.access_key_id.startswith("ASIA")
    assert found.session_token
    assert found.account_id == "123456789012"
    assert found.expiration is not None
    assert 880 < (found.expiration - before).total_seconds() < 920


async def test_assume_role_takes_values_sources_and_the_default_chain(
    sts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixed = Credentials("AKID", SECRET)
    assert (await AssumeRole(ROLE, fixed).get()).session_token
    assert (await AssumeRole(ROLE, AssumeRole(ROLE, fixed)).get()).session_token
    with pytest.raises(NoCredentialsError):
        await AssumeRole(ROLE).get()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert (await AssumeRole(ROLE).get()).session_token


async def test_assume_role_sends_what_it_was_given_signed_by_the_source(agent: FakeAgent) -> None:
    agent.answers["POST /"] = (
        403,
        "<ErrorResponse><Error><Code>AccessDenied</Code><Message>No</Message></Error></ErrorResponse>",
    )
    role = AssumeRole(ROLE, Credentials("AKIDSOURCE", SECRET, TOKEN), region="eu-west-1", endpoint_url=agent.url)
    with pytest.raises(CredentialsError, match=rf"assuming {ROLE}: .*AccessDenied.*trust policy") as caught:
        await role.get()
    ((_, headers),) = agent.requests
    assert "Credential=AKIDSOURCE/" in headers["authorization"]
    assert "/eu-west-1/sts/" in headers["authorization"]
    assert_clean(caught.value)


async def test_an_unreachable_sts_says_where_it_was_looked_for(agent: FakeAgent) -> None:
    agent.close()
    role = AssumeRole(ROLE, Credentials("AKID", SECRET), region="us-east-1", endpoint_url=agent.url)
    with pytest.raises(CredentialsError, match=rf"{agent.url}.*check the network.*AWS_ENDPOINT_URL_STS"):
        await role.get()


async def test_a_profile_assumes_its_role_with_its_source_profile(files: Files, sts: str) -> None:
    files.credentials.write_text(f"[base]\naws_access_key_id = AKID\naws_secret_access_key = {SECRET}\n")
    files.config.write_text(
        f"[profile middle]\nrole_arn = {ROLE}\nsource_profile = base\n"
        f"[profile top]\nrole_arn = {ROLE}\nsource_profile = middle\nrole_session_name = me\n"
    )
    found = await DefaultChain(profile="top").get()
    assert found.access_key_id.startswith("ASIA")
    assert found.expiration is not None
    assert found.expiration.tzinfo is datetime.UTC


@pytest.mark.parametrize("asked", ["top", "middle"])
async def test_a_profile_that_wants_an_mfa_code_is_refused_with_the_remedy(files: Files, asked: str) -> None:
    files.credentials.write_text(f"[base]\naws_access_key_id = AKID\naws_secret_access_key = {SECRET}\n")
    files.config.write_text(
        f"[profile middle]\nrole_arn = {ROLE}\nsource_profile = base\nmfa_serial = arn:aws:iam::123456789012:mfa/me\n"
        f"[profile top]\nrole_arn = {ROLE}\nsource_profile = middle\n"
    )
    with pytest.raises(
        CredentialsConfigurationError, match=r"profile 'middle' needs an MFA code \(mfa_serial\).*export-credentials"
    ):
        await ProfileCredentials(asked).get()


async def test_an_mfa_serial_that_is_not_used_refuses_nothing(files: Files, sts: str) -> None:
    files.config.write_text(
        f"[profile base]\naws_access_key_id = AKID\naws_secret_access_key = {SECRET}\nrole_arn = {ROLE}\n"
        "mfa_serial = arn:aws:iam::123456789012:mfa/me\nsource_profile = base\n"
        f"[profile top]\nrole_arn = {ROLE}\nsource_profile = base\n"
    )
    assert (await ProfileCredentials("top").get()).access_key_id.startswith("ASIA")


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("role_arn = {role}\n", "source_profile or credential_source"),
        ("role_arn = {role}\nsource_profile = gone\n", '"gone".*does not exist'),
        ("role_arn = {role}\nsource_profile = role\n", "Infinite loop"),
        ("role_arn = {role}\ncredential_source = Moon\n", '"Moon".*not valid'),
    ],
)
async def test_a_role_profile_that_cannot_work_names_profile_and_field(files: Files, config: str, says: str) -> None:
    files.config.write_text("[profile role]\n" + config.format(role=ROLE))
    with pytest.raises(CredentialsConfigurationError, match=rf"profile 'role' in .*{says}"):
        await ProfileCredentials("role").get()


async def test_a_role_from_environment_credentials_works_for_a_passed_profile(
    files: Files, sts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.config.write_text(f"[profile role]\nrole_arn = {ROLE}\ncredential_source = Environment\n")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert (await DefaultChain(profile="role").get()).access_key_id.startswith("ASIA")


async def test_the_region_of_sts_is_the_one_passed_then_aws_region(
    files: Files, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.config.write_text(
        f"[profile role]\nrole_arn = {ROLE}\nsource_profile = role\n"
        f"aws_access_key_id = AKID\naws_secret_access_key = {SECRET}\n"
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", agent.url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    for region in (None, "us-west-2"):
        with pytest.raises(CredentialsError):
            await DefaultChain(profile="role", region=region).get()
    scopes = [headers["authorization"].split("/")[2] for _, headers in agent.requests]
    assert scopes == ["eu-west-1", "us-west-2"]


# --- web identity ----------------------------------------------------------------------------------------------------


def web_identity_answer(name: str) -> str:
    return (
        "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
        f"<AccessKeyId>{name}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey>"
        f"<SessionToken>{TOKEN}</SessionToken><Expiration>{LATER}</Expiration></Credentials>"
        "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    )


@pytest.mark.parametrize("way", ["arguments", "variables", "chain", "profile"])
async def test_web_identity_works_by_arguments_variables_chain_and_profile(
    way: str, files: Files, sts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    token.write_text("eyJhbGciOiJ\n")
    files.config.write_text(f"[profile web]\nrole_arn = {ROLE}\nweb_identity_token_file = {token}\n")
    if way in ("variables", "chain"):
        monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    source = {
        "arguments": WebIdentity(ROLE, str(token), session_name="me", duration=900),
        "variables": WebIdentity(),
        "chain": DefaultChain(),
        "profile": ProfileCredentials("web"),
    }[way]
    found = await source.get()
    assert found.session_token
    assert found.expiration is not None


async def test_a_rotated_token_file_is_read_again_at_each_refresh(
    agent: FakeAgent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.answers["POST /"] = lambda headers: (200, web_identity_answer(token.read_text().strip()))
    token = tmp_path / "token"
    token.write_text("FIRST")
    source = WebIdentity(ROLE, str(token), region="us-east-1", endpoint_url=agent.url)
    cache = credential_source(source, profile=None, region=None)
    first = await cache.get()
    assert "authorization" not in agent.requests[0][1]
    token.write_text("SECOND")
    assert (await cache.refresh(first)).access_key_id == "SECOND"


@pytest.mark.parametrize(
    ("content", "says"), [(None, "No such file"), ("", "it is empty"), ("\xff", "it does not hold a token")]
)
async def test_a_token_file_that_cannot_be_used_is_named(tmp_path: Path, content: str | None, says: str) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_text(content)
    with pytest.raises(
        CredentialsConfigurationError, match=rf"{token} cannot be used: {says}.*AWS_WEB_IDENTITY_TOKEN_FILE"
    ):
        await WebIdentity(ROLE, str(token), region="us-east-1").get()


async def test_a_missing_token_file_in_the_chain_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "gone"))
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    with pytest.raises(CredentialsError, match=r"gone.*check AWS_WEB_IDENTITY_TOKEN_FILE"):
        await DefaultChain().get()


async def test_web_identity_without_token_or_role_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoCredentialsError, match="AWS_WEB_IDENTITY_TOKEN_FILE"):
        await WebIdentity().get()
    with pytest.raises(CredentialsConfigurationError, match="AWS_ROLE_ARN"):
        await WebIdentity(token_file="/tmp/token").get()


# --- SSO -------------------------------------------------------------------------------------------------------------

START_URL = "https://example.awsapps.com/start"


def sign_in(files: Files, *, name: str = START_URL, expires: str = LATER, **more: str) -> Path:
    """Leave the token that ``aws sso login`` would leave."""
    files.sso_cache.mkdir(exist_ok=True)
    path = files.sso_cache / f"{hashlib.sha1(name.encode()).hexdigest()}.json"
    path.write_text(json.dumps({"accessToken": TOKEN, "expiresAt": expires, "startUrl": START_URL, **more}))
    return path


@pytest.fixture(params=["constructed", "constructed with session", "profile", "profile with session"])
def sso(request: pytest.FixtureRequest, files: Files, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An SSO source in each of its forms; `token_name` names its token in the cache."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", agent.url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSO_OIDC", agent.url)
    place = f"sso_start_url = {START_URL}\nsso_region = eu-west-1\n"
    role = "sso_account_id = 123456789012\nsso_role_name = reader\n"
    with_session = "session" in request.param
    files.config.write_text(
        f"[profile who]\nsso_session = corp\n{role}[sso-session corp]\n{place}"
        if with_session
        else f"[profile who]\n{place}{role}"
    )
    agent.answers["GET /federation/credentials"] = lambda headers: (
        (
            200,
            {
                "roleCredentials": {
                    "accessKeyId": "AKID",
                    "secretAccessKey": SECRET,
                    "sessionToken": TOKEN,
                    "expiration": int(LATER_TIME.timestamp() * 1000),
                }
            },
        )
        if headers["x-amz-sso_bearer_token"] in (TOKEN, "renewed")
        else (401, {"message": "Session token not found or invalid"})
    )
    if "profile" in request.param:
        source: Any = ProfileCredentials("who")
    else:
        source = SSO(
            start_url=START_URL,
            region="eu-west-1",
            account_id="123456789012",
            role_name="reader",
            session_name="corp" if with_session else None,
        )
    return source, ("corp" if with_session else START_URL), with_session


async def test_sso_exchanges_the_cached_token(sso: Any, files: Files, agent: FakeAgent) -> None:
    source, token_name, _ = sso
    sign_in(files, name=token_name)
    assert await source.get() == Credentials("AKID", SECRET, TOKEN, account_id="123456789012", expiration=LATER_TIME)


async def test_sso_renews_a_session_token_that_has_expired(sso: Any, files: Files, agent: FakeAgent) -> None:
    source, token_name, with_session = sso
    agent.answers["POST /token"] = (200, {"accessToken": "renewed", "expiresIn": 3600, "tokenType": "Bearer"})
    path = sign_in(
        files,
        name=token_name,
        expires="2001-01-01T00:00:00Z",
        refreshToken="r",
        clientId="c",
        clientSecret="s",
        registrationExpiresAt=LATER,
    )
    if with_session:
        assert (await source.get()).access_key_id == "AKID"
        assert json.loads(path.read_text())["accessToken"] == "renewed"
    else:
        with pytest.raises(CredentialsError, match="aws sso login"):
            await source.get()


@pytest.mark.parametrize("state", ["absent", "expired", "refused", "damaged", "incomplete"])
async def test_an_sso_token_that_cannot_be_used_asks_for_a_new_sign_in(
    sso: Any, files: Files, agent: FakeAgent, state: str
) -> None:
    source, token_name, _ = sso
    path = sign_in(files, name=token_name)
    if state == "absent":
        path.unlink()
    elif state == "expired":
        sign_in(files, name=token_name, expires="2001-01-01T00:00:00Z")
    elif state == "refused":
        agent.answers["GET /federation/credentials"] = (
            401,
            {"__type": "UnauthorizedException", "message": "Session token not found or invalid"},
        )
    elif state == "damaged":
        path.write_text(f"{{{TOKEN}")
    else:
        path.write_text(json.dumps({"accessToken": TOKEN}))
    with pytest.raises(CredentialsError, match=r"sign in again: aws sso login") as caught:
        await source.get()
    said = str(caught.value)
    assert "profile 'who'" in said if isinstance(source, ProfileCredentials) else "SSO role 'reader'" in said
    assert_clean(caught.value)


async def test_an_sso_profile_that_lacks_a_field_names_it(files: Files) -> None:
    files.config.write_text("[profile who]\nsso_account_id = 123456789012\nsso_region = eu-west-1\n")
    with pytest.raises(CredentialsConfigurationError, match=r"'who'.*missing required configuration.*sso_start_url"):
        await ProfileCredentials("who").get()


# --- EC2 -------------------------------------------------------------------------------------------------------------

ROLE_LIST = "GET /latest/meta-data/iam/security-credentials/"


@pytest.fixture
def metadata_service(agent: FakeAgent, monkeypatch: pytest.MonkeyPatch) -> FakeAgent:
    """IMDSv2: a token by PUT, without which nothing is given."""
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", agent.url)

    def behind_token(body: object) -> Callable[[dict[str, str]], tuple[int, object]]:
        return lambda headers: (200, body) if headers.get("x-aws-ec2-metadata-token") == "t" else (401, "")

    agent.answers = {
        "PUT /latest/api/token": (200, "t"),
        ROLE_LIST: behind_token("my-role"),
        f"{ROLE_LIST}my-role": behind_token(given()),
    }
    return agent


@pytest.mark.parametrize("by_chain", [False, True])
async def test_the_metadata_service_is_asked_by_version_2(metadata_service: FakeAgent, by_chain: bool) -> None:
    found = await (DefaultChain() if by_chain else InstanceMetadata()).get()
    assert found == Credentials("AKID", SECRET, TOKEN, expiration=LATER_TIME)
    assert metadata_service.requests[0][0] == "PUT /latest/api/token"


async def test_the_endpoint_that_is_passed_wins(metadata_service: FakeAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9")
    assert (await InstanceMetadata(endpoint=metadata_service.url).get()).access_key_id == "AKID"


async def test_version_1_is_not_fallen_back_to(metadata_service: FakeAgent) -> None:
    metadata_service.answers["PUT /latest/api/token"] = (403, "")
    metadata_service.answers[ROLE_LIST] = (200, "my-role")
    metadata_service.answers[f"{ROLE_LIST}my-role"] = (200, given())
    with pytest.raises(CredentialsError, match=r"EC2 instance metadata service.*IMDSv2.*only on EC2 instances"):
        await InstanceMetadata().get()
    assert {route for route, _ in metadata_service.requests} == {"PUT /latest/api/token"}


async def test_a_flaky_metadata_service_is_asked_as_often_as_told(metadata_service: FakeAgent) -> None:
    answers = iter([(500, ""), (500, ""), (200, "my-role")])
    metadata_service.answers[ROLE_LIST] = lambda headers: next(answers)
    assert (await InstanceMetadata(attempts=3).get()).access_key_id == "AKID"
    metadata_service.answers[ROLE_LIST] = (500, "")
    metadata_service.requests.clear()
    with pytest.raises(NoCredentialsError, match="attach a role"):
        await InstanceMetadata(attempts=2).get()
    assert [route for route, _ in metadata_service.requests].count(ROLE_LIST) == 2


async def test_a_silent_metadata_service_is_given_up_after_the_timeout(
    metadata_service: FakeAgent,
) -> None:
    release = threading.Event()

    def silence(headers: dict[str, str]) -> tuple[int, str]:
        release.wait(10)
        return 200, "t"

    metadata_service.answers["PUT /latest/api/token"] = silence
    started = time.monotonic()
    with pytest.raises(CredentialsError, match=r"EC2 instance metadata service"):
        await InstanceMetadata(timeout=0.05, attempts=1).get()
    assert time.monotonic() - started < 5
    release.set()


async def test_an_instance_without_a_role_says_so(metadata_service: FakeAgent) -> None:
    metadata_service.answers[ROLE_LIST] = (404, "")
    with pytest.raises(NoCredentialsError, match="attach a role to the instance"):
        await InstanceMetadata(attempts=1).get()


async def test_a_metadata_service_that_is_switched_off_says_by_what() -> None:
    with pytest.raises(NoCredentialsError, match="unset AWS_EC2_METADATA_DISABLED"):
        await InstanceMetadata().get()


async def test_an_instance_without_a_role_is_one_more_place_without_credentials(metadata_service: FakeAgent) -> None:
    metadata_service.answers[ROLE_LIST] = (404, "")
    with pytest.raises(NoCredentialsError, match=r"EC2 instance metadata \(gave no credentials\)"):
        await DefaultChain().get()


# --- containers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_chain", [False, True])
async def test_a_container_agent_is_asked_with_the_token_of_the_variable(
    agent: FakeAgent, by_chain: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.answers["GET /role"] = (200, given(AccountId="123456789012"))
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{agent.url}/role")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "opensesame")
    found = await (DefaultChain() if by_chain else ContainerCredentials()).get()
    assert found == Credentials("AKID", SECRET, TOKEN, account_id="123456789012", expiration=LATER_TIME)
    assert agent.requests[0][1]["authorization"] == "opensesame"


async def test_a_relative_uri_goes_to_the_ecs_agent(agent: FakeAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    agent.answers["GET /v2/credentials/1"] = (200, given())
    monkeypatch.setattr(botocore.utils.ContainerMetadataFetcher, "IP_ADDRESS", agent.url.removeprefix("http://"))
    assert (await ContainerCredentials(relative_uri="/v2/credentials/1").get()).access_key_id == "AKID"


async def test_a_rotated_pod_identity_token_is_read_again_at_each_refresh(agent: FakeAgent, tmp_path: Path) -> None:
    agent.answers["GET /v1/credentials"] = lambda headers: (200, given(headers["authorization"]))
    token = tmp_path / "eks-pod-identity-token"
    token.write_text("FIRST")
    source = ContainerCredentials(full_uri=f"{agent.url}/v1/credentials", authorization_token_file=str(token))
    cache = credential_source(source, profile=None, region=None)
    first = await cache.get()
    token.write_text("SECOND")
    assert [first.access_key_id, (await cache.refresh(first)).access_key_id] == ["FIRST", "SECOND"]


@pytest.mark.parametrize("by_chain", [False, True])
@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((403, {"message": "no"}), "403"),
        ((200, f"<html>{SECRET}"), "Unable to parse JSON"),
        ((200, {"AccessKeyId": SECRET}), "unusable answer"),
        ((200, [SECRET]), "unusable answer"),
        ((200, given(expiration=TOKEN)), "unusable answer"),
    ],
)
async def test_a_container_agent_that_fails_names_the_variables(
    agent: FakeAgent, by_chain: bool, answer: object, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.answers["GET /role"] = answer
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{agent.url}/role")
    with pytest.raises(
        CredentialsError, match=rf"container credential service: .*{says}.*AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
    ) as caught:
        await (DefaultChain() if by_chain else ContainerCredentials()).get()
    assert_clean(caught.value)


async def test_container_settings_that_cannot_work_name_the_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NoCredentialsError, match="AWS_CONTAINER_CREDENTIALS_FULL_URI is set"):
        await ContainerCredentials().get()
    with pytest.raises(CredentialsError, match="AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        await ContainerCredentials(full_uri="http://example.com/role").get()
    with pytest.raises(CredentialsError, match=f"{tmp_path}/gone"):
        await ContainerCredentials(
            full_uri="http://127.0.0.1:9/role", authorization_token_file=str(tmp_path / "gone")
        ).get()


async def test_two_thousand_calls_across_an_expiry_ask_the_container_agent_once(agent: FakeAgent) -> None:
    now = [time.time()]

    def answer(headers: dict[str, str]) -> tuple[int, object]:
        expiration = datetime.datetime.fromtimestamp(now[0] + 3600, datetime.UTC)
        return 200, given(f"AKID{len(agent.requests)}", expiration.isoformat())

    agent.answers["GET /role"] = answer
    cache = CredentialCache(ContainerCredentials(full_uri=f"{agent.url}/role"), timing=Timing(clock=lambda: now[0]))
    await cache.get()
    now[0] += 3601
    found = await asyncio.gather(*(cache.get() for _ in range(2000)))
    assert {each.access_key_id for each in found} == {"AKID2"}
    assert len(agent.requests) == 2


# --- Cognito ---------------------------------------------------------------------------------------------------------

POOL = "us-east-1:01234567-89ab-cdef-0123-456789abcdef"


async def test_a_cognito_pool_gives_credentials(moto_url: str) -> None:
    client = botocore.session.Session().create_client(
        "cognito-identity",
        region_name="us-east-1",
        endpoint_url=moto_url,
        aws_access_key_id="AKID",
        aws_secret_access_key=SECRET,
    )
    pool = client.create_identity_pool(IdentityPoolName="guests", AllowUnauthenticatedIdentities=True)
    found = await CognitoIdentityProvider(pool["IdentityPoolId"], endpoint_url=moto_url).get()
    assert found.session_token
    assert found.expiration is not None
    assert found.expiration.tzinfo is datetime.UTC


async def test_a_cognito_identity_is_asked_for_once_unsigned_and_with_current_logins(agent: FakeAgent) -> None:
    targets: list[str] = []

    def answer(headers: dict[str, str]) -> tuple[int, object]:
        assert "authorization" not in headers
        targets.append(headers["x-amz-target"].split(".")[1])
        keys = {
            "AccessKeyId": "AKID",
            "SecretKey": SECRET,
            "SessionToken": TOKEN,
            "Expiration": int(LATER_TIME.timestamp()),
        }
        return 200, {"IdentityId": "us-east-1:me"} if targets[-1] == "GetId" else {"Credentials": keys}

    asked = 0

    async def logins() -> dict[str, str]:
        nonlocal asked
        asked += 1
        return {"accounts.google.com": TOKEN}

    agent.answers["POST /"] = answer
    source = CognitoIdentityProvider(POOL, logins=logins, endpoint_url=agent.url)
    expected = Credentials("AKID", SECRET, TOKEN, expiration=LATER_TIME)
    assert [await source.get(), await source.get()] == [expected, expected]
    assert targets == ["GetId", "GetCredentialsForIdentity", "GetCredentialsForIdentity"]
    assert asked == 2


async def test_a_cognito_refusal_names_the_pool_and_the_logins(agent: FakeAgent) -> None:
    agent.answers["POST /"] = (400, {"__type": "NotAuthorizedException", "message": "Token expired"})
    source = CognitoIdentityProvider(POOL, logins={"accounts.google.com": TOKEN}, endpoint_url=agent.url)
    with pytest.raises(CredentialsError, match=rf"identity pool {POOL}: .*Token expired.*login tokens") as caught:
        await source.get()
    assert_clean(caught.value)


# --- endpoints -------------------------------------------------------------------------------------------------------


async def test_the_chain_follows_awss_own_endpoint_variables_for_sts(
    files: Files, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.config.write_text(
        f"[profile role]\nrole_arn = {ROLE}\nsource_profile = role\nregion = us-east-1\n"
        f"aws_access_key_id = AKID\naws_secret_access_key = {SECRET}\n"
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL", agent.url)
    with pytest.raises(CredentialsError):
        await DefaultChain(profile="role").get()
    assert [route for route, _ in agent.requests] == ["POST /"]
