"""Calls a SageMaker while an audit hook notes what blocks, and writes down what did so on the event loop's thread.

Run by `test_loop_never_blocked`, in a process of its own because audit hooks cannot be removed. The environment says
where the endpoint, the authorities and the credentials are. The argument is a JSON object: `credentials` to pass some
in code, and `block` to do on purpose what the hook has to notice.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

from sagemaker_async import Credentials, Predictor, RetryConfig, Session
from sagemaker_async.deserializers import JSONDeserializer
from sagemaker_async.errors import RequestValidationError
from sagemaker_async.integrations.openai import OpenAITokens, openai_base_url
from sagemaker_async.iterators import LineIterator
from sagemaker_async.serializers import JSONSerializer

WATCHED = {
    "import",
    "open",
    "os.listdir",
    "os.scandir",
    "socket.connect",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "subprocess.Popen",
}


class Watch:
    """An audit hook that is on inside its ``with`` block."""

    def __init__(self) -> None:
        self.on_loop: list[str] = []
        """What happened on the main thread, where the event loop runs, and where it came from."""
        self.elsewhere: set[str] = set()
        self._watching = False
        sys.addaudithook(self._audit)

    def __enter__(self) -> None:
        self._watching = True

    def __exit__(self, *_: object) -> None:
        self._watching = False

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._watching or event not in WATCHED:
            return
        # asyncio connects on the loop's thread, by a call that returns at once; what blocks is a connect that waits.
        if event == "socket.connect" and arguments[0].gettimeout() == 0:
            return
        if threading.current_thread() is threading.main_thread():
            self.on_loop.append(f"{event} {arguments[:1]!r}\n{_callers()}")
        else:
            self.elsewhere.add(event)


def _callers() -> str:
    """Return where an event comes from, without the source lines: to read those would be another event."""
    frame = sys._getframe(2)
    lines = []
    while (caller := frame.f_back) is not None and len(lines) < 14:
        lines.append(f"    {frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}")
        frame = caller
    return "\n".join(lines)


async def call_everything(session: Session, file: BinaryIO) -> None:
    predictor = Predictor("echo", session, JSONSerializer(), JSONDeserializer())
    assert await predictor.predict({"a": 1}) == {"a": 1}
    large = {"text": "x" * 3_000_000}
    assert await predictor.predict(large) == large
    async with predictor.predict_stream([1, 2, 3], iterator=LineIterator) as lines:
        assert [line async for line in lines] == [b"[1, 2, 3]"]
    async with session.runtime.invoke_endpoint_with_response_stream(endpoint_name="echo", body=b"part") as response:
        assert [event async for event in response.body]
    queued = await session.runtime.invoke_endpoint_async(endpoint_name="echo", body=b"queued")
    assert queued.output_location
    assert (await session.runtime.invoke_endpoint(endpoint_name="echo", body=file)).body
    await asyncio.gather(*(predictor.predict({"call": number}) for number in range(20)))


async def make_tokens(session: Session) -> None:
    """The first that is asked of the session: its settings and credentials are read for it."""
    tokens = OpenAITokens(session)
    assert len({await tokens() for _ in range(3)}) == 1
    assert openai_base_url(session, "echo").endswith("/endpoints/echo/openai/v1")


async def be_refused(session: Session) -> None:
    """The first refusal, which wants the models."""
    refused = False
    try:
        await Predictor("echo", session).predict(b"x", target_variant="no/name")
    except RequestValidationError:
        refused = True
    assert refused


def block() -> None:
    Path(__file__).read_bytes()
    with socket.socket() as listener, socket.socket() as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client.connect(listener.getsockname())


async def main() -> None:
    asked = json.loads(sys.argv[1])
    options: dict[str, Any] = {"credentials": Credentials(*asked["credentials"])} if "credentials" in asked else {}
    watch = Watch()
    with Path(__file__).open("rb") as file, watch:
        async with Session(retry=RetryConfig(base_delay=0), **options) as session:
            await make_tokens(session)
            await be_refused(session)
            await call_everything(session, file)
            if "block" in asked:
                block()
    sys.stdout.write(json.dumps({"on_loop": watch.on_loop, "elsewhere": sorted(watch.elsewhere)}))


asyncio.run(main())
