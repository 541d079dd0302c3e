"""How the hostile tests call: sessions that wait and repeat without delay, certificates, and the way of requests."""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest import mock

import aiohttp
import trustme

from sagemaker_async import Credentials, RetryConfig, Session, Timeouts
from sagemaker_async.errors import SageMakerAsyncError

__all__ = ["TLS", "certificates", "check_documented", "invoke", "session_for", "settle", "through_aiohttps_session"]


class TLS(NamedTuple):
    """Both sides' contexts of connections that trust each other."""

    server: ssl.SSLContext
    early: ssl.SSLContext
    """A server's that can speak first: in TLS 1.2 the last part of the handshake is its own."""
    client: ssl.SSLContext


@functools.cache
def certificates() -> TLS:
    """Return contexts for 127.0.0.1; the same ones in the whole process."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    server, early = [ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) for _ in range(2)]
    certificate.configure_cert(server)
    certificate.configure_cert(early)
    early.maximum_version = ssl.TLSVersion.TLSv1_2
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return TLS(server, early, client)


def session_for(origin: str, **fields: Any) -> Session:
    """Return a session that calls the server there and repeats at once what may be repeated."""
    return Session(
        region="us-east-1",
        endpoint_url=origin,
        credentials=Credentials("AKIDEXAMPLE", "secret"),
        **{
            "tls": certificates().client,
            "timeouts": Timeouts(first_byte=10, between_chunks=10),
            "retry": RetryConfig(base_delay=0),
            **fields,
        },
    )


async def settle() -> None:
    """Let the event loop see what has come, and what follows from it."""
    for _ in range(5):
        await asyncio.sleep(0)


async def invoke(session: Session, body: bytes) -> bytes:
    """Return what an endpoint answers to a body."""
    return (await session.runtime.invoke_endpoint(endpoint_name="e", body=body)).body


def check_documented(error: BaseException) -> None:
    """Check that an exception is one of `sagemaker_async.errors`."""
    assert isinstance(error, SageMakerAsyncError)
    assert type(error).__module__ == "sagemaker_async.errors"


@contextmanager
def through_aiohttps_session() -> Iterator[None]:
    """Have requests go through aiohttp's session, by wrapping it as instrumentation does."""
    original = aiohttp.ClientSession._request

    @functools.wraps(original)
    async def traced(*args: Any, **kwargs: Any) -> Any:
        return await original(*args, **kwargs)

    with mock.patch.object(aiohttp.ClientSession, "_request", traced):
        yield
