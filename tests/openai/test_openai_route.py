"""OpenAI's own client on SageMaker's OpenAI-compatible route, as the embedded SageMaker serves it."""

from __future__ import annotations

import asyncio
import datetime
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from sagemaker_async import Credentials, Session, Timeouts
from sagemaker_async.aws.channel import Channel
from sagemaker_async.aws.timing import Timing
from sagemaker_async.errors import ConfigurationError, CredentialsExpiredError, RequestValidationError
from sagemaker_async.integrations.openai import OpenAITokens, openai_base_url, openai_client
from sagemaker_async.local import DropConnection, InStreamError, LocalSageMaker, Status, Throttle
from sagemaker_async.local.endpoints import Endpoint

MESSAGES: Any = [{"role": "user", "content": "How is the sea?"}]
TOOLS: Any = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
TEXT = "The sea was calm."


@pytest.fixture
def endpoint(local: LocalSageMaker, container: Any) -> Endpoint:
    return local.add_endpoint("llm", container)


@pytest.fixture
async def client(session: Session, endpoint: Endpoint) -> AsyncIterator[AsyncOpenAI]:
    async with openai_client(session, "llm") as client:
        yield client


async def ask(client: AsyncOpenAI, **fields: Any) -> Any:
    return await client.chat.completions.create(model="", messages=MESSAGES, **fields)


async def test_a_chat(client: AsyncOpenAI, container: Any) -> None:
    answer = await ask(client)
    assert answer.choices[0].message.content == TEXT
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == 10
    assert container.bodies == [{"messages": MESSAGES, "model": ""}]
    assert container.requests[0].operation == "ChatCompletions"


async def test_openais_client_set_up_by_hand(session: Session, endpoint: Endpoint) -> None:
    url, tokens = openai_base_url(session, "llm"), OpenAITokens(session)
    async with AsyncOpenAI(base_url=url, api_key=tokens, max_retries=0) as client:
        assert (await ask(client)).choices[0].message.content == TEXT


async def test_a_stream(client: AsyncOpenAI, endpoint: Endpoint) -> None:
    chunks = [chunk async for chunk in await ask(client, stream=True, stream_options={"include_usage": True})]
    assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == TEXT
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason] == ["stop"]
    assert chunks[-1].usage.total_tokens == 10
    assert endpoint.completed_streams == 1


async def test_a_stream_comes_as_the_container_sends_it(local: LocalSageMaker, session: Session) -> None:
    """Each part arrives before the next one is made."""
    arrived = asyncio.Event()

    async def model(body: bytes) -> AsyncIterator[bytes]:
        for text in ("one", "two"):
            chunk = {"id": "1", "choices": [{"index": 0, "delta": {"content": text}}]}
            yield b"data: " + json.dumps(chunk).encode() + b"\n\n"
            await arrived.wait()

    local.add_endpoint("slow", model)
    async with openai_client(session, "slow") as client:
        texts = []
        async for chunk in await ask(client, stream=True):
            texts.append(chunk.choices[0].delta.content)
            arrived.set()
    assert texts == ["one", "two"]


async def test_leaving_a_stream_lets_go_of_the_model(local: LocalSageMaker, session: Session) -> None:
    async def model(body: bytes) -> AsyncIterator[bytes]:
        chunk = json.dumps({"id": "1", "choices": [{"index": 0, "delta": {"content": "word"}}]}).encode()
        yield b"data: " + chunk + b"\n\n"
        await asyncio.Event().wait()

    endpoint = local.add_endpoint("endless", model)
    async with openai_client(session, "endless") as client:
        async with await ask(client, stream=True) as stream:
            await anext(aiter(stream))
        await endpoint.until(lambda endpoint: endpoint.abandoned_streams == 1)


@pytest.mark.parametrize("stream", [False, True])
async def test_tool_calls(client: AsyncOpenAI, stream: bool) -> None:
    answer = await ask(client, tools=TOOLS, stream=stream)
    if stream:
        calls = [call async for chunk in answer for choice in chunk.choices for call in choice.delta.tool_calls or []]
        name, arguments = calls[0].function.name, "".join(call.function.arguments or "" for call in calls)
    else:
        function = answer.choices[0].message.tool_calls[0].function
        name, arguments = function.name, function.arguments
    assert (name, json.loads(arguments)) == ("weather", {"city": "Turin"})


