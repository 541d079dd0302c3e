"""Running the programs of `programs` and of the migration guide: as they are, or with their imports changed to ours.

Two libraries cannot be installed beside aiobotocore: aioboto3, which pins an older one, and the SageMaker SDK. What
their programs print is recorded in `programs/recorded.json`, with the hash of the text that printed it, by ::

    python tests/foreign/running.py with_aioboto3 aioboto3                    # where aioboto3 is installed
    python tests/foreign/running.py "From the SageMaker SDK" sagemaker        # where sagemaker 2 is
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import hashlib
import inspect
import io
import json
import logging
import os
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from sagemaker_async.local import (
    InStreamError,
    LocalSageMaker,
    ModelFailure,
    ModelResponse,
    PartSize,
    Status,
    TextModel,
)
from sagemaker_async.local.embedded import EmbeddedSageMaker

HERE = Path(__file__).parent
PROGRAMS = ("invoking", "streaming", "managing")
"""Written for aiobotocore."""
RECORDED = HERE / "programs" / "recorded.json"
GUIDE = HERE.parents[1] / "sagemaker_async" / "compat" / "GUIDE.md"

OURS = {
    "from aiobotocore.config import AioConfig\nfrom aiobotocore.session import get_session\n": (
        "from sagemaker_async.compat.aiobotocore import AioConfig, get_session\n"
    ),
    "from aiobotocore.session import get_session\n": ("from sagemaker_async.compat.aiobotocore import get_session\n"),
    "import aioboto3\n": "from sagemaker_async.compat import aioboto3\n",
}
"""The imports of the programs, and what they are changed to."""


def source_of(name: str) -> str:
    """Return the text of a program: of `programs`, or the one before the move in a chapter of the guide."""
    if name.startswith("From "):
        return chapter(name)[0]
    return (HERE / "programs" / f"{name}.py").read_text()


def with_our_import(text: str) -> str:
    """Return a program with nothing but its imports changed to ours."""
    theirs = next(theirs for theirs in OURS if theirs in text)
    return text.replace(theirs, OURS[theirs])


def chapter(name: str) -> list[str]:
    """Return the programs in a chapter of the guide: the one before the move, and the one after it."""
    text = GUIDE.read_text().partition(f"## {name}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```py(?:thon)?\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def served(local: EmbeddedSageMaker) -> None:
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
    local.add_endpoint("my-endpoint", TextModel())
    local.objects["s3://in/put"] = b"abc"


@contextlib.contextmanager
def environment(local: EmbeddedSageMaker) -> Iterator[None]:
    """Let programs find the embedded SageMaker as they would find AWS."""
    kept = dict(os.environ)
    for name in list(os.environ):
        if name.startswith("AWS_"):
            del os.environ[name]
    os.environ |= {
        "AWS_ENDPOINT_URL": local.url,
        "AWS_DEFAULT_REGION": "us-east-1",
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


def output_of(text: str, *, empty: bool = False) -> str:
    """Run a program against an embedded SageMaker of its own and return what it prints.

    Args:
        text: the program; it has a coroutine `main`, or awaits at its top level, or neither.
        empty: whether there are no endpoints.
    """
    namespace: dict[str, Any] = {"__name__": "program"}
    code = compile(text, "program", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)

    async def run() -> None:
        ran = eval(code, namespace)
        if inspect.isawaitable(ran):
            await ran
        if "main" in namespace:
            await namespace["main"]()

    printed = io.StringIO()
    with LocalSageMaker.in_thread() as local:
        if not empty:
            served(local)
        with environment(local), contextlib.redirect_stdout(printed):
            asyncio.run(run(), debug=True)
    return printed.getvalue()


def recording_of(name: str) -> dict[str, str]:
    """Return what was recorded of a program."""
    return json.loads(RECORDED.read_text())[name]  # type: ignore[no-any-return]


def hash_of(text: str) -> str:
    """Return the hash that a recording is kept with."""
    return hashlib.sha256(text.encode()).hexdigest()


def main(name: str, library: str) -> None:
    """Record what a program prints."""
    text = source_of(name)
    recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    logging.disable(logging.INFO)  # the SDK's go to where the program prints
    by = f"{library} {metadata.version(library)}"
    recorded[name] = {"by": by, "program": hash_of(text), "printed": output_of(text)}
    RECORDED.write_text(json.dumps(recorded, indent=2) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
