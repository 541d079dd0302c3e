"""Values that deploying and updating endpoints takes, under the SageMaker Python SDK's names.

`DataCaptureConfig` and `ResourceRequirements` are checked when they are made; `production_variant` and `name_from_base`
return what goes into a request. Nothing here is sent; only `name_from_base` looks at the clock.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, ClassVar, Protocol

from sagemaker_async.errors import ConfigurationError

__all__ = ["DataCaptureConfig", "ResourceRequirements", "name_from_base", "production_variant"]

MAX_NAME_LENGTH = 63
"""The most characters that SageMaker allows in the names of endpoints and their configurations."""

_CAPTURE_MODES = {
    "REQUEST": "Input",
    "RESPONSE": "Output",
    "INPUT": "Input",
    "OUTPUT": "Output",
    "INPUTANDOUTPUT": "InputAndOutput",
}


def name_from_base(
    base: str, max_length: int = MAX_NAME_LENGTH, short: bool = False, *, now: dt.datetime | None = None
) -> str:
    """Return a name that is unique in time: `base`, shortened as needed, and the time to the millisecond, in UTC.

    Args:
        base: what the name begins with.
        max_length: the most characters it may have.
        short: append the time to the minute only, as ``-yymmdd-HHMM``; two names of one minute are the same.
        now: the time to use; None: the present.

    Raises:
        ConfigurationError: `base` is not a str, or `max_length` leaves no room for the time.
    """
    if not isinstance(base, str):
        raise ConfigurationError(f"base must be a str, got {type(base).__name__}")
    moment = (now or dt.datetime.now(dt.UTC)).astimezone(dt.UTC)
    milliseconds = moment.microsecond // 1000
    suffix = f"-{moment:%y%m%d-%H%M}" if short else f"-{moment:%Y-%m-%d-%H-%M-%S}-{milliseconds:03d}"
    room = max_length - len(suffix)
    if room < 1:
        raise ConfigurationError(f"max_length must be more than {len(suffix)}, to hold the time, got {max_length!r}")
    return base[:room] + suffix


def production_variant(
    model_name: str | None = None,
    instance_type: str | None = None,
    initial_instance_count: int | None = None,
    variant_name: str = "AllTraffic",
    initial_weight: float = 1,
    accelerator_type: str | None = None,
    serverless_inference_config: Mapping[str, Any] | None = None,
    volume_size: int | None = None,
    model_data_download_timeout: int | None = None,
    container_startup_health_check_timeout: int | None = None,
    managed_instance_scaling: Mapping[str, Any] | None = None,
    routing_config: Mapping[str, Any] | None = None,
    inference_ami_version: str | None = None,
    *,
    core_dump_config: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a ProductionVariant of ``CreateEndpointConfig``, under AWS's names.

    Args:
        model_name: the model; None or empty for a variant that hosts inference components.
        instance_type: such as ``ml.m5.large``.
        initial_instance_count: how many instances; None: 1.
        variant_name: the variant's name.
        initial_weight: its share of the traffic, beside those of other variants. A variant that hosts inference
            components has none, and this is ignored, as in the SDK.
        accelerator_type: an Elastic Inference accelerator.
        serverless_inference_config: makes the variant serverless: ``{"MemorySizeInMB": ..., "MaxConcurrency": ...}``.
        volume_size: of the storage of each instance, in GB.
        model_data_download_timeout: seconds for the download of the model.
        container_startup_health_check_timeout: seconds for the container to answer its first ping.
        managed_instance_scaling: ``{"MinInstanceCount": ..., "MaxInstanceCount": ...}``.
        routing_config: ``{"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}`` or ``"RANDOM"``.
        inference_ami_version: the machine image of the instances.
        core_dump_config: where the core dump of a crashed container goes: ``{"DestinationS3Uri": ..., "KmsKeyId":
            ...}``; the key may be left out.

    Raises:
        ConfigurationError: there are both an instance type and a serverless configuration, or neither.
    """
    if bool(instance_type) == bool(serverless_inference_config):
        given = "both" if instance_type else "neither"
        raise ConfigurationError(
            f"a variant needs exactly one of instance_type and serverless_inference_config; {given} was given"
        )
    on_instances: dict[str, Any] = {
        "InitialInstanceCount": 1 if initial_instance_count is None else initial_instance_count,
        "InstanceType": instance_type,
        "VolumeSizeInGB": volume_size,
        "ModelDataDownloadTimeoutInSeconds": model_data_download_timeout,
        "ContainerStartupHealthCheckTimeoutInSeconds": container_startup_health_check_timeout,
        "RoutingConfig": routing_config or None,
    }
    serverless = {"ServerlessConfig": serverless_inference_config}
    variant = {
        "VariantName": variant_name,
        "ModelName": model_name or None,
        "AcceleratorType": accelerator_type or None,
        "ManagedInstanceScaling": managed_instance_scaling or None,
        **(serverless if serverless_inference_config else on_instances),
        "InitialVariantWeight": initial_weight if model_name else None,
        "InferenceAmiVersion": inference_ami_version or None,
        "CoreDumpConfig": core_dump_config or None,
    }
    return _given(variant)