async def test_throttling_is_told_and_not_repeated(client: AsyncOpenAI, endpoint: Endpoint) -> None:
    endpoint.faults.append(Throttle())
    with pytest.raises(openai.RateLimitError) as caught:
        await ask(client)
    assert caught.value.status_code == 429
    assert endpoint.requests == 1
    assert (await ask(client)).choices[0].message.content == TEXT


@pytest.mark.parametrize("fault", [Status(503), Status(500), DropConnection()])
async def test_what_may_have_run_is_not_repeated(client: AsyncOpenAI, endpoint: Endpoint, fault: Any) -> None:
    endpoint.faults.append(fault)
    with pytest.raises(openai.APIError):
        await ask(client)
    assert endpoint.requests == 1


async def test_whoever_wants_repetitions_says_so(session: Session, endpoint: Endpoint) -> None:
    endpoint.faults.append(Status(429, headers={"retry-after-ms": "1"}))
    async with openai_client(session, "llm", max_retries=1) as client:
        assert (await ask(client)).choices[0].message.content == TEXT
    assert endpoint.requests == 2


async def test_an_error_of_the_container_has_its_status_and_body(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await client.chat.completions.create(model="", messages=[])
    error: Any = caught.value.body
    assert (error["type"], error["code"]) == ("server_error", "model_error")
    begin, end = 'with message "', '". See '
    said = error["message"].partition(begin)[2].rpartition(end)[0]
    assert json.loads(said)["error"]["message"] == "messages is empty"


async def test_an_unknown_endpoint(session: Session) -> None:
    async with openai_client(session, "nowhere") as client:
        with pytest.raises(
            openai.BadRequestError, match="Endpoint nowhere of account 123456789012 not found"
        ) as caught:
            await ask(client)
    assert (caught.value.type, caught.value.code) == ("invalid_request_error", "validation_error")


async def test_a_stream_that_breaks_off_is_an_error(client: AsyncOpenAI, endpoint: Endpoint) -> None:
    endpoint.faults.append(InStreamError(message="CUDA out of memory", after_parts=2))
    with pytest.raises(openai.APIError, match="CUDA out of memory"):
        async for _ in await ask(client, stream=True):
            pass


# --- tokens -----------------------------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def later(self, seconds: float) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(self.now + seconds, datetime.UTC)


class Rotating:
    """A source whose credentials live for an hour; the server knows each of them, and ends it to the second."""

    def __init__(self, local: LocalSageMaker, clock: Clock) -> None:
        self.local = local
        self.clock = clock
        self.given = 0

    async def get(self) -> Credentials:
        self.given += 1
        number = self.given
        credentials = Credentials(
            f"AKID{number}", f"secret{number}", f"token{number}", expiration=self.clock.later(3600)
        )
        self.local.accept_credentials(credentials)
        await asyncio.sleep(0)
        return credentials


async def test_no_call_fails_while_credentials_and_tokens_expire(container: Any) -> None:
    """Each call takes half a minute of the fake clock, eight at a time: 2.5 hours, five lives of credentials or so."""
    clock = Clock()

    def passes() -> None:
        clock.now += 30

    container.on_call = passes
    async with LocalSageMaker(clock=clock) as local:
        local.add_endpoint("llm", container)
        source = Rotating(local, clock)
        options = {**local.client_options, "credentials": source}
        timing = Timing(clock=clock)
        session = Session(**options)
        session._channel = Channel(session.config, timing)
        async with session:
            tokens = OpenAITokens(session, timing=timing)
            async with AsyncOpenAI(base_url=openai_base_url(session, "llm"), api_key=tokens, max_retries=0) as client:
                limit = asyncio.Semaphore(8)

                async def one(stream: bool) -> str:
                    async with limit:
                        answer = await ask(client, stream=stream)
                        if not stream:
                            return answer.choices[0].message.content
                        return "".join([chunk.choices[0].delta.content or "" async for chunk in answer])

                answers = await asyncio.gather(*(one(number % 2 == 0) for number in range(300)))
        used = {request.headers["Authorization"] for request in local.requests}
    assert answers == [TEXT] * 300
    assert source.given >= 3
    assert 15 <= len(used) <= 30


async def test_credentials_that_were_replaced_are_fetched_anew_after_one_refusal(
    local: LocalSageMaker, endpoint: Endpoint
) -> None:
    old, new = Credentials("AKIDOLD", "old"), Credentials("AKIDNEW", "new")
    local.accept_credentials(old)
    local.accept_credentials(new)

    class Source:
        asked = 0

        async def get(self) -> Credentials:
            self.asked += 1
            later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
            return replace(old if self.asked == 1 else new, expiration=later)

    source = Source()
    async with (
        Session(**{**local.client_options, "credentials": source}) as session,
        openai_client(session, "llm") as client,
    ):
        await ask(client)
        local.refuse_credentials("AKIDOLD")
        with pytest.raises(openai.AuthenticationError):
            await ask(client)
        assert (await ask(client)).choices[0].message.content == TEXT
    assert source.asked == 2


async def test_a_permission_that_is_missing_does_not_have_the_source_asked_again_and_again(
    local: LocalSageMaker, endpoint: Endpoint
) -> None:
    asked = 0
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)

    class Source:
        async def get(self) -> Credentials:
            nonlocal asked
            asked += 1
            return Credentials("AKIDUNKNOWN", "secret", expiration=later)

    async with (
        Session(**{**local.client_options, "credentials": Source()}) as session,
        openai_client(session, "llm") as client,
    ):
        for _ in range(5):
            with pytest.raises(openai.AuthenticationError):
                await ask(client)
    assert asked == 2


