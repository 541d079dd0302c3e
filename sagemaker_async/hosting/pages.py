"""Iterating over answers that come in pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sagemaker_async.errors import ConfigurationError, ResponseError

from .answers import member

if TYPE_CHECKING:
    from sagemaker_async.aws.shapes.models import ResponseShape

__all__ = ["Fetch", "Pages", "Paginator"]

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

    def __init__(
        self,
        fetch: Fetch,
        items: str,
        fields: Mapping[str, Any],
        *,
        max_items: int | None = None,
    ) -> None:
        self._fetch = fetch
        self._items = items
        self._fields = fields
        self._max_items = max_items

    async def __aiter__(self) -> AsyncIterator[Item]:
        left = self._max_items
        async for page in self.pages():
            if page.error is not None:
                raise page.error
            items: list[Item] = member(page, self._items) or []
            for item in items if left is None else items[:left]:
                yield item
            if left is not None and (left := left - len(items)) <= 0:
                return

    async def pages(self) -> AsyncIterator[Response]:
        """Iterate over the answers, with `metadata` and what else there is beside the items.

        Raises:
            ResponseError: an answer names itself as the next one, so that there would be no end.
        """
        fields = dict(self._fields)
        left = self._max_items
        token: str | None = None
        while True:
            page: Response = await self._fetch(fields)
            yield page
            if left is not None and (left := left - len(member(page, self._items) or [])) <= 0:
                return
            previous, token = token, member(page, "NextToken")
            if not token:
                return
            if token == previous:
                raise ResponseError("the same NextToken came twice in a row", page.metadata.status)
            fields.pop("next_token", None)
            fields["NextToken"] = token


class Paginator:
    """What `get_paginator` gives to code written for boto3: ``async for page in paginator.paginate(...)``."""

    def __init__(self, fetch: Fetch, items: str) -> None:
        self._fetch = fetch
        self._items = items

    def paginate(
        self,
        *,
        PaginationConfig: Mapping[str, Any] | None = None,  # noqa: N803 - boto3's name
        **fields: Any,
    ) -> AsyncIterator[Any]:
        """Iterate over the answers.

        Args:
            PaginationConfig: ``PageSize``, ``StartingToken`` (a NextToken of the service) and ``MaxItems``, after which
                no further page is asked for.
            fields: those of the operation.

        Raises:
            ConfigurationError: `PaginationConfig` has another key, or a value that is not a positive integer.
        """
        config = dict(PaginationConfig or {})
        given = {"MaxResults": _count(config, "PageSize"), "NextToken": config.pop("StartingToken", None)}
        max_items = _count(config, "MaxItems")
        if config:
            raise ConfigurationError(
                f"PaginationConfig takes PageSize, StartingToken and MaxItems, not {', '.join(config)}"
            )
        fields |= {name: value for name, value in given.items() if value is not None}
        pages: Pages[ResponseShape, Any] = Pages(self._fetch, self._items, fields, max_items=max_items)
        return pages.pages()


def _count(config: dict[str, Any], name: str) -> int | None:
    value = config.pop(name, None)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | str) or not str(value).isdecimal() or int(value) < 1:
        raise ConfigurationError(f"PaginationConfig[{name!r}] must be an int of at least 1, got {value!r}")
    return int(value)
