"""`Predictor` in the control plane of the embedded SageMaker: the calls it receives, and where they lead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sagemaker_async import Credentials, DataCaptureConfig, Predictor, ResourceRequirements, Session
from sagemaker_async.errors import (
    CapacityError,
    ConfigurationError,
    ModelsNotDeletedError,
    UnexpectedStatusException,
    ValidationError,
    WaiterTimeoutError,
)
from sagemaker_async.hosting.waiting import Timing
from sagemaker_async.local import LocalSageMaker

ROLE = "arn:aws:iam::123456789012:role/hosting"
VARIANT = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}


async def at_once(seconds: float) -> None:
    await asyncio.sleep(0)


@pytest.fixture
async def session(local: LocalSageMaker) -> AsyncIterator[Session]:
    async with Session(**local.client_options) as session:
        session.hosting.timing = Timing(sleep=at_once)
        yield session


@pytest.fixture
async def predictor(local: LocalSageMaker, session: Session) -> Predictor[bytes]:
    """An endpoint ``e`` that serves the model ``m`` by the configuration ``c``."""
    local.add_model("m", lambda body: body + b" from m")
    local.add_model("other", lambda body: body + b" from other")
    for name in ("m", "other"):
        await session.hosting.create_model(
            model_name=name, primary_container={"image": "image"}, execution_role_arn=ROLE
        )
    await session.hosting.create_endpoint_config(
        endpoint_config_name="c", production_variants=[VARIANT], tags=[{"Key": "team", "Value": "a"}]
    )
    await session.hosting.create_endpoint(endpoint_name="e", endpoint_config_name="c")
    await session.hosting.wait_until_in_service(endpoint_name="e")
    return Predictor("e", session)


def operations(local: LocalSageMaker) -> list[str]:
    """The control plane's operations that were received, in order."""
    targets = [request.headers.get("X-Amz-Target", "") for request in local.requests]
    return [target.partition(".")[2] for target in targets if target]


async def config_of(session: Session, name: str = "e") -> Any:
    endpoint = await session.hosting.describe_endpoint(endpoint_name=name)
    return await session.hosting.describe_endpoint_config(endpoint_config_name=endpoint.endpoint_config_name or "")


async def test_an_update_is_received_in_the_sdks_order_and_serves_the_other_model(
    local: LocalSageMaker, predictor: Predictor[bytes]
) -> None:
    assert await predictor.predict(b"hello") == b"hello from m"
    await predictor.update_endpoint(1, "ml.m5.large", model_name="other")
    assert operations(local)[-8:] == [
        "DescribeEndpoint",
        "DescribeEndpointConfig",
        "DescribeEndpointConfig",
        "ListTags",
        "CreateEndpointConfig",
        "DescribeEndpoint",
        "UpdateEndpoint",
        "DescribeEndpoint",
    ]
    assert await predictor.predict(b"hello") == b"hello from other"


async def test_what_the_sdk_loses_is_kept(session: Session, predictor: Predictor[bytes]) -> None:
    kept = {
        "ProductionVariants": [VARIANT | {"InitialVariantWeight": 1.0}],
        "ShadowProductionVariants": [VARIANT | {"VariantName": "shadow", "InitialVariantWeight": 0.5}],
        "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
        "EnableNetworkIsolation": True,
        "ExecutionRoleArn": ROLE,
        "MetricsConfig": {"EnableEnhancedMetrics": True},
        "KmsKeyId": "key",
    }
    tags = [{"Key": f"k{number:02d}", "Value": "v"} for number in range(50)]
    await session.hosting.create_endpoint_config(EndpointConfigName="full", Tags=tags, **kept)
    await session.hosting.create_endpoint(endpoint_name="e2", endpoint_config_name="full")
    await session.hosting.wait_until_in_service(endpoint_name="e2")
    await Predictor("e2", session).update_data_capture_config(DataCaptureConfig(True))
    config = await config_of(session, "e2")
    described = config.model_dump(by_alias=True, exclude_unset=True)
    assert {name: described[name] for name in kept} == kept
    assert described["DataCaptureConfig"]["DestinationS3Uri"] == (
        "s3://sagemaker-us-east-1-123456789012/model-monitor/data-capture"
    )
    listed = [tag async for tag in session.hosting.iter_tags(resource_arn=config.endpoint_config_arn)]
    assert sorted((tag.key, tag.value) for tag in listed) == [(tag["Key"], tag["Value"]) for tag in tags]


