"""Ray Data: score a dataset with an endpoint, from all machines of a cluster.

    scored = score(ray.data.read_parquet("s3://bucket/in/"), "my-endpoint", column="text", actors=8)
    scored.write_parquet("s3://bucket/out/")

Ray reads, distributes, restarts and writes; each of its actors has one session and scores rows with the engine of
`Predictor.map`, so a `Scoring` means the same on one machine and on a cluster. A failure is a value in a column, not
the end of the job.

Limits. `concurrency` is the number of requests that one actor has under way, whatever Ray's own settings: Ray hands
several batches of a large block to an actor at once (``RAY_DATA_DEFAULT_ASYNC_BATCH_UDF_MAX_CONCURRENCY``, 4), and the
actor works on one after the other. So all actors together have at most `concurrency` times their number;
`global_concurrency` is a limit for all of them, of this job and of others that name it for the same endpoint, kept by a
named actor, from which each batch borrows its requests.

Ray runs a task again when a machine is lost: its rows are scored again. Ray's `CheckpointConfig` keeps finished rows
across a restart of the job; see GUIDE-ray.md.

Needs the extra: ``pip install 'sagemaker-async[ray]'``. Ray is imported by `score`, not with this module.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from sagemaker_async import _lazy
from sagemaker_async.config import Config, ConfigFields, check_count
from sagemaker_async.errors import ConfigurationError
from sagemaker_async.predictor.map_options import MapOptions, OnError
from sagemaker_async.predictor.scoring import Scoring
from sagemaker_async.session import Session

if TYPE_CHECKING:
    from ray.data import Dataset

__all__ = ["Limiter", "Score", "score"]

_LEASE_SECONDS = 60.0
"""After this time, requests that a lost actor had borrowed are free again."""


def score(
    dataset: Dataset,
    endpoint: str | Scoring,
    *,
    column: str | None = None,
    output: str = "prediction",
    errors: str | None = "error",
    actors: int | tuple[int, int] = 1,
    concurrency: int = 64,
    rows: int = 2048,
    global_concurrency: int | None = None,
    session: Mapping[str, Any] | ConfigFields | None = None,
    rate: float | None = None,
    retry_for: float = 300.0,
    ray_options: Mapping[str, Any] | None = None,
) -> Dataset:
    """Return the dataset with the endpoint's answers in an added column; like all of Ray Data, it runs when it is read.

    Args:
        dataset: what to score.
        endpoint: a `Scoring`, or the name of an endpoint that takes and answers bytes.
        column: the column to score. None: the whole row, as a dict, from which `Scoring.prepare` makes what is sent.
        output: the column for answers; it is replaced if there is one. Answers must be what Arrow can hold.
        errors: the column for errors, as texts; it is null where there is an answer. None: the first error ends the
            job.
        actors: how many actors, or the least and the most as a pair.
        concurrency: how many requests each actor has under way.
        rows: how many rows an actor is given at a time. It is less busy during the last of them: use twenty times
            `concurrency` or more, and large blocks.
        global_concurrency: the most requests of all actors that name the same endpoint. The latest job that gives a
            number sets it for all.
        session: fields of `Config` for the session of each actor, which finds region and credentials like any other.
        rate: the most requests per second of each actor; None: no limit.
        retry_for: for how many seconds a record that the endpoint refuses is sent again, as in `MapOptions`.
        ray_options: further arguments of `ray.data.Dataset.map_batches`, such as ``num_cpus``.

    Raises:
        ConfigurationError: an argument is wrong.
        MissingExtraError: Ray is not installed.

    Example:
        ::

            scoring = Scoring(
                endpoint_name="my-endpoint", serializer=JSONSerializer(), deserializer=JSONDeserializer()
            )
            score(dataset, scoring, column="features", actors=(1, 8), concurrency=32).write_parquet("scored/")
    """
    ray = _lazy.optional("ray", "integrations.ray.score")
    scoring = Scoring(endpoint_name=endpoint) if isinstance(endpoint, str) else endpoint
    if global_concurrency is not None:
        check_count(global_concurrency, "global_concurrency", " or None")
    arguments: dict[str, Any] = {
        "column": column,
        "output": output,
        "errors": errors,
        "concurrency": concurrency,
        "session": session,
        "rate": rate,
        "retry_for": retry_for,
    }
    Score(scoring, **arguments)  # so that what is wrong is refused at this line and not in an actor
    if global_concurrency is not None:
        arguments["limiter"] = _limiter(ray, scoring.endpoint_name, global_concurrency)
    return dataset.map_batches(
        Score,
        fn_constructor_args=(scoring,),
        fn_constructor_kwargs=arguments,
        batch_size=rows,
        batch_format="pyarrow",
        concurrency=actors,
        **{"num_cpus": 0.5, "udf_modifying_row_count": False, **(ray_options or {})},
    )


class Score:
    """A callable class for ``Dataset.map_batches(Score, fn_constructor_args=(scoring,), batch_format="pyarrow")``.

    Args:
        scoring: what to call, and how.
        column: as for `score`, and so are the others.
        output: as for `score`.
        errors: as for `score`.
        concurrency: as for `score`.
        session: as for `score`.
        rate: as for `score`.
        retry_for: as for `score`.
        limiter: a handle of a `Limiter` actor; None: there is only the actor's own limit.

    Raises:
        ConfigurationError: an argument is wrong.
    """

    def __init__(
        self,
        scoring: Scoring,
        *,
        column: str | None = None,
        output: str = "prediction",
        errors: str | None = "error",
        concurrency: int = 64,
        session: Mapping[str, Any] | ConfigFields | None = None,
        rate: float | None = None,
        retry_for: float = 300.0,
        limiter: Any = None,
    ) -> None:
        if not isinstance(scoring, Scoring):
            raise ConfigurationError(f"Score takes a Scoring, got {type(scoring).__name__}")
        check_count(concurrency, "concurrency", ": an actor's limit does not adapt")
        for name, value in (("column", column), ("output", output), ("errors", errors)):
            if not (isinstance(value, str) and value) and (value is not None or name == "output"):
                raise ConfigurationError(f"{name} must be the name of a column, got {value!r}")
        if output == errors:
            raise ConfigurationError(f"output and errors must be two columns, got {output!r} for both")
        self._scoring = scoring
        self._column = column
        self._output = output
        self._errors = errors
        self._config = Config().with_fields(**dict(session or {}))
        on_error: OnError = "raise" if errors is None else "return"
        self._options = MapOptions(concurrency=concurrency, on_error=on_error, rate=rate, retry_for=retry_for)
        self._concurrency = concurrency
        self._limiter = limiter
        self._turn = asyncio.Lock()
        self._session: Session | None = None

    async def __call__(self, table: Any) -> Any:
        """Return an Arrow table with the answers and errors of its rows."""
        async with self._turn, self._borrowed() as concurrency:
            if self._session is None:
                self._session = Session(self._config)
            return await self._scored(self._session, table, self._options.with_fields(concurrency=concurrency))

    async def _scored(self, session: Session, table: Any, options: MapOptions) -> Any:
        records = table.to_pylist() if self._column is None else self._column_of(table).to_pylist()
        results: list[Any] = []
        errors: list[str | None] = []
        async with self._scoring.map(session, records, **options.fields()) as outcomes:
            async for outcome in outcomes:
                results.append(outcome.result)
                errors.append(None if outcome.error is None else f"{type(outcome.error).__name__}: {outcome.error}")
        arrow = _lazy.optional("pyarrow", "integrations.ray.Score", extra="ray")
        table = _with_column(table, self._output, arrow.array(results))
        if self._errors is not None:
            table = _with_column(table, self._errors, arrow.array(errors, arrow.string()))
        return table

    def _column_of(self, table: Any) -> Any:
        if self._column not in table.column_names:
            raise ConfigurationError(
                f"the dataset has no column {self._column!r}; it has {', '.join(table.column_names)}"
            )
        return table[self._column]

    @contextlib.asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[int]:
        """Give how many requests may be under way for one batch, borrowed from all actors' limit if there is one."""
        if self._limiter is None:
            yield self._concurrency
            return
        number, lease = await self._limiter.borrow.remote(self._concurrency)
        renewing = asyncio.create_task(self._renew(lease))
        try:
            yield number
        finally:
            renewing.cancel()
            self._limiter.give_back.remote(lease)

    async def _renew(self, lease: int) -> None:
        while True:
            await asyncio.sleep(_LEASE_SECONDS / 4)
            await self._limiter.renew.remote(lease)


