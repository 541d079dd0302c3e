"""One script in the control plane, through boto3 and through this package: equal results, from two kinds of server."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.config import Config as BotoConfig
from moto.server import ThreadedMotoServer

from sagemaker_async import Credentials, Predictor, ResourceRequirements, Session
from sagemaker_async.hosting.waiting import Timing
from sagemaker_async.local import LocalSageMaker, ThreadedLocalSageMaker

ROLE = "arn:aws:iam::123456789012:role/hosting"
VARIANT = {
    "VariantName": "AllTraffic",
    "ModelName": "m",
    "InstanceType": "ml.m5.large",
    "InitialInstanceCount": 1,
    "InitialVariantWeight": 1.0,
}
TAGS = [{"Key": "team", "Value": "a"}]
BUCKET = "sagemaker-us-east-1-123456789012"
CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 20,
    "DestinationS3Uri": f"s3://{BUCKET}/model-monitor/data-capture",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
}
ONCE = BotoConfig(retries={"total_max_attempts": 1, "mode": "standard"}, parameter_validation=True)
NO_DELAY = {"Delay": 0, "MaxAttempts": 3}


def alike(value: Any) -> Any:
    """Return results with the times in names taken out."""
    if isinstance(value, dict):
        return {name: alike(member) for name, member in value.items()}
    if isinstance(value, list):
        return [alike(member) for member in value]
    return re.sub(r"-\d{4}(-\d\d){5}-\d{3}", "-TIME", value) if isinstance(value, str) else value


class ThroughBoto3:
    """Steps of the script as one writes them with boto3."""

    def __init__(self, options: dict[str, Any]) -> None:
        sdk = boto3.Session()
        self.control = sdk.client("sagemaker", config=ONCE, **options)
        self.runtime = sdk.client("sagemaker-runtime", config=ONCE, **options)
        self.sts = sdk.client("sts", config=ONCE, **options)

    async def call(self, operation: str, **fields: Any) -> dict[str, Any]:
        answer: dict[str, Any] = await asyncio.to_thread(getattr(self.control, xform_name(operation)), **fields)
        del answer["ResponseMetadata"]
        return answer

    async def wait(self, endpoint_name: str) -> None:
        waiter = self.control.get_waiter("endpoint_in_service")
        await asyncio.to_thread(waiter.wait, EndpointName=endpoint_name, WaiterConfig=NO_DELAY)

    async def predict(self, endpoint_name: str, body: bytes) -> bytes:
        answer = await asyncio.to_thread(self.runtime.invoke_endpoint, EndpointName=endpoint_name, Body=body)
        return bytes(answer["Body"].read())

    async def _move(self, name: str, new_config: str, **changes: Any) -> None:
        endpoint = await self.call("DescribeEndpoint", EndpointName=name)
        old = await self.call("DescribeEndpointConfig", EndpointConfigName=endpoint["EndpointConfigName"])
        tags = (await self.call("ListTags", ResourceArn=old.pop("EndpointConfigArn")))["Tags"]
        del old["CreationTime"]
        await self.call("CreateEndpointConfig", **{**old, **changes, "EndpointConfigName": new_config, "Tags": tags})
        await self.call("UpdateEndpoint", EndpointName=name, EndpointConfigName=new_config)
        await self.wait(name)

    async def update(self, name: str) -> None:
        variant = VARIANT | {"InstanceType": "ml.c5.xlarge", "InitialInstanceCount": 2}
        await self._move(name, "c-2026-01-01-00-00-00-000", ProductionVariants=[variant])

    async def capture(self, name: str) -> None:
        account = (await asyncio.to_thread(self.sts.get_caller_identity))["Account"]
        assert f"sagemaker-us-east-1-{account}" == BUCKET
        await self._move(name, "e-2026-01-01-00-00-00-000", DataCaptureConfig=CAPTURE)

    async def components(self, name: str) -> list[dict[str, Any]]:
        listed = await self.call("ListInferenceComponents", EndpointNameEquals=name)
        return list(listed["InferenceComponents"])

    async def update_component(self, name: str, component_name: str) -> None:
        await self.call(
            "UpdateInferenceComponent",
            InferenceComponentName=component_name,
            Specification={"ModelName": "m", "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 2048}},
            RuntimeConfig={"CopyCount": 3},
        )

    async def delete(self, name: str) -> None:
        endpoint = await self.call("DescribeEndpoint", EndpointName=name)
        await self.call("DeleteModel", ModelName="m")
        await self.call("DeleteEndpointConfig", EndpointConfigName=endpoint["EndpointConfigName"])
        await self.call("DeleteEndpoint", EndpointName=name)

    def close(self) -> None:
        for client in (self.control, self.runtime, self.sts):
            client.close()


class ThroughUs:
    """The same steps as one writes them with this package."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def call(self, operation: str, **fields: Any) -> dict[str, Any]:
        response = await getattr(self.session.hosting, xform_name(operation))(**fields)
        answer: dict[str, Any] = response.model_dump(by_alias=True, exclude_unset=True)
        return answer

    async def wait(self, endpoint_name: str) -> None:
        await self.session.hosting.wait_until_in_service(endpoint_name=endpoint_name)

    async def predict(self, endpoint_name: str, body: bytes) -> bytes:
        return await Predictor(endpoint_name, self.session).predict(body)

    async def update(self, name: str) -> None:
        await Predictor(name, self.session).update_endpoint(2, "ml.c5.xlarge")

    async def capture(self, name: str) -> None:
        await Predictor(name, self.session).enable_data_capture()

    async def components(self, name: str) -> list[dict[str, Any]]:
        listed, token = await Predictor(name, self.session).list_related_models()
        assert token is None
        return [component.model_dump(by_alias=True, exclude_unset=True) for component in listed]

    async def update_component(self, name: str, component_name: str) -> None:
        resources = ResourceRequirements({"memory": 2048, "copies": 3})
        predictor = Predictor(name, self.session, component_name=component_name)
        await predictor.update_predictor(model_name="m", resources=resources)

    async def delete(self, name: str) -> None:
        predictor = Predictor(name, self.session)
        await predictor.delete_model()
        await predictor.delete_endpoint()


