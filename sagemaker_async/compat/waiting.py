"""`Waiter`: ours of the hosting client, with botocore's error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from botocore.exceptions import WaiterError

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
    """Waits for one thing: ``await client.get_waiter("endpoint_in_service").wait(EndpointName="e")``.

    Args:
        rules: what is waited for.
        ask: returns what there is, as ours and as a dict.
        translated: makes botocore's exception of one of ours, given the fields of the call.
        model: botocore's model of the service.
        timing: where waiting takes time from.
    """

    def __init__(
        self,
        rules: WaitRules,
        ask: Ask,
        translated: Callable[[Mapping[str, Any], SageMakerAsyncError], Exception],
        model: Model,
        timing: Timing,
    ) -> None:
        self.name: str = rules.name
        self._rules = rules
        self._ask = ask
        self._translated = translated
        self._model = model
        self._timing = timing

    async def wait(self, **fields: Any) -> dict[str, Any]:
        """Wait, and return the last answer.

        Args:
            fields: those of the operation that is polled, and ``WaiterConfig`` with ``Delay`` and ``MaxAttempts``.

        Raises:
            WaiterError: it has come to another end, could not be asked for, or did not come in time.
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
        except UnexpectedStatusException as error:
            raise self._failed(f"Waiter encountered a terminal failure state: {error}", last) from error
        except WaiterTimeoutError as error:
            raise self._failed(f"Max attempts exceeded: {error}", last) from error
        except ServiceError as error:
            raise self._failed(f"An error occurred ({error.code}): {error.error_message}", last) from error
        except SageMakerAsyncError as error:
            raise_from(self._translated(fields, error), error)
        return last

    def _failed(self, reason: str, last: dict[str, Any]) -> WaiterError:
        return WaiterError(name=self.name, reason=reason, last_response=cast("Any", last))
