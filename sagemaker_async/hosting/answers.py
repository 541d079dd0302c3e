"""What an answer is worth when failures come as responses: with `Config.raise_response_errors` off."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from sagemaker_async.aws.shapes.models import ResponseShape

__all__ = ["answer_of"]

Response = TypeVar("Response", bound="ResponseShape")


async def answer_of(call: Awaitable[Response]) -> Response:
    """Return the answer of a call whose failure must not be mistaken for one: several calls make one operation.

    Raises:
        CallError: the call failed.
    """
    response = await call
    if response.error is not None:
        raise response.error
    return response
