"""What can be said of any answer of the control plane: whether the call failed."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from sagemaker_async.aws.shapes.models import ResponseShape

__all__ = ["answer_or_raise"]

Response = TypeVar("Response", bound="ResponseShape")


async def answer_or_raise(call: Awaitable[Response]) -> Response:
    """Return the answer to a call, and raise its failure even with `Config.raise_response_errors` off.

    It is for operations that are made of several calls: the next one must not go out when this one failed.

    Raises:
        CallError: the call failed.
    """
    response = await call
    if response.error is not None:
        raise response.error
    return response
