"""What `get_waiter` gives to code written for boto3."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Protocol

from sagemaker_async.errors import ConfigurationError

from .waiting import WAIT_RULES, Pace, WaitRules

__all__ = ["Waiter", "rules_named"]


class _Wait(Protocol):
    async def __call__(self, rules: WaitRules, resource: Mapping[str, Any], pace: Pace, /) -> Any: ...


class Waiter:
    """Waits for one thing: ``await client.get_waiter("endpoint_in_service").wait(EndpointName="my-endpoint")``."""

    def __init__(self, wait: _Wait, rules: WaitRules) -> None:
        self._wait = wait
        self._rules = rules

    @property
    def name(self) -> str:
        """botocore's name of it, such as ``EndpointInService``."""
        return self._rules.name

    async def wait(
        self,
        *,
        WaiterConfig: Mapping[str, Any] | None = None,  # noqa: N803 - boto3's name
        **fields: Any,
    ) -> None:
        """Wait until the resource is in the state that the waiter is named after.

        Args:
            WaiterConfig: ``Delay``, the seconds between polls, of which the first comes at once, and ``MaxAttempts``,
                the number of polls; for what is not given of the two, botocore's default. With neither, polls begin
                after a second and come ever more slowly, for an hour.
            fields: those of the operation that is polled, such as ``EndpointName``.

        Raises:
            UnexpectedStatusException: it has failed; boto3 has a WaiterError here.
            WaiterTimeoutError: the polls are used up; boto3 has a WaiterError here.
            ConfigurationError: `WaiterConfig` has another key, or a value that cannot be.
        """
        config = dict(WaiterConfig or {})
        delay = config.pop("Delay", None)
        attempts = config.pop("MaxAttempts", None)
        if config:
            raise ConfigurationError(f"WaiterConfig takes Delay and MaxAttempts, not {', '.join(config)}")
        if attempts is not None and (isinstance(attempts, bool) or not isinstance(attempts, int) or attempts < 1):
            raise ConfigurationError(f"WaiterConfig['MaxAttempts'] must be an int of at least 1, got {attempts!r}")
        if delay is None and attempts is None:
            pace = Pace(interval=self._rules.interval, jitter=0.0)
        else:
            interval = self._rules.interval if delay is None else delay
            pace = Pace(interval=interval, limit=None, jitter=0.0, attempts=attempts or self._rules.attempts)
        await self._wait(self._rules, fields, pace)


def rules_named(name: str) -> WaitRules:
    """Return the rules of a waiter by botocore's name of it, in either spelling.

    Raises:
        ConfigurationError: there is no such waiter; the message suggests the nearest.
    """
    wanted = str(name).replace("_", "").lower()
    by_lower_case = {rules.name.lower(): rules for rules in WAIT_RULES.values()}
    if wanted in by_lower_case:
        return by_lower_case[wanted]
    near = difflib.get_close_matches(wanted, by_lower_case, n=1)
    suggestion = f"did you mean {by_lower_case[near[0]].python_name}?" if near else ""
    known = ", ".join(rules.python_name for rules in WAIT_RULES.values())
    raise ConfigurationError(f"there is no waiter {name!r}; {suggestion or f'there are {known}'}")
