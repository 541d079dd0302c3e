"""`Waiter`: the hosting client's, with botocore's error and its message."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

from botocore.exceptions import WaiterError
from botocore.waiter import AcceptorConfig

from sagemaker_async.aws.timing import Timing
from sagemaker_async.errors import (
    SageMakerAsyncError,
    ServiceError,
    UnexpectedStatusException,
    WaiterTimeoutError,
)
from sagemaker_async.hosting import waiters
from sagemaker_async.hosting.unmodelled import UnmodelledResponse
from sagemaker_async.hosting.waiting import Pace, WaitRules, wait

from .failures import Model, error_response, raise_from

__all__ = ["Waiter"]

Ask = Callable[[Mapping[str, Any], float | None], Awaitable[tuple[UnmodelledResponse, dict[str, Any]]]]
"""Calls the operation that is polled, with its fields and the seconds that are left."""


class Waiter:
    """Waits for a resource: ``await client.get_waiter("endpoint_in_service").wait(EndpointName="e")``.

    Args:
        rules: what is waited for.
        acceptors: what ends botocore's waiter of that name; empty where botocore has none.
        ask: returns what there is, as ours and as a dict.
        translated: makes botocore's exception of one of ours, given the fields of the call.
        model: botocore's model of the service.
        timing: where waiting takes time from.
    """

    def __init__(
        self,
        rules: WaitRules,
        acceptors: Sequence[AcceptorConfig],
        ask: Ask,
        translated: Callable[[Mapping[str, Any], SageMakerAsyncError], Exception],
        model: Model,
        timing: Timing,
    ) -> None:
        self.name: str = rules.name
        self._rules = rules
        self._acceptors = acceptors
        self._ask = ask
        self._translated = translated
        self._model = model
        self._timing = timing

    async def wait(self, **fields: Any) -> dict[str, Any]:
        """Wait, and return the last answer.

        Args:
            fields: those of the operation that is polled, and ``WaiterConfig`` with ``Delay`` and ``MaxAttempts``.

        Raises:
            WaiterError: it failed, could not be described, or did not get there in time.
        """
        last: dict[str, Any] = {}

        async def poll(rules: WaitRules, resource: Mapping[str, Any], pace: Pace) -> None:
            async def describe(left: float | None) -> UnmodelledResponse:
                nonlocal last
                try:
                    response, members = await self._ask(resource, left)
                except ServiceError as error:
                    last = error_response(error, self._model)
                    raise
                last = {**members, "ResponseMetadata": response.metadata.by_aws_names()}
                return response

            await wait(rules, str(next(iter(resource.values()), "")), describe, pace, timing=self._timing)

        try:
            await waiters.Waiter(poll, self._rules).wait(**fields)
        except (UnexpectedStatusException, WaiterTimeoutError, ServiceError) as error:
            raise self._failed(error, last) from error
        except SageMakerAsyncError as error:
            raise_from(self._translated(fields, error), error)
        return last

    def _failed(self, error: SageMakerAsyncError, last: dict[str, Any]) -> WaiterError:
        """Return botocore's error, with the reason that botocore derives from the last answer."""
        failures = [acceptor for acceptor in self._acceptors if acceptor.state == "failure"]
        if isinstance(error, UnexpectedStatusException):
            # Last, for a status at which botocore would go on asking, and for a waiter that botocore does not have.
            by_status = {"matcher": "path", "argument": self._rules.status, "expected": error.actual_status}
            failures.append(AcceptorConfig({"state": "failure", **by_status}))
        ended_by = next((acceptor for acceptor in failures if acceptor.matcher_func(last)), None)
        if ended_by is not None:
            reason = f"Waiter encountered a terminal failure state: {ended_by.explanation}"
        elif "Error" in last:
            reason = f"An error occurred ({last['Error']['Code']}): {last['Error']['Message']}"
        else:
            reason = "Max attempts exceeded"
        return WaiterError(name=self.name, reason=reason, last_response=cast("Any", last))
