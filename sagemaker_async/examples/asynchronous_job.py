"""Submit to an asynchronous endpoint, walk away, and fetch the result in another process."""

import asyncio
import os
from pathlib import Path

from sagemaker_async import AsyncPredictor, Predictor, Session
from sagemaker_async.async_inference import AsyncInferenceJob
from sagemaker_async.deserializers import JSONDeserializer
from sagemaker_async.errors import SageMakerAsyncError
from sagemaker_async.serializers import JSONSerializer

ENDPOINT = os.environ.get("ENDPOINT_NAME", "my-async-endpoint")
TICKET = Path(os.environ.get("TICKET", "job.json"))


async def submit() -> str:
    async with Session() as session:
        predictor = AsyncPredictor(Predictor(ENDPOINT, session, JSONSerializer()))
        job = await predictor.predict_async({"inputs": "The sea was", "parameters": {"max_new_tokens": 12}})
        print("submitted:", job.output_path)
        return job.to_json()


async def fetch(ticket: str) -> None:
    async with Session() as session:
        job = AsyncInferenceJob.from_json(ticket, session, deserializer=JSONDeserializer())
        try:
            answer = await job
        except SageMakerAsyncError as error:
            print("failed:", error)
        else:
            print("done:", answer["generated_text"])


if __name__ == "__main__":
    TICKET.write_text(asyncio.run(submit()))
    asyncio.run(fetch(TICKET.read_text()))  # in another process, on another day
    TICKET.unlink()
