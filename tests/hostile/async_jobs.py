"""Many asynchronous jobs at once, some of which fail: every result is accounted for, and what the poller asked is said.

``python -m tests.hostile.async_jobs --jobs 1000`` submits a thousand jobs to the embedded SageMaker, whose objects any
S3 client reads, and again with moto's S3 server in between (``--s3 moto``). Half of the jobs are awaited where they
were submitted; the others are left to a process that is killed, and awaited by another from their JSON. The exit status
is 1 when a result is missing, wrong, or there twice.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagemaker_async import AsyncInferenceJob, AsyncPredictor, Credentials, Predictor, Session
from sagemaker_async.async_inference import as_completed
from sagemaker_async.async_inference.poller import Poller
from sagemaker_async.deserializers import JSONDeserializer
from sagemaker_async.errors import AsyncInferenceModelError, SageMakerAsyncError
from sagemaker_async.local import AsyncInference, LocalSageMaker, ModelFailure
from sagemaker_async.serializers import JSONSerializer

__all__ = ["Account", "account_of_jobs"]

FAILING = 0.05
BUCKET = "async-jobs"


@dataclass
class Account:
    """What became of the jobs."""

    results: int = 0
    failures: int = 0
    wrong: int = 0
    """Results that were not the job's own."""
    missing: int = 0
    """Jobs without a result or a failure."""
    seconds: float = 0.0
    looked: int = 0
    """How many requests the pollers made of S3."""
    in_the_other_process: int = 0
    """How many of the results and failures another process found, from the JSON of jobs whose process was killed."""
    left_tasks: int = 0
    errors: Counter[str] = field(default_factory=Counter)


def number_of(body: bytes) -> int:
    return int(json.loads(body)["number"])


def fails(number: int) -> bool:
    return number % round(1 / FAILING) == 7


def model(body: bytes) -> bytes:
    number = number_of(body)
    if fails(number):
        raise ModelFailure(500, f"job {number} fails")
    return json.dumps({"square": number * number}).encode()


@contextlib.contextmanager
def moto_server() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


async def submit(session: Session, numbers: Sequence[int]) -> list[AsyncInferenceJob[Any]]:
    predictor = AsyncPredictor(Predictor("e", session, JSONSerializer(), JSONDeserializer()))
    slots = asyncio.Semaphore(64)

    async def one(number: int) -> AsyncInferenceJob[Any]:
        async with slots:
            return await predictor.predict_async({"number": number}, inference_id=f"job-{number}")

    return await asyncio.gather(*[one(number) for number in numbers])


async def collect(jobs: Sequence[AsyncInferenceJob[Any]], account: Account) -> None:
    """Await jobs as they complete, and enter each into the account."""
    waiting = {job.inference_id for job in jobs}
    async for job in as_completed(jobs, limit=300):
        waiting.discard(job.inference_id)
        number = int(str(job.inference_id).removeprefix("job-"))
        try:
            result = await job
        except AsyncInferenceModelError as error:
            right = fails(number) and error.original_message == f"job {number} fails"
            account.failures += 1
        except SageMakerAsyncError as error:
            account.errors[type(error).__name__] += 1
            account.missing += 1
            continue
        else:
            right = not fails(number) and result == {"square": number * number}
            account.results += 1
        account.wrong += not right
    account.missing += len(waiting)


OPTIONS = ("region", "endpoint_url", "endpoint_urls")


def as_argument(options: Any) -> str:
    """Return a session's options as JSON, for another process on this machine."""
    keys = options["credentials"]
    return json.dumps(
        {name: options[name] for name in OPTIONS if name in options}
        | {"credentials": [keys.access_key_id, keys.secret_access_key]}
    )


def session_of(argument: str) -> Session:
    options = json.loads(argument)
    return Session(**options | {"credentials": Credentials(*options["credentials"])})


async def submitting_child(argument: str, numbers: Sequence[int], path: Path) -> None:
    """Submit jobs, keep their JSON, begin to wait, and wait to be killed."""
    async with session_of(argument) as session:
        jobs = await submit(session, numbers)
        path.write_text("\n".join(job.to_json() for job in jobs))
        print("ready", flush=True)
        await asyncio.gather(*[job.wait(longest_delay=1e6) for job in jobs], return_exceptions=True)
        await asyncio.Event().wait()


