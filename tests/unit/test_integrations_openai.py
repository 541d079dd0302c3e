"""Bearer tokens and URLs for SageMaker's OpenAI-compatible route; OpenAI's client itself is in `tests/openai`."""

from __future__ import annotations

import asyncio
import base64
import datetime
import random
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from sagemaker_async import Credentials, Session
from sagemaker_async.aws.channel import Channel
from sagemaker_async.aws.timing import Timing
from sagemaker_async.config import Config
from sagemaker_async.errors import (
    ConfigurationError,
    CredentialsError,
    MissingExtraError,
    NoRegionError,
    RequestValidationError,
    SessionClosedError,
)
from sagemaker_async.integrations.openai import OpenAITokens, openai_base_url, openai_client

from . import openai_tokens

NEW_YEAR = 1_767_225_600.0
"""2026-01-01T00:00:00Z"""


class Clock:
    def __init__(self, now: float = NEW_YEAR) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Shared:
    """What `OpenAITokens` takes: something with a channel, here one whose time is the test's."""

    def __init__(self, credentials: Any, clock: Clock, region: str = "us-west-2") -> None:
        self.timing = Timing(clock=clock)
        self.channel = Channel(Config(region=region, credentials=credentials), self.timing)


class Source:
    def __init__(self, *given: Credentials) -> None:
        self.given = list(given)
        self.asked = 0

    async def get(self) -> Credentials:
        self.asked += 1
        await asyncio.sleep(0)
        return self.given.pop(0) if len(self.given) > 1 else self.given[0]


MakeTokens = Callable[..., OpenAITokens]


@pytest.fixture
async def tokens_of() -> AsyncIterator[MakeTokens]:
    """Makes tokens of credentials or a source, by the test's clock."""
    made: list[Shared] = []

    def make(credentials: Any, clock: Clock, **options: Any) -> OpenAITokens:
        made.append(Shared(credentials, clock))
        return OpenAITokens(made[-1], timing=made[-1].timing, **options)

    yield make
    for shared in made:
        await shared.channel.close()


