"""Listing records: filters, order and pages, for all operations that list.

A `Listing` says what an operation's answer is called and how its records are summarised and ordered. The filters that
all operations share are known by their AWS names; the filters of one operation are predicates that its `Listing` adds.

The token of a page identifies the last item of the page before it by its position in the order, so that pages stay
complete when items are added or removed in between. It belongs to its operation and filters; any other token is
refused.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic
from zlib import crc32

from .records import Fields, Record, RecordT, refused

__all__ = ["Filter", "Listing", "SortKey", "page_of"]

SortKey = Callable[[Any], str | float]
Filter = Callable[[Any, Any], bool]
"""Takes a record and the value of a request's member; True keeps the record."""

_PAGE = 10
_COMMON_FILTERS: Mapping[str, Filter] = {
    "NameContains": lambda record, text: text.lower() in record.name.lower(),
    "StatusEquals": lambda record, status: record.status == status,
    "CreationTimeAfter": lambda record, time: record.created >= time,
    "CreationTimeBefore": lambda record, time: record.created < time,
    "CreatedAfter": lambda record, time: record.created >= time,
    "CreatedBefore": lambda record, time: record.created < time,
    "LastModifiedTimeAfter": lambda record, time: record.modified >= time,
    "LastModifiedTimeBefore": lambda record, time: record.modified < time,
}
_COMMON_KEYS: Mapping[str, SortKey] = {
    "Name": lambda record: record.name.lower(),
    "CreationTime": lambda record: record.created,
    "Status": lambda record: record.status or "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[RecordT]):
    """How one operation lists its records."""

    operation: str
    result: str
    """The member of the answer that holds the items."""
    summary: Callable[[RecordT], Fields]
    filters: Mapping[str, Filter] = field(default_factory=dict)
    """Filters of this operation's own, by the request's members."""
    keys: Mapping[str, SortKey] = field(default_factory=dict)
    """Sort keys of this operation's own."""

    def answer(self, records: Iterable[RecordT], request: Fields) -> Fields:
        """Return one page; raises `Refusal` for a token that is not this listing's."""
        filters = {**_COMMON_FILTERS, **self.filters}
        asked = {name: value for name, value in request.items() if name in filters and value is not None}
        kept = [record for record in records if all(filters[name](record, value) for name, value in asked.items())]
        sort_by = request.get("SortBy") or "CreationTime"
        key = {**_COMMON_KEYS, **self.keys}[sort_by]
        descending = (request.get("SortOrder") or "Descending") == "Descending"
        places = sorted(((key(record), record.sequence, record) for record in kept), key=_place, reverse=descending)
        query = json.dumps([self.operation, asked, sort_by, descending], sort_keys=True)
        token = request.get("NextToken")
        if token:
            last = _last_place(token, query)
            try:
                places = [place for place in places if (_place(place) < last if descending else _place(place) > last)]
            except TypeError:  # a token of the client's own making
                raise refused(_INVALID) from None
        size = request.get("MaxResults") or _PAGE
        answer: Fields = {self.result: [self.summary(record) for _, _, record in places[:size]]}
        if len(places) > size:
            answer["NextToken"] = _token([*_place(places[size - 1])], query)
        return answer


def page_of(items: list[Any], request: Fields, *, operation: str, size: int = _PAGE) -> tuple[list[Any], str | None]:
    """Return one page of a list of items, in the list's order, and the next page's token."""
    start = 0
    if request.get("NextToken"):
        start, _ = _last_place(request["NextToken"], operation)
        if not isinstance(start, int) or start < 0:
            raise refused(_INVALID)
    end = start + (request.get("MaxResults") or size)
    return items[start:end], _token([end, 0], operation) if end < len(items) else None


_INVALID: Final = "Invalid NextToken: it was not returned by this operation for the same filters."


def _place(place: tuple[str | float, int, Record]) -> tuple[Any, int]:
    return place[0], place[1]


def _token(place: list[Any], query: str) -> str:
    content = json.dumps([crc32(query.encode()), *place])
    return base64.urlsafe_b64encode(content.encode()).decode()


def _last_place(token: str, query: str) -> tuple[Any, int]:
    try:
        checksum, value, sequence = json.loads(base64.b64decode(token.encode(), altchars=b"-_", validate=True))
    except (ValueError, TypeError, RecursionError):
        raise refused(_INVALID) from None
    if checksum != crc32(query.encode()):
        raise refused(_INVALID)
    return value, sequence