async def test_capture_is_turned_on_and_off(session: Session, predictor: Predictor[bytes]) -> None:
    await predictor.enable_data_capture()
    on = await session.hosting.describe_endpoint(endpoint_name="e")
    assert on.data_capture_config is not None
    assert on.data_capture_config.capture_status == "Started"
    await predictor.disable_data_capture()
    off = await session.hosting.describe_endpoint(endpoint_name="e")
    assert off.data_capture_config is not None
    assert off.data_capture_config.capture_status == "Stopped"


async def test_the_account_comes_from_sts_when_the_credentials_do_not_know_it(
    local: LocalSageMaker, session: Session, predictor: Predictor[bytes]
) -> None:
    keys = Credentials(local.credentials.access_key_id, local.credentials.secret_access_key)
    async with Session(region="us-east-1", endpoint_url=local.url, credentials=keys) as other:
        other.hosting.timing = Timing(sleep=at_once)
        await Predictor("e", other).enable_data_capture()
        await Predictor("e", other).disable_data_capture()
    config = (await config_of(session)).data_capture_config
    assert config.destination_s3_uri == "s3://sagemaker-us-east-1-123456789012/model-monitor/data-capture"
    assert [request.target for request in local.requests if "X-Amz-Target" not in request.headers] == ["/"]


async def test_a_rolled_back_update_says_why_and_what_is_left(
    local: LocalSageMaker, session: Session, predictor: Predictor[bytes]
) -> None:
    local.fail_next("UpdateEndpoint", "Unable to provision: InsufficientInstanceCapacity")
    with pytest.raises(CapacityError, match=r"was rolled back: .*InsufficientInstanceCapacity") as caught:
        await predictor.update_endpoint(1, "ml.m5.large", model_name="other")
    assert (await config_of(session)).endpoint_config_name == "c"
    configs = [config.endpoint_config_name async for config in session.hosting.iter_endpoint_configs()]
    (left,) = set(configs) - {"c"}
    assert f"delete_endpoint_config(endpoint_config_name='{left}')" in str(caught.value)
    assert await predictor.predict(b"hello") == b"hello from m"
    await predictor.update_endpoint(1, "ml.m5.large", model_name="other")
    assert await predictor.predict(b"hello") == b"hello from other"


async def test_an_update_whose_rollback_failed_too_is_reported(
    local: LocalSageMaker, predictor: Predictor[bytes]
) -> None:
    local.fail_next("UpdateEndpoint", "no", rollback=False)
    with pytest.raises(UnexpectedStatusException, match="is UpdateRollbackFailed"):
        await predictor.update_endpoint()


async def test_an_update_during_another_leaves_no_configuration() -> None:
    async with (
        LocalSageMaker(stepped_clock=True) as stepped,
        Session(**stepped.client_options) as session,
    ):
        session.hosting.timing = Timing(sleep=at_once)
        stepped.add_endpoint("e", lambda body: body)
        predictor = Predictor("e", session)
        with pytest.raises(WaiterTimeoutError):
            await predictor.update_endpoint(limit=0.001)
        before = [config.endpoint_config_name async for config in session.hosting.iter_endpoint_configs()]
        with pytest.raises(ValidationError, match="Cannot update in-progress endpoint"):
            await predictor.update_endpoint()
        after = [config.endpoint_config_name async for config in session.hosting.iter_endpoint_configs()]
        assert (len(before), after) == (2, before)