class Limiter:
    """How many requests all actors together may have under way; run as an asynchronous Ray actor.

    Args:
        total: the number.
        clock: seconds, never decreasing.
    """

    def __init__(self, total: int, clock: Any = time.monotonic) -> None:
        self._total = total
        self._clock = clock
        self._leases: dict[int, tuple[int, float]] = {}
        """How many were borrowed, and until when, by a number for each time."""
        self._last = 0
        self._changed = asyncio.Condition()

    async def resize(self, total: int) -> None:
        """Change the number; what is borrowed stays borrowed until it is given back."""
        async with self._changed:
            self._total = total
            self._changed.notify_all()

    async def borrow(self, wanted: int) -> tuple[int, int]:
        """Wait until at least one is free; return how many were borrowed, at most as many as wanted, and the lease."""
        async with self._changed:
            while (free := self._free()) < 1:
                with contextlib.suppress(TimeoutError):  # a lease may have run out meanwhile
                    await asyncio.wait_for(self._changed.wait(), _LEASE_SECONDS / 4)
            self._last += 1
            number = min(wanted, free)
            self._leases[self._last] = (number, self._clock() + _LEASE_SECONDS)
            return number, self._last

    async def renew(self, lease: int) -> None:
        """Keep what was borrowed for another minute."""
        if lease in self._leases:
            self._leases[lease] = (self._leases[lease][0], self._clock() + _LEASE_SECONDS)

    async def give_back(self, lease: int) -> None:
        """Free what was borrowed."""
        async with self._changed:
            self._leases.pop(lease, None)
            self._changed.notify_all()

    def _free(self) -> int:
        now = self._clock()
        self._leases = {lease: held for lease, held in self._leases.items() if held[1] > now}
        return self._total - sum(number for number, _ in self._leases.values())


def _limiter(ray: Any, endpoint_name: str, total: int) -> Any:
    # Detached, and in a namespace of its own: other jobs find it, and it outlives the job that made it.
    options = {"namespace": "sagemaker_async", "lifetime": "detached", "get_if_exists": True}
    actor = (
        ray.remote(Limiter)
        .options(name=f"limit of {endpoint_name}", num_cpus=0, max_concurrency=1000, **options)
        .remote(total)
    )
    ray.get(actor.resize.remote(total))
    return actor


def _with_column(table: Any, name: str, column: Any) -> Any:
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, column)
    return table.append_column(name, column)