async def resuming_child(argument: str, path: Path) -> None:
    """Await the jobs of the file, and print the account."""
    account = Account()
    async with session_of(argument) as session:
        deserializer = JSONDeserializer()
        lines = path.read_text().splitlines()
        jobs = [AsyncInferenceJob.from_json(line, session, deserializer=deserializer) for line in lines]
        await collect(jobs, account)
        account.looked = Poller.of(session).counter.requests
    print(json.dumps([account.results, account.failures, account.wrong, account.missing, account.looked]))


async def in_two_processes(argument: str, numbers: Sequence[int], account: Account) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "jobs"
        program = [sys.executable, "-m", "tests.hostile.async_jobs"]
        first = await asyncio.create_subprocess_exec(
            *program, "--submit", argument, "--numbers", ",".join(map(str, numbers)), "--file", str(path),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert first.stdout is not None
        assert await first.stdout.readline() == b"ready\n"
        first.kill()
        assert await first.wait() == -signal.SIGKILL
        second = await asyncio.create_subprocess_exec(
            *program, "--resume", argument, "--file", str(path), stdout=asyncio.subprocess.PIPE
        )
        out, _ = await second.communicate()
        results, failures, wrong, missing, looked = json.loads(out)
        account.results += results
        account.failures += failures
        account.wrong += wrong
        account.missing += missing
        account.looked += looked
        account.in_the_other_process = results + failures


async def account_of_jobs(jobs: int, *, s3_url: str | None = None, processes: bool = True) -> Account:
    """Submit and await that many jobs, half of them in other processes, and return the account."""
    account = Account()
    chance = random.Random(jobs)
    asynchronous = AsyncInference(concurrency=50, delay=lambda: chance.uniform(0.0, 1.0))
    with LocalSageMaker.in_thread(s3_url=s3_url) as local:
        places = {"async_output": f"s3://{BUCKET}/out", "async_failure": f"s3://{BUCKET}/failed"}
        local.add_endpoint("e", model, asynchronous=asynchronous, **places)
        own = list(range(jobs // 2 if processes else jobs))
        began = time.monotonic()
        async with Session(**local.client_options) as session:
            before = asyncio.all_tasks()
            submitted = await submit(session, own)
            await collect(submitted, account)
            account.looked += Poller.of(session).counter.requests
            await asyncio.sleep(0)
            account.left_tasks = len(asyncio.all_tasks() - before)
        if processes:
            await in_two_processes(as_argument(local.client_options), range(len(own), jobs), account)
        account.seconds = time.monotonic() - began
    return account


def make_bucket(url: str) -> None:
    import boto3

    options = {"region_name": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
    client = boto3.client("s3", endpoint_url=url, **options)
    client.create_bucket(Bucket=BUCKET)
    client.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=1_000)
    parser.add_argument(
        "--s3", choices=["embedded", "moto"], action="append", help="which S3; default: one, then the other"
    )
    parser.add_argument("--submit", help=argparse.SUPPRESS)
    parser.add_argument("--resume", help=argparse.SUPPRESS)
    parser.add_argument("--numbers", help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.submit:
        numbers = [int(number) for number in arguments.numbers.split(",")]
        asyncio.run(submitting_child(arguments.submit, numbers, arguments.file))
        return 0
    if arguments.resume:
        asyncio.run(resuming_child(arguments.resume, arguments.file))
        return 0
    status = 0
    for s3 in arguments.s3 or ["embedded", "moto"]:
        with contextlib.ExitStack() as stack:
            url = stack.enter_context(moto_server()) if s3 == "moto" else None
            if url is not None:
                make_bucket(url)
            account = asyncio.run(account_of_jobs(arguments.jobs, s3_url=url))
        print(
            f"{s3} S3: {arguments.jobs} jobs, {account.results} results and {account.failures} failures in "
            f"{account.seconds:.1f} s, {account.in_the_other_process} of them awaited by another process after the one "
            f"that submitted them was killed; {account.looked} requests of the pollers "
            f"({account.looked / arguments.jobs:.1f} a job); {account.wrong} wrong, {account.missing} missing, "
            f"{account.left_tasks} tasks left {dict(account.errors) or ''}"
        )
        complete = account.results + account.failures == arguments.jobs
        if not complete or account.wrong or account.missing or account.left_tasks:
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
