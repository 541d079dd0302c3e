"""`WaiterConfig`: how long to wait for a result, in the SageMaker Python SDK's words."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sagemaker_async.config import check_count
from sagemaker_async.errors import ConfigurationError

__all__ = ["WaiterConfig"]


@dataclass(frozen=True)
class WaiterConfig:
    """How long to wait: `max_attempts` times `delay` seconds.

    The SDK sleeps `delay` between polls. Here polls begin at once, come ever more slowly, and are never further apart
    than that; the limit of the whole wait is the same. With a delay of 0, there are `max_attempts` polls in a row.

    Raises:
        ConfigurationError: a number is out of range.
    """

    max_attempts: int = 60
    """How many polls the SDK would make."""
    delay: float = 15
    """The longest time between polls, in seconds."""

    def __post_init__(self) -> None:
        check_count(self.max_attempts, "WaiterConfig.max_attempts", "")
        if isinstance(self.delay, bool) or not isinstance(self.delay, int | float) or not 0 <= self.delay < math.inf:
            raise ConfigurationError(f"WaiterConfig.delay must be a number of seconds, 0 or more, got {self.delay!r}")

    @property
    def seconds(self) -> float:
        """The limit of the whole wait."""
        return self.max_attempts * self.delay
