"""`TokenIterator` on each dialect, beside the loop that a program over aiobotocore writes for the one it knows.

One record a part, as containers send them; ours recognises framing and dialect, takes records apart wherever they are
cut, makes a `Token` of each, puts the whole message together, and notices a stream that ends too early. openai-python
reads the same records in the same HTTP chunks, without AWS's framing around each.
"""

from __future__ import annotations

import itertools

from benchmarks.measure import TLS, Result, Run, compare
from benchmarks.payloads import DIALECTS

__all__ = ["run"]

CONTESTANTS = ("ours", "ours, orjson", "aiobotocore")
OF_OPENAI = "openai-python"
CHAT = "openai-chat"
"""The dialect that is measured over TLS and on every loop; the others' tokens differ from its in the records alone."""


def run(run: Run) -> list[Result]:
    """Return one result for each dialect and number of tokens in a chunk; `CHAT` on each loop, and over TLS too."""
    results: list[Result] = []
    for tls, dialect, per_chunk, loop in itertools.product((True, False), DIALECTS, (1, 10), run.loops):
        if dialect != CHAT and (tls or loop != run.loops[0]):
            continue
        tokens = run.operations(10_000, per_chunk) // per_chunk * per_chunk
        scenario = {
            "kind": "tokens",
            "dialect": dialect,
            "endpoint": f"t-{dialect}-n{tokens}-c{per_chunk}",
            "warm_up": f"t-{dialect}-n100-c{per_chunk}",
            "tokens": tokens,
        }
        result = Result("tokens", f"{TLS if tls else ''}{dialect}, {per_chunk} a chunk, {loop}", "token")
        names = (*CONTESTANTS, OF_OPENAI) if dialect.startswith("openai") else CONTESTANTS
        results.append(compare(run, result, names, scenario, loop, tls=tls))
    return results
