"""The one cache that a session makes of its credentials option.

The sources are imported when they are wanted: a session with fixed credentials has no need of them.
"""

from __future__ import annotations

from sagemaker_async.aws.timing import SYSTEM_TIMING, Timing
from sagemaker_async.config import Credentials, CredentialSource

from .cache import CredentialCache

__all__ = ["credential_source"]


def credential_source(
    value: Credentials | CredentialSource | None,
    *,
    profile: str | None,
    region: str | None,
    timing: Timing = SYSTEM_TIMING,
) -> CredentialCache:
    """Return the cache that a session asks for credentials. Blocks the first time, unless they are fixed: it imports.

    Args:
        value: `Config.credentials`. Fixed credentials are used up to their expiration; what a user's own source gives
            is kept until it expires, and asked for at each call if it carries no expiration; None is `DefaultChain`.
        profile: `Config.profile`, for the chain.
        region: where the chain calls STS; None: ``AWS_REGION``, ``AWS_DEFAULT_REGION``, the profile.
        timing: whose `clock` says when credentials expire.
    """
    if isinstance(value, Credentials):
        fixed = _FixedCredentials(value)
        return CredentialCache(fixed, advisory=0, mandatory=0, name="Config.credentials", timing=timing)
    from .blocking import ThreadedSource
    from .chain import DefaultChain
    from .machine import EnvironmentCredentials

    if value is None:
        return CredentialCache(DefaultChain(profile=profile, region=region), timing=timing)
    # Credentials without an expiration from these are long-lived ones, good until AWS refuses them.
    kept = isinstance(value, ThreadedSource | DefaultChain | EnvironmentCredentials)
    return CredentialCache(value, keep_unexpiring=kept, timing=timing)


class _FixedCredentials:
    __slots__ = ("_credentials",)

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    async def get(self) -> Credentials:
        return self._credentials