class HasDefaultBucket(Protocol):
    """What knows the default bucket: a `Session`."""

    async def default_bucket(self) -> str:
        """Return its name."""
        ...


@dataclass(frozen=True)
class DataCaptureConfig:
    """Which part of an endpoint's traffic is captured, how much of it, and where to; the fields are in the SDK's order.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DataCaptureConfig.html

    Raises:
        ConfigurationError: a field is wrong.
    """

    enable_capture: bool
    """Whether anything is captured."""
    sampling_percentage: int = 20
    """How many of a hundred inferences are captured, from 0 to 100."""
    destination_s3_uri: str | None = None
    """Where to store them, ``s3://bucket/prefix``; None: ``model-monitor/data-capture`` in `Session.default_bucket`."""
    kms_key_id: str | None = None
    """The key to encrypt with; None: the bucket's own."""
    capture_options: Sequence[str] | None = None
    """Any of REQUEST (Input) and RESPONSE (Output), or InputAndOutput; None: both."""
    csv_content_types: Sequence[str] | None = None
    """What is kept as CSV; None: ``text/csv``. Anything in neither list is kept as base64."""
    json_content_types: Sequence[str] | None = None
    """What is kept as JSON; None: ``application/json``."""
    sagemaker_session: HasDefaultBucket | None = field(default=None, repr=False, compare=False)
    """The session whose default bucket is meant; None: the session of the predictor that uses this."""

    def __post_init__(self) -> None:
        if not isinstance(self.enable_capture, bool):
            raise _wrong("enable_capture", "True or False", self.enable_capture)
        percentage = self.sampling_percentage
        if isinstance(percentage, bool) or not isinstance(percentage, int) or not 0 <= percentage <= 100:
            raise _wrong("sampling_percentage", "an int from 0 to 100", percentage)
        uri = self.destination_s3_uri
        if uri is not None and (not isinstance(uri, str) or not uri.startswith(("s3://", "https://"))):
            raise _wrong("destination_s3_uri", "an S3 URL such as s3://bucket/prefix", uri)
        for name in ("capture_options", "csv_content_types", "json_content_types"):
            texts = getattr(self, name)
            if texts is not None and not _are_texts(texts):
                raise _wrong(name, "a list of str", texts)
        for option in self.capture_options or ():
            if option.upper() not in _CAPTURE_MODES:
                near = get_close_matches(option.upper(), _CAPTURE_MODES, n=1)
                remedy = f"; did you mean {_CAPTURE_MODES[near[0]]!r}?" if near else ""
                rule = "a list of REQUEST (or Input), RESPONSE (or Output) and InputAndOutput"
                raise ConfigurationError(f"DataCaptureConfig.capture_options must be {rule}, got {option!r}{remedy}")

    def _to_request_dict(self) -> dict[str, Any]:
        """Return what the SDK's method of this name returns: `request_fields`, where the destination is known.

        Raises:
            ConfigurationError: `destination_s3_uri` is None: the default bucket must be awaited.
        """
        if self.destination_s3_uri is None:
            raise ConfigurationError(
                "DataCaptureConfig has no destination_s3_uri, and looking up the default bucket needs an await here: "
                "use request_fields(await session.default_bucket())"
            )
        return self.request_fields("")

    def request_fields(self, default_bucket: str) -> dict[str, Any]:
        """Return the structure of this name that ``CreateEndpointConfig`` takes, under AWS's names.

        Args:
            default_bucket: the bucket to capture into, unless `destination_s3_uri` says where.
        """
        fields: dict[str, Any] = {
            "EnableCapture": self.enable_capture,
            "InitialSamplingPercentage": self.sampling_percentage,
            "DestinationS3Uri": self.destination_s3_uri or f"s3://{default_bucket}/model-monitor/data-capture",
            "CaptureOptions": [
                {"CaptureMode": _CAPTURE_MODES[option.upper()]}
                for option in self.capture_options or ("REQUEST", "RESPONSE")
            ],
        }
        if self.kms_key_id is not None:
            fields["KmsKeyId"] = self.kms_key_id
        fields["CaptureContentTypeHeader"] = {
            "CsvContentTypes": list(self.csv_content_types or ("text/csv",)),
            "JsonContentTypes": list(self.json_content_types or ("application/json",)),
        }
        return fields


