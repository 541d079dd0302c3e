"""`Predictor` in the control plane: every call it sends, in order, and what it says when one goes wrong."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from sagemaker_async import (
    Credentials,
    DataCaptureConfig,
    Predictor,
    ResourceRequirements,
    Session,
    StubResponse,
    StubTransport,
)
from sagemaker_async.aws.shapes.models import aws_names
from sagemaker_async.aws.timing import Timing
from sagemaker_async.errors import (
    Attempt,
    CapacityError,
    ConfigurationError,
    ConnectionLostError,
    ModelsNotDeletedError,
    RequestValidationError,
    ResourceInUse,
    SageMakerAsyncError,
    ThrottlingError,
    UnexpectedStatusException,
    ValidationError,
    WaiterTimeoutError,
)
from sagemaker_async.predictor.updates import CARRIED_OVER, was_refused

ENDPOINT_ARN = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e"
CONFIG_ARN = "arn:aws:sagemaker:us-east-1:123456789012:endpoint-config/"
NEW_NAME = r"-\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-\d{3}"
VARIANT = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 20,
    "DestinationS3Uri": "s3://sagemaker-us-east-1-123456789012/model-monitor/data-capture",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
}
POLL = ("DescribeEndpoint", {"EndpointName": "e"})
MISSING = StubResponse.error("ValidationException", 'Could not find endpoint "e".')

Script = Any
"""What an operation answers: an object, a `StubResponse`, an exception, or a list of these, one after the other."""


class Account:
    """One endpoint in the control plane, which goes where it is updated to; its requests are written down."""

    def __init__(self) -> None:
        self.transport = StubTransport(otherwise=self._answer)
        self.script: dict[str, Script] = {}
        self.config = "c"
        self.config_fields: dict[str, Any] = {"ProductionVariants": [VARIANT]}
        self.statuses: list[str] = []
        self.tags: list[dict[str, str]] = []

    @property
    def sent(self) -> list[tuple[str, Any]]:
        """The operations and members of all requests."""
        return [(_operation(request), json.loads(request.body)) for request in self.transport.requests]

    @property
    def operations(self) -> list[str]:
        return [_operation(request) for request in self.transport.requests]

    def request(self, operation: str) -> Any:
        """The members of the last request of an operation."""
        return next(members for name, members in reversed(self.sent) if name == operation)

    def _answer(self, request: Any) -> StubResponse | Exception:
        operation = _operation(request)
        members = json.loads(request.body)
        scripted = self.script.get(operation)
        if isinstance(scripted, list):
            scripted = scripted.pop(0) if scripted else None
        if scripted is not None:
            return scripted if isinstance(scripted, StubResponse | Exception) else StubResponse.json(scripted)
        return StubResponse.json(getattr(self, operation, lambda _: {})(members))

    def DescribeEndpoint(self, members: Any) -> Any:
        status = self.statuses.pop(0) if self.statuses else "InService"
        return {
            "EndpointName": members["EndpointName"],
            "EndpointArn": ENDPOINT_ARN,
            "EndpointConfigName": self.config,
            "EndpointStatus": status,
        }

    def DescribeEndpointConfig(self, members: Any) -> Any:
        name = members["EndpointConfigName"]
        return {"EndpointConfigName": name, "EndpointConfigArn": CONFIG_ARN + name, **self.config_fields}

    def ListTags(self, members: Any) -> Any:
        first = int(members.get("NextToken", 0))
        more = {"NextToken": str(first + 50)} if len(self.tags) > first + 50 else {}
        return {"Tags": self.tags[first : first + 50], **more}

    def UpdateEndpoint(self, members: Any) -> Any:
        self.config = members["EndpointConfigName"]
        return {"EndpointArn": ENDPOINT_ARN}


def _operation(request: Any) -> str:
    return str(request.headers["X-Amz-Target"].partition(".")[2])


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 0.0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
async def session(account: Account) -> AsyncIterator[Session]:
    clock = Clock()
    async with Session(transport=account.transport) as session:
        session.hosting.timing = Timing(sleep=clock.sleep, monotonic=lambda: clock.now, uniform=lambda: 0.0)
        yield session


@pytest.fixture
def predictor(session: Session) -> Predictor[bytes]:
    return Predictor("e", session)


@pytest.fixture
def with_component(session: Session, account: Account) -> Predictor[bytes]:
    account.script["DescribeInferenceComponent"] = {
        "InferenceComponentName": "ic",
        "InferenceComponentStatus": "InService",
        "Specification": {"ModelName": "m"},
    }
    account.config_fields = {
        "ProductionVariants": [{"VariantName": "v", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}],
        "ExecutionRoleArn": "arn:aws:iam::123456789012:role/hosting",
    }
    return Predictor("e", session, component_name="ic")


class TestUpdateEndpoint:
    async def test_the_calls_in_the_sdks_order(self, account: Account, predictor: Predictor[bytes]) -> None:
        account.tags = [{"Key": "team", "Value": "a"}, {"Key": "aws:cloudformation:stack-name", "Value": "s"}]
        await predictor.update_endpoint(2, "ml.c5.xlarge")
        new = account.config
        assert re.fullmatch(f"c{NEW_NAME}", new)
        assert account.sent == [
            ("DescribeEndpoint", {"EndpointName": "e"}),
            ("DescribeEndpointConfig", {"EndpointConfigName": "c"}),
            ("DescribeEndpointConfig", {"EndpointConfigName": "c"}),
            ("ListTags", {"ResourceArn": CONFIG_ARN + "c"}),
            (
                "CreateEndpointConfig",
                {
                    "EndpointConfigName": new,
                    "ProductionVariants": [
                        {
                            "VariantName": "AllTraffic",
                            "ModelName": "m",
                            "InitialInstanceCount": 2,
                            "InstanceType": "ml.c5.xlarge",
                            "InitialVariantWeight": 1,
                        }
                    ],
                    "Tags": [{"Key": "team", "Value": "a"}],
                },
            ),
            ("DescribeEndpoint", {"EndpointName": "e"}),
            ("UpdateEndpoint", {"EndpointName": "e", "EndpointConfigName": new}),
            POLL,
        ]

    async def test_names_are_remembered_for_the_next_update(
        self, account: Account, predictor: Predictor[bytes]
    ) -> None:
        await predictor.update_endpoint(kms_key="key")
        first = account.config
        account.transport.requests.clear()
        await predictor.update_endpoint(tags={"a": "1"})
        assert account.sent == [
            ("DescribeEndpointConfig", {"EndpointConfigName": first}),
            (
                "CreateEndpointConfig",
                {
                    "EndpointConfigName": account.config,
                    "ProductionVariants": [VARIANT],
                    "Tags": [{"Key": "a", "Value": "1"}],
                },
            ),
            POLL,
            ("UpdateEndpoint", {"EndpointName": "e", "EndpointConfigName": account.config}),
            POLL,
        ]

    async def test_with_a_component_it_is_asked_first_and_the_variant_has_neither_model_nor_weight(
        self, account: Account, with_component: Predictor[bytes]
    ) -> None:
        await with_component.update_endpoint(2, "ml.g5.xlarge", max_instance_count=4, min_instance_count=1)
        assert account.operations == [
            "DescribeInferenceComponent",
            "DescribeEndpoint",
            "DescribeEndpointConfig",
            "ListTags",
            "CreateEndpointConfig",
            "DescribeEndpoint",
            "UpdateEndpoint",
            "DescribeEndpoint",
        ]
        assert account.request("CreateEndpointConfig") == {
            "EndpointConfigName": account.config,
            "ProductionVariants": [
                {
                    "VariantName": "AllTraffic",
                    "InitialInstanceCount": 2,
                    "InstanceType": "ml.g5.xlarge",
                    "ManagedInstanceScaling": {"MaxInstanceCount": 4, "MinInstanceCount": 1},
                }
            ],
            "ExecutionRoleArn": "arn:aws:iam::123456789012:role/hosting",
        }

    async def test_everything_is_carried_over(self, account: Account, predictor: Predictor[bytes]) -> None:
        members = {
            "ProductionVariants": [VARIANT | {"InitialVariantWeight": 0.5, "NewerMember": {"A": 1}}],
            "ShadowProductionVariants": [VARIANT | {"VariantName": "shadow"}],
            "DataCaptureConfig": CAPTURE,
            "KmsKeyId": "key",
            "AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://b/out"}},
            "ExplainerConfig": {
                "ClarifyExplainerConfig": {"ShapConfig": {"ShapBaselineConfig": {"ShapBaseline": "1,2"}}}
            },
            "ExecutionRoleArn": "arn:aws:iam::123456789012:role/r",
            "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
            "EnableNetworkIsolation": True,
            "MetricsConfig": {"EnableEnhancedMetrics": True},
        }
        account.config_fields = members | {"CreationTime": 1.5e9}
        account.tags = [{"Key": str(number), "Value": "v"} for number in range(49)]
        account.tags += [{"Key": "aws:stack", "Value": "v"}, {"Key": "late", "Value": "v"}]
        await predictor.update_endpoint()
        expected = {**members, "EndpointConfigName": account.config}
        expected["Tags"] = [tag for tag in account.tags if tag["Key"] != "aws:stack"]
        assert account.request("CreateEndpointConfig") == expected
        assert account.operations.count("ListTags") == 2

    def test_what_is_carried_over_is_all_that_a_configuration_has(self) -> None:
        from sagemaker_async.hosting.generated.shapes import CreateEndpointConfigRequest

        members = set(aws_names(CreateEndpointConfigRequest).values())
        assert members == {*CARRIED_OVER, "EndpointConfigName", "Tags"}

    async def test_a_member_that_cannot_be_carried_over_is_logged(
        self, account: Account, predictor: Predictor[bytes], caplog: pytest.LogCaptureFixture
    ) -> None:
        account.config_fields["FutureConfig"] = {}
        await predictor.update_endpoint()
        assert "FutureConfig of the endpoint configuration 'c' is unknown to this version" in caplog.text

    async def test_changes_win_over_what_is_carried_over(self, account: Account, predictor: Predictor[bytes]) -> None:
        account.config_fields |= {"KmsKeyId": "old", "DataCaptureConfig": CAPTURE}
        changed = CAPTURE | {"InitialSamplingPercentage": 1}
        await predictor.update_endpoint(kms_key="new", data_capture_config_dict=changed, tags={"a": "1"})
        assert account.request("CreateEndpointConfig") == {
            "EndpointConfigName": account.config,
            "ProductionVariants": [VARIANT],
            "KmsKeyId": "new",
            "DataCaptureConfig": changed,
            "Tags": [{"Key": "a", "Value": "1"}],
        }
        assert "ListTags" not in account.operations

    @pytest.mark.parametrize("update", ["update_endpoint", "update_data_capture_config"])
    async def test_what_is_empty_is_not_given_and_what_there_is_stays(
        self, account: Account, predictor: Predictor[bytes], update: str
    ) -> None:
        account.tags = [{"Key": "team", "Value": "a"}]
        account.config_fields |= {"KmsKeyId": "old", "DataCaptureConfig": CAPTURE}
        empty = {"kms_key": "", "tags": [], "data_capture_config_dict": {}, "model_name": "", "instance_type": ""}
        if update == "update_endpoint":
            await predictor.update_endpoint(**empty, accelerator_type="")  # type: ignore[arg-type]
        else:
            await predictor.update_data_capture_config({})
        assert account.request("CreateEndpointConfig") == {
            "EndpointConfigName": account.config,
            "ProductionVariants": [VARIANT],
            "KmsKeyId": "old",
            "DataCaptureConfig": CAPTURE,
            "Tags": [{"Key": "team", "Value": "a"}],
        }

    async def test_an_empty_model_or_accelerator_of_a_new_variant_is_not_given(
        self, account: Account, predictor: Predictor[bytes]
    ) -> None:
        await predictor.update_endpoint(1, "ml.m5.large", "", "")
        (variant,) = account.request("CreateEndpointConfig")["ProductionVariants"]
        assert variant["ModelName"] == "m"
        assert "AcceleratorType" not in variant

    async def test_an_empty_component_name_is_none(self, account: Account, session: Session) -> None:
        predictor = Predictor("e", session, component_name="")
        await predictor.update_endpoint(1, "ml.m5.large")
        (variant,) = account.request("CreateEndpointConfig")["ProductionVariants"]
        assert variant["ModelName"] == "m"
        with pytest.raises(ConfigurationError, match="No inference component exists"):
            await predictor.update_predictor("m2")
        await predictor.delete_model()
        await predictor.delete_predictor()
        assert "DescribeInferenceComponent" not in account.operations
        assert account.operations[-1] == "DeleteEndpoint"

    async def test_the_model_can_be_changed_and_is_remembered(
        self, account: Account, predictor: Predictor[bytes]
    ) -> None:
        await predictor.update_endpoint(1, "ml.m5.large", model_name="other", accelerator_type="ml.eia1.medium")
        (variant,) = account.request("CreateEndpointConfig")["ProductionVariants"]
        assert (variant["ModelName"], variant["AcceleratorType"]) == ("other", "ml.eia1.medium")
        await predictor.delete_model()
        assert account.request("DeleteModel") == {"ModelName": "other"}

    async def test_without_wait_nothing_is_polled(self, account: Account, predictor: Predictor[bytes]) -> None:
        await predictor.update_endpoint(wait=False)
        assert account.operations[-1] == "UpdateEndpoint"

    async def test_progress_is_told(self, account: Account, predictor: Predictor[bytes]) -> None:
        account.statuses = ["InService", "InService", "Updating", "SystemUpdating", "InService"]
        told: list[Any] = []
        await predictor.update_endpoint(on_progress=told.append, interval=5, limit=60, jitter=0.0)
        assert [each.endpoint_status for each in told] == ["Updating", "SystemUpdating", "InService"]

    async def test_a_configuration_that_others_changed_meanwhile_is_the_one_carried_over(
        self, account: Account, predictor: Predictor[bytes]
    ) -> None:
        await predictor.update_endpoint(kms_key="key")
        account.config, account.config_fields = "theirs", {"ProductionVariants": [VARIANT | {"ModelName": "theirs"}]}
        account.transport.requests.clear()
        await predictor.update_endpoint(1, "ml.m5.large")
        created = [members for name, members in account.sent if name == "CreateEndpointConfig"]
        deleted = [members for name, members in account.sent if name == "DeleteEndpointConfig"]
        assert [members["EndpointConfigName"] for members in deleted] == [created[0]["EndpointConfigName"]]
        assert created[1]["EndpointConfigName"].startswith("theirs-")
        assert created[1]["ProductionVariants"][0]["ModelName"] == "theirs"
        assert account.operations.count("UpdateEndpoint") == 1

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"instance_type": "ml.m5.large"}, "Missing initial_instance_count and/or instance_type."),
            ({"max_instance_count": 2}, "are for a new variant"),
            ({"tags": "a"}, "tags must be"),
            ({"interval": 0}, "interval must be"),
            ({"limit": -1}, "limit must be"),
            ({"on_progress": 7}, "on_progress must be a callable"),
        ],
    )
    async def test_wrong_arguments_are_refused_before_anything_is_sent(
        self, account: Account, predictor: Predictor[bytes], arguments: Any, message: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=message):
            await predictor.update_endpoint(**arguments)
        assert account.sent == []

    async def test_an_unknown_keyword_is_a_type_error(self, account: Account, predictor: Predictor[bytes]) -> None:
        with pytest.raises(TypeError, match="intervall"):
            await predictor.update_endpoint(intervall=3)  # type: ignore[call-arg]
        assert account.sent == []

    async def test_several_models_have_no_default(self, account: Account, predictor: Predictor[bytes]) -> None:
        account.config_fields["ProductionVariants"] = [
            VARIANT | {"VariantName": name, "ModelName": name} for name in "ab"
        ]
        with pytest.raises(ValueError, match=r"the endpoint has multiple models: a, b$"):
            await predictor.update_endpoint(1, "ml.m5.large")
        assert account.operations == ["DescribeEndpoint", "DescribeEndpointConfig"]

    async def test_a_model_on_several_variants_is_one_model(
        self, account: Account, predictor: Predictor[bytes]
    ) -> None:
        account.config_fields["ProductionVariants"] = [VARIANT, VARIANT | {"VariantName": "w"}]
        await predictor.update_endpoint(1, "ml.m5.large")
        assert account.request("CreateEndpointConfig")["ProductionVariants"][0]["ModelName"] == "m"

    async def test_a_wrong_field_is_refused_before_anything_is_created(
        self, account: Account, predictor: Predictor[bytes]
    ) -> None:
        with pytest.raises(RequestValidationError, match="InitialInstanceCount"):
            await predictor.update_endpoint(0, "ml.m5.large")
        assert "CreateEndpointConfig" not in account.operations


class TestUpdatesThatFail:
    async def test_an_endpoint_that_is_not_there(self, account: Account, predictor: Predictor[bytes]) -> None:
        account.script["DescribeEndpoint"] = MISSING
        with pytest.raises(ValueError) as caught:
            await predictor.update_endpoint()
        assert str(caught.value) == "Endpoint with name 'e' does not exist; please use an existing endpoint name"
        assert isinstance(caught.value, SageMakerAsyncError)
        assert account.operations == ["DescribeEndpoint"]

    async def test_an_endpoint_that_has_gone_leaves_no_configuration(
        self, account: Account, predictor: Predictor[bytes]
    ) -> None:
        account.script["DescribeEndpoint"] = [account.DescribeEndpoint({"EndpointName": "e"}), MISSING]
        with pytest.raises(ValueError, match=r"^Endpoint with name 'e' does not exist; .*name$"):
            await predictor.update_endpoint()
        created = account.request("CreateEndpointConfig")["EndpointConfigName"]
        assert account.sent[-1] == ("DeleteEndpointConfig", {"EndpointConfigName": created})

    async def test_a_refused_update_leaves_no_configuration(
        self, account: Account, predictor: Predictor[bytes]
    ) -> None:
        account.script["UpdateEndpoint"] = StubResponse.error("ValidationException", "Cannot update in-progress")
        with pytest.raises(ValidationError, match="Cannot update in-progress") as caught:
            await predictor.update_endpoint()
        assert account.operations[-1] == "DeleteEndpointConfig"
        assert "was created" not in str(caught.value)

    async def test_a_configuration_that_cannot_be_removed_is_named(
        self, account: Account, predictor: Predictor[bytes], caplog: pytest.LogCaptureFixture
    ) -> None:
        account.script["UpdateEndpoint"] = StubResponse.error("ResourceInUse", "busy")
        account.script["DeleteEndpointConfig"] = StubResponse.error("AccessDeniedException", "not you")
        with pytest.raises(ResourceInUse) as caught:
            await predictor.update_endpoint()
        name = account.request("CreateEndpointConfig")["EndpointConfigName"]
        assert f"busy. The endpoint configuration '{name}' was created for this update. " in str(caught.value)
        assert f"delete_endpoint_config(endpoint_config_name='{name}') removes it" in str(caught.value)
        assert caught.value.error_message == "busy"
        assert "not you" in caplog.text

    @pytest.mark.parametrize(
        "answer",
        [ConnectionLostError("gone"), StubResponse.error("InternalFailure", "oops", status=500)],
        ids=["connection lost", "500"],
    )
    async def test_an_update_that_may_have_begun_keeps_its_configuration(
        self, account: Account, predictor: Predictor[bytes], answer: Any
    ) -> None:
        account.script["UpdateEndpoint"] = answer
        with pytest.raises(SageMakerAsyncError, match="was created for this update"):
            await predictor.update_endpoint()
        assert account.operations[-1] == "UpdateEndpoint"

    @pytest.mark.parametrize(
        ("outcomes", "left"), [(["400 ThrottlingException", "400 X"], False), (["500 InternalFailure", "400 X"], True)]
    )
    def test_a_refusal_after_a_failure_that_was_retried_may_be_of_the_same_update(
        self, outcomes: list[str], left: bool
    ) -> None:
        refusal = ValidationError("Cannot update in-progress endpoint", status=400, code="ValidationException")
        refusal.attempts = tuple(Attempt(number, 0.0, 0.0, each) for number, each in enumerate(outcomes, 1))
        assert was_refused(refusal) is not left

    async def test_an_update_that_could_not_be_looked_at_leaves_no_configuration(
        self, account: Account, predictor: Predictor[bytes]
    ) -> None:
        account.script["DescribeEndpoint"] = [
            account.DescribeEndpoint({"EndpointName": "e"}),
            StubResponse.error("ThrottlingException", "slow down"),
        ]
        with pytest.raises(ThrottlingError):
            await predictor.update_endpoint()
        assert account.operations[-1] == "DeleteEndpointConfig"

    async def test_a_failed_update_says_what_it_leaves_and_what_removes_it(
        self, account: Account, predictor: Predictor[bytes]
    ) -> None:
        account.statuses = ["InService", "InService", "Updating", "Failed"]
        with pytest.raises(UnexpectedStatusException) as caught:
            await predictor.update_endpoint()
        message = str(caught.value)
        assert f"The endpoint configuration {account.config!r} was created for this update. " in message
        assert f"hosting.delete_endpoint_config(endpoint_config_name={account.config!r}) removes it" in message
        assert (caught.value.allowed_statuses, caught.value.actual_status) == (["InService"], "Failed")
        assert str(pickle.loads(pickle.dumps(caught.value))) == message

    async def test_an_update_that_was_rolled_back_has_failed(
        self, account: Account, predictor: Predictor[bytes]
    ) -> None:
        described = account.DescribeEndpoint({"EndpointName": "e"})
        account.script["DescribeEndpoint"] = [
            described,
            described,
            described | {"EndpointStatus": "RollingBack"},
            described | {"FailureReason": "The container did not answer its ping."},
        ]
        with pytest.raises(UnexpectedStatusException) as caught:
            await predictor.update_endpoint()
        assert type(caught.value) is UnexpectedStatusException
        assert str(caught.value).startswith(
            "the update of 'e' was rolled back: it is in service with the endpoint configuration 'c'; SageMaker's "
            "reason: The container did not answer its ping. The endpoint configuration 'c-"
        )
        assert (caught.value.actual_status, caught.value.failure_reason) == (
            "RollingBack",
            "The container did not answer its ping.",
        )

    async def test_a_rollback_for_lack_of_capacity_is_a_capacity_error(
        self, account: Account, predictor: Predictor[bytes]
    ) -> None:
        described = account.DescribeEndpoint({"EndpointName": "e"})
        reason = "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error."
        account.script["DescribeEndpoint"] = [described, described, described | {"FailureReason": reason}]
        with pytest.raises(CapacityError):
            await predictor.update_endpoint()

    async def test_a_wait_that_takes_too_long_asks_to_keep_the_configuration(
        self, account: Account, predictor: Predictor[bytes]
    ) -> None:
        account.statuses = ["InService", "InService", *["Updating"] * 100]
        with pytest.raises(WaiterTimeoutError, match=r"if the update still succeeds, keep it; otherwise .* removes it"):
            await predictor.update_endpoint(limit=100)

    async def test_after_a_failure_nothing_is_remembered(self, account: Account, predictor: Predictor[bytes]) -> None:
        account.statuses = ["InService", "InService", "Failed"]
        with pytest.raises(UnexpectedStatusException):
            await predictor.update_endpoint()
        account.transport.requests.clear()
        await predictor.update_endpoint()
        assert account.operations[0] == "DescribeEndpoint"

    async def test_failures_that_come_as_responses_are_raised(self, account: Account) -> None:
        account.script["UpdateEndpoint"] = StubResponse.error("ResourceLimitExceeded", "quota")
        async with Session(transport=account.transport, raise_response_errors=False) as session:
            with pytest.raises(SageMakerAsyncError, match="quota"):
                await Predictor("e", session).update_endpoint()
        assert account.operations[-1] == "DeleteEndpointConfig"


class TestDataCapture:
    @pytest.mark.parametrize(
        ("change", "enabled"),
        [(Predictor.enable_data_capture, True), (Predictor.disable_data_capture, False)],
    )
    async def test_turning_it_on_and_off(
        self, account: Account, predictor: Predictor[bytes], change: Callable[[Any], Any], enabled: bool
    ) -> None:
        await change(predictor)
        assert re.fullmatch(f"e{NEW_NAME}", account.config)
        assert account.sent == [
            POLL,
            ("DescribeEndpointConfig", {"EndpointConfigName": "c"}),
            ("ListTags", {"ResourceArn": CONFIG_ARN + "c"}),
            (
                "CreateEndpointConfig",
                {
                    "EndpointConfigName": account.config,
                    "ProductionVariants": [VARIANT],
                    "DataCaptureConfig": CAPTURE | {"EnableCapture": enabled},
                },
            ),
            POLL,
            ("UpdateEndpoint", {"EndpointName": "e", "EndpointConfigName": account.config}),
            POLL,
        ]

    async def test_none_keeps_what_there_is(self, account: Account, predictor: Predictor[bytes]) -> None:
        account.config_fields["DataCaptureConfig"] = CAPTURE
        await predictor.update_data_capture_config(None)
        assert account.request("CreateEndpointConfig")["DataCaptureConfig"] == CAPTURE

    async def test_the_new_configuration_is_remembered(self, account: Account, predictor: Predictor[bytes]) -> None:
        await predictor.update_endpoint()
        await predictor.update_data_capture_config(DataCaptureConfig(True, destination_s3_uri="s3://b/k"))
        new = account.config
        await predictor.delete_endpoint()
        assert account.request("DeleteEndpointConfig") == {"EndpointConfigName": new}

    async def test_the_account_is_asked_for_once_per_session_and_only_for_the_default_bucket(self) -> None:
        account = Account()
        identity = (
            b"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>999999999999</Account>"
            b"</GetCallerIdentityResult></GetCallerIdentityResponse>"
        )

        def answer(request: Any) -> Any:
            return (
                StubResponse(200, identity) if request.origin.startswith("https://sts.") else account._answer(request)
            )

        transport = StubTransport(otherwise=answer)
        credentials = Credentials("AKID", "secret")
        async with Session(transport=transport, credentials=credentials, region="eu-west-1") as session:
            explicit = DataCaptureConfig(True, destination_s3_uri="s3://b/k")
            await Predictor("e", session).update_data_capture_config(explicit, wait=False)
            assert not any(request.origin.startswith("https://sts.") for request in transport.requests)
            for _ in range(2):
                await Predictor("e", session).enable_data_capture(wait=False)
            assert await session.default_bucket() == "sagemaker-eu-west-1-999999999999"
        assert [r.body for r in transport.requests if r.origin.startswith("https://sts.")] == [
            b"Action=GetCallerIdentity&Version=2011-06-15"
        ]
        created = [json.loads(r.body) for r in transport.requests if b"DestinationS3Uri" in (r.body or b"")]
        assert created[-1]["DataCaptureConfig"]["DestinationS3Uri"] == (
            "s3://sagemaker-eu-west-1-999999999999/model-monitor/data-capture"
        )

    async def test_the_bucket_is_that_of_the_configurations_own_session(
        self, account: Account, predictor: Predictor[bytes]
    ) -> None:
        class Other:
            async def default_bucket(self) -> str:
                return "elsewhere"

        await predictor.update_data_capture_config(DataCaptureConfig(True, sagemaker_session=Other()), wait=False)
        created = [json.loads(r.body) for r in account.transport.requests if b"DestinationS3Uri" in (r.body or b"")]
        assert created[-1]["DataCaptureConfig"]["DestinationS3Uri"] == "s3://elsewhere/model-monitor/data-capture"

    async def test_an_endpoint_that_is_not_there(self, account: Account, predictor: Predictor[bytes]) -> None:
        account.script["DescribeEndpoint"] = MISSING
        with pytest.raises(ConfigurationError, match="does not exist"):
            await predictor.enable_data_capture()


class TestUpdatePredictor:
    async def test_a_predictor_without_a_component_is_refused_in_the_sdks_words(
        self, account: Account, predictor: Predictor[bytes]
    ) -> None:
        with pytest.raises(ValueError) as caught:
            await predictor.update_predictor(model_name="m")
        assert str(caught.value) == (
            "No inference component exists for the specified model. "
            "Ensure that you deployed the inference component, and try again."
        )
        assert account.sent == []

    async def test_a_container(self, account: Account, with_component: Predictor[bytes]) -> None:
        await with_component.update_predictor(
            None,
            "image",
            "s3://b/model.tar.gz",
            {"A": "1"},
            600,
            700,
            ResourceRequirements({"num_accelerators": 1, "memory": 1024, "copies": 2}, {"memory": 2048}),
        )
        name = {"InferenceComponentName": "ic"}
        assert account.sent == [
            ("DescribeInferenceComponent", name),
            (
                "UpdateInferenceComponent",
                {
                    **name,
                    "Specification": {
                        "Container": {
                            "Image": "image",
                            "Environment": {"A": "1"},
                            "ArtifactUrl": "s3://b/model.tar.gz",
                        },
                        "StartupParameters": {
                            "ModelDataDownloadTimeoutInSeconds": 600,
                            "ContainerStartupHealthCheckTimeoutInSeconds": 700,
                        },
                        "ComputeResourceRequirements": {
                            "MinMemoryRequiredInMb": 1024,
                            "MaxMemoryRequiredInMb": 2048,
                            "NumberOfAcceleratorDevicesRequired": 1,
                        },
                    },
                    "RuntimeConfig": {"CopyCount": 2},
                },
            ),
            ("DescribeInferenceComponent", name),
        ]

    @pytest.mark.parametrize(
        ("arguments", "sent"),
        [
            ({"model_name": "m2"}, {"Specification": {"ModelName": "m2"}}),
            (
                {"model_name": "m2", "image_uri": "", "model_data": "", "env": {}},
                {"Specification": {"ModelName": "m2"}},
            ),
            ({"model_name": "", "image_uri": "i"}, {"Specification": {"Container": {"Image": "i"}}}),
            ({"resources": ResourceRequirements({"copies": 0})}, {"RuntimeConfig": {"CopyCount": 0}}),
            ({"resources": ResourceRequirements()}, {"RuntimeConfig": {"CopyCount": 1}}),
            (
                {"container_startup_health_check_timeout": 60},
                {"Specification": {"StartupParameters": {"ContainerStartupHealthCheckTimeoutInSeconds": 60}}},
            ),
        ],
    )
    async def test_empty_members_are_not_sent(
        self, account: Account, with_component: Predictor[bytes], arguments: Any, sent: Any
    ) -> None:
        await with_component.update_predictor(**arguments, wait=False)
        assert account.sent[-1] == ("UpdateInferenceComponent", {"InferenceComponentName": "ic", **sent})

    @pytest.mark.parametrize(
        "arguments", [{}, {"model_name": "", "env": {}}, {"model_name": "m", "env": {"A": "1"}}, {"resources": {}}]
    )
    async def test_wrong_arguments_are_refused_before_anything_is_sent(
        self, account: Account, with_component: Predictor[bytes], arguments: Any
    ) -> None:
        with pytest.raises(ConfigurationError):
            await with_component.update_predictor(**arguments)
        assert account.sent == []

    @pytest.mark.parametrize(
        ("requests", "sent"),
        [
            ({"memory": 2048}, {"MinMemoryRequiredInMb": 2048}),
            ({"num_accelerators": 2}, {"NumberOfAcceleratorDevicesRequired": 2, "MinMemoryRequiredInMb": 1024}),
            ({"num_cpus": 4, "memory": 512}, {"NumberOfCpuCoresRequired": 4, "MinMemoryRequiredInMb": 512}),
        ],
    )
    async def test_resources_may_be_given_alone_and_keep_the_memory_that_they_leave_out(
        self, account: Account, with_component: Predictor[bytes], requests: Any, sent: Any
    ) -> None:
        account.script["DescribeInferenceComponent"] = {
            "InferenceComponentName": "ic",
            "InferenceComponentStatus": "InService",
            "Specification": {"ModelName": "m", "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 1024}},
        }
        await with_component.update_predictor(resources=ResourceRequirements({**requests, "copies": 3}))
        assert account.request("UpdateInferenceComponent") == {
            "InferenceComponentName": "ic",
            "Specification": {"ComputeResourceRequirements": sent},
            "RuntimeConfig": {"CopyCount": 3},
        }

    async def test_memory_that_is_not_known_has_to_be_given(
        self, account: Account, with_component: Predictor[bytes]
    ) -> None:
        with pytest.raises(RequestValidationError, match="MinMemoryRequiredInMb"):
            await with_component.update_predictor(resources=ResourceRequirements({"num_accelerators": 1}))
        assert "UpdateInferenceComponent" not in account.operations

    async def test_a_component_that_is_not_there(self, account: Account, with_component: Predictor[bytes]) -> None:
        account.script["DescribeInferenceComponent"] = StubResponse.error("ValidationException", "Could not find it.")
        with pytest.raises(ConfigurationError, match="Inference component with name 'ic' does not exist"):
            await with_component.update_predictor("m")
        assert account.operations == ["DescribeInferenceComponent"]

    async def test_another_refusal_stays_what_it_is(self, account: Account, with_component: Predictor[bytes]) -> None:
        account.script["DescribeInferenceComponent"] = StubResponse.error("ValidationException", "Malformed.")
        with pytest.raises(ValidationError, match="Malformed"):
            await with_component.update_predictor("m")

    async def test_a_failed_update_is_reported(self, account: Account, with_component: Predictor[bytes]) -> None:
        described = account.script["DescribeInferenceComponent"]
        account.script["DescribeInferenceComponent"] = [described, described | {"InferenceComponentStatus": "Failed"}]
        with pytest.raises(UnexpectedStatusException, match="is Failed"):
            await with_component.update_predictor("m")


class TestDeleting:
    async def test_an_endpoint_and_before_it_its_configuration(
        self, account: Account, predictor: Predictor[bytes]
    ) -> None:
        await predictor.delete_endpoint()
        assert account.sent == [
            POLL,
            ("DeleteEndpointConfig", {"EndpointConfigName": "c"}),
            ("DeleteEndpoint", {"EndpointName": "e"}),
        ]

    async def test_an_endpoint_alone(self, account: Account, predictor: Predictor[bytes]) -> None:
        await predictor.delete_endpoint(delete_endpoint_config=False)
        assert account.sent == [("DeleteEndpoint", {"EndpointName": "e"})]

    async def test_a_configuration_that_has_gone_is_no_obstacle(
        self, account: Account, predictor: Predictor[bytes]
    ) -> None:
        account.script["DeleteEndpointConfig"] = StubResponse.error(
            "ValidationException", 'Could not find endpoint configuration "c".'
        )
        await predictor.delete_endpoint()
        assert account.operations[-1] == "DeleteEndpoint"

    async def test_a_configuration_that_may_not_be_deleted_is_one(
        self, account: Account, predictor: Predictor[bytes]
    ) -> None:
        account.script["DeleteEndpointConfig"] = StubResponse.error("ValidationException", "In use.")
        with pytest.raises(ValidationError, match="In use"):
            await predictor.delete_endpoint()
        assert "DeleteEndpoint" not in account.operations

    async def test_a_predictor_with_a_component_deletes_it_and_waits_if_asked_to(
        self, account: Account, with_component: Predictor[bytes]
    ) -> None:
        name = {"InferenceComponentName": "ic"}
        account.script["DescribeInferenceComponent"] = [
            name | {"InferenceComponentStatus": "Deleting"},
            StubResponse.error("ValidationException", "Could not find inference component."),
        ]
        await with_component.delete_predictor()
        assert account.sent == [("DeleteInferenceComponent", name)]
        await with_component.delete_predictor(wait=True)
        assert account.sent[1:] == [
            ("DeleteInferenceComponent", name),
            ("DescribeInferenceComponent", name),
            ("DescribeInferenceComponent", name),
        ]

    async def test_a_predictor_without_one_deletes_the_endpoint(
        self, account: Account, predictor: Predictor[bytes]
    ) -> None:
        await predictor.delete_predictor()
        assert account.operations == ["DescribeEndpoint", "DeleteEndpointConfig", "DeleteEndpoint"]
        account.script["DescribeEndpoint"] = MISSING
        await predictor.delete_predictor(wait=True)
        assert account.operations[-1] == "DescribeEndpoint"

    async def test_every_model_once(self, account: Account, predictor: Predictor[bytes]) -> None:
        variants = [VARIANT | {"VariantName": f"v{n}", "ModelName": model} for n, model in enumerate("aba")]
        account.config_fields["ProductionVariants"] = variants
        await predictor.delete_model()
        assert account.sent == [
            POLL,
            ("DescribeEndpointConfig", {"EndpointConfigName": "c"}),
            ("DeleteModel", {"ModelName": "a"}),
            ("DeleteModel", {"ModelName": "b"}),
        ]

    async def test_the_model_of_a_component(self, account: Account, with_component: Predictor[bytes]) -> None:
        await with_component.delete_model()
        assert account.sent == [
            ("DescribeInferenceComponent", {"InferenceComponentName": "ic"}),
            ("DeleteModel", {"ModelName": "m"}),
        ]

    async def test_models_that_cannot_be_deleted_are_named_together_and_tried_again(
        self, account: Account, predictor: Predictor[bytes]
    ) -> None:
        account.config_fields["ProductionVariants"] = [
            VARIANT | {"VariantName": name, "ModelName": name} for name in "abc"
        ]
        refused = StubResponse.error("AccessDeniedException", "not you")
        account.script["DeleteModel"] = [refused, {}, refused]
        with pytest.raises(ModelsNotDeletedError) as caught:
            await predictor.delete_model()
        assert str(caught.value).startswith("One or more models cannot be deleted, please retry. \nFailed models: a, c")
        assert "- a: DeleteModel on 'a': HTTP 400 AccessDeniedException: not you" in str(caught.value)
        assert list(caught.value.failures) == ["a", "c"]
        account.transport.requests.clear()
        await predictor.delete_model()
        assert account.sent == [("DeleteModel", {"ModelName": "a"}), ("DeleteModel", {"ModelName": "c"})]


class TestLookingAround:
    async def test_one_page_of_the_related_models(self, account: Account, predictor: Predictor[bytes]) -> None:
        account.script["ListInferenceComponents"] = {
            "InferenceComponents": [{"InferenceComponentName": "a"}],
            "NextToken": "more",
        }
        models, token = await predictor.list_related_models(
            "v", "a", 1, 2, 3, 4, "InService", "Ascending", "Name", 1, "token"
        )
        assert [model.inference_component_name for model in models] == ["a"]
        assert token == "more"
        assert account.sent == [
            (
                "ListInferenceComponents",
                {
                    "EndpointNameEquals": "e",
                    "VariantNameEquals": "v",
                    "NameContains": "a",
                    "CreationTimeAfter": 1,
                    "CreationTimeBefore": 2,
                    "LastModifiedTimeAfter": 3,
                    "LastModifiedTimeBefore": 4,
                    "StatusEquals": "InService",
                    "SortOrder": "Ascending",
                    "SortBy": "Name",
                    "MaxResults": 1,
                    "NextToken": "token",
                },
            )
        ]

    async def test_empty_filters_are_not_given(self, account: Account, predictor: Predictor[bytes]) -> None:
        empty = dict.fromkeys(("variant_name_equals", "name_contains", "status_equals", "sort_order", "sort_by"), "")
        await predictor.list_related_models(**empty, next_token="")  # type: ignore[arg-type]
        assert [model async for model in predictor.iter_related_models(**empty)] == []  # type: ignore[arg-type]
        assert account.sent == [("ListInferenceComponents", {"EndpointNameEquals": "e"})] * 2

    async def test_no_related_models(self, account: Account, predictor: Predictor[bytes]) -> None:
        assert await predictor.list_related_models() == ([], None)
        assert account.sent == [("ListInferenceComponents", {"EndpointNameEquals": "e"})]

    async def test_all_related_models(self, account: Account, predictor: Predictor[bytes]) -> None:
        account.script["ListInferenceComponents"] = [
            {"InferenceComponents": [{"InferenceComponentName": "a"}], "NextToken": "more"},
            {"InferenceComponents": [{"InferenceComponentName": "b"}]},
        ]
        found = [model.inference_component_name async for model in predictor.iter_related_models(name_contains="x")]
        assert found == ["a", "b"]
        assert [members for _, members in account.sent] == [
            {"EndpointNameEquals": "e", "NameContains": "x"},
            {"EndpointNameEquals": "e", "NameContains": "x", "NextToken": "more"},
        ]

    async def test_the_lineage_of_an_endpoint(self, account: Account, predictor: Predictor[bytes]) -> None:
        account.script["ListContexts"] = {"ContextSummaries": [{"ContextName": "ctx", "ContextArn": "arn"}]}
        account.script["DescribeContext"] = {"ContextName": "ctx", "ContextArn": "arn", "ContextType": "Endpoint"}
        context = await predictor.endpoint_context()
        assert context is not None
        assert (context.context_name, context.context_type) == ("ctx", "Endpoint")
        assert account.sent == [
            POLL,
            ("ListContexts", {"SourceUri": ENDPOINT_ARN}),
            ("DescribeContext", {"ContextName": "ctx"}),
        ]

    async def test_an_endpoint_without_lineage(self, account: Account, predictor: Predictor[bytes]) -> None:
        assert await predictor.endpoint_context() is None
        assert account.operations == ["DescribeEndpoint", "ListContexts"]
