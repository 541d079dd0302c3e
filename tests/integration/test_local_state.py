"""The embedded SageMaker's state file: what comes back after a restart, and what is refused."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from sagemaker_async import Session
from sagemaker_async.errors import ConfigurationError, ModelError, ResourceNotFound, ValidationError
from sagemaker_async.local import LocalSageMaker

ROLE = "arn:aws:iam::123456789012:role/hosting"
VARIANT = {"VariantName": "v", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


async def create(session: Session) -> None:
    """Create a model, an endpoint that runs it, and an endpoint with an inference component."""
    hosting = session.hosting
    await hosting.create_model(model_name="m", primary_container={"Image": "img"}, execution_role_arn=ROLE)
    for name, variant in (("e", {**VARIANT, "ModelName": "m"}), ("ic", VARIANT)):
        await hosting.create_endpoint_config(
            endpoint_config_name=name, production_variants=[variant], execution_role_arn=ROLE
        )
        await hosting.create_endpoint(endpoint_name=name, endpoint_config_name=name, tags=[{"Key": "k", "Value": name}])
    await hosting.describe_endpoint(endpoint_name="ic")  # it is in service from the next call on
    await hosting.create_inference_component(
        inference_component_name="component",
        endpoint_name="ic",
        variant_name="v",
        specification={"ModelName": "m", "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 1024}},
        runtime_config={"CopyCount": 1},
    )


async def everything(session: Session) -> Any:
    hosting = session.hosting
    answers = [
        await hosting.describe_model(model_name="m"),
        *[await hosting.describe_endpoint_config(endpoint_config_name=name) for name in ("e", "ic")],
        *[await hosting.describe_endpoint(endpoint_name=name) for name in ("e", "ic")],
        await hosting.describe_inference_component(inference_component_name="component"),
        await hosting.list_tags(resource_arn="arn:aws:sagemaker:us-east-1:123456789012:endpoint/e"),
    ]
    return [answer.model_dump(mode="json", exclude={"metadata"}) for answer in answers]


async def test_what_clients_created_is_there_again_and_serves_when_its_callable_is_added(file: Path) -> None:
    async with LocalSageMaker(state=file) as local, Session(**local.client_options) as session:
        local.add_model("m", lambda body: b"one")
        await create(session)
        before = await everything(session)
    async with LocalSageMaker(state=str(file)) as local, Session(**local.client_options) as session:
        assert await everything(session) == before
        with pytest.raises(ModelError, match=r"local\.add_model\('m', callable\)"):
            await session.runtime.invoke_endpoint(endpoint_name="e", body=b"")
        local.add_model("m", lambda body: b"two")
        answers = [
            await session.runtime.invoke_endpoint(endpoint_name="e", body=b""),
            await session.runtime.invoke_endpoint(endpoint_name="ic", inference_component_name="component", body=b""),
        ]
        assert [answer.body for answer in answers] == [b"two", b"two"]
        await session.hosting.delete_endpoint(endpoint_name="e")
        await session.hosting.list_endpoints()
    assert sorted(LocalSageMaker(state=file).endpoints) == ["ic"]


async def test_each_change_is_written_before_it_is_answered(file: Path) -> None:
    async with LocalSageMaker(state=file) as local, Session(**local.client_options) as session:
        await session.hosting.create_model(model_name="m", primary_container={"Image": "img"}, execution_role_arn=ROLE)
        content = json.loads(file.read_text())
        assert [model["name"] for model in content["records"]["model"]] == ["m"]
        assert content["version"] == 1
        written = file.stat().st_ino
        await session.hosting.list_models()
        assert file.stat().st_ino == written
    assert os.name == "nt" or stat.S_IMODE(file.stat().st_mode) == 0o600
    assert os.listdir(file.parent) == [file.name]  # noqa: PTH208


async def test_a_schedule_that_is_being_stopped_is_stopped_after_the_restart(file: Path) -> None:
    options: Any = {"state": file, "transition_times": 60, "stepped_clock": True}
    async with LocalSageMaker(**options) as local, Session(**local.client_options) as session:
        local.add_endpoint("e", lambda body: body)
        local.add_monitoring_job_definition("DataQuality", "d", endpoint_name="e")
        config = {"MonitoringJobDefinitionName": "d", "MonitoringType": "DataQuality"}
        await session.hosting.create_monitoring_schedule(
            monitoring_schedule_name="s", monitoring_schedule_config=config
        )
        local.step(60)
        await session.hosting.stop_monitoring_schedule(monitoring_schedule_name="s")
    async with LocalSageMaker(**options) as local, Session(**local.client_options) as session:
        local.step(60)
        found = await session.hosting.describe_monitoring_schedule(monitoring_schedule_name="s")
        assert found.monitoring_schedule_status == "Stopped"


async def test_a_change_under_way_goes_on_after_the_restart(file: Path) -> None:
    options: Any = {"state": file, "transition_times": 60, "stepped_clock": True}
    async with LocalSageMaker(**options) as local, Session(**local.client_options) as session:
        hosting = session.hosting
        await hosting.create_model(model_name="m", primary_container={"Image": "img"}, execution_role_arn=ROLE)
        variants = [{**VARIANT, "ModelName": "m"}]
        await hosting.create_endpoint_config(endpoint_config_name="c", production_variants=variants)
        await hosting.create_endpoint(endpoint_name="e", endpoint_config_name="c")
    async with LocalSageMaker(**options) as local, Session(**local.client_options) as session:
        assert (await session.hosting.describe_endpoint(endpoint_name="e")).endpoint_status == "Creating"
        local.step(60)
        assert (await session.hosting.describe_endpoint(endpoint_name="e")).endpoint_status == "InService"
        assert list(local.endpoints) == ["e"]


@pytest.mark.parametrize("change", ["create", "update", "delete"])
async def test_changes_of_components_routers_and_schedules_go_on_too(file: Path, change: str) -> None:
    options: Any = {"state": file, "transition_times": 60, "stepped_clock": True}
    target = {"Name": "t", "Destinations": [{"ResourceArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e"}]}
    busy = {"create": "Creating", "update": "Updating", "delete": "Deleting"}[change]

    async def states(session: Session) -> list[str]:
        """The states of what there is."""
        found = []
        for described in (
            session.hosting.describe_inference_component(inference_component_name="c"),
            session.hosting.describe_inference_router(inference_router_name="r"),
            session.hosting.describe_monitoring_schedule(monitoring_schedule_name="s"),
        ):
            with contextlib.suppress(ResourceNotFound, ValidationError):
                answer = (await described).model_dump()
                found.append(next(answer[name] for name in answer if name.endswith("status") and answer[name]))
        return found

    async with LocalSageMaker(**options) as local, Session(**local.client_options) as session:
        hosting = session.hosting
        local.add_endpoint("e", lambda body: body)
        local.add_monitoring_job_definition("DataQuality", "d", endpoint_name="e")
        await hosting.create_model(model_name="m", primary_container={"Image": "img"}, execution_role_arn=ROLE)
        await hosting.create_endpoint_config(
            endpoint_config_name="ic", production_variants=[VARIANT], execution_role_arn=ROLE
        )
        await hosting.create_endpoint(endpoint_name="ic", endpoint_config_name="ic")
        local.step(60)
        await hosting.create_inference_component(
            inference_component_name="c",
            endpoint_name="ic",
            variant_name="v",
            specification={"ModelName": "m", "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 1024}},
            runtime_config={"CopyCount": 1},
        )
        await hosting.create_inference_router(inference_router_name="r", routing_targets=[target])
        await hosting.create_monitoring_schedule(
            monitoring_schedule_name="s",
            monitoring_schedule_config={"MonitoringJobDefinitionName": "d", "MonitoringType": "DataQuality"},
        )
        if change != "create":
            local.step(60)
        if change == "update":
            await hosting.update_inference_component(inference_component_name="c", runtime_config={"CopyCount": 2})
            await hosting.update_inference_router(inference_router_name="r", routing_targets=[target])
        elif change == "delete":
            await hosting.delete_inference_component(inference_component_name="c")
            await hosting.delete_inference_router(inference_router_name="r")
        before = await states(session)
        assert before[:2] == [busy, busy]
    async with LocalSageMaker(**options) as local, Session(**local.client_options) as session:
        assert await states(session) == before
        local.step(60)
        in_service = [] if change == "delete" else ["InService", "InService"]
        assert await states(session) == [*in_service, "Scheduled"]


async def test_an_added_endpoint_comes_back_and_may_be_added_again(file: Path) -> None:
    async with LocalSageMaker(state=file) as local, Session(**local.client_options) as session:
        local.add_endpoint("added", lambda body: b"one", body_limit=10)
        arn = (await session.hosting.describe_endpoint(endpoint_name="added")).endpoint_arn
        await session.hosting.add_tags(resource_arn=arn, tags=[{"Key": "k", "Value": "v"}])
    for _ in range(2):
        async with LocalSageMaker(state=file) as local, Session(**local.client_options) as session:
            with pytest.raises(ModelError, match=r"local\.add_model\('added', callable\)"):
                await session.runtime.invoke_endpoint(endpoint_name="added", body=b"")
            assert local.endpoints["added"].deployment.body_limit == 10
            local.add_endpoint("added", lambda body: b"two", body_limit=10)
            assert (await session.runtime.invoke_endpoint(endpoint_name="added", body=b"")).body == b"two"
            assert len((await session.hosting.list_tags(resource_arn=arn)).tags) == 1
            assert len((await session.hosting.list_models()).models) == 1
            with pytest.raises(ConfigurationError, match="already exists"):
                local.add_endpoint("added", lambda body: b"three")


async def test_a_model_given_by_its_path_comes_back_by_itself(
    file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    script = tmp_path / "inference.py"
    script.write_text("def transform_fn(model, body, content_type, accept):\n    return body.upper()\n")
    async with LocalSageMaker(state=file) as local:
        local.add_endpoint("script", script)
    async with LocalSageMaker(state=file) as local, Session(**local.client_options) as session:
        assert (await session.runtime.invoke_endpoint(endpoint_name="script", body=b"a")).body == b"A"
    script.unlink()
    assert list(LocalSageMaker(state=file).endpoints) == ["script"]
    assert str(script) in caplog.text


async def test_monitoring_and_lineage_come_back(file: Path) -> None:
    async with LocalSageMaker(state=file) as local, Session(**local.client_options) as session:
        local.add_endpoint("e", lambda body: body)
        local.add_monitoring_job_definition("DataQuality", "d", endpoint_name="e")
        await session.hosting.create_monitoring_schedule(
            monitoring_schedule_name="s",
            monitoring_schedule_config={"MonitoringJobDefinitionName": "d", "MonitoringType": "DataQuality"},
        )
        local.add_monitoring_execution("s", processing_job_arn="arn:aws:sagemaker:us-east-1:123456789012:x/job")
        trial = "arn:aws:sagemaker:us-east-1:123456789012:experiment-trial-component/t"
        model = local.add_artifact("s3://b/model", artifact_type="Model")
        local.add_association(trial, model)
        before = [
            (await session.hosting.describe_monitoring_schedule(monitoring_schedule_name="s")).model_dump(),
            (await session.hosting.list_monitoring_executions()).model_dump(),
            (await session.hosting.list_associations(sort_by="SourceType")).model_dump(),
        ]
    async with LocalSageMaker(state=file) as local, Session(**local.client_options) as session:
        after = [
            (await session.hosting.describe_monitoring_schedule(monitoring_schedule_name="s")).model_dump(),
            (await session.hosting.list_monitoring_executions()).model_dump(),
            (await session.hosting.list_associations(sort_by="SourceType")).model_dump(),
        ]
        assert [_without_metadata(each) for each in after] == [_without_metadata(each) for each in before]
        assert local.add_artifact("s3://b/other", artifact_type="Model") != model


def _without_metadata(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "metadata"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "not JSON"),
        ("[1]", "does not have the kind"),
        ('{"kind": "sagemaker-async embedded SageMaker", "version": "1"}', "its version is '1'"),
        ('{"kind": "sagemaker-async embedded SageMaker", "version": 1}', "it lacks something"),
        ('{"kind": "sagemaker-async embedded SageMaker", "version": 2}', "upgrade sagemaker-async"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_and_left_alone(file: Path, content: str, said: str) -> None:
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=said) as refused:
        LocalSageMaker(state=file)
    assert str(file) in str(refused.value)
    assert file.read_text() == content


async def test_every_broken_file_is_a_configuration_error(file: Path) -> None:
    async with LocalSageMaker(state=file) as local, Session(**local.client_options) as session:
        await create(session)
        await session.hosting.list_endpoints()
    whole = json.loads(file.read_text())
    for path in _paths(whole):
        content = json.loads(json.dumps(whole))
        inner = content
        for key in path[:-1]:
            inner = inner[key]
        del inner[path[-1]]
        file.write_text(json.dumps(content))
        try:
            LocalSageMaker(state=file)
        except ConfigurationError as error:
            assert str(file) in str(error)  # noqa: PT017 - it may be absent as well


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, member in members for found in [(*path, key), *_paths(member, (*path, key))]]


async def test_another_region_and_a_directory_are_refused(file: Path) -> None:
    async with LocalSageMaker(state=file):
        pass
    with pytest.raises(ConfigurationError, match="us-east-1"):
        LocalSageMaker(state=file, region="eu-west-1")
    for path in (file.parent, file.parent / "none" / "state.json"):
        with pytest.raises(ConfigurationError, match="existing directory"):
            LocalSageMaker(state=path)


async def test_a_file_that_cannot_be_written_is_logged_and_does_not_disturb(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with LocalSageMaker(state=file) as local, Session(**local.client_options) as session:
        await create(session)
        content = file.read_text()

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "replace", full)
        await session.hosting.delete_endpoint_config(endpoint_config_name="e")
    assert "No space left on device" in caplog.text
    assert file.read_text() == content
    assert os.listdir(file.parent) == [file.name]  # noqa: PTH208
