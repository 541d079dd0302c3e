"""`LocalSageMaker`: an HTTP server on loopback that answers as SageMaker does.

`LocalSageMaker` runs on the caller's event loop, `ThreadedLocalSageMaker` on a thread with a loop of its own; both have
the same methods, those of `sagemaker_async.local.embedded.EmbeddedSageMaker`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import ClassVar, Self

from .embedded import EmbeddedSageMaker

__all__ = ["LocalSageMaker", "ThreadedLocalSageMaker"]


class ThreadedLocalSageMaker(EmbeddedSageMaker):
    """An embedded SageMaker on a daemon thread with an event loop of its own."""

    _thread: threading.Thread | None = None
    _stop: Callable[[], object] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Listen, and return when it accepts requests; raises `OSError` when the port is taken."""
        ready: Future[Callable[[], object]] = Future()
        thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), name="local-sagemaker", daemon=True)
        thread.start()
        try:
            self._stop = ready.result()
        except BaseException:
            thread.join()
            raise
        self._thread = thread

    def close(self) -> None:
        """Do the same as `LocalSageMaker.close`, and end the thread; idempotent, from any other thread."""
        stop, self._stop = self._stop, None
        if stop is not None:
            stop()
        thread = self._thread
        if thread is not None:
            thread.join()

    async def _serve(self, ready: Future[Callable[[], object]]) -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        try:
            await self._open()
        except BaseException as error:  # noqa: BLE001 - start() raises it
            ready.set_exception(error)
            return
        ready.set_result(lambda: loop.call_soon_threadsafe(stopped.set))
        try:
            await stopped.wait()
        finally:
            await self._shut()


class LocalSageMaker(EmbeddedSageMaker):
    """An embedded SageMaker on the caller's event loop.

    async with LocalSageMaker() as local:
        local.add_endpoint("echo", lambda body: body)
        async with Session(**local.client_options) as session: ...
    """

    in_thread: ClassVar[type[ThreadedLocalSageMaker]] = ThreadedLocalSageMaker
    """The form for synchronous programs, with the same arguments: ``with LocalSageMaker.in_thread() as local: ...``."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Listen; raises `OSError` when the port is taken."""
        await self._open()

    async def close(self) -> None:
        """Stop listening, cancel what is under way, close all connections; idempotent."""
        await self._shut()
