"""A scoring service's client: many invocations at once, retries, every kind of refusal, an asynchronous inference."""

import asyncio
import json

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

CONFIG = AioConfig(
    connect_timeout=3,
    read_timeout=20,
    max_pool_connections=8,
    retries={"total_max_attempts": 3, "mode": "standard"},
    connector_args={"keepalive_timeout": 10},
)


async def score(client, gate, row):
    """Score one row and return what the model made of it."""
    async with gate:
        response = await client.invoke_endpoint(
            EndpointName="scores",
            Body=json.dumps({"row": row}),
            ContentType="application/json",
            Accept="application/json",
            CustomAttributes=f"row={row}",
            InferenceId=f"id-{row}",
        )
        async with response["Body"] as body:
            answer = json.loads(await body.read())
    return (
        answer["score"],
        response["ContentType"],
        response.get("CustomAttributes"),
        response["InvokedProductionVariant"],
    )


async def show_body(client):
    """Read a body in all the ways there are."""
    calls = [await client.invoke_endpoint(EndpointName="lines", Body=b"x") for _ in range(5)]
    bodies = [call["Body"] for call in calls]
    print(await bodies[0].read(3), await bodies[0].read(), await bodies[0].read(), bodies[0].tell())
    print([line async for line in bodies[1].iter_lines()])
    print([chunk async for chunk in bodies[2].iter_chunks(4)])
    print(await bodies[3].readlines())
    print([chunk async for chunk in bodies[4]])


async def show_refusals(client):
    """Make what cannot work and print what is raised."""
    try:
        await client.invoke_endpoint(EndpointName="broken", Body=b"1")
    except client.exceptions.ModelError as error:
        details = error.response
        print("model:", details["OriginalStatusCode"], details["OriginalMessage"], details["Error"]["Code"])
        print("status", details["ResponseMetadata"]["HTTPStatusCode"], details["LogStreamArn"].split(":")[2])
        print(isinstance(error, ClientError), error.operation_name, sorted(details))
    try:
        await client.invoke_endpoint(EndpointName="nobody", Body=b"1")
    except ClientError as error:
        print(type(error).__name__, error.response["Error"])
    for fields in ({"EndpointName": "scores"}, {"EndpointName": "scores", "Body": b"", "Colour": "red"}, {"Body": 1}):
        try:
            await client.invoke_endpoint(**fields)
        except ParamValidationError as error:
            print(isinstance(error, BotoCoreError), str(error).splitlines())
    try:
        await client.invoke_endpoint("scores", b"1")
    except TypeError as error:
        print(error)


async def main():
    async with get_session().create_client("sagemaker-runtime", region_name="us-east-1", config=CONFIG) as client:
        gate = asyncio.Semaphore(4)
        for result in await asyncio.gather(*(score(client, gate, row) for row in range(12))):
            print(*result)
        await show_body(client)
        await show_refusals(client)

        response = await client.invoke_endpoint(EndpointName="moody", Body=b"again")
        metadata = response["ResponseMetadata"]
        print(metadata["HTTPStatusCode"], metadata["RetryAttempts"], await response["Body"].read())
        print(metadata["RequestId"] == metadata["HTTPHeaders"]["x-amzn-requestid"], sorted(response))
        try:
            await client.invoke_endpoint(EndpointName="down", Body=b"1")
        except client.exceptions.ServiceUnavailable as error:
            print(error.response["Error"]["Code"], error.response["ResponseMetadata"]["RetryAttempts"])
            print("reached max retries: 2" in str(error))

        queued = await client.invoke_endpoint_async(
            EndpointName="lines", InputLocation="s3://in/put", InferenceId="mine"
        )
        print(queued["ResponseMetadata"]["HTTPStatusCode"], queued["InferenceId"], queued["OutputLocation"][:5])
        print(client.meta.region_name, client.meta.service_model.service_name, client.meta.config.read_timeout)
    try:
        await client.invoke_endpoint(EndpointName="scores", Body=b"1")
    except BotoCoreError as error:
        print(type(error).__name__)


if __name__ == "__main__":
    asyncio.run(main())
