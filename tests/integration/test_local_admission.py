"""The embedded SageMaker and browsers: what other sites' pages send is refused, correctly signed or not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import boto3
import pytest
from botocore.config import Config as BotoConfig
from botocore.exceptions import ClientError

from sagemaker_async import Session
from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.interceptors import CallContext, Interceptor
from sagemaker_async.cli import main
from sagemaker_async.errors import AccessDeniedError
from sagemaker_async.local import LocalSageMaker

FOREIGN: list[Mapping[str, str]] = [
    {"Host": "evil.example"},
    {"Host": "evil.example:8080"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:3000"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]
of_other_sites = pytest.mark.parametrize("fields", FOREIGN, ids=lambda fields: "-".join(*fields.items()))


class Sending(Interceptor):
    """Adds header fields before the request is signed: what a page knows the well-known credentials for."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = fields

    def before_attempt(self, call: CallContext, request: HTTPRequest) -> HTTPRequest:
        return request._replace(headers={**request.headers, **self._fields})


def model_that_counts(local: LocalSageMaker) -> list[bytes]:
    bodies: list[bytes] = []

    def model(body: bytes) -> bytes:
        bodies.append(body)
        return body

    local.add_endpoint("e", model)
    return bodies


@of_other_sites
async def test_the_data_plane_refuses_them_in_its_own_form(local: LocalSageMaker, fields: Mapping[str, str]) -> None:
    bodies = model_that_counts(local)
    async with Session(**local.client_options, interceptors=[Sending(fields)]) as session:
        with pytest.raises(AccessDeniedError, match="This server does not ") as caught:
            await session.runtime.invoke_endpoint(endpoint_name="e", body=b"x")
        with pytest.raises(AccessDeniedError):
            await session.runtime.invoke_endpoint_with_response_stream(endpoint_name="e", body=b"x")
    assert (caught.value.status, caught.value.code) == (403, "AccessDeniedException")
    assert bodies == []
    assert len(local.requests) == 2, "refused requests are recorded too"


@of_other_sites
async def test_the_control_plane_refuses_them_in_its_own_form(local: LocalSageMaker, fields: Mapping[str, str]) -> None:
    async with Session(**local.client_options, interceptors=[Sending(fields)]) as session:
        with pytest.raises(AccessDeniedError, match="This server does not ") as caught:
            await session.hosting.list_endpoints()
    assert (caught.value.status, caught.value.code) == (403, "AccessDeniedException")


@of_other_sites
async def test_sts_refuses_them_in_its_own_form(local: LocalSageMaker, fields: Mapping[str, str]) -> None:
    sts = boto3.client("sts", config=BotoConfig(retries={"total_max_attempts": 1}), **local.boto3_options)
    sts.meta.events.register("before-sign", lambda request, **_: _add(request, fields))
    with pytest.raises(ClientError, match="This server does not ") as caught:
        await asyncio.to_thread(sts.get_caller_identity)
    response: Any = caught.value.response
    assert (response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]) == (403, "AccessDenied")


def _add(request: Any, fields: Mapping[str, str]) -> None:
    for name, value in fields.items():
        request.headers[name] = value


@of_other_sites
async def test_what_no_service_knows_is_refused_as_well(local: LocalSageMaker, fields: Mapping[str, str]) -> None:
    status, answer = await _get(local, {"Host": "localhost", **fields})
    assert status == 403
    assert answer["message"].startswith("This server does not ")
    assert await _get(local, {"Host": "localhost"}) == (404, {"message": ""})


async def _get(local: LocalSageMaker, fields: Mapping[str, str]) -> tuple[int, Any]:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(local.url.rpartition(":")[2]))
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    writer.write(f"GET / HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return int(head.split()[1]), json.loads(body)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"Host": "localhost:1"},
        {"Host": "[::1]"},
        {"Host": "sagemaker:8080"},
        {"Sec-Fetch-Mode": "cors"},
        {"Host": "localhost:9", "Origin": "http://localhost:9", "Sec-Fetch-Site": "same-origin"},
    ],
)
async def test_programs_and_allowed_names_are_answered(fields: Mapping[str, str]) -> None:
    async with LocalSageMaker(allowed_hosts=["sagemaker"]) as local:
        bodies = model_that_counts(local)
        async with Session(**local.client_options, interceptors=[Sending(fields)]) as session:
            await session.runtime.invoke_endpoint(endpoint_name="e", body=b"x")
            await session.hosting.list_endpoints()
    assert bodies == [b"x"]


def test_the_form_for_threads_takes_further_names_too() -> None:
    with LocalSageMaker.in_thread(allowed_hosts=["sagemaker"]) as local:
        sts = boto3.client("sts", **local.boto3_options)
        sts.meta.events.register("before-sign", lambda request, **_: _add(request, {"Host": "sagemaker"}))
        assert sts.get_caller_identity()["Account"]


@pytest.mark.parametrize("name", ["http://sagemaker", "sagemaker:8080", ""])
def test_serve_refuses_names_that_can_be_none(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--port", "0", "--allow-host", name]) == 2
    assert "allowed_hosts must hold host names" in capsys.readouterr().err
