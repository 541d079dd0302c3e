"""Paginators against botocore's: the same pages, the same requests, and tokens that either understands."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import botocore.session
import pytest
from botocore.paginate import Paginator as BotocorePaginator
from hypothesis import given, settings
from hypothesis import strategies as st

from sagemaker_async import Session, StubResponse, StubTransport

SESSION = botocore.session.get_session()
MODEL = SESSION.get_service_model("sagemaker").operation_model("ListModels")
CONFIG = SESSION.get_component("data_loader").load_service_model("sagemaker", "paginators-1")["pagination"][
    "ListModels"
]


class Models:
    """Lists models `size` at a time, or as many as are asked for; its tokens say how many came before."""

    def __init__(self, count: int, size: int) -> None:
        self.names = [f"m{number}" for number in range(count)]
        self.size = size
        self.requests: list[dict[str, Any]] = []

    def page(self, **fields: Any) -> dict[str, Any]:
        self.requests.append(dict(fields))
        first = int((fields.get("NextToken") or "t0")[1:])
        end = first + fields.get("MaxResults", self.size)
        arn = "arn:aws:sagemaker:us-east-1:123456789012:model/m"
        found = [{"ModelName": name, "ModelArn": arn, "CreationTime": 0} for name in self.names[first:end]]
        return {"Models": found, **({"NextToken": f"t{end}"} if end < len(self.names) else {})}


Listed = tuple[list[list[str]], str | None, list[dict[str, Any]], list[str], str | None]
"""The names on each page, the resume token, the requests; and the names and token of the full result."""


def theirs(models: Models, fields: dict[str, Any], config: dict[str, Any]) -> Listed:
    def iterator() -> Any:
        return BotocorePaginator(models.page, CONFIG, MODEL).paginate(**fields, PaginationConfig=config)

    pages = iterator()
    names = [[model["ModelName"] for model in page["Models"]] for page in pages]
    requests, models.requests = models.requests, []
    full = iterator().build_full_result()
    return names, pages.resume_token, requests, [model["ModelName"] for model in full["Models"]], full.get("NextToken")


async def ours(models: Models, fields: dict[str, Any], config: dict[str, Any]) -> Listed:
    stub = StubTransport(otherwise=lambda request: StubResponse.json(models.page(**json.loads(request.body))))
    async with Session(transport=stub) as session:
        paginator = session.hosting.get_paginator("list_models")
        pages = paginator.paginate(**fields, PaginationConfig=config)
        names = [[model.model_name for model in page.models] async for page in pages]
        requests, models.requests = models.requests, []
        full = await paginator.paginate(**fields, PaginationConfig=config).build_full_result()
    return names, pages.resume_token, requests, [model.model_name for model in full["Models"]], full.get("NextToken")


counts = st.integers(0, 7)


@settings(max_examples=150, deadline=None, database=None)
@given(
    count=counts,
    size=st.integers(1, 4),
    fields=st.sampled_from([{}, {"SortBy": "Name"}, {"MaxResults": 2}, {"NameContains": "m"}]),
    page_size=st.none() | st.integers(1, 4) | st.sampled_from(["1", "3"]),
    max_items=st.none() | counts | st.sampled_from(["0", "2"]),
    start=st.none() | st.sampled_from(["t0", "t2", "t2___1", "None___1", "t1___0"]),
)
def test_pages_requests_and_tokens_are_botocores(
    count: int, size: int, fields: dict[str, Any], page_size: Any, max_items: Any, start: str | None
) -> None:
    config = {"PageSize": page_size, "MaxItems": max_items, "StartingToken": start}
    models = Models(count, size)
    expected = theirs(models, dict(fields), config)
    models.requests = []
    assert asyncio.run(ours(models, dict(fields), config)) == expected


@settings(max_examples=60, deadline=None, database=None)
@given(count=counts, size=st.integers(1, 4), limits=st.lists(st.integers(1, 3), min_size=8, max_size=8))
def test_each_goes_on_where_the_other_stopped(count: int, size: int, limits: list[int]) -> None:
    models = Models(count, size)
    token: str | None = None
    names: list[str] = []
    for number, limit in enumerate(limits):
        config = {"MaxItems": limit, "StartingToken": token}
        listed = theirs(models, {}, config) if number % 2 else asyncio.run(ours(models, {}, config))
        names += listed[3]
        if (token := listed[1]) is None:
            break
    assert token is None
    assert names == models.names


@pytest.mark.parametrize("token", ["bnVsbA==", "t2___x", "e30=", "MTIz", "eyJOZXh0VG9rZW4iOiA3fQ==", "ü"])
def test_what_is_not_a_token_of_botocores_is_one_of_the_service(token: str) -> None:
    sent: list[Any] = []

    def answer(request: Any) -> StubResponse:
        sent.append(json.loads(request.body))
        return StubResponse.json({"Models": []})

    async def check() -> None:
        async with Session(transport=StubTransport(otherwise=answer)) as session:
            config = {"StartingToken": token}
            await session.hosting.get_paginator("list_models").paginate(PaginationConfig=config).build_full_result()

    asyncio.run(check())
    assert sent == [{"NextToken": token}]
