"""What hosting costs those who do not use it, and what its first call does on the loop's thread: next to nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("pydantic", "sagemaker_async.aws.shapes.models", "sagemaker_async.hosting.unmodelled")
SHAPES = "sagemaker_async.hosting.generated.shapes."


def output_of(program: str, home: Path) -> str:
    environ = {"HOME": str(home), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("program", "has_client"),
    [
        ("import sagemaker_async; sagemaker_async.Predictor, sagemaker_async.Session(region='us-east-1')", False),
        ("import sagemaker_async; sagemaker_async.Session(region='us-east-1').hosting", True),
        ("import sagemaker_async; sagemaker_async.Session(region='us-east-1').hosting.iter_endpoints()", True),
        ("import sagemaker_async.hosting.client", True),
    ],
)
def test_the_shapes_are_not_imported_before_the_first_call(program: str, has_client: bool, tmp_path: Path) -> None:
    imported = output_of(f"{program}\nimport sys\nprint(*sys.modules)", tmp_path).split()
    assert ("sagemaker_async.hosting.client" in imported) is has_client
    assert not [name for name in imported if name in HEAVY or name.startswith(SHAPES)]


ONE_CALL = """
import asyncio, sys
from sagemaker_async import Session, StubResponse, StubTransport

async def main():
    async with Session(transport=StubTransport(otherwise=StubResponse.json({}))) as session:
        await session.hosting.%s
    from sagemaker_async.aws.protocols.structures import RequestStructure, ResponseStructure
    from sagemaker_async.hosting.generated import shapes
    print(len(RequestStructure.__subclasses__()), len(ResponseStructure.__subclasses__()), len(dir(shapes)))

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("call", "most_in_requests", "most_in_responses"),
    [
        ("describe_endpoint(endpoint_name='e')", 0, 45),
        ("list_models()", 0, 45),
        ("add_tags(resource_arn='arn:aws:sagemaker:us-east-1:123456789012:model/m', tags=[])", 10, 2),
        ("call('DescribeTrainingJob', {'TrainingJobName': 'j'})", 0, 0),
    ],
)
def test_a_call_imports_a_fraction_of_the_structures(
    call: str, most_in_requests: int, most_in_responses: int, tmp_path: Path
) -> None:
    in_requests, in_responses, names = map(int, output_of(ONE_CALL % call, tmp_path).split())
    assert names > 300
    assert in_requests <= most_in_requests
    assert in_responses <= most_in_responses


FIRST_CALL = """
import asyncio, concurrent.futures.thread, json, sys, threading
from sagemaker_async import Session, StubResponse, StubTransport
from sagemaker_async.aws.shapes import response_schema
import pydantic.main
from pydantic_core import SchemaValidator

loops_thread = threading.get_ident()
imported, built = [], []

def audit(event, arguments):
    if event == "import" and watching and threading.get_ident() == loops_thread:
        imported.append(arguments[0])

complete = pydantic.main._model_construction.complete_model_class

def observed(cls, *arguments, **keywords):
    if watching and threading.get_ident() == loops_thread and not cls.__pydantic_complete__:
        built.append(cls.__name__)
    return complete(cls, *arguments, **keywords)

def validator(*arguments):
    if watching and threading.get_ident() == loops_thread:
        built.append(arguments)
    return SchemaValidator(*arguments)

watching = False
sys.addaudithook(audit)

async def main():
    global watching
    stub = StubTransport(otherwise=StubResponse.json({"EndpointName": "e", "Endpoints": [{"EndpointName": "e"}]}))
    async with Session(transport=stub) as session:
        await session.runtime.invoke_endpoint(endpoint_name="e", body=b"")  # opens the session
        hosting = session.hosting
        pydantic.main._model_construction.complete_model_class = observed
        response_schema.SchemaValidator = validator
        watching = True
        await hosting.describe_endpoint(endpoint_name="e")
        await asyncio.gather(*(hosting.list_endpoints() for _ in range(5)))
        await hosting.call("DescribeTrainingJob", {"TrainingJobName": "j"})
        watching = False
    print(json.dumps([imported, built, "botocore" in sys.modules]))

asyncio.run(main())
"""


def test_the_first_call_imports_and_builds_off_the_loops_thread(tmp_path: Path) -> None:
    assert json.loads(output_of(FIRST_CALL, tmp_path)) == [[], [], False]


PREDICTORS_CALLS = """
import asyncio, json, sys, threading
from sagemaker_async import Predictor, Session, StubResponse, StubTransport

loops_thread = threading.get_ident()
imported = []
watching = False

def audit(event, arguments):
    if event == "import" and watching and threading.get_ident() == loops_thread:
        imported.append(arguments[0])

sys.addaudithook(audit)

async def main():
    global watching
    arn = "arn:aws:sagemaker:us-east-1:123456789012:endpoint"
    variant = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    config = {"EndpointConfigName": "c", "EndpointConfigArn": f"{arn}-config/c", "ProductionVariants": [variant]}
    endpoint = {"EndpointName": "e", "EndpointArn": f"{arn}/e", "EndpointStatus": "InService", "LastModifiedTime": 1.0}
    endpoint["CreationTime"] = 1.0
    answer = config | endpoint | {"InferenceComponents": [], "MonitoringScheduleSummaries": [], "ContextSummaries": []}
    stub = StubTransport(otherwise=StubResponse.json(answer))
    async with Session(transport=stub) as session:
        await Predictor("e", session).predict(b"")  # opens the session
        watching = True
        %s
        watching = False
    print(json.dumps([imported, len(stub.requests) > 1]))

asyncio.run(main())
"""


@pytest.mark.parametrize(
    "call",
    [
        "delete_endpoint()",
        "delete_model()",
        "delete_predictor()",
        "disable_data_capture(wait=False)",
        "endpoint_context()",
        "list_monitors()",
        "list_related_models()",
        "update_data_capture_config(None, wait=False)",
        "update_endpoint(kms_key='k', wait=False)",
    ],
)
def test_what_a_predictor_does_in_the_control_plane_is_imported_off_the_loops_thread(call: str, tmp_path: Path) -> None:
    program = PREDICTORS_CALLS % f"await Predictor('e', session).{call}"
    assert json.loads(output_of(program, tmp_path)) == [[], True]
