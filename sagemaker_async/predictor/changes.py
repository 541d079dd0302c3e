"""What the arguments of `Predictor.update_endpoint` and `Predictor.update_predictor` mean as members of requests. Pure.

An empty text, list or mapping counts as not given, as in the SDK, because many come from ``os.environ.get(name, "")``.
All raise `ConfigurationError`, in the SageMaker Python SDK's words where it has any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sagemaker_async.errors import ConfigurationError
from sagemaker_async.hosting.generated import shapes

from .values import ResourceRequirements, production_variant

__all__ = ["component_changes", "given", "new_variant", "only_model", "tag_list", "with_memory"]


def tag_list(tags: Mapping[str, str] | Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """Return tags as AWS takes them, ``[{"Key": ..., "Value": ...}]``, from such a list or a mapping of keys to values.

    Raises:
        ConfigurationError: they are neither.
    """
    if isinstance(tags, Mapping):
        return [{"Key": key, "Value": value} for key, value in tags.items()]
    if isinstance(tags, str | bytes) or not isinstance(tags, Sequence):
        raise ConfigurationError(
            f"tags must be a mapping of keys to values or a list of tags, got {type(tags).__name__}"
        )
    return list(tags)


def new_variant(
    *,
    hosts_components: bool,
    initial_instance_count: int | None = None,
    instance_type: str | None = None,
    accelerator_type: str | None = None,
    model_name: str | None = None,
    max_instance_count: int | None = None,
    min_instance_count: int | None = None,
) -> dict[str, Any] | None:
    """Return the variant that replaces all others in `Predictor.update_endpoint`, without its model.

    None means that the variants are kept.

    Raises:
        ConfigurationError: some of what a new variant needs is given, and some is not.
    """
    scaling = given({"MaxInstanceCount": max_instance_count, "MinInstanceCount": min_instance_count})
    if not _not_empty(
        {"count": initial_instance_count, "type": instance_type, "accelerator": accelerator_type, "model": model_name}
    ):
        if scaling:
            raise ConfigurationError(
                "max_instance_count and min_instance_count are for a new variant: give initial_instance_count and "
                "instance_type as well"
            )
        return None
    if not instance_type or initial_instance_count is None:
        raise ConfigurationError(
            "Missing initial_instance_count and/or instance_type. Provided values: "
            f"initial_instance_count={initial_instance_count}, instance_type={instance_type}, "
            f"accelerator_type={accelerator_type}, model_name={model_name}."
        )
    variant = production_variant(
        instance_type=instance_type,
        initial_instance_count=initial_instance_count,
        accelerator_type=accelerator_type or None,
        managed_instance_scaling=scaling or None,
    )
    return variant if hosts_components else variant | {"InitialVariantWeight": 1}


def only_model(model_names: Sequence[str]) -> str:
    """Return the model of a new variant for which none was named.

    Raises:
        ConfigurationError: there are several, or none.
    """
    if len(model_names) == 1:
        return model_names[0]
    if model_names:
        raise ConfigurationError(
            "Unable to choose a default model for a new EndpointConfig because the endpoint has multiple models: "
            + ", ".join(model_names)
        )
    raise ConfigurationError(
        "the endpoint's variants have no model, because they host inference components: give model_name for a variant "
        "with a model, or make the Predictor with component_name"
    )


def component_changes(
    *,
    model_name: str | None = None,
    image_uri: str | None = None,
    model_data: str | Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
    model_data_download_timeout: int | None = None,
    container_startup_health_check_timeout: int | None = None,
    resources: ResourceRequirements | None = None,
) -> dict[str, Any]:
    """Return the members of ``UpdateInferenceComponent`` beside the name, for `Predictor.update_predictor`.

    Raises:
        ConfigurationError: both a model and a container are given, or nothing at all; or `model_data` is a mapping that
            is not one archive.
    """
    if resources is not None and not isinstance(resources, ResourceRequirements):
        raise ConfigurationError(f"resources must be a ResourceRequirements, got {type(resources).__name__}")
    container = _not_empty({"Image": image_uri, "Environment": env, "ArtifactUrl": _artifact_url(model_data)})
    if model_name and container:
        raise ConfigurationError(
            "a component runs a model or a container: give either model_name, or image_uri, model_data and env"
        )
    startup = {
        "ModelDataDownloadTimeoutInSeconds": model_data_download_timeout,
        "ContainerStartupHealthCheckTimeoutInSeconds": container_startup_health_check_timeout,
    }
    specification = {
        "ModelName": model_name or None,
        "Container": container or None,
        "StartupParameters": given(startup) or None,
        "ComputeResourceRequirements": (resources and resources.get_compute_resource_requirements()) or None,
    }
    changes = given(
        {
            "Specification": given(specification) or None,
            "RuntimeConfig": None if resources is None else {"CopyCount": resources.copy_count},
        }
    )
    if not changes:
        raise ConfigurationError("there is nothing to update: give a model, a container, timeouts or resources")
    return changes


def with_memory(
    members: Mapping[str, Any], present: shapes.InferenceComponentSpecificationSummary | None
) -> dict[str, Any]:
    """Return the members with the component's present memory where they require other resources and leave it out.

    SageMaker refuses requirements without it.

    Args:
        members: what `component_changes` returned.
        present: the component as it is.
    """
    specification = members.get("Specification", {})
    required = specification.get("ComputeResourceRequirements")
    now = present.compute_resource_requirements if present is not None else None
    if required is None or "MinMemoryRequiredInMb" in required or now is None:
        return dict(members)
    required = {**required, "MinMemoryRequiredInMb": now.min_memory_required_in_mb}
    return {**members, "Specification": {**specification, "ComputeResourceRequirements": required}}


def _artifact_url(model_data: str | Mapping[str, Any] | None) -> Any:
    """Return the URL of model artifacts, of those given as the structure ``ModelDataSource`` as well."""
    if not isinstance(model_data, Mapping) or not model_data:
        return model_data
    source = model_data.get("S3DataSource")
    if not isinstance(source, Mapping) or not isinstance(source.get("S3Uri"), str):
        raise ConfigurationError(
            "model_data must be the S3 URL of an archive, or a mapping {'S3DataSource': {'S3Uri': ...}}, got a mapping "
            f"with {', '.join(map(str, model_data))}"
        )
    if source.get("CompressionType", "Gzip") != "Gzip" or source.get("S3DataType", "S3Object") != "S3Object":
        raise ConfigurationError(
            "the container of an inference component takes one gzip archive (S3DataType S3Object, CompressionType "
            "Gzip), not uncompressed files: create a model with this model_data, and give its model_name"
        )
    return source["S3Uri"]


def given(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members that are not None."""
    return {name: value for name, value in members.items() if value is not None}


def _not_empty(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members that are neither None nor empty; a number is never empty."""
    return {name: value for name, value in members.items() if value or isinstance(value, int | float)}
