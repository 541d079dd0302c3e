"""What can be said of any answer of the control plane: whether the call failed, and a member by AWS's name of it."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from sagemaker_async.aws.shapes.models import ResponseShape

__all__ = ["answer_or_raise", "member"]

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


def member(response: ResponseShape, aws_name: str) -> Any:
    """Return a member of an answer by AWS's name, whether it is modelled or not; None when there is none."""
    extra = response.model_extra or {}
    if aws_name in extra:
        return extra[aws_name]
    fields = type(response).model_fields
    name = next((name for name, info in fields.items() if info.alias == aws_name), None)
    return response.__dict__.get(name) if name is not None else None
