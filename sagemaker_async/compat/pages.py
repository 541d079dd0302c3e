"""`Paginator` and `PageIterator`: the hosting client's, with pages that are dicts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import jmespath
from botocore.exceptions import PaginationError

from sagemaker_async.errors import ResponseError
from sagemaker_async.hosting import paginators
from sagemaker_async.hosting.pages import Fetch

__all__ = ["PageIterator", "Paginator"]


class PageIterator:
    """The pages of one ``paginate`` call, as dicts; each iteration asks for them anew."""

    def __init__(self, pages: paginators.PageIterator) -> None:
        self._pages = pages

    @property
    def resume_token(self) -> str | None:
        """The ``StartingToken`` that continues a list which ``MaxItems`` ended; None when nothing was left out."""
        return self._pages.resume_token

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        try:
            async for page in self._pages:
                yield {**page.members, "ResponseMetadata": page.metadata.by_aws_names()}
        except ResponseError as error:
            raise PaginationError(message=str(error)) from error

    async def search(self, expression: str) -> AsyncIterator[Any]:
        """Yield what a JMESPath expression finds in each page; for a list, its elements."""
        compiled = jmespath.compile(expression)
        async for page in self:
            found = compiled.search(page)
            for each in found if isinstance(found, list) else [found]:
                yield each

    async def build_full_result(self) -> dict[str, Any]:
        """Return the items of all pages in one list, and `resume_token` as ``NextToken``."""
        return await self._pages.build_full_result()


class Paginator:
    """Pages of an operation: ``async for page in paginator.paginate(...)``.

    Args:
        fetch: gets one page, and raises botocore's exceptions.
        items: AWS's name of the list that a page has a part of.
    """

    def __init__(self, fetch: Fetch, items: str) -> None:
        self._paginator = paginators.Paginator(fetch, items)

    def paginate(self, **fields: Any) -> PageIterator:
        """Return the pages; nothing is sent before they are iterated over.

        Args:
            fields: those of the operation, and botocore's ``PaginationConfig``.

        Raises:
            ConfigurationError: ``PaginationConfig`` has a key that botocore would ignore, or a wrong value.
        """
        return PageIterator(self._paginator.paginate(**fields))