def at(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def decoded(token: str) -> str:
    assert token.startswith("sagemaker-api-key-")
    return base64.b64decode(token.removeprefix("sagemaker-api-key-"), validate=True).decode()


@pytest.mark.parametrize(
    ("session_token", "parameter", "signature"),
    [
        (None, "", "74b76660f0a8dbc8bf26d9e53126b3a947f00db79c8caaef692a6c82341779d2"),
        (
            "TOKEN/+=",
            "&X-Amz-Security-Token=TOKEN%2F%2B%3D",
            "b98234871833553288206b7786064edfe74e19909cd5b663483ed888e07f7d84",
        ),
    ],
)
async def test_the_token_is_that_of_awss_own_generator(
    session_token: str | None, parameter: str, signature: str, tokens_of: MakeTokens
) -> None:
    tokens = tokens_of(Credentials("AKIDEXAMPLE", "SECRET", session_token), Clock(), expires=300)
    assert decoded(await tokens()) == (
        "sagemaker.amazonaws.com/?Action=CallWithBearerToken&X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIDEXAMPLE%2F20260101%2Fus-west-2%2Fsagemaker%2Faws4_request&X-Amz-Date=20260101T000000Z"
        f"&X-Amz-Expires=300&X-Amz-SignedHeaders=host{parameter}&X-Amz-Signature={signature}&Version=1"
    )


def test_tokens_of_random_credentials_are_those_of_botocores_presigner() -> None:
    assert asyncio.run(openai_tokens.compared(400, random.Random(17))) == []


async def test_a_token_is_kept_for_half_of_its_life(tokens_of: MakeTokens) -> None:
    clock = Clock()
    tokens = tokens_of(Credentials("A", "s"), clock, expires=600)
    first = await tokens()
    clock.now += 299
    assert await tokens() == first
    clock.now += 1
    assert await tokens() != first


async def test_a_token_is_renewed_ahead_of_its_credentials_end_if_that_is_earlier(tokens_of: MakeTokens) -> None:
    clock = Clock()
    tokens = tokens_of(Credentials("A", "s", "t", expiration=at(NEW_YEAR + 60)), clock, expires=600)
    first = await tokens()
    clock.now += 29
    assert await tokens() == first
    clock.now += 1
    assert await tokens() != first


async def test_other_credentials_make_another_token_at_once(tokens_of: MakeTokens) -> None:
    clock = Clock()
    source = Source(*(Credentials(name, "s", expiration=at(NEW_YEAR + 3600)) for name in ("OLD", "NEW")))
    tokens = tokens_of(source, clock, expires=43_200)
    first = await tokens()
    assert "Credential=OLD%2F" in decoded(first)
    clock.now += 3600 - 10 * 60  # the session's own credentials are renewed ten minutes ahead
    assert "Credential=NEW%2F" in decoded(await tokens())
    assert source.asked == 2


async def test_a_clock_that_jumps_back_makes_another_token(tokens_of: MakeTokens) -> None:
    clock = Clock()
    tokens = tokens_of(Credentials("A", "s"), clock)
    await tokens()
    clock.now -= 3600
    assert "X-Amz-Date=20251231T230000Z" in decoded(await tokens())


async def test_a_thousand_tasks_at_once_have_the_source_asked_once(tokens_of: MakeTokens) -> None:
    source = Source(Credentials("A", "s", expiration=at(NEW_YEAR + 3600)))
    tokens = tokens_of(source, Clock())
    assert len(set(await asyncio.gather(*(tokens() for _ in range(1000))))) == 1
    assert source.asked == 1


async def test_a_refused_token_has_the_credentials_fetched_anew_once(tokens_of: MakeTokens) -> None:
    old, new = (Credentials(name, "s", expiration=at(NEW_YEAR + 3600)) for name in ("OLD", "NEW"))
    source = Source(old, old, new)
    tokens = tokens_of(source, Clock())
    first = await tokens()
    tokens.refused(first)
    assert "OLD" in decoded(await tokens())
    assert source.asked == 2
    tokens.refused(await tokens())
    assert "OLD" in decoded(await tokens())
    assert source.asked == 2, "what is refused again is not the credentials' fault"


@pytest.mark.parametrize("calls", [2, 3])
async def test_calls_that_are_refused_together_have_the_credentials_fetched_anew_once(
    tokens_of: MakeTokens, calls: int
) -> None:
    old, new = (Credentials(name, "s", expiration=at(NEW_YEAR + 3600)) for name in ("OLD", "NEW"))
    source = Source(old, new)
    tokens = tokens_of(source, Clock())
    first = await tokens()
    for _ in range(calls):  # as many had the token when the credentials were revoked
        tokens.refused(first)
    assert "NEW" in decoded(await tokens())
    assert source.asked == 2


async def test_a_refusal_is_not_forgotten_by_those_who_waited_meanwhile(tokens_of: MakeTokens) -> None:
    old, new = (Credentials(name, "s", expiration=at(NEW_YEAR + 3600)) for name in ("OLD", "NEW"))
    tokens = tokens_of(Source(old, new), Clock())

    async def refused_at_once() -> None:
        tokens.refused(await tokens())

    await asyncio.gather(refused_at_once(), tokens())
    assert "NEW" in decoded(await tokens())


async def test_a_refusal_of_a_token_that_was_replaced_changes_nothing(tokens_of: MakeTokens) -> None:
    clock = Clock()
    source = Source(Credentials("A", "s", expiration=at(NEW_YEAR + 3600)))
    tokens = tokens_of(source, clock)
    first = await tokens()
    clock.now += 600
    second = await tokens()
    tokens.refused(first)
    assert await tokens() == second
    assert source.asked == 1


async def test_a_caller_that_is_cancelled_takes_nothing_from_others(
    tokens_of: MakeTokens,
) -> None:
    gate = asyncio.Event()

    class Slow:
        async def get(self) -> Credentials:
            await gate.wait()
            return Credentials("A", "s", expiration=at(NEW_YEAR + 3600))

    tokens = tokens_of(Slow(), Clock())
    cancelled, other = asyncio.create_task(tokens()), asyncio.create_task(tokens())
    for _ in range(20):
        await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.wait((cancelled,))
    gate.set()
    assert "Credential=A%2F" in decoded(await other)
    assert cancelled.cancelled()


async def test_a_source_that_fails_fails_the_token_and_not_the_next_one(tokens_of: MakeTokens) -> None:
    class Failing(Source):
        async def get(self) -> Credentials:
            credentials = await super().get()
            if self.asked == 1:
                raise OSError("no network")
            return credentials

    tokens = tokens_of(Failing(Credentials("A", "s", expiration=at(NEW_YEAR + 3600))), Clock())
    with pytest.raises(CredentialsError):
        await tokens()
    assert "Credential=A%2F" in decoded(await tokens())


async def test_no_secret_is_shown(tokens_of: MakeTokens) -> None:
    tokens = tokens_of(Credentials("AKID", "the-secret", "the-session-token"), Clock())
    token = await tokens()
    assert repr(tokens) == "OpenAITokens(expires=900)"
    for secret in ("the-secret", "the-session-token", token):
        assert secret not in repr(tokens)


async def test_no_secret_is_in_what_an_error_keeps_of_its_calls(tokens_of: MakeTokens) -> None:
    tokens = tokens_of(Credentials("AKID", "the-secret", "the-session-token"), Clock(-1.0))
    with pytest.raises(ConfigurationError, match="1970") as caught:
        await tokens()
    frames = [frame.f_locals for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
    shown = [repr(value) for names in frames for name, value in names.items() if name in {"credentials", "url", "key"}]
    assert shown == []


@pytest.mark.parametrize("expires", [0, -1, 13 * 3600, 43_201, 1.5, True, "900", None])
def test_a_life_that_cannot_be_is_refused(expires: Any) -> None:
    with pytest.raises(ConfigurationError, match="from 1 to 43200"):
        OpenAITokens(Session(region="us-east-1"), expires=expires)


async def test_tokens_of_a_closed_session_are_refused() -> None:
    async with Session(region="us-east-1", credentials=Credentials("A", "s")) as session:
        tokens = OpenAITokens(session)
        await tokens()
    with pytest.raises(SessionClosedError):
        await tokens()
    with pytest.raises(SessionClosedError):
        openai_base_url(session, "e")


# --- URLs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "origin"),
    [
        ({"region": "eu-west-3"}, "https://runtime.sagemaker.eu-west-3.amazonaws.com"),
        ({"region": "cn-north-1"}, "https://runtime.sagemaker.cn-north-1.amazonaws.com.cn"),
        ({"region": "us-east-1", "endpoint_url": "http://127.0.0.1:8/base"}, "http://127.0.0.1:8/base"),
        (
            {"region": "us-east-1", "endpoint_urls": {"sagemaker-runtime": "https://mine", "sagemaker": "https://no"}},
            "https://mine",
        ),
    ],
)
async def test_the_url_is_where_the_sessions_own_calls_go(clean_environment: Path, options: Any, origin: str) -> None:
    credentials = Credentials("A", "s")
    async with Session(**options, credentials=credentials) as session:
        before = openai_base_url(session, "my-llm"), openai_base_url(session, "my-llm", "part")
        await session.check()
        after = openai_base_url(session, "my-llm"), openai_base_url(session, "my-llm", component="part")
    assert before == after
    assert before[0] == f"{origin}/endpoints/my-llm/openai/v1"
    assert before[1] == f"{origin}/endpoints/my-llm/inference-components/part/openai/v1"


def test_the_url_is_that_of_the_environment(clean_environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", "http://127.0.0.1:9")
    assert openai_base_url(Session(), "e") == "http://127.0.0.1:9/endpoints/e/openai/v1"


def test_without_a_region_there_is_no_url(clean_environment: Path) -> None:
    with pytest.raises(NoRegionError):
        openai_base_url(Session(), "e")


@pytest.mark.parametrize(
    ("endpoint", "component"),
    [("", None), ("a/b", None), ("a..b", None), ("x" * 64, None), (None, None), ("e", ""), ("e", "../x"), ("e", "-")],
)
def test_a_name_that_cannot_be_is_refused(endpoint: Any, component: Any) -> None:
    with pytest.raises(RequestValidationError):
        openai_base_url(Session(region="us-east-1"), endpoint, component)


def test_without_openai_the_error_names_the_extra() -> None:
    program = (
        "import sys; sys.modules['openai'] = None\n"
        "from sagemaker_async import Session\n"
        "from sagemaker_async.errors import MissingExtraError\n"
        "from sagemaker_async.integrations.openai import openai_client\n"
        "try: openai_client(Session(region='us-east-1'), 'e')\n"
        "except MissingExtraError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert "sagemaker-async[openai]" in said.stdout
    assert issubclass(MissingExtraError, ImportError)
    assert openai_client.__doc__
