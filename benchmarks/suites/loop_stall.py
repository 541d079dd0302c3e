"""The longest time the event loop stood still until the first answer, by where the credentials came from.

A task notes how late it is woken, once a millisecond. What a thread does holds the loop up as well, for as long as it
holds the interpreter's lock: importing botocore is the case at hand. Modules that a program imports at its top do not
count; aiobotocore's client is created inside the loop, because it cannot be created elsewhere.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Result, Run, output_of

__all__ = ["run"]

_TICKER = """
import asyncio, json, sys, time
longest = 0.0
async def tick():
    global longest
    last = time.perf_counter()
    while True:
        await asyncio.sleep(0.001)
        now = time.perf_counter()
        longest = max(longest, now - last - 0.001)
        last = now
async def main(url):
    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0.05)
    begun = time.perf_counter()
    await first_answer(url)
    answered = time.perf_counter() - begun
    await asyncio.sleep(0.005)
    ticking.cancel()
    print(json.dumps({"gap": longest * 1e6, "wall": answered * 1e6}))
asyncio.run(main(sys.argv[1]))
"""
_OURS = """
from sagemaker_async import Credentials, Predictor, Session
async def first_answer(url):
    async with Session(region="us-east-1", endpoint_url=url, credentials=%s) as session:
        await Predictor("r300-d0", session).predict(b"x" * 300)
"""
_AIOBOTOCORE = """
from aiobotocore.session import get_session
async def first_answer(url):
    options = dict(region_name="us-east-1", endpoint_url=url)
    async with get_session().create_client("sagemaker-runtime", **options) as client:
        response = await client.invoke_endpoint(EndpointName="r300-d0", Body=b"x" * 300)
        await response["Body"].read()
"""
_KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}


def run(run: Run) -> list[Result]:
    """Return one result; ``gap`` is the longest stall, ``wall`` the time of the first answer."""
    result = Result("loop_stall", "first prediction", "process")
    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder) / "credentials"
        profile.write_text("[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secret\n")
        shared = {"AWS_SHARED_CREDENTIALS_FILE": str(profile)}
        cases: dict[str, tuple[str, dict[str, str]]] = {
            "ours, explicit credentials": (_OURS % 'Credentials("AKIDEXAMPLE", "secret")', {}),
            "ours, from the environment": (_OURS % "None", _KEYS),
            "ours, from a file (imports botocore in a thread)": (_OURS % "None", shared),
        }
        if "aiobotocore" in run.commands:
            cases["aiobotocore, from a file"] = (_AIOBOTOCORE, shared)
        for turn in range(run.rounds + 1):
            for name, (program, variables) in cases.items():
                values = json.loads(output_of([sys.executable, "-c", program + _TICKER, run.url], **variables))
                if turn:  # in the first, modules are compiled
                    result.add(name, values)
    return [result]
