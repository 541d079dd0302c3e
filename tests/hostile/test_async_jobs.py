"""A small run of `async_jobs` against the embedded S3: jobs of a process that was killed are awaited by another."""

from __future__ import annotations

from .async_jobs import account_of_jobs


async def test_every_job_is_accounted_for_also_after_its_process_was_killed() -> None:
    account = await account_of_jobs(60)
    assert (account.results, account.failures, account.in_the_other_process) == (57, 3, 30), account
    assert (account.wrong, account.missing, account.left_tasks) == (0, 0, 0), account
    assert 60 <= account.looked <= 720
