"""The refresh policy, the environment, and what constructors and errors say; no botocore, no socket, no real clock."""

from __future__ import annotations

import asyncio
import copy
import datetime
import logging
import math
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from sagemaker_async.aws import credentials as creds
from sagemaker_async.aws.credentials import CredentialCache, EnvironmentCredentials, credential_source
from sagemaker_async.aws.timing import Timing
from sagemaker_async.config import Credentials, CredentialSource
from sagemaker_async.errors import (
    ConfigurationError,
    CredentialsConfigurationError,
    CredentialsError,
    CredentialsExpiredError,
    NoCredentialsError,
    SessionClosedError,
)

START = 1_800_000_000.0
HOUR = 3600.0
MINUTE = 60.0
SECRET = "wJalrXUtnFEMI/K7MDENG"
TOKEN = "FwoGZXIvYXdzEXAMPLETOKEN"
ROLE = "arn:aws:iam::123456789012:role/r"


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


class ScriptedSource:
    """Gives the next outcome at each `get`, once `gate` is open; the last one again and again."""

    def __init__(self, *outcomes: Credentials | Exception | object) -> None:
        self.outcomes = list(outcomes)
        self.calls = 0
        self.cancelled = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def get(self) -> Any:
        self.calls += 1
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def given(name: str, life: float | None = HOUR, *, at: float = START) -> Credentials:
    expiration = None if life is None else datetime.datetime.fromtimestamp(at + life, datetime.UTC)
    return Credentials(name, SECRET, TOKEN, expiration=expiration)


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def no_aws_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)


# --- the phases ------------------------------------------------------------------------------------------------------


async def test_an_empty_cache_has_nothing_fresh_and_asks_its_source_once(clock: Clock) -> None:
    source = ScriptedSource(given("A"))
    cache = CredentialCache(source, timing=Timing(clock=clock))
    assert cache.fresh(clock.now) is None
    first = await cache.get()
    assert first.access_key_id == "A"
    assert await cache.get() is first
    assert cache.fresh(clock.now) is first
    assert source.calls == 1


async def test_fresh_credentials_start_no_refresh_until_fifteen_minutes_before_they_expire(clock: Clock) -> None:
    source = ScriptedSource(given("A"), given("B", 2 * HOUR))
    cache = CredentialCache(source, timing=Timing(clock=clock))
    await cache.get()
    clock.now = START + HOUR - 15 * MINUTE - 1
    await cache.get()
    await settle()
    assert source.calls == 1


async def test_in_the_advisory_phase_calls_are_served_at_once_while_one_refresh_runs(clock: Clock) -> None:
    source = ScriptedSource(given("A"), given("B", 2 * HOUR))
    cache = CredentialCache(source, timing=Timing(clock=clock))
    old = await cache.get()
    clock.now = START + HOUR - 15 * MINUTE
    source.gate.clear()
    assert [cache.fresh(clock.now) for _ in range(5)] == [old] * 5
    assert await cache.get() is old
    await settle()
    assert source.calls == 2
    source.gate.set()
    await settle()
    assert (await cache.get()).access_key_id == "B"
    assert source.calls == 2


