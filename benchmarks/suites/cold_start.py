"""A fresh process, from its start to its first answer: CPU time, wall time, memory, modules loaded.

Region and credentials are explicit, as in a container that is told them. The floor imports what sagemaker_async
depends on and posts once. pydantic imports next to nothing until a model is made, so there is a second floor, which
makes one: no client whose requests are pydantic models can be below it.
"""

from __future__ import annotations

import itertools
import json
import sys
import time

from benchmarks.measure import TLS, Result, Run, output_of

__all__ = ["run"]

_POST = """
async def main(url):
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{url}/endpoints/r300-d0/invocations", data=b"x" * 300) as response:
            assert len(await response.read()) == 300
asyncio.run(main(sys.argv[1]))
"""
_KEYS = 'aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="secret", aws_session_token="t" * 300'

PROGRAMS = {
    "ours": """
import asyncio, sys
from sagemaker_async import Credentials, Predictor, Session
async def main(url):
    credentials = Credentials("AKIDEXAMPLE", "secret", "t" * 300)
    async with Session(region="us-east-1", endpoint_url=url, credentials=credentials) as session:
        assert len(await Predictor("r300-d0", session).predict(b"x" * 300)) == 300
asyncio.run(main(sys.argv[1]))
""",
    "aiohttp + a pydantic model": (
        "import asyncio, sys\nimport aiohttp\nfrom pydantic import BaseModel\n"
        "class Request(BaseModel):\n    endpoint_name: str\nRequest(endpoint_name='e')" + _POST
    ),
    "boto3": f"""
import sys, boto3
client = boto3.client("sagemaker-runtime", region_name="us-east-1", endpoint_url=sys.argv[1], {_KEYS})
assert len(client.invoke_endpoint(EndpointName="r300-d0", Body=b"x" * 300)["Body"].read()) == 300
""",
    "aiohttp": "import asyncio, sys\nimport aiohttp" + _POST,
    "aiohttp + pydantic": "import asyncio, sys\nimport aiohttp, pydantic" + _POST,
    "aiobotocore": f"""
import asyncio, sys
from aiobotocore.session import get_session
async def main(url):
    options = dict(region_name="us-east-1", endpoint_url=url, {_KEYS})
    async with get_session().create_client("sagemaker-runtime", **options) as client:
        response = await client.invoke_endpoint(EndpointName="r300-d0", Body=b"x" * 300)
        async with response["Body"] as body:
            assert len(await body.read()) == 300
asyncio.run(main(sys.argv[1]))
""",
}
"""Programs whose first argument is the server's URL; those that ours is to be compared with run next to it."""
NEEDS = {"aiobotocore": "aiobotocore", "boto3": "boto3 in threads"}
"""Programs that need a package, and the contestant that does as well."""
JAVASCRIPT = "AWS SDK for JavaScript"
PROCESSES = 4
"""In each round, of which the median counts: they live for a moment, which anything else on the machine can spoil."""

_FIGURES = """
import json, resource, time
answered, cpu = time.monotonic(), time.process_time()
with open("/proc/self/statm") as statm:
    rss = int(statm.read().split()[1]) * resource.getpagesize()
modules = len(sys.modules)
wall = answered - float(sys.argv[2])
print(json.dumps({"cpu": cpu * 1e6, "wall": wall * 1e6, "rss": rss, "modules": modules}))
"""


def run(run: Run) -> list[Result]:
    """Return one result for each kind of connection, TLS first."""
    names = [name for name in PROGRAMS if NEEDS.get(name, "ours") in run.commands]
    if JAVASCRIPT in run.commands:
        names.append(JAVASCRIPT)
    results: list[Result] = []
    for url, variables in ((run.server.tls_url, run.server.trust), (run.url, {})):
        result = Result("cold_start", f"{TLS if variables else ''}explicit region and credentials", "process")
        print(f"  {result.name}", file=sys.stderr, flush=True)
        for turn in range(run.rounds + 1):
            processes = Result("", "", "")
            for _, name in itertools.product(range(PROCESSES if turn else 1), names):
                processes.add(name, json.loads(output_of(_command(run.commands, name, url), **variables)))
            if turn:  # in the first, modules are compiled
                for name in names:
                    result.add(name, processes.values[name])
        results.append(result)
    return results


def _command(commands: dict[str, list[str]], name: str, url: str) -> list[str]:
    """Return the command of a program that is started now."""
    if name == JAVASCRIPT:
        scenario = {"kind": "cold", "endpoint": "r300-d0", "body": 300, "started": time.monotonic()}
        return [*commands[name], url, json.dumps(scenario)]
    return [sys.executable, "-c", PROGRAMS[name] + _FIGURES, url, str(time.monotonic())]