async def test_expired_credentials_are_told_before_anything_is_sent(local: LocalSageMaker, endpoint: Endpoint) -> None:
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=1)
    expired = replace(local.credentials, expiration=past)
    async with (
        Session(**{**local.client_options, "credentials": expired}) as session,
        openai_client(session, "llm") as client,
    ):
        with pytest.raises(CredentialsExpiredError):
            await ask(client)
    assert endpoint.requests == 0


# --- the client -------------------------------------------------------------------------------------------------------


async def test_the_client_has_the_sessions_limits(local: LocalSageMaker, endpoint: Endpoint) -> None:
    timeouts = Timeouts(connect=1, first_byte=20, between_chunks=30, pool=4)
    async with Session(**local.client_options, timeouts=timeouts) as session, openai_client(session, "llm") as client:
        timeout: Any = client.timeout
        assert (timeout.connect, timeout.read, timeout.pool) == (1, 30, 4)
    endless = Timeouts(first_byte=None)
    async with Session(**local.client_options, timeouts=endless) as session, openai_client(session, "llm") as client:
        assert client.timeout.read is None


async def test_options_are_those_of_openais_client(session: Session, endpoint: Endpoint) -> None:
    async with openai_client(session, "llm", timeout=7, http_client=None, default_headers={"X-Mine": "1"}) as client:
        assert client.timeout == 7
        await ask(client)
    async with openai_client(session, "llm", http_client=openai.DefaultAsyncHttpxClient()) as client:
        await ask(client)


async def test_a_redirect_which_would_carry_the_token_elsewhere_is_not_followed(
    local: LocalSageMaker, raw_server: Any, http_answer: Any
) -> None:
    server = await raw_server(http_answer(307, headers={"Location": "/elsewhere"}))
    async with (
        Session(**{**local.client_options, "endpoint_url": server.origin}) as session,
        openai_client(session, "llm") as client,
    ):
        with pytest.raises(openai.APIStatusError):
            await ask(client)
    assert [request.target for request in server.requests] == ["/endpoints/llm/openai/v1/chat/completions"]


@pytest.mark.parametrize("expires", [0, 13 * 3600])
def test_a_client_with_a_life_of_tokens_that_cannot_be_is_refused(expires: int) -> None:
    session = Session(region="us-east-1")
    with pytest.raises(ConfigurationError, match="1 to 43200"):
        openai_client(session, "llm", expires=expires)


def test_a_client_for_a_name_that_cannot_be_is_refused() -> None:
    session = Session(region="us-east-1")
    with pytest.raises(RequestValidationError):
        openai_client(session, "not/an-endpoint")