async def test_a_failed_advisory_refresh_keeps_the_old_ones_warns_and_tries_again_later(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    source = ScriptedSource(given("A"), CredentialsError("STS is down"), given("C", 2 * HOUR))
    cache = CredentialCache(source, timing=Timing(clock=clock))
    old = await cache.get()
    clock.now = START + HOUR - 15 * MINUTE
    with caplog.at_level(logging.WARNING, logger="sagemaker_async"):
        assert await cache.get() is old
        await settle()
    assert ["STS is down" in record.getMessage() for record in caplog.records] == [True]
    clock.now += 29
    assert await cache.get() is old
    await settle()
    assert source.calls == 2
    clock.now += 1
    assert await cache.get() is old
    await settle()
    assert (await cache.get()).access_key_id == "C"


async def test_in_the_mandatory_phase_calls_wait_for_the_refresh(clock: Clock) -> None:
    source = ScriptedSource(given("A"), given("B", 2 * HOUR))
    cache = CredentialCache(source, timing=Timing(clock=clock))
    await cache.get()
    clock.now = START + HOUR - 10 * MINUTE
    assert cache.fresh(clock.now) is None
    assert (await cache.get()).access_key_id == "B"


async def test_in_the_mandatory_phase_a_failure_is_raised_and_the_next_call_tries_again(clock: Clock) -> None:
    source = ScriptedSource(given("A"), CredentialsError("STS is down"), given("B", 2 * HOUR))
    cache = CredentialCache(source, timing=Timing(clock=clock))
    await cache.get()
    clock.now = START + HOUR - 10 * MINUTE
    with pytest.raises(CredentialsError, match="STS is down"):
        await cache.get()
    assert (await cache.get()).access_key_id == "B"


async def test_a_pause_after_a_failed_advisory_refresh_never_reaches_into_the_mandatory_phase(clock: Clock) -> None:
    source = ScriptedSource(given("A"), CredentialsError("STS is down"))
    cache = CredentialCache(source, timing=Timing(clock=clock))
    await cache.get()
    clock.now = START + HOUR - 10 * MINUTE - 1
    await cache.get()
    await settle()
    clock.now += 1
    assert cache.fresh(clock.now) is None


async def test_expired_credentials_that_cannot_be_renewed_say_when_they_expired_and_why(clock: Clock) -> None:
    reason = CredentialsError("STS is down")
    cache = CredentialCache(ScriptedSource(given("A"), reason), timing=Timing(clock=clock))
    await cache.get()
    clock.now = START + HOUR
    with pytest.raises(CredentialsExpiredError, match=r"expired at 2027-01-15T09:00:00\+00:00.*STS is down") as caught:
        await cache.get()
    assert caught.value.__cause__ is reason


async def test_credentials_with_any_life_left_are_used(clock: Clock) -> None:
    cache = CredentialCache(ScriptedSource(given("A", 0.5)), timing=Timing(clock=clock))
    assert (await cache.get()).access_key_id == "A"
    cache = CredentialCache(ScriptedSource(given("A", 0.0)), timing=Timing(clock=clock))
    with pytest.raises(CredentialsExpiredError):
        await cache.get()


async def test_a_source_that_gives_expired_credentials_is_named_with_both_times(clock: Clock) -> None:
    cache = CredentialCache(ScriptedSource(given("A", -1)), timing=Timing(clock=clock))
    with pytest.raises(
        CredentialsExpiredError, match=r"ScriptedSource gave credentials that expired at .*clock"
    ) as caught:
        await cache.get()
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("life", [30.0, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE])
async def test_short_lived_credentials_have_phases_in_proportion(clock: Clock, life: float) -> None:
    source = ScriptedSource(given("A", life), given("B", HOUR))
    cache = CredentialCache(source, timing=Timing(clock=clock))
    old = await cache.get()
    clock.now = START + life * 0.74
    assert cache.fresh(clock.now) is old
    await settle()
    assert source.calls == 1
    clock.now = START + life * 0.76
    assert cache.fresh(clock.now) is old
    await settle()
    assert source.calls == 2
    assert (await cache.get()).access_key_id == "B"


@pytest.mark.parametrize(
    ("life", "advisory", "mandatory"),
    [
        (60.0, 15.0, 10.0),
        (30 * MINUTE, 7.5 * MINUTE, 5 * MINUTE),
        (HOUR, 15 * MINUTE, 10 * MINUTE),
        (12 * HOUR, 15 * MINUTE, 10 * MINUTE),
    ],
)
async def test_each_phase_begins_at_its_distance_from_the_expiration(
    clock: Clock, life: float, advisory: float, mandatory: float
) -> None:
    """A quarter and a sixth of the life, and at most 15 and 10 minutes."""
    source = ScriptedSource(given("A", life), given("B", 24 * HOUR))
    cache = CredentialCache(source, timing=Timing(clock=clock))
    old = await cache.get()
    source.gate.clear()

    clock.now = START + life - advisory - 0.001
    assert cache.fresh(clock.now) is old
    await settle()
    assert source.calls == 1
    clock.now = START + life - advisory
    assert cache.fresh(clock.now) is old
    await settle()
    assert source.calls == 2
    clock.now = START + life - mandatory - 0.001
    assert cache.fresh(clock.now) is old
    clock.now = START + life - mandatory
    assert cache.fresh(clock.now) is None

    source.gate.set()
    assert (await cache.get()).access_key_id == "B"


async def test_the_same_credentials_given_again_late_in_their_life_are_used_and_not_asked_for_at_each_call(
    clock: Clock,
) -> None:
    only = given("A")
    source = ScriptedSource(only)
    cache = CredentialCache(source, timing=Timing(clock=clock))
    await cache.get()
    clock.now = START + HOUR - 5 * MINUTE
    assert await cache.get() is only
    assert await cache.get() is only
    assert source.calls == 2


async def test_the_given_clock_says_whether_fixed_credentials_have_expired(clock: Clock) -> None:
    cache = credential_source(given("A"), profile=None, region=None, timing=Timing(clock=clock))
    assert (await cache.get()).access_key_id == "A"
    clock.now = START + HOUR
    with pytest.raises(CredentialsExpiredError, match=r"^Config\.credentials gave credentials that expired"):
        await cache.get()


async def test_credentials_without_an_expiration_are_kept(clock: Clock) -> None:
    source = ScriptedSource(given("A", None))
    cache = CredentialCache(source, timing=Timing(clock=clock))
    await cache.get()
    clock.now = START + 1e9
    assert cache.fresh(clock.now) is not None
    assert source.calls == 1


# --- single flight ---------------------------------------------------------------------------------------------------


async def test_two_thousand_calls_across_an_expiry_make_one_refresh(clock: Clock) -> None:
    source = ScriptedSource(given("A"), given("B", 2 * HOUR))
    cache = CredentialCache(source, timing=Timing(clock=clock))
    await cache.get()
    clock.now = START + HOUR + 1
    source.gate.clear()
    calls = [asyncio.create_task(cache.get()) for _ in range(2000)]
    await settle()
    assert source.calls == 2
    source.gate.set()
    assert {c.access_key_id for c in await asyncio.gather(*calls)} == {"B"}
    assert source.calls == 2


async def test_every_waiter_gets_an_error_of_its_own(clock: Clock) -> None:
    cause = OSError("no route")
    failure = NoCredentialsError("nothing anywhere")
    failure.__cause__ = cause
    cache = CredentialCache(ScriptedSource(failure), timing=Timing(clock=clock))
    outcomes = await asyncio.gather(*(cache.get() for _ in range(3)), return_exceptions=True)
    assert [(type(e), str(e), e.__cause__) for e in outcomes if isinstance(e, Exception)] == [
        (NoCredentialsError, "nothing anywhere", cause)
    ] * 3
    assert len({id(e) for e in outcomes}) == 3


async def test_cancelling_one_waiter_leaves_the_refresh_and_the_others_alone(clock: Clock) -> None:
    source = ScriptedSource(given("A"))
    source.gate.clear()
    cache = CredentialCache(source, timing=Timing(clock=clock))
    first, second = (asyncio.create_task(cache.get()) for _ in range(2))
    await settle()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    source.gate.set()
    assert (await second).access_key_id == "A"
    assert (source.calls, source.cancelled) == (1, 0)


async def test_a_refresh_that_fails_after_all_waiters_left_disturbs_nobody(clock: Clock) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
    source = ScriptedSource(CredentialsError("too late"), given("B"))
    source.gate.clear()
    cache = CredentialCache(source, timing=Timing(clock=clock))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await cache.get()
    source.gate.set()
    await settle()
    assert (await cache.get()).access_key_id == "B"
    assert complaints == []


async def test_a_mandatory_call_joins_the_refresh_that_an_advisory_one_began(clock: Clock) -> None:
    source = ScriptedSource(given("A"), given("B", 2 * HOUR))
    cache = CredentialCache(source, timing=Timing(clock=clock))
    await cache.get()
    clock.now = START + HOUR - 15 * MINUTE
    source.gate.clear()
    await cache.get()
    clock.now = START + HOUR
    waiter = asyncio.create_task(cache.get())
    await settle()
    source.gate.set()
    assert (await waiter).access_key_id == "B"
    assert source.calls == 2


# --- after a refusal -------------------------------------------------------------------------------------------------


async def test_refused_credentials_are_renewed_once_for_all_who_were_refused(clock: Clock) -> None:
    source = ScriptedSource(given("A"), given("B"))
    cache = CredentialCache(source, timing=Timing(clock=clock))
    refused = await cache.get()
    renewed = await asyncio.gather(*(cache.refresh(refused) for _ in range(50)))
    assert {c.access_key_id for c in renewed} == {"B"}
    assert (await cache.refresh(refused)).access_key_id == "B"
    assert source.calls == 2


async def test_refused_credentials_are_not_served_while_others_are_fetched(clock: Clock) -> None:
    source = ScriptedSource(given("A", None), given("B"))
    cache = CredentialCache(source, timing=Timing(clock=clock))
    refused = await cache.get()
    source.gate.clear()
    renewal = asyncio.create_task(cache.refresh(refused))
    await settle()
    assert cache.fresh(clock.now) is None
    source.gate.set()
    assert (await renewal).access_key_id == "B"


async def test_a_source_without_others_gives_the_refused_ones_again(clock: Clock) -> None:
    cache = CredentialCache(ScriptedSource(given("A")), timing=Timing(clock=clock))
    refused = await cache.get()
    assert await cache.refresh(refused) == refused


@pytest.mark.parametrize("life", [HOUR, None])
async def test_a_failed_renewal_of_refused_credentials_is_raised_as_it_is(clock: Clock, life: float | None) -> None:
    source = ScriptedSource(given("A", life), CredentialsError("STS is down"))
    cache = CredentialCache(source, timing=Timing(clock=clock))
    refused = await cache.get()
    with pytest.raises(CredentialsError, match="STS is down") as caught:
        await cache.refresh(refused)
    assert type(caught.value) is CredentialsError


# --- closing, loops, processes ---------------------------------------------------------------------------------------


async def test_closing_cancels_a_background_refresh_and_leaves_no_task(clock: Clock) -> None:
    unhandled: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
    source = ScriptedSource(given("A"), given("B"))
    cache = CredentialCache(source, timing=Timing(clock=clock))
    await cache.get()
    clock.now = START + HOUR - 15 * MINUTE
    source.gate.clear()
    await cache.get()
    await settle()
    await cache.close()
    await cache.close()
    assert source.cancelled == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await settle()
    assert unhandled == []


async def test_closing_fails_the_waiters_and_later_calls(clock: Clock) -> None:
    source = ScriptedSource(given("A"))
    source.gate.clear()
    cache = CredentialCache(source, timing=Timing(clock=clock))
    waiter = asyncio.create_task(cache.get())
    await settle()
    await cache.close()
    with pytest.raises(SessionClosedError):
        await waiter
    with pytest.raises(SessionClosedError):
        await cache.get()
    assert cache.fresh(clock.now) is None


async def test_a_refresh_cancelled_from_outside_is_an_error_and_not_a_cancellation_of_the_caller(clock: Clock) -> None:
    source = ScriptedSource(given("A"))
    source.gate.clear()
    cache = CredentialCache(source, timing=Timing(clock=clock))
    waiter = asyncio.create_task(cache.get())
    await settle()
    (flight,) = asyncio.all_tasks() - {asyncio.current_task(), waiter}
    flight.cancel()
    with pytest.raises(CredentialsError, match="cancelled"):
        await waiter


def test_a_refresh_that_another_loop_left_behind_is_forgotten(clock: Clock) -> None:
    class Source:
        calls = 0

        async def get(self) -> Credentials:
            self.calls += 1
            if self.calls == 1:
                await asyncio.Event().wait()
            return given("A")

    source = Source()
    cache = CredentialCache(source, timing=Timing(clock=clock))
    abandoned = asyncio.new_event_loop()
    waiter = abandoned.create_task(cache.get())
    abandoned.call_soon(abandoned.call_soon, abandoned.call_soon, abandoned.stop)
    abandoned.run_forever()
    assert source.calls == 1
    assert asyncio.run(asyncio.wait_for(cache.get(), 5)).access_key_id == "A"
    for task in asyncio.all_tasks(abandoned):
        task.cancel()
    abandoned.run_until_complete(asyncio.gather(waiter, return_exceptions=True))
    abandoned.close()


def run_python(program: str, **environ: str) -> str:
    """Run a program in a fresh interpreter with these variables and no other AWS ones; returns what it printed."""
    import os

    variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | environ
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_forked_child_keeps_the_credentials_and_refreshes_on_its_own_loop() -> None:
    printed = run_python("""
        import asyncio, datetime, os
        from sagemaker_async.aws.credentials import CredentialCache
        from sagemaker_async.config import Credentials

        class Source:
            async def get(self):
                names.append(f"{len(names)}")
                soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
                return Credentials(names[-1], "secret", expiration=soon)

        names = []
        cache = CredentialCache(Source())
        first = asyncio.run(cache.get())
        reader, writer = os.pipe()
        if os.fork() == 0:
            kept = asyncio.run(cache.get())
            renewed = asyncio.run(cache.refresh(kept))
            os.write(writer, f"{kept.access_key_id} {renewed.access_key_id}".encode())
            os._exit(0)
        os.wait()
        print(os.read(reader, 100).decode(), (asyncio.run(cache.get())).access_key_id)
    """)
    assert printed == "0 1 0"


# --- users' own sources ----------------------------------------------------------------------------------------------


async def test_what_a_users_source_raises_becomes_ours_and_stays_the_cause(clock: Clock) -> None:
    cause = KeyError("vault")
    cache = CredentialCache(ScriptedSource(cause), timing=Timing(clock=clock))
    with pytest.raises(CredentialsError, match="source ScriptedSource raised KeyError") as caught:
        await cache.get()
    assert caught.value.__cause__ is cause


async def test_a_source_that_returns_something_else_is_told_what_to_return(clock: Clock) -> None:
    cache = CredentialCache(ScriptedSource(("AKID", SECRET)), timing=Timing(clock=clock))
    with pytest.raises(CredentialsError, match="returned tuple; its get\\(\\) must return") as caught:
        await cache.get()
    assert SECRET not in str(caught.value)


async def test_a_source_whose_get_is_plain_is_told_to_make_it_asynchronous() -> None:
    class Plain:
        def get(self) -> Credentials:
            return Credentials("AKID", SECRET)

    source: Any = Plain()
    with pytest.raises(
        CredentialsError, match=r"get\(\) of the credential source Plain is not asynchronous: write 'async"
    ):
        await CredentialCache(source).get()


async def test_a_users_source_is_asked_at_each_call_when_its_credentials_carry_no_expiration() -> None:
    source = ScriptedSource(given("A", None), given("B", None))
    cache = credential_source(source, profile=None, region=None)
    assert [(await cache.get()).access_key_id for _ in range(2)] == ["A", "B"]


async def test_a_users_source_is_kept_from_being_asked_while_its_credentials_are_valid() -> None:
    lasting = Credentials("A", SECRET, expiration=datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1))
    source = ScriptedSource(lasting)
    cache = credential_source(source, profile=None, region=None)
    assert [await cache.get() for _ in range(3)] == [lasting] * 3
    assert source.calls == 1