async def test_a_component_through_its_life(local: LocalSageMaker, session: Session) -> None:
    local.add_model("m", lambda body: body + b" from m")
    local.add_model("image-2", lambda body: body + b" from image-2")
    hosting = session.hosting
    await hosting.create_model(model_name="m", primary_container={"image": "image"}, execution_role_arn=ROLE)
    variant = {name: VARIANT[name] for name in ("VariantName", "InstanceType", "InitialInstanceCount")}
    await hosting.create_endpoint_config(
        endpoint_config_name="c", production_variants=[variant], execution_role_arn=ROLE
    )
    await hosting.create_endpoint(endpoint_name="e", endpoint_config_name="c")
    await hosting.wait_until_in_service(endpoint_name="e")
    for name in ("a", "b"):
        await hosting.create_inference_component(
            inference_component_name=name,
            endpoint_name="e",
            variant_name="v",
            specification={"ModelName": "m", "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 1024}},
            runtime_config={"CopyCount": 1},
        )
        await hosting.wait_until_in_service(inference_component_name=name)

    predictor = Predictor("e", session, component_name="a")
    assert await predictor.predict(b"hello") == b"hello from m"
    first, token = await predictor.list_related_models(max_results=1, sort_by="Name", sort_order="Ascending")
    second, end = await predictor.list_related_models(
        max_results=1, sort_by="Name", sort_order="Ascending", next_token=token
    )
    assert [model.inference_component_name for model in (*first, *second)] == ["a", "b"]
    assert end is None
    every = [model.inference_component_name async for model in predictor.iter_related_models(sort_by="Name")]
    assert sorted(every) == ["a", "b"]

    await predictor.update_predictor(image_uri="image-2", resources=ResourceRequirements({"memory": 2048, "copies": 2}))
    described = await hosting.describe_inference_component(inference_component_name="a")
    assert described.runtime_config is not None
    assert described.runtime_config.desired_copy_count == 2
    assert await predictor.predict(b"hello") == b"hello from image-2"

    await predictor.update_predictor(resources=ResourceRequirements({"num_cpus": 1, "copies": 1}))
    described = await hosting.describe_inference_component(inference_component_name="a")
    assert described.specification is not None
    assert described.specification.compute_resource_requirements is not None
    assert described.specification.compute_resource_requirements.min_memory_required_in_mb == 2048
    assert await predictor.predict(b"hello") == b"hello from image-2"

    await predictor.update_endpoint(2, "ml.m5.xlarge", min_instance_count=1, max_instance_count=3, wait=False)
    config = (await config_of(session)).model_dump(by_alias=True, exclude_unset=True)
    assert config["ExecutionRoleArn"] == ROLE
    assert config["ProductionVariants"][0]["ManagedInstanceScaling"] == {"MinInstanceCount": 1, "MaxInstanceCount": 3}
    assert "ModelName" not in config["ProductionVariants"][0]

    await predictor.delete_predictor(wait=True)
    with pytest.raises(ConfigurationError, match="Inference component with name 'a' does not exist"):
        await predictor.update_predictor("m")


async def test_everything_is_deleted_but_the_old_configuration(session: Session, predictor: Predictor[bytes]) -> None:
    await predictor.update_endpoint()
    await predictor.delete_model()
    await predictor.delete_endpoint()
    await session.hosting.wait_until_deleted(endpoint_name="e")
    assert [config.endpoint_config_name async for config in session.hosting.iter_endpoint_configs()] == ["c"]
    assert [model.model_name async for model in session.hosting.iter_models()] == ["other"]
    with pytest.raises(ValidationError, match="Could not find"):
        await predictor.delete_endpoint()


async def test_a_model_that_has_gone_is_named(session: Session, predictor: Predictor[bytes]) -> None:
    await session.hosting.delete_model(model_name="m")
    with pytest.raises(ModelsNotDeletedError, match="Failed models: m") as caught:
        await predictor.delete_model()
    assert isinstance(caught.value.failures["m"], ValidationError)


async def test_deleting_a_predictor_waits_for_the_endpoint_if_asked_to(
    session: Session, predictor: Predictor[bytes]
) -> None:
    await predictor.delete_predictor(wait=True)
    assert [endpoint async for endpoint in session.hosting.iter_endpoints()] == []
