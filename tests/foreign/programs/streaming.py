"""A chat server's client: tokens out of response streams, left early, several at once, and broken off."""

import asyncio
import json

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import ClientError, EventStreamError

CONFIG = AioConfig(retries={"max_attempts": 0, "mode": "standard"}, read_timeout=30)


async def open_stream(client, endpoint, **fields):
    """Return the response to a prompt."""
    body = json.dumps({"inputs": "Once", "stream": True}).encode()
    return await client.invoke_endpoint_with_response_stream(
        EndpointName=endpoint, Body=body, ContentType="application/json", Accept="application/jsonlines", **fields
    )


async def lines_of(events):
    """Yield the lines of a stream, which may be cut anywhere."""
    rest = b""
    async for event in events:
        if "PayloadPart" not in event:
            print("not a part:", sorted(event))
            continue
        *lines, rest = (rest + event["PayloadPart"]["Bytes"]).split(b"\n")
        for line in lines:
            yield line
    if rest:
        yield rest


async def tell(client, endpoint):
    """Return the whole text that a model streams."""
    response = await open_stream(client, endpoint)
    return "".join([json.loads(line)["token"] async for line in lines_of(response["Body"])])


async def first_words(client, count):
    """Return the first words and leave the rest."""
    words = []
    response = await open_stream(client, "story", CustomAttributes="short")
    async for line in lines_of(response["Body"]):
        words.append(json.loads(line)["token"])
        if len(words) == count:
            break
    response["Body"].close()
    return words


async def show_failures(client):
    """Print how a stream ends that does not end well."""
    response = await open_stream(client, "breaking")
    seen = []
    try:
        async for event in response["Body"]:
            seen.append(event["PayloadPart"]["Bytes"])
    except EventStreamError as error:
        print("after", seen, error.response["Error"], error.operation_name, isinstance(error, ClientError))
    try:
        await open_stream(client, "nobody")
    except client.exceptions.ValidationError as error:
        print(error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"])
    try:
        await open_stream(client, "broken")
    except client.exceptions.ModelError as error:
        print(error.response["OriginalMessage"], error.operation_name)


async def main():
    session = get_session()
    async with session.create_client("sagemaker-runtime", region_name="us-east-1", config=CONFIG) as client:
        response = await open_stream(client, "story")
        print(response["ContentType"], response["InvokedProductionVariant"], sorted(response))
        print(response["ResponseMetadata"]["HTTPHeaders"]["content-type"])
        async for line in lines_of(response["Body"]):
            print(json.loads(line))
        print([event async for event in response["Body"]])

        print(await asyncio.gather(*(tell(client, endpoint) for endpoint in ("story", "poem", "story"))))
        print(await first_words(client, 2))
        await show_failures(client)
        print(await asyncio.wait_for(tell(client, "poem"), 20))

    stream_of = session.create_client("sagemaker-runtime", region_name="us-east-1", config=CONFIG)
    async with stream_of as second:
        print(await tell(second, "poem"))


if __name__ == "__main__":
    asyncio.run(main())
