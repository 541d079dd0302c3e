"""Iterating over answers that come in pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sagemaker_async.errors import ResponseError

if TYPE_CHECKING:
    from sagemaker_async.aws.shapes.models import ResponseShape

__all__ = ["Fetch", "Pages"]

Response = TypeVar("Response", bound="ResponseShape")
Item = TypeVar("Item")

Fetch = Callable[[Mapping[str, Any]], Awaitable[Any]]
"""Gets one page: the operation, called with these fields."""


class Pages(Generic[Response, Item]):
    """All that an operation lists, asked for page after page while one iterates; nothing is sent before that::

        async for endpoint in hosting.iter_endpoints(status_equals="InService"): ...    # over all pages
        async for page in hosting.iter_endpoints().pages(): ...                         # the answers themselves

    Each iteration begins anew.
    """

    def __init__(self, fetch: Fetch, items: str, fields: Mapping[str, Any]) -> None:
        self._fetch = fetch
        self._items = items
        self._fields = fields

    async def __aiter__(self) -> AsyncIterator[Item]:
        async for page in self.pages():
            if page.error is not None:
                raise page.error
            items: list[Item] = page.get(self._items) or []
            for item in items:
                yield item

    async def pages(self) -> AsyncIterator[Response]:
        """Iterate over the answers, with `metadata` and what else there is beside the items.

        Raises:
            ResponseError: an answer names itself as the next one, so that there would be no end.
        """
        fields = dict(self._fields)
        token: str | None = None
        while True:
            page: Response = await self._fetch(fields)
            yield page
            previous, token = token, page.get("NextToken")
            if not token:
                return
            if token == previous:
                raise ResponseError("the same NextToken came twice in a row", page.metadata.status)
            fields.pop("next_token", None)
            fields["NextToken"] = token
