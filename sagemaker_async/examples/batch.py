"""Ten thousand records: bounded memory, a limit that adapts to the endpoint, and one line for each, failed ones too."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

from sagemaker_async import Predictor, Session
from sagemaker_async.deserializers import JSONDeserializer
from sagemaker_async.serializers import JSONSerializer

ENDPOINT = os.environ.get("ENDPOINT_NAME", "my-endpoint")
COUNT = int(os.environ.get("COUNT", "10000"))


def records() -> Iterator[dict[str, Any]]:
    """Yield requests one by one; a file or a database would do."""
    for number in range(COUNT):
        subject = ("sea", "light", "city", "keeper")[number % 4]
        yield {"inputs": f"The {subject}", "parameters": {"max_new_tokens": 4, "seed": number}}


async def main() -> None:
    failed = 0
    async with Session() as session:
        predictor = Predictor(ENDPOINT, session, JSONSerializer(), JSONDeserializer())
        async for outcome in predictor.map(records(), on_error="return"):
            failed += not outcome.ok
            line = {"index": outcome.index, "answer": outcome.result, "error": str(outcome.error or "")}
            print(json.dumps(line))
    print(f"{COUNT - failed} answered, {failed} failed", file=sys.stderr)


if __name__ == "__main__":
    asyncio.run(main())
