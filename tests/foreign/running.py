"""Running the programs of `programs`: as they are, or with nothing but their imports changed to ours.

``python -m tests.foreign.running NAME`` runs one as it is and prints what it prints, for the programs whose library
cannot be installed beside the others: aioboto3 pins an older aiobotocore, so that what its program prints was recorded
in an environment of its own (`RECORDED`).
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sagemaker_async.local import InStreamError, LocalSageMaker, ModelFailure, ModelResponse, PartSize, Status

HERE = Path(__file__).parent
PROGRAMS = ("invoking", "streaming", "managing")
"""Written for aiobotocore."""
RECORDED = HERE / "programs" / "with_aioboto3.txt"

OURS = {
    "from aiobotocore.config import AioConfig\nfrom aiobotocore.session import get_session\n": (
        "from sagemaker_async.compat.aiobotocore import AioConfig, get_session\n"
    ),
    "import aioboto3\n": "from sagemaker_async.compat import aioboto3\n",
}
"""The imports of the programs, and what they are changed to."""


def source_of(name: str, *, ours: bool) -> str:
    """Return the text of a program."""
    text = (HERE / "programs" / f"{name}.py").read_text()
    if ours:
        changed = [theirs for theirs in OURS if theirs in text]
        assert len(changed) == 1
        text = text.replace(changed[0], OURS[changed[0]])
    return text


def served(local: LocalSageMaker) -> None:
    """Add the endpoints that the programs call."""

    def scores(body: bytes, request: Any) -> ModelResponse:
        row = int(request.custom_attributes.partition("=")[2])
        return ModelResponse(b'{"score": %d}' % (row * row), "application/json", custom_attributes=request.inference_id)

    def broken(body: bytes) -> bytes:
        raise ModelFailure(500, "out of memory")

    story = b'{"token": "Once "}\n{"token": "upon "}\n{"token": "a time"}\n'
    local.add_endpoint("scores", scores)
    local.add_endpoint("lines", lambda body: b"first\nsecond\r\n\nlast")
    local.add_endpoint("broken", broken)
    local.add_endpoint("moody", lambda body: body).faults.append(Status(503, "ServiceUnavailable"))
    local.add_endpoint("down", lambda body: body).faults.extend([Status(503, "ServiceUnavailable")] * 3)
    local.add_endpoint("story", lambda body: ModelResponse(iter([story]), "application/jsonlines")).faults.append(
        PartSize(5)
    )
    local.add_endpoint("poem", lambda body: iter(['{"token": "schön"}'.encode()]))
    local.add_endpoint("breaking", lambda body: iter([b"a", b"b", b"c"])).faults.append(
        InStreamError("ModelStreamError", "StreamBroken", "the container died", after_parts=2)
    )
    local.objects["s3://in/put"] = b"abc"


@contextlib.contextmanager
def environment(url: str, local: LocalSageMaker) -> Iterator[None]:
    """Let programs find the embedded SageMaker as they would find AWS."""
    kept = dict(os.environ)
    for name in list(os.environ):
        if name.startswith("AWS_"):
            del os.environ[name]
    os.environ |= {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": local.credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": local.credentials.secret_access_key,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    if local.credentials.session_token is not None:
        os.environ["AWS_SESSION_TOKEN"] = local.credentials.session_token
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


async def output_of(name: str, *, ours: bool) -> str:
    """Run a program against an embedded SageMaker of its own and return what it prints."""
    namespace: dict[str, Any] = {"__name__": "program"}
    exec(compile(source_of(name, ours=ours), f"{name}.py", "exec", dont_inherit=True), namespace)
    printed = io.StringIO()
    async with LocalSageMaker() as local:
        served(local)
        if name == "managing":
            for endpoint in list(local.endpoints):
                local.remove_endpoint(endpoint)
        with environment(local.url, local), contextlib.redirect_stdout(printed):
            await namespace["main"]()
    return printed.getvalue()


if __name__ == "__main__":
    sys.stdout.write(asyncio.run(output_of(sys.argv[1], ours=False)))