def _wrong(field: str, rule: str, value: object) -> ConfigurationError:
    return ConfigurationError(f"DataCaptureConfig.{field} must be {rule}, got {value!r}")


def _are_texts(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes) and all(isinstance(x, str) for x in value)


_REQUESTS = ("num_accelerators", "num_cpus", "memory", "copies")
_LIMITS = ("memory",)


class ResourceRequirements:
    """The compute resources of one copy of an inference component, and the number of copies; as in the SDK.

    Args:
        requests: what each copy is to have: ``num_accelerators``, ``num_cpus``, ``memory`` in MB; and ``copies``, how
            many there are to be (1 unless given; 0 scales to nothing).
        limits: what each copy may have at most: ``memory`` in MB.

    Raises:
        ConfigurationError: there is another key, or a value that is not a number of at least 0.

    Example:
        ::

            ResourceRequirements(requests={"num_accelerators": 1, "memory": 8192, "copies": 2})
    """

    def __init__(self, requests: Mapping[str, float] | None = None, limits: Mapping[str, float] | None = None) -> None:
        self.requests: dict[str, float] = _amounts("requests", requests, _REQUESTS)
        self.limits: dict[str, float] = _amounts("limits", limits, _LIMITS)
        self.num_accelerators: float | None = self.requests.get("num_accelerators")
        self.num_cpus: float | None = self.requests.get("num_cpus")
        self.min_memory: float | None = self.requests.get("memory")
        self.max_memory: float | None = self.limits.get("memory")
        self.copy_count: float = self.requests.get("copies", 1)

    def __repr__(self) -> str:
        return f"ResourceRequirements(requests={self.requests!r}, limits={self.limits!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ResourceRequirements):
            return NotImplemented
        return (self.requests, self.limits) == (other.requests, other.limits)

    __hash__: ClassVar[None] = None  # type: ignore[assignment] # it holds dicts

    def get_compute_resource_requirements(self) -> dict[str, float]:
        """Return what each copy needs as an InferenceComponentComputeResourceRequirements, under AWS's names."""
        amounts = {
            "MinMemoryRequiredInMb": self.min_memory,
            "MaxMemoryRequiredInMb": self.max_memory,
            "NumberOfCpuCoresRequired": self.num_cpus,
            "NumberOfAcceleratorDevicesRequired": self.num_accelerators,
        }
        return {name: amount for name, amount in amounts.items() if amount}


def _amounts(argument: str, given: Mapping[str, float] | None, known: tuple[str, ...]) -> dict[str, float]:
    if given is not None and not isinstance(given, Mapping):
        raise ConfigurationError(f"ResourceRequirements.{argument} must be a mapping, got {type(given).__name__}")
    for name, amount in (given or {}).items():
        if name not in known:
            near = get_close_matches(str(name), known, n=1)
            suggestion = f"; did you mean {near[0]}?" if near else ""
            raise ConfigurationError(
                f"ResourceRequirements.{argument} takes {', '.join(known)}, not {name!r}{suggestion}"
            )
        if isinstance(amount, bool) or not isinstance(amount, int | float) or not amount >= 0:
            raise ConfigurationError(
                f"ResourceRequirements.{argument}[{name!r}] must be a number of at least 0, got {amount!r}"
            )
    return dict(given or {})


def _given(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
