"""Inference components on the data plane of the embedded SageMaker: who has to be named, and who must not be."""

from __future__ import annotations

import asyncio
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from sagemaker_async import Predictor, Session
from sagemaker_async.errors import ValidationError
from sagemaker_async.local import InvocationRequest, LocalSageMaker
from sagemaker_async.predictor.values import ResourceRequirements

ROLE = "arn:aws:iam::123456789012:role/hosting"

NOT_ALLOWED = "Inference Component Name header is not allowed for endpoints to which you dont plan to deploy"
REQUIRED = "Inference Component Name header is required for endpoints to which you plan to deploy"
REFUSED = {
    "a component of an endpoint without components": ("plain", "ic", NOT_ALLOWED),
    "an endpoint with components, and none is named": ("hosting", None, REQUIRED),
    "a component that there is not": ("hosting", "other", "Inference Component other of endpoint hosting not found"),
}
"""Case to endpoint, component and how AWS's refusal begins."""


@pytest.fixture
async def invoked(local: LocalSageMaker, session: Session) -> list[InvocationRequest]:
    """Two endpoints: `plain`, and `hosting` with the inference component `ic`; gives what their models are asked."""
    requests: list[InvocationRequest] = []

    def model(body: bytes, request: InvocationRequest) -> bytes:
        requests.append(request)
        return b"answer"

    local.add_endpoint("plain", model)
    local.add_model("image", model)
    hosting = session.hosting
    variant = {"VariantName": "v", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    await hosting.create_endpoint_config(
        endpoint_config_name="hosting", production_variants=[variant], execution_role_arn=ROLE
    )
    await hosting.create_endpoint(endpoint_name="hosting", endpoint_config_name="hosting")
    await hosting.create_inference_component(
        inference_component_name="ic",
        endpoint_name="hosting",
        variant_name="v",
        specification={
            "Container": {"Image": "image"},
            "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 1024},
        },
        runtime_config={"CopyCount": 1},
    )
    return requests


@pytest.mark.parametrize(("endpoint", "component", "words"), REFUSED.values(), ids=REFUSED)
async def test_our_client_is_refused(
    endpoint: str, component: str | None, words: str, invoked: list[InvocationRequest], session: Session
) -> None:
    predictor = Predictor(endpoint, session, component_name=component)

    with pytest.raises(ValidationError, match=words) as predicting:
        await predictor.predict(b"")
    with pytest.raises(ValidationError, match=words) as streaming:
        await predictor.predict_stream(b"").open()

    assert predicting.value.status == streaming.value.status == 400
    assert invoked == []


@pytest.mark.parametrize(("endpoint", "component", "words"), REFUSED.values(), ids=REFUSED)
async def test_boto3_is_refused(
    endpoint: str, component: str | None, words: str, invoked: list[InvocationRequest], local: LocalSageMaker
) -> None:
    fields: dict[str, Any] = {"EndpointName": endpoint, "Body": b""}
    if component is not None:
        fields["InferenceComponentName"] = component

    def call() -> list[dict[str, Any]]:
        client = boto3.client("sagemaker-runtime", **local.boto3_options)
        refusals = []
        for operation in (client.invoke_endpoint, client.invoke_endpoint_with_response_stream):
            with pytest.raises(ClientError) as error:
                operation(**fields)
            refusals.append(error.value.response)
        client.close()
        return refusals

    for refusal in await asyncio.to_thread(call):
        assert refusal["Error"]["Code"] == "ValidationError"
        assert refusal["Error"]["Message"].startswith(words)
        assert refusal["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert invoked == []


async def test_a_component_is_named_to_its_model(invoked: list[InvocationRequest], session: Session) -> None:
    predictor = Predictor("hosting", session, component_name="ic")

    assert await predictor.predict(b"") == b"answer"
    assert await predictor.predict_stream(b"").collect() == [b"answer"]

    assert [request.component for request in invoked] == ["ic", "ic"]


async def test_copies_belong_to_the_base_of_an_adapter(invoked: list[InvocationRequest], session: Session) -> None:
    hosting = session.hosting
    await hosting.create_inference_component(
        inference_component_name="adapter",
        endpoint_name="hosting",
        specification={"BaseInferenceComponentName": "ic"},
    )

    with pytest.raises(ValidationError, match="no copies of its own"):
        await hosting.update_inference_component(inference_component_name="adapter", runtime_config={"CopyCount": 2})

    described = await hosting.describe_inference_component(inference_component_name="adapter")
    assert (described.inference_component_status, described.runtime_config) == ("InService", None)


async def test_resources_alone_are_updated(invoked: list[InvocationRequest], session: Session) -> None:
    predictor = Predictor("hosting", session, component_name="ic")
    await predictor.update_predictor(resources=ResourceRequirements({"memory": 4096, "copies": 2}))

    described = await session.hosting.describe_inference_component(inference_component_name="ic")
    specification = described.model_dump(mode="json", by_alias=True, exclude_unset=True)["Specification"]
    assert specification["Container"]["DeployedImage"]["SpecifiedImage"] == "image"
    assert specification["ComputeResourceRequirements"] == {"MinMemoryRequiredInMb": 4096}
    assert await predictor.predict(b"") == b"answer"
