"""The cache that a session makes from its option `credentials`."""

from __future__ import annotations

from sagemaker_async import _lazy
from sagemaker_async.aws.timing import SYSTEM_TIMING, Timing
from sagemaker_async.config import Credentials, CredentialSource

from .cache import CredentialCache, KeepsUnexpiring

__all__ = ["credential_source"]


def credential_source(
    value: Credentials | CredentialSource | None,
    *,
    profile: str | None,
    region: str | None,
    timing: Timing = SYSTEM_TIMING,
) -> CredentialCache:
    """Return the cache that a session gets its credentials from.

    Args:
        value: `Config.credentials`. Fixed credentials are used until they expire; credentials of a user's own source
            are kept until they expire, and fetched for each call if they have no expiration; None stands for
            `DefaultChain`.
        profile: `Config.profile`, for the chain.
        region: where the chain calls STS; None: ``AWS_REGION``, ``AWS_DEFAULT_REGION``, the profile.
        timing: whose `clock` says when credentials expire.
    """
    if isinstance(value, Credentials):
        fixed = _FixedCredentials(value)
        return CredentialCache(fixed, advisory=0, mandatory=0, name="Config.credentials", timing=timing)
    source: CredentialSource | None = value
    if source is None:
        source = _lazy.module("aws.credentials.chain").DefaultChain(profile=profile, region=region)
    return CredentialCache(source, keep_unexpiring=isinstance(source, KeepsUnexpiring), timing=timing)


class _FixedCredentials:
    __slots__ = ("_credentials",)

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    async def get(self) -> Credentials:
        return self._credentials
