"""Nothing that blocks runs on the event loop's thread, from ``async with Session`` to the end of the session."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from sagemaker_async.local import LocalSageMaker, Status, Throttle

PROGRAM = Path(__file__).parent / "watched_program.py"

Watched = Callable[..., Awaitable[dict[str, list[str]]]]


@pytest.fixture
async def watched(
    local: LocalSageMaker, tls_front: Callable[..., Awaitable[str]], tmp_path: Path
) -> Callable[..., Awaitable[dict[str, list[str]]]]:
    """Runs the program against `local` behind TLS, with region, authority and credentials in the files of a profile."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(server)
    origin = await tls_front(local, server)
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(bundle)
    keys = [local.credentials.access_key_id, local.credentials.secret_access_key]
    printed = tmp_path / "credentials.json"
    printed.write_text(json.dumps({"Version": 1, "AccessKeyId": keys[0], "SecretAccessKey": keys[1]}))
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(
        f"[default]\nregion = us-east-1\nca_bundle = {bundle}\ncredential_process = cat {printed}\n"
    )

    async def watched(host: str = "127.0.0.1", *, explicit: bool = False, block: bool = False) -> dict[str, list[str]]:
        environ = {
            "HOME": str(tmp_path),
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": origin.replace("127.0.0.1", host),
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        asked: dict[str, Any] = {"credentials": keys} if explicit else {}
        if block:
            asked["block"] = True
        process = await asyncio.create_subprocess_exec(
            sys.executable, PROGRAM, json.dumps(asked), env=environ, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        assert process.returncode == 0
        found: dict[str, list[str]] = json.loads(output)
        return found

    return watched


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("explicit", [True, False])
async def test_nothing_blocks_the_loop(local: LocalSageMaker, watched: Watched, host: str, explicit: bool) -> None:
    """Names are looked up in threads, files read and programs run there as well, and no module is imported late."""
    endpoint = local.add_endpoint("echo", lambda body: body)
    endpoint.faults.extend([Throttle(), Status(503, "ServiceUnavailable")])

    found = await watched(host, explicit=explicit)

    assert not found["on_loop"], "\n".join(found["on_loop"])
    expected = {"open"} | ({"socket.getaddrinfo"} if host == "localhost" else set())
    expected |= set() if explicit else {"subprocess.Popen"}
    assert expected <= set(found["elsewhere"])
    assert endpoint.requests == endpoint.invocations + 2


async def test_what_does_block_would_be_seen(local: LocalSageMaker, watched: Watched) -> None:
    local.add_endpoint("echo", lambda body: body)

    found = await watched(explicit=True, block=True)

    assert [each.split()[0] for each in found["on_loop"]] == ["open", "socket.connect"]
