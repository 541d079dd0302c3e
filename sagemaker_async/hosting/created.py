"""What to do when SageMaker cannot find an endpoint configuration that was created a moment ago. Pure.

SageMaker reads endpoint configurations with eventual consistency, so that for some seconds after CreateEndpointConfig
other calls may be refused with "Could not find endpoint configuration"; AWS advises to try again. `CreatedConfigs` says
whether to, for configurations that were created through the same client; all others are missing at once.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagemaker_async.errors import CallError, ValidationError

__all__ = ["LAG_SECONDS", "CreatedConfigs"]

LAG_SECONDS = 15.0
"""For how long after its creation a configuration that cannot be found is asked for again."""
FIRST_DELAY = 0.5
"""Seconds before the first repetition; each further delay is twice as long."""

_READERS = frozenset({"CreateEndpoint", "UpdateEndpoint", "DescribeEndpointConfig"})


class CreatedConfigs:
    """The endpoint configurations that a client has created lately."""

    def __init__(self) -> None:
        self._created: dict[str, float] = {}

    def note(self, operation: str, fields: Mapping[str, Any], now: float) -> None:
        """Take notice of a call that succeeded.

        Args:
            operation: AWS's name of it.
            fields: its fields by Python names.
            now: the monotonic time.
        """
        if operation == "CreateEndpointConfig":
            self._created = {name: at for name, at in self._created.items() if now - at < LAG_SECONDS}
            self._created[fields["endpoint_config_name"]] = now
        elif operation == "DeleteEndpointConfig":
            self._created.pop(fields["endpoint_config_name"], None)

    def delay(
        self, operation: str, fields: Mapping[str, Any], error: CallError, repetition: int, now: float
    ) -> float | None:
        """Return the seconds to wait before a refused call is repeated; None: it is not.

        Args:
            operation: AWS's name of it.
            fields: its fields by Python names.
            error: what it was refused with.
            repetition: how many times it was repeated already.
            now: the monotonic time.
        """
        created = self._created.get(fields.get("endpoint_config_name", ""))
        if operation not in _READERS or created is None or not isinstance(error, ValidationError):
            return None
        if "could not find endpoint configuration" not in error.error_message.lower():
            return None
        left = created + LAG_SECONDS - now
        return min(FIRST_DELAY * 2**repetition, left) if left > 0 else None
