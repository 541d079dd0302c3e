"""`TokenIterator` on each dialect, beside the loop that a program over aiobotocore writes for the one it knows.

One record a part, as containers send them; ours recognises framing and dialect, takes records apart wherever they are
cut, makes a `Token` of each, puts the whole message together, and notices a stream that ends too early. openai-python
reads the same records in the same HTTP chunks, without AWS's framing around each.
"""

from __future__ import annotations

from benchmarks.measure import Result, Run, compare
from benchmarks.payloads import DIALECTS

__all__ = ["run"]

CONTESTANTS = ("ours", "ours, orjson", "aiobotocore")
OF_OPENAI = "openai-python"


def run(run: Run) -> list[Result]:
    """Return one result for each dialect and number of tokens in a chunk."""
    results: list[Result] = []
    for dialect in DIALECTS:
        for per_chunk in (1, 10):
            tokens = run.operations(10_000, per_chunk) // per_chunk * per_chunk
            scenario = {
                "kind": "tokens",
                "dialect": dialect,
                "endpoint": f"t-{dialect}-n{tokens}-c{per_chunk}",
                "warm_up": f"t-{dialect}-n100-c{per_chunk}",
                "tokens": tokens,
            }
            result = Result("tokens", f"{dialect}, {per_chunk} a chunk", "token")
            names = (*CONTESTANTS, OF_OPENAI) if dialect.startswith("openai") else CONTESTANTS
            results.append(compare(run, result, names, scenario))
    return results
