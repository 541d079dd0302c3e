"""Predictions at once, tokens as they come, and what to do when one fails."""

import asyncio
import os
from typing import Any

from sagemaker_async import Predictor, RetryConfig, Session, Timeouts
from sagemaker_async.deserializers import JSONDeserializer
from sagemaker_async.errors import CallError, ModelError
from sagemaker_async.serializers import JSONSerializer

ENDPOINT = os.environ.get("ENDPOINT_NAME", "my-endpoint")
PROMPTS = ["The sea was", "The light was", "The city wanted"]


async def ask(predictor: Predictor[Any], prompt: str) -> str:
    try:
        answer = await predictor.predict({"inputs": prompt, "parameters": {"max_new_tokens": 12}})
    except ModelError as error:  # the container refused, or broke
        return f"the model says {error.original_status_code}: {error.original_message}"
    except CallError as error:
        return f"no answer: {error}"
    return str(answer["generated_text"])


async def main() -> None:
    timeouts = Timeouts(first_byte=30, total=60)  # seconds
    async with Session(timeouts=timeouts, retry=RetryConfig(max_attempts=5)) as session:
        await session.check()  # no region, or no credentials: better now than at the first call
        predictor = Predictor(ENDPOINT, session, JSONSerializer(), JSONDeserializer())

        answers = await asyncio.gather(*(ask(predictor, prompt) for prompt in PROMPTS))
        for prompt, answer in zip(PROMPTS, answers, strict=True):
            print(f"{prompt} ... {answer}")

        request = {"inputs": "Since then", "parameters": {"max_new_tokens": 30}, "stream": True}
        async with predictor.predict_stream(request).tokens() as stream:
            async for token in stream:
                if not token.special:
                    print(token.text, end="", flush=True)
        print()


if __name__ == "__main__":
    asyncio.run(main())
