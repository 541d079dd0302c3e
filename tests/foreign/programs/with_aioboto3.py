"""A small service written for aioboto3: one session, a client of each kind, a prediction, a stream, an error."""

import asyncio

import aioboto3
from botocore.config import Config
from botocore.exceptions import ClientError


async def main():
    session = aioboto3.Session(region_name="us-east-1")
    config = Config(retries={"total_max_attempts": 2, "mode": "standard"}, read_timeout=30)
    async with session.client("sagemaker") as control:
        page = await control.list_endpoints(SortBy="Name", SortOrder="Ascending", MaxResults=3)
        names = [each["EndpointName"] for each in page["Endpoints"]]
        print(names, control.meta.region_name)
        state = await control.describe_endpoint(EndpointName=names[0])
        print(state["EndpointStatus"], type(state["CreationTime"]).__name__)
    async with session.client("sagemaker-runtime", config=config) as runtime:
        response = await runtime.invoke_endpoint(EndpointName="lines", Body=b"1", ContentType="text/csv")
        print(await response["Body"].read(), response["ResponseMetadata"]["HTTPStatusCode"])
        response = await runtime.invoke_endpoint_with_response_stream(EndpointName="poem", Body=b"{}")
        parts = [event["PayloadPart"]["Bytes"] async for event in response["Body"]]
        print(b"".join(parts))
        try:
            await runtime.invoke_endpoint(EndpointName="broken", Body=b"1")
        except runtime.exceptions.ModelError as error:
            print(error.response["OriginalMessage"])
        results = await asyncio.gather(
            *(runtime.invoke_endpoint(EndpointName=name, Body=b"1") for name in ("lines", "nobody")),
            return_exceptions=True,
        )
        print([isinstance(result, ClientError) for result in results])
    print(session.region_name)


if __name__ == "__main__":
    asyncio.run(main())
