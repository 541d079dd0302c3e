"""aioboto3's ``Session().client(...)`` over our clients; see `sagemaker_async.compat.aiobotocore`."""

from __future__ import annotations

from typing import Any, NoReturn

from sagemaker_async.errors import ConfigurationError

from .aiobotocore import AioSession, ClientCreatorContext

__all__ = ["Session"]


class Session:
    """What makes clients.

    Args:
        aws_access_key_id: the keys that clients sign with; without them, AWS's chain.
        aws_secret_access_key: as above.
        aws_session_token: as above.
        region_name: the region of clients that are not given one.
        botocore_session: an `AioSession` of `sagemaker_async.compat.aiobotocore`; aiobotocore's own is refused.
        profile_name: a profile of the shared AWS files.
        aws_account_id: the account of the keys.

    Raises:
        ConfigurationError: `botocore_session` is another library's.
    """

    def __init__(
        self,
        aws_access_key_id: str | None = None,
        aws_secret_access_key: str | None = None,
        aws_session_token: str | None = None,
        region_name: str | None = None,
        botocore_session: AioSession | None = None,
        profile_name: str | None = None,
        aws_account_id: str | None = None,
    ) -> None:
        if botocore_session is not None and not isinstance(botocore_session, AioSession):
            raise ConfigurationError(
                "botocore_session must be an AioSession of sagemaker_async.compat.aiobotocore, got one of "
                f"{type(botocore_session).__module__}"
            )
        self._session = botocore_session or AioSession()
        self._region = region_name
        if region_name is not None:
            self._session.set_config_variable("region", region_name)
        if profile_name is not None:
            self._session.set_config_variable("profile", profile_name)
        self._keys = {
            "aws_access_key_id": aws_access_key_id,
            "aws_secret_access_key": aws_secret_access_key,
            "aws_session_token": aws_session_token,
            "aws_account_id": aws_account_id,
        }

    @property
    def region_name(self) -> str | None:
        """The region it was made with."""
        return self._region

    @property
    def profile_name(self) -> str:
        """The profile it was made with, or ``default``."""
        return self._session.profile or "default"

    def client(self, service_name: str, *arguments: Any, **options: Any) -> ClientCreatorContext:
        """Return what ``async with`` makes a client of; the arguments are those of `AioSession.create_client`."""
        own = {} if any(options.get(name) for name in self._keys) else self._keys
        return self._session.create_client(service_name, *arguments, **{**own, **options})

    def resource(self, service_name: str, *_: object, **__: object) -> NoReturn:
        """Refuse, because SageMaker has no resources.

        Raises:
            ConfigurationError: always.
        """
        raise ConfigurationError(f"{service_name} has no resources; use client({service_name!r})")