Driver = ThroughBoto3 | ThroughUs


@contextlib.asynccontextmanager
async def driver(kind: str, local: ThreadedLocalSageMaker) -> AsyncIterator[Driver]:
    if kind == "boto3":
        through_boto3 = ThroughBoto3(dict(local.boto3_options))
        yield through_boto3
        through_boto3.close()
        return
    async with Session(**local.client_options) as session:
        session.hosting.timing = Timing(sleep=_at_once)
        yield ThroughUs(session)


async def _at_once(seconds: float) -> None:
    await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def _no_aws_files(clean_environment: object) -> None:
    """boto3 finds nothing of this machine's."""


@contextlib.contextmanager
def embedded(now: float) -> Iterator[ThreadedLocalSageMaker]:
    """An embedded SageMaker whose time stands still, so that two of them answer alike."""
    with LocalSageMaker.in_thread(clock=lambda: now) as local:
        local.add_model("m", lambda body: body.upper())
        yield local


async def life_of_an_endpoint(through: Driver) -> list[Any]:
    """Create, wait, predict, update, capture, list, delete; return what was answered on the way."""
    results: list[Any] = [
        await through.call(
            "CreateModel", ModelName="m", PrimaryContainer={"Image": "image"}, ExecutionRoleArn=ROLE, Tags=TAGS
        ),
        await through.call("CreateEndpointConfig", EndpointConfigName="c", ProductionVariants=[VARIANT], Tags=TAGS),
        await through.call("CreateEndpoint", EndpointName="e", EndpointConfigName="c", Tags=TAGS),
    ]
    await through.wait("e")
    results.append(await through.call("DescribeModel", ModelName="m"))
    results.append(await through.predict("e", b"hello"))
    for change in (through.update, through.capture):
        await change("e")
        endpoint = await through.call("DescribeEndpoint", EndpointName="e")
        config = await through.call("DescribeEndpointConfig", EndpointConfigName=endpoint["EndpointConfigName"])
        results += [
            endpoint,
            config,
            await through.call("ListTags", ResourceArn=config["EndpointConfigArn"]),
            await through.call("ListEndpointConfigs", SortBy="Name", SortOrder="Ascending"),
        ]
    results.append(await through.predict("e", b"hello again"))
    results.append(await through.components("e"))
    await through.delete("e")
    return results + [
        await through.call(listing, SortBy="Name", SortOrder="Ascending")
        for listing in ("ListEndpoints", "ListModels", "ListEndpointConfigs")
    ]


