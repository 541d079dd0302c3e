"""Signing a request and decoding an event stream, with no network: ours beside botocore's, which aiobotocore uses.

In this process, in turns; the floor of decoding is one CRC-32 of all bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from zlib import crc32

from benchmarks.measure import Result, Run
from sagemaker_async import Credentials
from sagemaker_async.aws.eventstream import Decoder, encode_message
from sagemaker_async.aws.http import HTTPRequest, RequestHead
from sagemaker_async.aws.signing import Signer

__all__ = ["run"]

HEADERS = {":event-type": "PayloadPart", ":content-type": "application/octet-stream", ":message-type": "event"}
NOW = 1_700_000_000.0
READ_BYTES = 65_536
"""What one read of a socket brings, at most."""

Task = Callable[[], int]
"""Does something some times over and returns how many times."""


def run(run: Run) -> list[Result]:
    """Return one result for signing, and one for decoding parts of each size."""
    results = [_timed(run, Result("codec", "sign a request of 300 B", "request"), _signing(run.operations(5000)))]
    for size, full in ((100, 20_000), (4096, 5000), (65_536, 500)):
        stream = encode_message(HEADERS, b"x" * size) * run.operations(full)
        slices = [stream[start : start + READ_BYTES] for start in range(0, len(stream), READ_BYTES)]
        result = Result("codec", f"decode parts of {size} B", "event")
        results.append(_timed(run, result, _decoding(slices, run.operations(full))))
    return results


def _timed(run: Run, result: Result, tasks: dict[str, Task]) -> Result:
    for _ in range(run.rounds):
        for name, task in tasks.items():
            begun = time.process_time()
            done = task()
            result.add(name, {"cpu": (time.process_time() - begun) / done * 1e6})
    return result


def _signing(operations: int) -> dict[str, Task]:
    host = "https://runtime.sagemaker.us-east-1.amazonaws.com"
    headers = {"Content-Type": "application/json", "Accept": "*/*", "User-Agent": "benchmark"}
    body = b"x" * 300
    credentials = Credentials("AKIDEXAMPLE", "secret", "t" * 300)
    signer = Signer("us-east-1", "sagemaker")

    request = HTTPRequest("POST", host, "/endpoints/e/invocations", headers, body)
    head = RequestHead({})

    def ours() -> int:
        for number in range(operations):
            signer.sign(request, credentials, NOW + number / 100, head=head)
        return operations

    tasks: dict[str, Task] = {"ours": ours}
    try:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import ReadOnlyCredentials
    except ImportError:
        return tasks
    auth = SigV4Auth(ReadOnlyCredentials("AKIDEXAMPLE", "secret", "t" * 300), "sagemaker", "us-east-1")

    def botocore() -> int:
        for _ in range(operations):
            auth.add_auth(AWSRequest("POST", f"{host}/endpoints/e/invocations", dict(headers), body))
        return operations

    return {**tasks, "botocore": botocore}


def _decoding(slices: list[bytes], events: int) -> dict[str, Task]:
    def ours() -> int:
        decoder = Decoder()
        seen = sum(len(decoder.feed(data)) for data in slices)
        assert seen == events
        return events

    def checksum() -> int:
        state = 0
        for data in slices:
            state = crc32(data, state)
        return events

    tasks: dict[str, Task] = {"ours": ours, "crc32": checksum}
    try:
        from botocore.eventstream import EventStreamBuffer
    except ImportError:
        return tasks

    def botocore() -> int:
        buffer = EventStreamBuffer()
        seen = 0
        for data in slices:
            buffer.add_data(data)
            for _ in buffer:
                seen += 1
        assert seen == events
        return events

    return {**tasks, "botocore": botocore}
