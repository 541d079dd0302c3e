"""What `openai_router` adds to each token of our client: a token into OpenAI's chunk, and that to the server."""

from __future__ import annotations

from benchmarks.measure import Result, Run, compare

__all__ = ["run"]

CONTESTANTS = ("ours", "openai_router")


def run(run: Run) -> list[Result]:
    """Return one result for each of three dialects and number of tokens in a chunk."""
    results: list[Result] = []
    for dialect in ("openai-chat", "tgi", "lmi"):
        for per_chunk in (1, 10):
            tokens = run.operations(10_000, per_chunk) // per_chunk * per_chunk
            scenario = {
                "kind": "tokens",
                "dialect": dialect,
                "endpoint": f"t-{dialect}-n{tokens}-c{per_chunk}",
                "warm_up": f"t-{dialect}-n100-c{per_chunk}",
                "tokens": tokens,
            }
            results.append(
                compare(run, Result("openai_router", f"{dialect}, {per_chunk} a chunk", "token"), CONTESTANTS, scenario)
            )
    return results