async def life_of_a_component(through: Driver) -> list[Any]:
    """Create an inference component on an endpoint, list, update and delete it; return what was answered."""
    await through.call("CreateModel", ModelName="m", PrimaryContainer={"Image": "image"}, ExecutionRoleArn=ROLE)
    hosting = {name: VARIANT[name] for name in ("VariantName", "InstanceType", "InitialInstanceCount")}
    await through.call(
        "CreateEndpointConfig", EndpointConfigName="c", ProductionVariants=[hosting], ExecutionRoleArn=ROLE
    )
    await through.call("CreateEndpoint", EndpointName="e", EndpointConfigName="c")
    await through.wait("e")
    results: list[Any] = [
        await through.call(
            "CreateInferenceComponent",
            InferenceComponentName="ic",
            EndpointName="e",
            VariantName="AllTraffic",
            Specification={"ModelName": "m", "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 1024}},
            RuntimeConfig={"CopyCount": 1},
        ),
        await through.call("DescribeInferenceComponent", InferenceComponentName="ic"),
        await through.components("e"),
    ]
    await through.update_component("e", "ic")
    results.append(await through.call("DescribeInferenceComponent", InferenceComponentName="ic"))
    await through.call("DeleteInferenceComponent", InferenceComponentName="ic")
    results.append(await through.components("e"))
    return results


@pytest.mark.parametrize("script", [life_of_an_endpoint, life_of_a_component])
async def test_the_embedded_sagemaker_answers_both_alike(script: Any) -> None:
    now = float(int(time.time()))
    results: dict[str, list[Any]] = {}
    for kind in ("boto3", "us"):
        with embedded(now) as local:
            async with driver(kind, local) as through:
                results[kind] = alike(await script(through))
    assert results["us"] == results["boto3"]
    assert len(results["us"]) >= 5


async def test_predictions_before_and_after_an_update_are_the_models_own() -> None:
    with embedded(time.time()) as local:
        async with driver("us", local) as through:
            results = alike(await life_of_an_endpoint(through))
    assert [result for result in results if isinstance(result, bytes)] == [b"HELLO", b"HELLO AGAIN"]
    *_, endpoints, models, configs = results
    assert (endpoints["Endpoints"], models["Models"]) == ([], [])
    assert [config["EndpointConfigName"] for config in configs["EndpointConfigs"]] == ["c", "c-TIME"]


# --- moto -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def moto() -> Iterator[dict[str, Any]]:
    """moto's server on loopback, as options for boto3."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield {
        "region_name": "us-east-1",
        "endpoint_url": f"http://{host}:{port}",
        "aws_access_key_id": "testing",
        "aws_secret_access_key": "testing",
    }
    server.stop()


async def create_describe_tag_delete(through: Driver) -> list[Any]:
    """What moto knows of hosting."""
    model, config, endpoint = {"ModelName": "m"}, {"EndpointConfigName": "c"}, {"EndpointName": "e"}
    variants = {"ProductionVariants": [VARIANT]}
    results = [
        await through.call(
            "CreateModel", **model, PrimaryContainer={"Image": "image"}, ExecutionRoleArn=ROLE, Tags=TAGS
        ),
        await through.call("DescribeModel", **model),
        await through.call("CreateEndpointConfig", **config, **variants, DataCaptureConfig=CAPTURE, Tags=TAGS),
        await through.call("DescribeEndpointConfig", **config),
        created := await through.call("CreateEndpoint", **endpoint, **config, Tags=TAGS),
    ]
    arn = {"ResourceArn": created["EndpointArn"]}
    results += [
        await through.call("DescribeEndpoint", **endpoint),
        await through.call("ListTags", **arn),
        await through.call("AddTags", **arn, Tags=[{"Key": "more", "Value": "b"}]),
        await through.call("ListTags", **arn),
        await through.call("DeleteTags", **arn, TagKeys=["team"]),
        await through.call("ListTags", **arn),
        await through.call("ListEndpoints"),
        await through.call("DeleteEndpoint", **endpoint),
        await through.call("DeleteEndpointConfig", **config),
        await through.call("DeleteModel", **model),
        await through.call("ListModels"),
    ]
    return [_timeless(result) for result in results]


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _timeless(member) for name, member in value.items() if not name.endswith("Time")}
    return [_timeless(member) for member in value] if isinstance(value, list) else value


async def test_moto_answers_both_alike(moto: dict[str, Any]) -> None:
    through_boto3 = ThroughBoto3(moto)
    theirs = await create_describe_tag_delete(through_boto3)
    through_boto3.close()
    credentials = Credentials("testing", "testing")
    async with Session(region="us-east-1", endpoint_url=moto["endpoint_url"], credentials=credentials) as session:
        assert await create_describe_tag_delete(ThroughUs(session)) == theirs
        assert await session.account_id() == "123456789012"
        assert await session.default_bucket() == BUCKET
    assert theirs[6] == {"Tags": TAGS}
    assert theirs[-1] == {"Models": []}
