"""The SDK's values for deploying: what they become in requests, and what they refuse."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest

from sagemaker_async import DataCaptureConfig, ResourceRequirements, name_from_base, production_variant
from sagemaker_async.errors import ConfigurationError

NOON = dt.datetime(2026, 3, 4, 12, 5, 6, 7_890, dt.UTC)


class TestNameFromBase:
    def test_the_name_ends_in_the_time_in_utc(self) -> None:
        assert name_from_base("my-endpoint", now=NOON) == "my-endpoint-2026-03-04-12-05-06-007"

    def test_another_zone_is_converted(self) -> None:
        there = NOON.astimezone(dt.timezone(dt.timedelta(hours=9)))
        assert name_from_base("e", now=there) == name_from_base("e", now=NOON)

    @pytest.mark.parametrize("limit", [63, 30, 25])
    def test_a_long_base_is_cut(self, limit: int) -> None:
        name = name_from_base("b" * 100, limit, now=NOON)
        assert len(name) == limit
        assert re.fullmatch(r"b+-2026-03-04-12-05-06-007", name)

    def test_without_a_time_it_is_the_present(self) -> None:
        made = dt.datetime.strptime(name_from_base("e")[2:-4], "%Y-%m-%d-%H-%M-%S").replace(tzinfo=dt.UTC)
        assert abs(dt.datetime.now(dt.UTC) - made) < dt.timedelta(minutes=1)

    def test_a_short_one_ends_in_the_minute(self) -> None:
        assert name_from_base("my-endpoint", short=True, now=NOON) == "my-endpoint-260304-1205"
        assert name_from_base("b" * 100, 20, short=True, now=NOON) == "b" * 8 + "-260304-1205"
        assert name_from_base("b" * 100, 63, True, now=NOON)[-12:] == "-260304-1205"

    def test_no_room_for_a_base_is_an_error(self) -> None:
        with pytest.raises(ConfigurationError, match="max_length must be more than 24"):
            name_from_base("e", 24)

    def test_a_base_that_is_no_text_is_an_error(self) -> None:
        base: Any = 7
        with pytest.raises(ConfigurationError, match="base must be a str, got int"):
            name_from_base(base)


class TestProductionVariant:
    def test_the_least(self) -> None:
        assert production_variant("m", "ml.m5.large") == {
            "VariantName": "AllTraffic",
            "ModelName": "m",
            "InitialInstanceCount": 1,
            "InstanceType": "ml.m5.large",
            "InitialVariantWeight": 1,
        }

    def test_everything(self) -> None:
        assert production_variant(
            "m",
            "ml.g5.xlarge",
            2,
            "v",
            0.5,
            "ml.eia1.medium",
            None,
            30,
            600,
            700,
            {"MinInstanceCount": 1},
            {"RoutingStrategy": "RANDOM"},
            "al2-ami-sagemaker-inference-gpu-2",
            core_dump_config={"DestinationS3Uri": "s3://b/dumps", "KmsKeyId": "key"},
        ) == {
            "VariantName": "v",
            "ModelName": "m",
            "AcceleratorType": "ml.eia1.medium",
            "InitialInstanceCount": 2,
            "InstanceType": "ml.g5.xlarge",
            "VolumeSizeInGB": 30,
            "ModelDataDownloadTimeoutInSeconds": 600,
            "ContainerStartupHealthCheckTimeoutInSeconds": 700,
            "ManagedInstanceScaling": {"MinInstanceCount": 1},
            "RoutingConfig": {"RoutingStrategy": "RANDOM"},
            "InitialVariantWeight": 0.5,
            "InferenceAmiVersion": "al2-ami-sagemaker-inference-gpu-2",
            "CoreDumpConfig": {"DestinationS3Uri": "s3://b/dumps", "KmsKeyId": "key"},
        }

    @pytest.mark.parametrize("model", [{}, {"model_name": None}, {"model_name": ""}])
    def test_one_for_inference_components_has_neither_model_nor_weight(self, model: dict[str, Any]) -> None:
        assert production_variant(**model, instance_type="ml.g5.xlarge", initial_instance_count=2) == {
            "VariantName": "AllTraffic",
            "InitialInstanceCount": 2,
            "InstanceType": "ml.g5.xlarge",
        }

    def test_what_is_empty_is_not_given(self) -> None:
        empty: dict[str, Any] = {
            "accelerator_type": "",
            "serverless_inference_config": {},
            "managed_instance_scaling": {},
            "routing_config": {},
            "inference_ami_version": "",
            "core_dump_config": {},
        }
        assert production_variant("m", "ml.m5.large", **empty) == production_variant("m", "ml.m5.large")

    def test_a_serverless_one_has_no_instances(self) -> None:
        serverless = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
        assert production_variant("m", serverless_inference_config=serverless) == {
            "VariantName": "AllTraffic",
            "ModelName": "m",
            "ServerlessConfig": serverless,
            "InitialVariantWeight": 1,
        }

    @pytest.mark.parametrize(("instance_type", "given"), [(None, "neither"), ("ml.m5.large", "both")])
    def test_it_runs_on_instances_or_serverless(self, instance_type: str | None, given: str) -> None:
        config = None if instance_type is None else {"MemorySizeInMB": 1024}
        with pytest.raises(ConfigurationError, match=given):
            production_variant("m", instance_type, serverless_inference_config=config)


class TestDataCaptureConfig:
    def test_the_sdks_private_method_has_the_same_members(self) -> None:
        config = DataCaptureConfig(True, destination_s3_uri="s3://b/k", sagemaker_session=None)
        assert config._to_request_dict() == config.request_fields("unused")

    def test_without_a_destination_the_sdks_private_method_cannot_know_the_bucket(self) -> None:
        with pytest.raises(ConfigurationError, match=r"request_fields\(await session\.default_bucket\(\)\)"):
            DataCaptureConfig(True)._to_request_dict()

    def test_the_session_is_neither_compared_nor_shown(self) -> None:
        session: Any = object()
        assert DataCaptureConfig(True, sagemaker_session=session) == DataCaptureConfig(True)
        assert "sagemaker_session" not in repr(DataCaptureConfig(True, sagemaker_session=session))

    def test_defaults(self) -> None:
        assert DataCaptureConfig(True).request_fields("bucket") == {
            "EnableCapture": True,
            "InitialSamplingPercentage": 20,
            "DestinationS3Uri": "s3://bucket/model-monitor/data-capture",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
        }

    def test_everything(self) -> None:
        config = DataCaptureConfig(False, 100, "s3://b/k", "key", ["request"], ["a/csv"], ["a/json"])
        assert config.request_fields("unused") == {
            "EnableCapture": False,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": "s3://b/k",
            "KmsKeyId": "key",
            "CaptureOptions": [{"CaptureMode": "Input"}],
            "CaptureContentTypeHeader": {"CsvContentTypes": ["a/csv"], "JsonContentTypes": ["a/json"]},
        }

    @pytest.mark.parametrize(
        ("option", "mode"),
        [("REQUEST", "Input"), ("response", "Output"), ("Input", "Input"), ("InputAndOutput", "InputAndOutput")],
    )
    def test_both_vocabularies_of_options_are_known(self, option: str, mode: str) -> None:
        fields = DataCaptureConfig(True, capture_options=(option,)).request_fields("b")
        assert fields["CaptureOptions"] == [{"CaptureMode": mode}]

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"enable_capture": "yes"}, "enable_capture must be True or False, got 'yes'"),
            ({"sampling_percentage": 101}, "sampling_percentage must be an int from 0 to 100, got 101"),
            ({"sampling_percentage": -1}, "sampling_percentage"),
            ({"sampling_percentage": 0.2}, "sampling_percentage"),
            ({"sampling_percentage": True}, "sampling_percentage"),
            ({"destination_s3_uri": "bucket/key"}, "destination_s3_uri must be an S3 URL"),
            ({"capture_options": ["Imput"]}, r"Output\) and InputAndOutput, got 'Imput'; did you mean 'Input'\?$"),
            ({"capture_options": ["everything"]}, "got 'everything'$"),
            ({"capture_options": "REQUEST"}, "capture_options must be a list of str"),
            ({"csv_content_types": [1]}, "csv_content_types must be a list of str"),
        ],
    )
    def test_what_it_cannot_be(self, fields: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            DataCaptureConfig(**{"enable_capture": True, **fields})


class TestResourceRequirements:
    def test_requests_and_limits(self) -> None:
        resources = ResourceRequirements(
            requests={"num_accelerators": 1, "num_cpus": 0.5, "memory": 1024, "copies": 3}, limits={"memory": 2048}
        )
        assert resources.get_compute_resource_requirements() == {
            "MinMemoryRequiredInMb": 1024,
            "MaxMemoryRequiredInMb": 2048,
            "NumberOfCpuCoresRequired": 0.5,
            "NumberOfAcceleratorDevicesRequired": 1,
        }
        assert resources.copy_count == 3

    def test_nothing_given_is_one_copy(self) -> None:
        resources = ResourceRequirements()
        assert (resources.get_compute_resource_requirements(), resources.copy_count) == ({}, 1)

    def test_equal_ones_are_equal(self) -> None:
        assert ResourceRequirements({"memory": 1}) == ResourceRequirements(requests={"memory": 1})
        assert ResourceRequirements({"memory": 1}) != ResourceRequirements(limits={"memory": 1})
        assert ResourceRequirements() != object()
        assert repr(ResourceRequirements({"memory": 1})) == "ResourceRequirements(requests={'memory': 1}, limits={})"

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"requests": {"num_cpu": 1}}, r"requests takes .*, not 'num_cpu'; did you mean num_cpus\?"),
            ({"limits": {"copies": 1}}, "limits takes memory, not 'copies'"),
            ({"requests": {"memory": "1024"}}, r"requests\['memory'\] must be a number of at least 0, got '1024'"),
            ({"requests": {"copies": -1}}, "copies"),
            ({"requests": {"copies": True}}, "copies"),
            ({"requests": [1]}, "requests must be a mapping, got list"),
        ],
    )
    def test_what_they_cannot_be(self, arguments: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            ResourceRequirements(**arguments)
