"""A deployment script: create, wait, describe, list over pages, update, tag, delete, and what goes wrong on the way."""

import asyncio
from contextlib import AsyncExitStack
from datetime import datetime, timedelta, timezone

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import ClientError, OperationNotPageableError, ParamValidationError, WaiterError

ROLE = "arn:aws:iam::123456789012:role/hosting"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/model:1"
SOON = {"Delay": 0, "MaxAttempts": 5}


async def deploy(client, name, count):
    """Create a model, a configuration and an endpoint, and wait for it."""
    await client.create_model(
        ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE, "Environment": {"MODE": "fast"}}
    )
    await client.create_endpoint_config(
        EndpointConfigName=f"{name}-1",
        ProductionVariants=[
            {"VariantName": "all", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": count}
        ],
    )
    created = await client.create_endpoint(
        EndpointName=name, EndpointConfigName=f"{name}-1", Tags=[{"Key": "team", "Value": name}]
    )
    await client.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig=SOON)
    return created["EndpointArn"]


async def show_pages(client):
    """List in all the ways there are."""
    paginator = client.get_paginator("list_endpoints")
    fields = {"SortBy": "Name", "SortOrder": "Ascending"}
    async for page in paginator.paginate(**fields, PaginationConfig={"PageSize": 2}):
        print([each["EndpointName"] for each in page["Endpoints"]], "NextToken" in page)
    some = paginator.paginate(**fields, PaginationConfig={"MaxItems": 3, "PageSize": 2})
    print([each["EndpointName"] async for page in some for each in page["Endpoints"]], some.resume_token is not None)
    rest = paginator.paginate(**fields, PaginationConfig={"StartingToken": some.resume_token})
    print([each["EndpointName"] for each in (await rest.build_full_result())["Endpoints"]])
    print([name async for name in paginator.paginate(**fields).search("Endpoints[].EndpointName")])
    print(client.can_paginate("list_endpoints"), client.can_paginate("describe_endpoint"))
    try:
        client.get_paginator("describe_endpoint")
    except OperationNotPageableError as error:
        print(error)


async def show_refusals(client):
    """Make what cannot work and print what is raised."""
    try:
        await client.describe_endpoint(EndpointName="nobody")
    except ClientError as error:
        print(
            error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"], error.operation_name
        )
    try:
        await client.create_endpoint(EndpointName="one")
    except ParamValidationError as error:
        print(error)
    try:
        await client.create_endpoint(EndpointName="one", EndpointConfigName="one-1")
    except ClientError as error:
        print(error.response["Error"]["Code"])
    try:
        await client.get_waiter("endpoint_in_service").wait(EndpointName="nobody", WaiterConfig=SOON)
    except WaiterError as error:
        print(error, error.last_response["Error"]["Code"])
    for wrong in (lambda: client.get_waiter("endpoint_on_fire"), lambda: client.get_paginator("list_everything")):
        try:
            wrong()
        except (ValueError, KeyError) as error:
            print(type(error).__name__, error)


async def main():
    async with AsyncExitStack() as stack:
        config = AioConfig(retries={"max_attempts": 2, "mode": "standard"}, max_pool_connections=4)
        opened = get_session().create_client("sagemaker", region_name="us-east-1", config=config)
        client = await stack.enter_async_context(opened)
        for count, name in enumerate(("one", "two", "three", "four"), start=1):
            print(await deploy(client, name, count))

        described = await client.describe_endpoint(EndpointName="two")
        print(described["EndpointStatus"], described["ProductionVariants"][0]["CurrentInstanceCount"])
        age = datetime.now(timezone.utc) - described["CreationTime"]
        print(timedelta(minutes=-1) < age < timedelta(minutes=5), sorted(described))
        recent = await client.list_endpoints(CreationTimeAfter=datetime(2020, 1, 1), MaxResults=10)
        print(len(recent["Endpoints"]), recent["ResponseMetadata"]["HTTPStatusCode"])
        print(len((await client.list_endpoints(CreationTimeBefore="2020-01-01T00:00:00Z"))["Endpoints"]))
        await show_pages(client)
        await show_refusals(client)

        tags = await client.list_tags(ResourceArn=described["EndpointArn"])
        print(tags["Tags"])
        await client.update_endpoint(EndpointName="two", EndpointConfigName="three-1")
        await client.get_waiter("endpoint_in_service").wait(EndpointName="two", WaiterConfig=SOON)
        print((await client.describe_endpoint(EndpointName="two"))["EndpointConfigName"])
        await asyncio.gather(*(client.delete_endpoint(EndpointName=name) for name in ("one", "two", "three", "four")))
        for name in ("one", "two", "three", "four"):
            await client.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig=SOON)
        print((await client.list_endpoints(NameContains="o"))["Endpoints"])


if __name__ == "__main__":
    asyncio.run(main())
