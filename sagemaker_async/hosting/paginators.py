"""What `get_paginator` gives to code written for boto3: pages under botocore's ``PaginationConfig``.

``MaxItems`` cuts the last page; where it was cut is in `PageIterator.resume_token`, which goes in as ``StartingToken``.
The token is botocore's, so that either library goes on where the other stopped: base64 of
``{"NextToken": ..., "boto_truncate_amount": ...}``, the page and how many of its items came already.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from sagemaker_async.errors import ConfigurationError

from .pages import Fetch, Pages

if TYPE_CHECKING:
    from sagemaker_async.aws.shapes.models import ResponseShape

__all__ = ["PageIterator", "Paginator"]


class _Position(NamedTuple):
    """Where a list goes on."""

    token: str | None
    """The NextToken of the page; None: the first page."""
    skip: int = 0
    """How many items of the page came already."""

    @classmethod
    def of(cls, text: str) -> _Position:
        """Return the position that a token means: botocore's, its older form ``token___skip``, or SageMaker's own."""
        try:
            members = json.loads(base64.b64decode(text))
        except ValueError:
            members = None
        match members:
            case {"NextToken": str() | None as token, **rest} if rest.keys() <= {"boto_truncate_amount"}:
                skip = rest.get("boto_truncate_amount", 0)
                if isinstance(skip, int) and skip >= 0:
                    return cls(token, skip)
        token, separator, number = text.partition("___")
        if separator and number.isdecimal():
            return cls(None if token == "None" else token, int(number))  # noqa: S105 - no password
        return cls(text)


class PageIterator:
    """The pages of one ``paginate`` call; each iteration asks for them anew."""

    def __init__(
        self, fetch: Fetch, items: str, fields: Mapping[str, Any], max_items: int | None, start: _Position | None
    ) -> None:
        self._fetch = fetch
        self._items = items
        self._fields = dict(fields)
        self._max_items = max_items
        if start is not None:
            self._fields["NextToken"] = start.token
        self._start = start or _Position(self._fields.get("NextToken", self._fields.get("next_token")))
        self._resume_token: str | None = None

    @property
    def resume_token(self) -> str | None:
        """The ``StartingToken`` with which a list that ``MaxItems`` ended goes on; None when nothing was left out."""
        return self._resume_token

    async def __aiter__(self) -> AsyncIterator[Any]:
        self._resume_token = None
        left, here = self._max_items, self._start
        pages: Pages[ResponseShape, Any] = Pages(self._fetch, self._items, self._fields)
        async for page in pages.pages():
            found = page.get(self._items) or []
            kept = found[here.skip :]
            if left is not None and len(kept) > left:
                self._resume_token = _resume_token(here.token, here.skip + left)
                yield _with_items(page, self._items, kept[:left])
                return
            following = _Position(page.get("NextToken") or None)
            if left is not None and (left := left - len(kept)) == 0 and following.token is not None:
                self._resume_token = _resume_token(following.token)
            yield _with_items(page, self._items, kept) if here.skip and found else page
            if self._resume_token is not None:
                return
            here = following

    async def build_full_result(self) -> dict[str, Any]:
        """Return the items of all pages in one list under AWS's name of it, and `resume_token` as ``NextToken``.

        Raises:
            CallError: a page could not be had, even with `Config.raise_response_errors` off.
        """
        items: list[Any] = []
        async for page in self:
            if page.error is not None:
                raise page.error
            items += page.get(self._items) or []
        result: dict[str, Any] = {self._items: items}
        if self._resume_token is not None:
            result["NextToken"] = self._resume_token
        return result


class Paginator:
    """Pages of an operation: ``async for page in paginator.paginate(...)``.

    A page is the operation's answer, as from its method: ``page.endpoints`` where boto3 has ``page["Endpoints"]``.
    """

    def __init__(self, fetch: Fetch, items: str) -> None:
        self._fetch = fetch
        self._items = items

    def paginate(
        self,
        *,
        PaginationConfig: Mapping[str, Any] | None = None,  # noqa: N803 - boto3's name
        **fields: Any,
    ) -> PageIterator:
        """Return the pages; nothing is sent before they are iterated over.

        Args:
            PaginationConfig: ``MaxItems``, how many items there are to be at most over all pages; ``PageSize``, how
                many SageMaker is to put on a page; ``StartingToken``, where to begin: a `PageIterator.resume_token` of
                ours or of botocore's, or a NextToken of SageMaker's. Those that are None are not given.
            fields: those of the operation.

        Raises:
            ConfigurationError: `PaginationConfig` has another key, which botocore would ignore, or a wrong value.
        """
        config = dict(PaginationConfig or {})
        page_size = _count(config, "PageSize", 1)
        max_items = _count(config, "MaxItems", 0)
        token = config.pop("StartingToken", None)
        if config:
            raise ConfigurationError(
                f"PaginationConfig takes PageSize, StartingToken and MaxItems, not {', '.join(map(str, config))}"
            )
        if token is not None and not isinstance(token, str):
            raise ConfigurationError(f"PaginationConfig['StartingToken'] must be a str, got {type(token).__name__}")
        if page_size is not None:
            fields["MaxResults"] = page_size
        return PageIterator(self._fetch, self._items, fields, max_items, _Position.of(token) if token else None)


def _resume_token(token: str | None, skip: int | None = None) -> str:
    members: dict[str, Any] = {"NextToken": token}
    if skip is not None:
        members["boto_truncate_amount"] = skip
    return base64.b64encode(json.dumps(members).encode()).decode()


def _with_items(page: ResponseShape, aws_name: str, items: list[Any]) -> ResponseShape:
    fields = type(page).model_fields
    name = next((name for name, info in fields.items() if info.alias == aws_name), aws_name)
    return page.model_copy(update={name: items})


def _count(config: dict[str, Any], name: str, least: int) -> int | None:
    value = config.pop(name, None)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | str) or not str(value).isdecimal() or int(value) < least:
        raise ConfigurationError(f"PaginationConfig[{name!r}] must be an int of at least {least}, got {value!r}")
    return int(value)
