"""What the page calls: an endpoint of AWS, or an embedded SageMaker with one endpoint per fault scenario."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sagemaker_async.config import ConfigFields, RetryConfig, Timeouts
from sagemaker_async.local import (
    CutFrame,
    Fault,
    InStreamError,
    LocalSageMaker,
    SlowFirstByte,
    Stall,
    TextModel,
    Throttle,
)

__all__ = ["SCENARIOS", "Backend", "Counts", "Scenario", "aws_backend", "embedded_backend"]

_PARTS_BEFORE_A_FAULT = 12
_SLOW_SECONDS = 2.0
_STALL_SECONDS = 3.0


class Scenario(NamedTuple):
    """Something that can go wrong, and an endpoint where it always does."""

    name: str
    title: str
    description: str
    faults: tuple[Fault, ...] = ()

    @property
    def endpoint_name(self) -> str:
        """The endpoint of the embedded SageMaker where it happens."""
        return "text" if self.name == "none" else f"text-{self.name}"


SCENARIOS = (
    Scenario("none", "Nothing", "The answer is complete."),
    Scenario(
        "model-error",
        "The model fails midway",
        "An error event ends the stream.",
        (InStreamError(code="StreamBroken", after_parts=_PARTS_BEFORE_A_FAULT),),
    ),
    Scenario(
        "slow-first-byte",
        "Slow first byte",
        f"{_SLOW_SECONDS:g} s pass before the answer.",
        (SlowFirstByte(_SLOW_SECONDS),),
    ),
    Scenario("cut-stream", "The stream is cut", "It ends inside a message.", (CutFrame(_PARTS_BEFORE_A_FAULT),)),
    Scenario(
        "stall",
        "The model goes silent",
        f"After {_STALL_SECONDS:g} s of silence the call fails.",
        (Stall(_PARTS_BEFORE_A_FAULT),),
    ),
    Scenario("throttled", "Too many requests", "SageMaker throttles every attempt.", (Throttle(429),)),
)
"""The scenarios of the embedded SageMaker, in the order in which the page shows them."""


class Counts(NamedTuple):
    """The embedded SageMaker's counts of response streams."""

    open: int
    completed: int
    broken: int
    abandoned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """What the page calls, and how."""

    endpoint_name: str
    """The name that the page shows."""
    session_fields: ConfigFields
    """The options of the application's `Session`."""
    scenarios: Mapping[str, tuple[Scenario, str]]
    """Maps a scenario's name to the scenario and its endpoint; ``none`` is always there."""
    chat: bool = False
    """Whether requests have ``messages``, as in OpenAI's API, instead of ``inputs``."""
    local: LocalSageMaker | None = None

    def request(self, prompt: str, max_new_tokens: int) -> dict[str, Any]:
        """Return the body of a request to the model."""
        if self.chat:
            messages = [{"role": "user", "content": prompt}]
            return {"messages": messages, "max_tokens": max_new_tokens, "stream": True}
        return {"inputs": prompt, "parameters": {"max_new_tokens": max_new_tokens}, "stream": True}

    def counts(self) -> Counts | None:
        """Return the counts of the embedded SageMaker, None for an endpoint of AWS."""
        if self.local is None:
            return None
        endpoints = self.local.endpoints.values()
        return Counts(
            sum(endpoint.open_streams for endpoint in endpoints),
            sum(endpoint.completed_streams for endpoint in endpoints),
            sum(endpoint.broken_streams for endpoint in endpoints),
            sum(endpoint.abandoned_streams for endpoint in endpoints),
        )


def embedded_backend(local: LocalSageMaker, token_delay: float) -> Backend:
    """Add the endpoints of all scenarios to a running embedded SageMaker, and return it as a backend."""
    model = TextModel(token_delay)
    for scenario in SCENARIOS:
        endpoint = local.add_endpoint(scenario.endpoint_name, model)
        endpoint.faults.always(scenario.faults)
    fields: ConfigFields = {
        **local.client_options,
        "timeouts": Timeouts(between_chunks=_STALL_SECONDS),
        "retry": RetryConfig(max_attempts=2),
    }
    return Backend(
        endpoint_name=SCENARIOS[0].endpoint_name,
        session_fields=fields,
        scenarios={scenario.name: (scenario, scenario.endpoint_name) for scenario in SCENARIOS},
        local=local,
    )


def aws_backend(endpoint_name: str, session_fields: ConfigFields, *, chat: bool) -> Backend:
    """Return an endpoint of AWS as a backend; its only scenario is that nothing goes wrong."""
    return Backend(
        endpoint_name=endpoint_name,
        session_fields=session_fields,
        scenarios={"none": (SCENARIOS[0], endpoint_name)},
        chat=chat,
    )
