"""A client with aiobotocore's names through its life: entered, used, misused, closed; its answers, errors and pages.

What it has in common with aiobotocore's own is shown by `tests/foreign/test_programs.py`.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from botocore import exceptions as botocore
from botocore.parsers import ResponseParserError

from sagemaker_async import Session, StubResponse, StubTransport
from sagemaker_async.compat import aioboto3
from sagemaker_async.compat.aiobotocore import AioConfig, Client, get_session
from sagemaker_async.compat.client import description_of
from sagemaker_async.errors import (
    CallError,
    ConfigurationError,
    ModelError,
    RequestValidationError,
    SessionClosedError,
    UsageError,
)
from sagemaker_async.hosting.operations import SAGEMAKER
from sagemaker_async.local import (
    CutFrame,
    DropConnection,
    InStreamError,
    LocalSageMaker,
    ModelFailure,
    ModelResponse,
    Stall,
    Status,
    Throttle,
)
from sagemaker_async.runtime.operations import SAGEMAKER_RUNTIME

ONCE = AioConfig(retries={"total_max_attempts": 1, "mode": "standard"})


@pytest.fixture
async def runtime(local: LocalSageMaker) -> AsyncIterator[Client]:
    async with get_session().create_client("sagemaker-runtime", config=ONCE, **local.boto3_options) as client:
        yield client


@pytest.fixture
async def control(local: LocalSageMaker) -> AsyncIterator[Client]:
    async with get_session().create_client("sagemaker", config=ONCE, **local.boto3_options) as client:
        yield client


async def create(control: Client, name: str) -> None:
    role = "arn:aws:iam::123456789012:role/hosting"
    variant = {"VariantName": "v", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    await control.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"Image": "image"})
    await control.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    await control.create_endpoint(EndpointName=name, EndpointConfigName=name)


def in_use(client: Client) -> int:
    return client._session.connections_in_use


class TestLife:
    async def test_it_is_closed_when_its_block_is_left(self, local: LocalSageMaker) -> None:
        local.add_endpoint("e", lambda body: body)
        async with get_session().create_client("sagemaker-runtime", **local.boto3_options) as client:
            await client.invoke_endpoint(EndpointName="e", Body=b"1")
        with pytest.raises(botocore.HTTPClientError) as caught:
            await client.invoke_endpoint(EndpointName="e", Body=b"1")
        assert isinstance(caught.value.__cause__, SessionClosedError)
        await client.close()

    async def test_it_is_entered_once_at_a_time(self, local: LocalSageMaker) -> None:
        local.add_endpoint("e", lambda body: body)
        created = get_session().create_client("sagemaker-runtime", **local.boto3_options)
        for _ in range(2):
            async with created as client:
                with pytest.raises(UsageError, match="create_client once for each"):
                    await created.__aenter__()
                await client.invoke_endpoint(EndpointName="e", Body=b"1")
            with pytest.raises(botocore.HTTPClientError):
                await client.invoke_endpoint(EndpointName="e", Body=b"1")

    async def test_it_is_closed_when_its_block_is_left_by_an_error(self, local: LocalSageMaker) -> None:
        with pytest.raises(ZeroDivisionError):
            async with get_session().create_client("sagemaker-runtime", **local.boto3_options) as client:
                raise ZeroDivisionError
        with pytest.raises(botocore.HTTPClientError):
            await client.invoke_endpoint(EndpointName="e", Body=b"1")

    async def test_it_can_be_entered_by_a_stack_and_closed_by_hand(self, local: LocalSageMaker) -> None:
        local.add_endpoint("e", lambda body: body)
        async with AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(aioboto3.Session().client(name, **local.boto3_options))
                for name in ("sagemaker", "sagemaker-runtime")
            ]
            assert (await clients[0].describe_endpoint(EndpointName="e"))["EndpointStatus"] == "InService"
            async with clients[1] as same:
                assert same is clients[1]
            with pytest.raises(botocore.HTTPClientError):
                await clients[1].invoke_endpoint(EndpointName="e", Body=b"1")

    async def test_closing_it_closes_its_streams(self, local: LocalSageMaker, runtime: Client) -> None:
        local.add_endpoint("e", lambda body: iter([b"a", b"b"])).faults.append(Stall(after_parts=1))
        response = await runtime.invoke_endpoint_with_response_stream(EndpointName="e", Body=b"1")
        events = aiter(response["Body"])
        await anext(events)
        await runtime.close()
        with pytest.raises(botocore.HTTPClientError):
            await anext(events)

    async def test_without_a_region_there_is_no_client(
        self, clean_environment: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(botocore.NoRegionError):
            async with get_session().create_client("sagemaker"):
                pass

    async def test_without_credentials_the_first_call_fails(
        self, local: LocalSageMaker, clean_environment: Any
    ) -> None:
        options = {"region_name": "us-east-1", "endpoint_url": local.url}
        async with get_session().create_client("sagemaker-runtime", **options) as client:
            with pytest.raises(botocore.NoCredentialsError):
                await client.invoke_endpoint(EndpointName="e", Body=b"1")

    async def test_it_says_what_it_is(self, local: LocalSageMaker, runtime: Client, control: Client) -> None:
        assert (runtime.meta.region_name, runtime.meta.endpoint_url) == ("us-east-1", local.url)
        assert (runtime.meta.partition, runtime.meta.config.retries) == ("aws", ONCE.retries)
        assert runtime.meta.service_model.service_name == "sagemaker-runtime"
        assert runtime.meta.method_to_api_mapping["invoke_endpoint"] == "InvokeEndpoint"
        assert {"invoke_endpoint", "exceptions", "close"} <= set(dir(runtime))
        assert "create_training_job" in dir(control)


class TestWrongNames:
    async def test_a_method_that_is_not_there_is_an_attribute_error(self, runtime: Client) -> None:
        assert not hasattr(runtime, "describe_endpoint")
        with pytest.raises(AttributeError, match="'SageMaker Runtime' client has no attribute 'invoke_endpont'"):
            runtime.invoke_endpont  # noqa: B018
        with pytest.raises(AttributeError, match="has no attribute Colour"):
            runtime.exceptions.Colour  # noqa: B018

    async def test_arguments_by_position_are_refused(self, runtime: Client) -> None:
        with pytest.raises(TypeError, match=r"invoke_endpoint\(\) only accepts keyword arguments"):
            await runtime.invoke_endpoint("e", b"1")

    async def test_names_of_pages_and_waiters(self, runtime: Client, control: Client) -> None:
        assert control.can_paginate("list_models")
        assert not control.can_paginate("describe_model")
        assert not runtime.can_paginate("invoke_endpoint")
        for client in (runtime, control):
            with pytest.raises(KeyError):
                client.can_paginate("list_everything")
            with pytest.raises(KeyError):
                client.get_paginator("list_everything")
            with pytest.raises(ValueError, match=r"^Waiter does not exist: endpoint_on_fire$"):
                client.get_waiter("endpoint_on_fire")
        with pytest.raises(botocore.OperationNotPageableError, match="invoke_endpoint"):
            runtime.get_paginator("invoke_endpoint")
        assert runtime.waiter_names == []
        assert {"endpoint_in_service", "endpoint_deleted", "inference_component_in_service"} < set(control.waiter_names)

    async def test_hooks_are_refused_by_the_name_of_their_event(self, runtime: Client) -> None:
        with pytest.raises(ConfigurationError, match=r"'before-send\.sagemaker-runtime' would never be called"):
            runtime.meta.events.register("before-send.sagemaker-runtime", print)  # type: ignore[arg-type]

    @pytest.mark.parametrize("fields", [{"Colour": 1}, {"EndpointName": 1}, {}], ids=str)
    async def test_fields_are_refused_in_botocores_words(self, fields: Any, runtime: Client, control: Client) -> None:
        for call in (runtime.invoke_endpoint, runtime.invoke_endpoint_with_response_stream, control.describe_endpoint):
            with pytest.raises(
                botocore.ParamValidationError, match=r"(?s)^Parameter validation failed:\n.*EndpointName"
            ):
                await call(**fields)

    async def test_what_botocore_would_send_is_refused_in_ours(self, local: LocalSageMaker, runtime: Client) -> None:
        with pytest.raises(botocore.ParamValidationError, match="takes letters, digits and inner hyphens") as caught:
            await runtime.invoke_endpoint(EndpointName="a/b", Body=b"1")
        assert isinstance(caught.value.__cause__, RequestValidationError)
        assert not local.requests

    async def test_without_validation_the_service_decides(self, local: LocalSageMaker) -> None:
        config = ONCE.merge(AioConfig(parameter_validation=False))
        session = get_session()
        async with session.create_client("sagemaker-runtime", config=config, **local.boto3_options) as runtime:
            with pytest.raises(runtime.exceptions.ValidationError):
                await runtime.invoke_endpoint(EndpointName="a b", Body=b"1")
        async with session.create_client("sagemaker", config=config, **local.boto3_options) as control:
            with pytest.raises(botocore.ClientError, match="ValidationException"):
                await control.describe_endpoint(EndpointName="a b")


class TestAnswers:
    async def test_a_body_is_read_as_a_file(self, local: LocalSageMaker, runtime: Client) -> None:
        local.add_endpoint("e", lambda body: b"one\ntwo")
        response = await runtime.invoke_endpoint(EndpointName="e", Body=io.BytesIO(b"1"))
        assert in_use(runtime) == 0
        body, buffer = response["Body"], bytearray(3)
        assert (await body.readinto(buffer), buffer, body.tell(), body.readable()) == (3, b"one", 3, True)
        assert [chunk async for chunk in body.iter_lines(keepends=True)] == [b"\n", b"two"]
        assert (await body.read(), await body.read(-1), body.readable()) == (b"", b"", False)
        with pytest.raises(StopAsyncIteration):
            await anext(body)

    async def test_a_body_is_read_in_chunks_and_in_lines(self, local: LocalSageMaker, runtime: Client) -> None:
        local.add_endpoint("e", lambda body: b"one\ntwo")

        async def body() -> Any:
            return (await runtime.invoke_endpoint(EndpointName="e", Body=b"1"))["Body"]

        assert [chunk async for chunk in (await body()).iter_chunks(3)] == [b"one", b"\ntw", b"o"]
        assert [chunk async for chunk in await body()] == [b"one\ntwo"]
        assert await (await body()).readlines() == [b"one", b"two"]

    async def test_a_body_that_was_closed_unread_is_not_empty(self, local: LocalSageMaker, runtime: Client) -> None:
        local.add_endpoint("e", lambda body: b"one")
        response = await runtime.invoke_endpoint(EndpointName="e", Body=b"1")
        async with response["Body"] as body:
            assert await body.read(1) == b"o"
        with pytest.raises(botocore.ResponseStreamingError):
            await body.read()
        response = await runtime.invoke_endpoint(EndpointName="e", Body=b"1")
        async with response["Body"] as body:
            assert await anext(body) == b"one"
        await body.aclose()
        assert await body.read() == b""

    async def test_the_answer_has_what_the_header_says(self, local: LocalSageMaker, runtime: Client) -> None:
        local.add_endpoint("e", lambda body: ModelResponse(b"", "text/csv", custom_attributes="out"))
        response = await runtime.invoke_endpoint(EndpointName="e", Body=b"1", SessionId="NEW_SESSION")
        metadata = response["ResponseMetadata"]
        assert (response["ContentType"], response["CustomAttributes"]) == ("text/csv", "out")
        assert "Expires=" in response["NewSessionId"]
        assert "ClosedSessionId" not in response
        assert (metadata["HTTPStatusCode"], metadata["RetryAttempts"]) == (200, 0)
        assert metadata["RequestId"] == metadata["HTTPHeaders"]["x-amzn-requestid"] == local.requests[0].request_id

    async def test_moments_are_datetimes_both_ways(self, local: LocalSageMaker, control: Client) -> None:
        local.add_endpoint("e", lambda body: body)
        created = (await control.describe_endpoint(EndpointName="e"))["CreationTime"]
        assert created.tzinfo is not None
        for days in (-1, 1):
            moment = created + dt.timedelta(days=days)
            for given in (moment, moment.timestamp(), moment.isoformat()):
                found = (await control.list_endpoints(CreationTimeAfter=given))["Endpoints"]
                assert [each["EndpointName"] for each in found] == ["e"][: days < 0]

    async def test_an_asynchronous_inference(self, local: LocalSageMaker, runtime: Client) -> None:
        local.add_endpoint("e", lambda body: body)
        response = await runtime.invoke_endpoint_async(EndpointName="e", InputLocation="s3://in/put")
        assert set(response) == {"ResponseMetadata", "InferenceId", "OutputLocation", "FailureLocation"}
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 202

    async def test_an_operation_without_a_model_of_ours(self, local: LocalSageMaker, control: Client) -> None:
        local.add_processing_job("job")
        described = await control.describe_processing_job(ProcessingJobName="job")
        assert described["ProcessingJobStatus"] == "Completed"
        assert isinstance(described["CreationTime"], dt.datetime)


class TestStreams:
    async def test_events_are_dicts_and_the_connection_is_released(
        self, local: LocalSageMaker, runtime: Client
    ) -> None:
        local.add_endpoint("e", lambda body: iter([b"a", b"b"]))
        response = await runtime.invoke_endpoint_with_response_stream(EndpointName="e", Body=b"1")
        assert [event async for event in response["Body"]] == [
            {"PayloadPart": {"Bytes": part}} for part in (b"a", b"b")
        ]
        assert [event async for event in response["Body"]] == []
        assert in_use(runtime) == 0

    @pytest.mark.parametrize("leave", ["close", "aclose", "async with", "dropped"])
    async def test_leaving_one_early_lets_go_of_its_connection(
        self, local: LocalSageMaker, runtime: Client, leave: str
    ) -> None:
        local.add_endpoint("e", lambda body: iter([b"a", b"b"])).faults.append(Stall(after_parts=1))
        response = await runtime.invoke_endpoint_with_response_stream(EndpointName="e", Body=b"1")
        body = response["Body"]
        async for _ in body:
            break
        assert in_use(runtime) == 1
        if leave == "close":
            body.close()
        elif leave == "aclose":
            await body.aclose()
        elif leave == "async with":
            async with body:
                pass
        else:
            del body, response
        assert in_use(runtime) == 0

    async def test_one_that_was_closed_does_not_just_end(self, local: LocalSageMaker, runtime: Client) -> None:
        local.add_endpoint("e", lambda body: iter([b"a", b"b"]))
        response = await runtime.invoke_endpoint_with_response_stream(EndpointName="e", Body=b"1")
        response["Body"].close()
        with pytest.raises(botocore.ResponseStreamingError):
            await anext(response["Body"])

    @pytest.mark.parametrize("fault", [CutFrame(after_parts=1), DropConnection(after_parts=1)])
    async def test_one_that_breaks_off_does_not_just_end(
        self, local: LocalSageMaker, runtime: Client, fault: Any
    ) -> None:
        local.add_endpoint("e", lambda body: iter([b"a", b"b"])).faults.append(fault)
        response = await runtime.invoke_endpoint_with_response_stream(EndpointName="e", Body=b"1")
        assert await anext(response["Body"]) == {"PayloadPart": {"Bytes": b"a"}}
        with pytest.raises(botocore.ResponseStreamingError) as caught:
            await anext(response["Body"])
        assert isinstance(caught.value.__cause__, CallError)
        assert in_use(runtime) == 0

    @pytest.mark.parametrize("kind", ["ModelStreamError", "InternalStreamFailure"])
    async def test_an_error_among_the_events_is_raised(self, local: LocalSageMaker, runtime: Client, kind: Any) -> None:
        local.add_endpoint("e", lambda body: iter([b"a"])).faults.append(InStreamError(kind, message="no"))
        response = await runtime.invoke_endpoint_with_response_stream(EndpointName="e", Body=b"1")
        with pytest.raises(botocore.EventStreamError) as caught:
            async for _ in response["Body"]:
                pass
        assert caught.value.response["Error"] == {"Code": kind, "Message": "no"}
        assert caught.value.operation_name == "InvokeEndpointWithResponseStream"
        assert in_use(runtime) == 0


class TestErrors:
    async def test_a_models_error_has_its_members(self, local: LocalSageMaker, runtime: Client) -> None:
        def model(body: bytes) -> bytes:
            raise ModelFailure(500, "out of memory")

        local.add_endpoint("e", model)
        with pytest.raises(runtime.exceptions.ModelError) as caught:
            await runtime.invoke_endpoint(EndpointName="e", Body=b"1")
        response = caught.value.response
        assert (response["OriginalStatusCode"], response["OriginalMessage"]) == (500, "out of memory")
        assert response["Error"] == {"Code": "ModelError", "Message": response["Message"]}
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
        assert isinstance(caught.value.__cause__, ModelError)

    async def test_an_error_without_a_code_has_its_status_as_one(self, local: LocalSageMaker, runtime: Client) -> None:
        local.add_endpoint("e", lambda body: body).faults.append(Status(502, body=b"<html>", content_type="text/html"))
        with pytest.raises(botocore.ClientError) as caught:
            await runtime.invoke_endpoint(EndpointName="e", Body=b"1")
        assert caught.value.response["Error"]["Code"] == "502"

    async def test_attempts_are_counted_as_botocore_counts_them(self, local: LocalSageMaker) -> None:
        config = AioConfig(retries={"max_attempts": 1, "mode": "standard"})
        endpoint = local.add_endpoint("e", lambda body: body)
        async with get_session().create_client("sagemaker-runtime", config=config, **local.boto3_options) as client:
            endpoint.faults.append(Status(503, "ServiceUnavailable"))
            response = await client.invoke_endpoint(EndpointName="e", Body=b"1")
            assert response["ResponseMetadata"]["RetryAttempts"] == 1
            endpoint.faults.extend([Status(503, "ServiceUnavailable")] * 2)
            with pytest.raises(client.exceptions.ServiceUnavailable, match=r"\(reached max retries: 1\)"):
                await client.invoke_endpoint(EndpointName="e", Body=b"1")

    async def test_a_throttle_keeps_awss_code(self, local: LocalSageMaker, runtime: Client) -> None:
        local.add_endpoint("e", lambda body: body).faults.append(Throttle())
        with pytest.raises(botocore.ClientError) as caught:
            await runtime.invoke_endpoint(EndpointName="e", Body=b"1")
        assert caught.value.response["Error"]["Code"] == "ThrottlingException"

    async def test_nobody_listens(self, local: LocalSageMaker) -> None:
        options = {**local.boto3_options, "endpoint_url": "http://127.0.0.1:9"}
        async with get_session().create_client("sagemaker-runtime", config=ONCE, **options) as client:
            with pytest.raises(botocore.EndpointConnectionError, match=r"http://127\.0\.0\.1:9"):
                await client.invoke_endpoint(EndpointName="e", Body=b"1")

    async def test_an_answer_that_breaks_off(self, local: LocalSageMaker, runtime: Client) -> None:
        local.add_endpoint("e", lambda body: b"x" * 100).faults.append(DropConnection(after_parts=0))
        with pytest.raises(botocore.HTTPClientError):
            await runtime.invoke_endpoint(EndpointName="e", Body=b"1")
        assert in_use(runtime) == 0

    async def test_something_else_than_sagemaker_answers(self, runtime: Client) -> None:
        answers = [StubResponse(200, b"hello", {"Content-Type": "text/html"}), StubResponse(200, b"[]")]
        async with Session(transport=StubTransport(*answers)) as session:
            await session.channel.pipeline(SAGEMAKER)
            await session.channel.pipeline(SAGEMAKER_RUNTIME)
            client = Client(session, "sagemaker-runtime", description_of("sagemaker-runtime"), None)
            with pytest.raises(ResponseParserError, match="not an event stream"):
                await client.invoke_endpoint_with_response_stream(EndpointName="e", Body=b"1")
            client = Client(session, "sagemaker", description_of("sagemaker"), None)
            with pytest.raises(ResponseParserError, match="answers a JSON object"):
                await client.describe_endpoint(EndpointName="e")

    @pytest.mark.parametrize("moment", ["yesterday", {}, [], 1e300, True, "2026-01-02T03:04:05Z", 7])
    async def test_a_moment_that_is_none_is_an_error(self, moment: Any) -> None:
        answer = StubResponse.json({"CreationTime": moment, "ProductionVariants": 7, "Newer": {"a": 1}})
        async with Session(transport=StubTransport(answer)) as session:
            await session.channel.pipeline(SAGEMAKER)
            client = Client(session, "sagemaker", description_of("sagemaker"), None)
            if moment in (7, True, "2026-01-02T03:04:05Z"):
                described = await client.describe_endpoint(EndpointName="e")
                assert isinstance(described["CreationTime"], dt.datetime)
                assert (described["ProductionVariants"], described["Newer"]) == (7, {"a": 1})
            else:
                with pytest.raises(
                    ResponseParserError, match="DescribeEndpoint answered with a value of the wrong type"
                ):
                    await client.describe_endpoint(EndpointName="e")


class TestPagesAndWaiters:
    async def test_pages_are_asked_for_as_they_are_wanted(self, local: LocalSageMaker, control: Client) -> None:
        for name in "abc":
            local.add_endpoint(name, lambda body: body)
        pages = control.get_paginator("list_endpoints").paginate(PaginationConfig={"PageSize": 2}, SortBy="Name")
        before = len(local.requests)
        async for page in pages:
            assert len(page["Endpoints"]) == 2
            assert isinstance(page["Endpoints"][0]["CreationTime"], dt.datetime)
            break
        assert len(local.requests) == before + 1
        full = await pages.build_full_result()
        assert [isinstance(each["CreationTime"], dt.datetime) for each in full["Endpoints"]] == [True] * 3
        assert "NextToken" not in full
        assert pages.resume_token is None
        assert [found async for found in pages.search("length(Endpoints)")] == [2, 1]

    async def test_a_page_that_is_refused_is_a_client_error(self, local: LocalSageMaker, control: Client) -> None:
        local.refuse_next("ListEndpoints", "ThrottlingException")
        with pytest.raises(botocore.ClientError, match="ThrottlingException"):
            async for _ in control.get_paginator("list_endpoints").paginate():
                pass
        with pytest.raises(botocore.ParamValidationError, match="Colour"):
            await control.get_paginator("list_endpoints").paginate(Colour=1).build_full_result()

    async def test_a_waiter_returns_the_last_answer(self, local: LocalSageMaker, control: Client) -> None:
        local.add_endpoint("e", lambda body: body)
        waited = await control.get_waiter("endpoint_in_service").wait(EndpointName="e", WaiterConfig={"Delay": 0})
        assert waited["EndpointStatus"] == "InService"

    async def test_a_waiter_for_what_has_failed(self, local: LocalSageMaker, control: Client) -> None:
        local.fail_next("CreateEndpoint", "no room")
        await create(control, "e")
        with pytest.raises(botocore.WaiterError, match=r"terminal failure state: .*Failed") as caught:
            await control.get_waiter("endpoint_in_service").wait(EndpointName="e", WaiterConfig={"Delay": 0})
        assert caught.value.last_response["EndpointStatus"] == "Failed"
        assert "no room" in str(caught.value.__cause__)

    async def test_a_waiter_that_ran_out_of_attempts(self, local: LocalSageMaker, control: Client) -> None:
        local.add_endpoint("e", lambda body: body)
        config = {"Delay": 0, "MaxAttempts": 2}
        with pytest.raises(botocore.WaiterError, match="Max attempts exceeded") as caught:
            await control.get_waiter("endpoint_deleted").wait(EndpointName="e", WaiterConfig=config)
        assert caught.value.last_response["EndpointStatus"] == "InService"

    async def test_a_waiter_that_cannot_ask(self, local: LocalSageMaker, control: Client) -> None:
        for name, code in (("nobody", "ValidationException"), ("a", "AccessDeniedException")):
            if name == "a":
                local.refuse_next("DescribeEndpoint", code)
            config = {"Delay": 0, "MaxAttempts": 1}
            with pytest.raises(botocore.WaiterError) as caught:
                await control.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig=config)
            assert caught.value.last_response["Error"]["Code"] == code
        with pytest.raises(botocore.ParamValidationError, match="EndpointName"):
            await control.get_waiter("endpoint_in_service").wait(WaiterConfig={"Delay": 0})
        with pytest.raises(ConfigurationError, match="WaiterConfig takes Delay and MaxAttempts") as refused:
            await control.get_waiter("endpoint_in_service").wait(EndpointName="e", WaiterConfig={"Dealy": 0})
        assert refused.value.__cause__ is None


async def test_a_member_of_an_error_that_is_null_is_absent_as_botocore_has_it() -> None:
    body = {"Message": "m", "OriginalStatusCode": 500, "OriginalMessage": None}
    stub = StubTransport(StubResponse.json(body, status=424, headers={"x-amzn-errortype": "ModelError"}))
    async with Session(transport=stub) as session:
        await session.channel.pipeline(SAGEMAKER_RUNTIME)
        client = Client(session, "sagemaker-runtime", description_of("sagemaker-runtime"), None)
        with pytest.raises(client.exceptions.ModelError) as caught:
            await client.invoke_endpoint(EndpointName="e", Body=b"")
    assert caught.value.response["OriginalStatusCode"] == 500
    assert "OriginalMessage" not in caught.value.response
