"""Whose credentials sign: `Credentials` as a value, and `CredentialSource` for objects that provide them."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from sagemaker_async.errors import ConfigurationError

__all__ = ["CredentialSource", "Credentials"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """AWS credentials, as one value.

    The secret parts never appear in `repr`. `expiration` must be aware (have a time zone).
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    account_id: str | None = field(default=None, kw_only=True)
    """The account the credentials belong to, when known: saves a call to STS where the account is needed."""
    expiration: datetime.datetime | None = field(default=None, kw_only=True)
    """When the credentials expire; None for long-lived ones."""

    def __post_init__(self) -> None:
        for name in ("access_key_id", "secret_access_key"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value:
                raise ConfigurationError(f"Credentials.{name} must be a non-empty str")
            if not value.isascii() or value != value.strip() or not value.isprintable():
                raise ConfigurationError(
                    f"Credentials.{name} contains white space or characters that no AWS key has "
                    f"(its length is {len(value)}); check for a stray newline where it was read from"
                )
        if self.session_token is not None and (
            not isinstance(self.session_token, str)
            or not self.session_token.isascii()
            or not self.session_token.isprintable()
            or self.session_token != self.session_token.strip()
        ):
            raise ConfigurationError(
                "Credentials.session_token must be a str without white space around it, or None; "
                "check for a stray newline where it was read from"
            )
        if self.account_id is not None and (not isinstance(self.account_id, str) or not self.account_id):
            raise ConfigurationError("Credentials.account_id must be a non-empty str of digits, or None")
        if self.expiration is not None and (
            not isinstance(self.expiration, datetime.datetime) or self.expiration.tzinfo is None
        ):
            raise ConfigurationError(
                "Credentials.expiration must be a time-zone aware datetime, e.g. datetime.now(UTC) + ..., or None"
            )


@runtime_checkable
class CredentialSource(Protocol):
    """An object that provides credentials. A session keeps them until they expire, and fetches them anew before.

    Credentials without an expiration are fetched for each call, so a source of such credentials should be quick.
    """

    async def get(self) -> Credentials:
        """Return credentials that are valid now; raise `CredentialsError` if that is impossible."""
        ...
