"""A small run of `async_jobs`, with either S3; jobs of a process that was killed are awaited by another."""

from __future__ import annotations

from .async_jobs import Account, account_of_jobs, make_bucket, moto_server


def check(account: Account, jobs: int, failures: int) -> None:
    assert (account.results, account.failures) == (jobs - failures, failures), account
    assert (account.wrong, account.missing, account.left_tasks) == (0, 0, 0), account
    assert jobs <= account.looked <= 12 * jobs


async def test_every_job_is_accounted_for_also_after_its_process_was_killed() -> None:
    account = await account_of_jobs(60)
    check(account, 60, failures=3)
    assert account.in_the_other_process == 30


async def test_every_job_is_accounted_for_with_the_results_in_motos_s3() -> None:
    with moto_server() as url:
        make_bucket(url)
        check(await account_of_jobs(40, s3_url=url, processes=False), 40, failures=2)
