"""The suites, each a module with ``run(run) -> list[Result]``; `SUITES` names them in the order they are run.

They are imported when they are run, for some need what others do not.
"""

from __future__ import annotations

__all__ = ["SUITES"]

SUITES = {
    "server": "what the canned server can do: its own ceiling",
    "invoke": "predictions: 0.3 KB, 64 KB and 5 MB, 1 to 256 at once",
    "bulk": "a million small records: predictor.map beside a loop with a semaphore",
    "stream": "one response stream, as fast as it can be read",
    "slow_streams": "1,000 streams open at once on which little happens",
    "first_event": "time to the first byte and to the first event",
    "cold_start": "a fresh process, from its start to its first answer",
    "codec": "signing and decoding alone",
    "tokens": "tokens of each dialect, beside a hand-written loop",
    "profile": "where the time goes: a call by layer, the first event, imports by package",
    "tricks": "what each trick of the request path is worth",
    "compat": "the client with aiobotocore's names, beside our own and aiobotocore",
    "hosting": "a control plane call, the first and the others",
    "loop_stall": "how long the event loop stands still while credentials are looked up for the first time",
    "openai_router": "what `openai_router` adds to each token",
    "fastapi": "what FastAPI adds to the latency of a call",
}