def test_a_cache_is_itself_a_source() -> None:
    assert isinstance(CredentialCache(EnvironmentCredentials()), CredentialSource)


# --- fixed and environment credentials -------------------------------------------------------------------------------


async def test_fixed_credentials_are_used_up_to_their_expiration_and_then_refused_by_name() -> None:
    fixed = Credentials("A", SECRET, expiration=datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=60))
    cache = credential_source(fixed, profile=None, region=None)
    assert await cache.get() is fixed
    expires_at = fixed.expiration.timestamp() if fixed.expiration else 0.0
    assert cache.fresh(expires_at - 0.001) is fixed
    assert cache.fresh(expires_at) is None
    past = Credentials("A", SECRET, expiration=datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=60))
    with pytest.raises(CredentialsExpiredError, match=r"Config.credentials gave"):
        await credential_source(past, profile=None, region=None).get()


async def test_the_environment_gives_keys_token_expiration_and_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert await EnvironmentCredentials().get() == Credentials("AKID", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", "2030-01-31T12:00:00Z")
    monkeypatch.setenv("AWS_ACCOUNT_ID", "123456789012")
    assert await creds.DefaultChain().get() == Credentials(
        "AKID",
        SECRET,
        TOKEN,
        account_id="123456789012",
        expiration=datetime.datetime(2030, 1, 31, 12, tzinfo=datetime.UTC),
    )


async def test_an_expiration_without_a_zone_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", "2030-01-31T12:00:00")
    found = await EnvironmentCredentials().get()
    assert found.expiration == datetime.datetime(2030, 1, 31, 12, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("variables", "kind", "says"),
    [
        ({}, NoCredentialsError, "AWS_ACCESS_KEY_ID is not set"),
        ({"AWS_ACCESS_KEY_ID": "AKID"}, CredentialsConfigurationError, "AWS_SECRET_ACCESS_KEY is not: set both"),
        (
            {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": SECRET + "\n"},
            CredentialsConfigurationError,
            "environment variables: Credentials.secret_access_key contains white space",
        ),
        (
            {
                "AWS_ACCESS_KEY_ID": "AKID",
                "AWS_SECRET_ACCESS_KEY": SECRET,
                "AWS_CREDENTIAL_EXPIRATION": TOKEN,
            },
            CredentialsConfigurationError,
            "must be an ISO 8601 time such as 2030-01-31T12:00:00Z",
        ),
        (
            {
                "AWS_ACCESS_KEY_ID": "AKID",
                "AWS_SECRET_ACCESS_KEY": SECRET,
                "AWS_CREDENTIAL_EXPIRATION": "0001-01-01T00:00:00+14:00",
            },
            CredentialsConfigurationError,
            "must be an ISO 8601 time such as 2030-01-31T12:00:00Z",
        ),
    ],
)
async def test_wrong_variables_are_named_and_their_values_are_not(
    variables: dict[str, str], kind: type[Exception], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(kind, match=says) as caught:
        await EnvironmentCredentials().get()
    for said in (str(caught.value), str(caught.value.__cause__), str(caught.value.__context__)):
        assert SECRET not in said
        assert TOKEN not in said


async def test_rotated_variables_are_read_again_after_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OLD")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    cache = credential_source(None, profile=None, region=None)
    old = await cache.get()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "NEW")
    assert await cache.get() is old
    assert (await cache.refresh(old)).access_key_id == "NEW"


@pytest.mark.parametrize(
    "option",
    ["Credentials('AKID', 'secret')", "None", "EnvironmentCredentials()"],
    ids=["fixed", "unset", "environment"],
)
def test_explicit_and_environment_credentials_never_import_botocore(option: str) -> None:
    printed = run_python(
        f"""
        import asyncio, sys
        from sagemaker_async.aws.credentials import EnvironmentCredentials, credential_source
        from sagemaker_async.config import Credentials
        asyncio.run(credential_source({option}, profile=None, region="us-east-1").get())
        print([name for name in sys.modules if name.split(".")[0] in ("botocore", "boto3", "urllib3", "dateutil")])
        """,
        AWS_ACCESS_KEY_ID="AKID",
        AWS_SECRET_ACCESS_KEY="secret",
    )
    assert printed == "[]"


# --- options and masks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: creds.AssumeRole("r"), r"AssumeRole.role_arn must look like arn:aws:iam::123456789012:role/name"),
        (lambda: creds.AssumeRole(ROLE, duration=899), "AssumeRole.duration must be 900 to 43200"),
        (lambda: creds.AssumeRole(ROLE, session_name="a b"), "AssumeRole.session_name must have 2 to 64"),
        (lambda: creds.AssumeRole(ROLE, external_id="\n"), "AssumeRole.external_id must have 2 to 1224"),
        (lambda: creds.AssumeRole(ROLE, "profile"), "AssumeRole.source must be .*got str"),  # type: ignore[arg-type]
        (lambda: creds.AssumeRole(ROLE, endpoint_url="sts"), "AssumeRole.endpoint_url has no http"),
        (lambda: creds.WebIdentity(duration=math.inf), "WebIdentity.duration"),  # type: ignore[arg-type]
        (lambda: creds.WebIdentity(region="no where"), "WebIdentity.region is not an AWS region"),
        (lambda: creds.Process("  "), "Process.command must be a non-empty str"),
        (lambda: creds.ProfileCredentials(""), "ProfileCredentials.name must be a non-empty str"),
        (lambda: creds.DefaultChain(region="-"), "DefaultChain.region is not an AWS region"),
        (lambda: creds.InstanceMetadata(timeout=0), "InstanceMetadata.timeout must be more than 0"),
        (lambda: creds.InstanceMetadata(attempts=0), "InstanceMetadata.attempts must be at least 1"),
        (lambda: creds.InstanceMetadata(endpoint="imds"), "InstanceMetadata.endpoint has no http"),
        (
            lambda: creds.ContainerCredentials(relative_uri="/a", full_uri="http://b"),
            "relative_uri or full_uri, not both",
        ),
        (
            lambda: creds.ContainerCredentials(
                full_uri="http://b", authorization_token=TOKEN, authorization_token_file="/f"
            ),
            "authorization_token or authorization_token_file, not both",
        ),
        (lambda: creds.ContainerCredentials(authorization_token=TOKEN), "needs relative_uri or full_uri"),
        (
            lambda: creds.SSO(start_url="https://s", region="us-east-1", account_id="1", role_name="r"),
            "SSO.account_id must be a str of twelve digits",
        ),
        (
            lambda: creds.SSO(start_url="", region="us-east-1", account_id="123456789012", role_name="r"),
            "SSO.start_url must be a non-empty str",
        ),
        (lambda: creds.CognitoIdentityProvider("pool"), "identity_pool_id must look like us-east-1:0123"),
    ],
)
def test_wrong_options_are_refused_by_name_when_constructed(make: Callable[[], object], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        make()
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    "holder",
    [
        Credentials("AKID", SECRET, TOKEN),
        creds.AssumeRole(ROLE, Credentials("AKID", SECRET, TOKEN), external_id=SECRET),
        creds.Process(f"/bin/tool --password {SECRET}"),
        creds.ContainerCredentials(full_uri="http://127.0.0.1", authorization_token=TOKEN),
        creds.CognitoIdentityProvider("us-east-1:0-1", logins={"accounts.google.com": TOKEN}),
        CredentialCache(creds.Process(f"/bin/tool {SECRET}")),
        credential_source(Credentials("AKID", SECRET, TOKEN), profile=None, region=None),
    ],
    ids=lambda holder: type(holder).__name__,
)
def test_no_repr_shows_a_secret(holder: object) -> None:
    assert SECRET not in f"{holder!r}{holder!s}"
    assert TOKEN not in f"{holder!r}{holder!s}"


def test_sources_are_values_that_copy_pickle_and_compare() -> None:
    source = creds.AssumeRole(ROLE, creds.Process("/bin/tool"), session_name="me")
    assert pickle.loads(pickle.dumps(source)) == copy.deepcopy(source) == source
