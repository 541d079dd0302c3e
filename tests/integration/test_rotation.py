"""Credentials that rotate under load: nobody notices, and their source is asked once."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
from collections import Counter

import pytest

from sagemaker_async import Credentials, Session, Timeouts
from sagemaker_async.errors import SignatureError
from sagemaker_async.local import LocalSageMaker
from sagemaker_async.local.endpoints import Endpoint

REQUESTS = 2_000


def from_now(seconds: float) -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)


def temporary(number: int, expiration: datetime.datetime) -> Credentials:
    return Credentials(f"AKIDROTATING{number}", f"secret{number}", f"token{number}", expiration=expiration)


class Source:
    """An asynchronous credential source that gives what it is told to."""

    def __init__(self, *given: Credentials) -> None:
        self._given = list(given)
        self.asked = 0

    async def get(self) -> Credentials:
        self.asked += 1
        await asyncio.sleep(0)
        return self._given.pop(0) if len(self._given) > 1 else self._given[0]


@pytest.fixture
def endpoint(local: LocalSageMaker) -> Endpoint:
    return local.add_endpoint("echo", lambda body: body)


def session_with(local: LocalSageMaker, source: Source) -> Session:
    return Session(**{**local.client_options, "credentials": source}, timeouts=Timeouts(pool=None))


async def call(session: Session) -> bytes:
    return (await session.runtime.invoke_endpoint(endpoint_name="echo", body=b"hello")).body


def requests_by_key(local: LocalSageMaker) -> Counter[str]:
    return Counter(request.headers["X-Amz-Security-Token"] for request in local.requests)


async def test_two_thousand_calls_across_a_rotation_all_succeed_with_one_refresh(
    local: LocalSageMaker, endpoint: Endpoint
) -> None:
    """The service ends a token before its time, in the middle of the calls: all that were refused go out again."""
    old, new = temporary(1, from_now(3600)), temporary(2, from_now(3600))
    local.accept_credentials(old)
    local.accept_credentials(new)
    source = Source(old, new)

    async def revoke() -> None:
        await endpoint.until(lambda endpoint: endpoint.invocations >= REQUESTS // 4, timeout=60)
        local.accept_credentials(dataclasses.replace(old, expiration=from_now(-1)))

    async with session_with(local, source) as session:
        *answers, _ = await asyncio.gather(*(call(session) for _ in range(REQUESTS)), revoke())

    assert answers == [b"hello"] * REQUESTS
    assert source.asked == 2
    assert endpoint.invocations == REQUESTS
    used = requests_by_key(local)
    assert used["token1"] >= REQUESTS // 4
    assert used["token2"] > 0


async def test_calls_across_an_expiration_all_succeed_with_one_refresh(
    local: LocalSageMaker, endpoint: Endpoint
) -> None:
    """The client renews ahead of the expiration, which the service enforces to the second."""
    old, new = temporary(1, from_now(3)), temporary(2, from_now(3600))
    assert old.expiration is not None
    local.accept_credentials(old)
    local.accept_credentials(new)
    source = Source(old, new)

    async with session_with(local, source) as session:
        while datetime.datetime.now(datetime.UTC) <= old.expiration:
            assert await asyncio.gather(*(call(session) for _ in range(20))) == [b"hello"] * 20
        assert await call(session) == b"hello"

    assert source.asked == 2
    assert requests_by_key(local)["token1"] > 0


async def test_a_source_that_gives_the_refused_key_again_is_asked_once_a_call(
    local: LocalSageMaker, endpoint: Endpoint
) -> None:
    revoked = temporary(1, from_now(3600))
    local.accept_credentials(dataclasses.replace(revoked, expiration=from_now(-1)))
    source = Source(revoked)

    async with session_with(local, source) as session:
        with pytest.raises(SignatureError, match="expired") as caught:
            await call(session)

    assert source.asked == 2
    assert [attempt.note for attempt in caught.value.attempts] == ["expired credentials", None]
    assert endpoint.invocations == 0


async def test_a_key_that_is_refused_for_good_is_no_reason_to_repeat(local: LocalSageMaker, endpoint: Endpoint) -> None:
    unknown = temporary(1, from_now(3600))
    source = Source(unknown)
    local.accept_credentials(unknown)
    local.refuse_credentials(unknown.access_key_id)

    async with session_with(local, source) as session:
        with pytest.raises(SignatureError, match="UnrecognizedClient"):
            await call(session)

    assert (source.asked, endpoint.requests, endpoint.invocations) == (1, 1, 0)
