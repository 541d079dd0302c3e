"""What an update asks for, from its arguments: variants, components, tags, and what cannot be asked for."""

from __future__ import annotations

from typing import Any

import pytest

from sagemaker_async.errors import ConfigurationError, SageMakerAsyncError
from sagemaker_async.predictor.changes import component_changes, new_variant, only_model, tag_list


def test_tags_may_be_a_mapping_or_a_list() -> None:
    assert tag_list({"a": "1", "b": "2"}) == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    assert tag_list(({"Key": "a", "Value": "1"},)) == [{"Key": "a", "Value": "1"}]


@pytest.mark.parametrize("tags", ["a=1", 7])
def test_tags_that_are_neither(tags: Any) -> None:
    with pytest.raises(ConfigurationError, match="tags must be a mapping of keys to values or a list"):
        tag_list(tags)


def test_no_argument_keeps_the_variants() -> None:
    assert new_variant(hosts_components=False) is None


def test_scaling_makes_no_variant_by_itself() -> None:
    with pytest.raises(ConfigurationError, match="max_instance_count and min_instance_count are for a new variant"):
        new_variant(hosts_components=False, max_instance_count=3)


@pytest.mark.parametrize(
    ("count", "kind", "accelerator", "model"),
    [(1, None, None, None), (None, "ml.m5.large", None, None), (None, None, "a", None), (None, None, None, "m")],
)
def test_half_a_variant_is_refused_in_the_sdks_words(
    count: int | None, kind: str | None, accelerator: str | None, model: str | None
) -> None:
    with pytest.raises(ValueError) as caught:
        new_variant(
            hosts_components=False,
            initial_instance_count=count,
            instance_type=kind,
            accelerator_type=accelerator,
            model_name=model,
        )
    assert isinstance(caught.value, SageMakerAsyncError)
    assert str(caught.value) == (
        "Missing initial_instance_count and/or instance_type. Provided values: "
        f"initial_instance_count={count}, instance_type={kind}, accelerator_type={accelerator}, model_name={model}."
    )


def test_a_default_model_needs_one_model() -> None:
    assert only_model(["a"]) == "a"
    with pytest.raises(ValueError) as caught:
        only_model(["a", "b"])
    assert str(caught.value) == (
        "Unable to choose a default model for a new EndpointConfig because the endpoint has multiple models: a, b"
    )
    with pytest.raises(ConfigurationError, match="variants have no model"):
        only_model([])


def test_a_component_runs_a_model_or_a_container() -> None:
    with pytest.raises(ConfigurationError, match="a model or a container"):
        component_changes(model_name="m", image_uri="image")


@pytest.mark.parametrize(
    "source", [{}, {"S3DataType": "S3Object", "CompressionType": "Gzip"}, {"CompressionType": "Gzip"}]
)
def test_model_data_may_be_a_model_data_source(source: dict[str, str]) -> None:
    uri = "s3://b/model.tar.gz"
    changes = component_changes(image_uri="i", model_data={"S3DataSource": {"S3Uri": uri, **source}})
    assert changes == component_changes(image_uri="i", model_data=uri)


@pytest.mark.parametrize(
    ("model_data", "message"),
    [
        ({"S3DataSource": {"S3Uri": "s3://b/k/", "CompressionType": "None"}}, "takes one gzip archive"),
        ({"S3DataSource": {"S3Uri": "s3://b/k/", "S3DataType": "S3Prefix"}}, "takes one gzip archive"),
        ({"S3Uri": "s3://b/k"}, "model_data must be the S3 URL of an archive, .* got a mapping with S3Uri"),
        ({"S3DataSource": "s3://b/k"}, "model_data must be"),
    ],
)
def test_model_data_that_a_component_cannot_take(model_data: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        component_changes(image_uri="i", model_data=model_data)


def test_nothing_to_update_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="nothing to update"):
        component_changes()


def test_resources_are_resource_requirements() -> None:
    with pytest.raises(ConfigurationError, match="resources must be a ResourceRequirements, got dict"):
        component_changes(resources={"memory": 1})  # type: ignore[arg-type]
