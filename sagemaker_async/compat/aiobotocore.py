"""aiobotocore's names over our clients: a program that was written for it runs after its import is changed::

    from sagemaker_async.compat.aiobotocore import AioConfig, get_session

    async with get_session().create_client("sagemaker-runtime", config=AioConfig(read_timeout=65)) as client:
        response = await client.invoke_endpoint(EndpointName="my-endpoint", Body=b"...")
        answer = await response["Body"].read()

Answers are dicts, errors botocore's own. What differs, each for a reason, is listed in ``GUIDE.md`` beside this file;
what has no counterpart is refused or warns by name (`CompatibilityWarning`).

====================  =================================================================================
``options``           from ``create_client``'s arguments and `AioConfig` to the `Config` of a `Session`
``client``            operations and what they answer, by botocore's model of the service
``pages``             ``get_paginator``
``waiting``           ``get_waiter``
``forms``             datetimes and bytes in the control plane's requests and answers
``bodies``            ``response["Body"]``
``failures``          from our errors to botocore's
``aioboto3``          aioboto3's ``Session().client(...)``
====================  =================================================================================
"""

from __future__ import annotations

import asyncio
from types import TracebackType

from botocore.config import Config as BotocoreConfig
from botocore.exceptions import UnknownServiceError

from sagemaker_async.config import Config
from sagemaker_async.errors import ConfigurationError, SageMakerAsyncError, UsageError
from sagemaker_async.session import Session

from .client import SERVICES, Client, Hooks, description_of
from .failures import botocore_error, raise_from
from .options import AioConfig, CompatibilityWarning, merged, session_config

__all__ = ["AioConfig", "AioSession", "Client", "ClientCreatorContext", "CompatibilityWarning", "get_session"]


class ClientCreatorContext:
    """What `AioSession.create_client` returns: ``async with`` gives the client, and closes it at the end."""

    def __init__(self, service: str, config: Config, given: BotocoreConfig | None) -> None:
        self._service = service
        self._config = config
        self._given = given
        self._client: Client | None = None
        self._entered = False

    async def __aenter__(self) -> Client:
        if self._entered:
            raise UsageError("this client is in use: call create_client once for each 'async with'")
        self._entered = True
        try:
            self._client = await self._created()
        except BaseException:
            self._entered = False
            raise
        return self._client

    async def _created(self) -> Client:
        description = await asyncio.to_thread(description_of, self._service)
        session = Session(self._config)
        try:
            await session.channel.pipeline(SERVICES[self._service])
            return Client(session, self._service, description, self._given)
        except SageMakerAsyncError as error:
            await session.close()
            raise_from(botocore_error(error, description.model, "", {}, description.exceptions), error)
        except BaseException:
            await session.close()
            raise

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        client, self._client, self._entered = self._client, None, False
        if client is not None:
            await client.close()


class AioSession(Hooks):
    """What makes clients; each has a pool and credentials of its own, so make few and use them for long.

    Args:
        session_vars: refused: there are no session variables but ``region`` and ``profile``.
        event_hooks: refused, as `register`.
        include_builtin_handlers: accepted; there are none.
        profile: a profile of the shared AWS files.

    Raises:
        ConfigurationError: an argument was given that is refused.
    """

    def __init__(
        self,
        session_vars: object = None,
        event_hooks: object = None,
        include_builtin_handlers: bool = True,  # noqa: ARG002 - aiobotocore's signature
        profile: str | None = None,
    ) -> None:
        if event_hooks is not None:
            self.register("event_hooks")
        if session_vars is not None:
            raise ConfigurationError("session_vars have no counterpart here; see Config for what there is to set")
        self._variables: dict[str, str | None] = {"profile": profile, "region": None}
        self._keys: tuple[str | None, str | None, str | None, str | None] = (None, None, None, None)
        self._default_config: BotocoreConfig | None = None

    @property
    def profile(self) -> str | None:
        """The profile of the shared AWS files; None: that of the environment."""
        return self._variables["profile"]

    def set_config_variable(self, logical_name: str, value: str | None) -> None:
        """Set the ``region`` or the ``profile`` of clients that are made from now on.

        Raises:
            ConfigurationError: it is another variable.
        """
        if logical_name not in self._variables:
            raise ConfigurationError(f"the variables are {', '.join(self._variables)}, not {logical_name!r}")
        self._variables[logical_name] = value

    def set_credentials(
        self, access_key: str, secret_key: str, token: str | None = None, account_id: str | None = None
    ) -> None:
        """Let clients that are made from now on sign with these keys."""
        self._keys = (access_key, secret_key, token, account_id)

    def set_default_client_config(self, client_config: BotocoreConfig | None) -> None:
        """Let clients that are made from now on have these options, where their own config does not say otherwise."""
        self._default_config = client_config

    def get_default_client_config(self) -> BotocoreConfig | None:
        """Return what `set_default_client_config` has set."""
        return self._default_config

    def create_client(
        self,
        service_name: str,
        region_name: str | None = None,
        api_version: str | None = None,
        use_ssl: bool = True,
        verify: bool | str | None = None,
        endpoint_url: str | None = None,
        aws_access_key_id: str | None = None,
        aws_secret_access_key: str | None = None,
        aws_session_token: str | None = None,
        config: BotocoreConfig | None = None,
        aws_account_id: str | None = None,
    ) -> ClientCreatorContext:
        """Return what ``async with`` makes a client of; the arguments are aiobotocore's.

        Raises:
            UnknownServiceError: it is neither ``sagemaker-runtime`` nor ``sagemaker``: leave others to aiobotocore.
            PartialCredentialsError, InvalidRegionError: as from botocore.
            ConfigurationError: an option is refused here, or its value is wrong.
        """
        if service_name not in SERVICES:
            raise UnknownServiceError(service_name=service_name, known_service_names=", ".join(SERVICES))
        if api_version is not None and api_version != VERSIONS[service_name]:
            raise ConfigurationError(f"{service_name} has the API version {VERSIONS[service_name]}, not {api_version}")
        if config is not None and self._default_config is not None:
            config = merged(self._default_config, config)
        config = config or self._default_config
        given = (aws_access_key_id, aws_secret_access_key, aws_session_token, aws_account_id)
        settings = session_config(
            config=config,
            region_name=region_name or self._variables["region"],
            profile=self.profile,
            use_ssl=use_ssl,
            verify=verify,
            endpoint_url=endpoint_url,
            keys=self._keys if given[:2] == (None, None) else given,
        )
        return ClientCreatorContext(service_name, settings, config)


VERSIONS = {"sagemaker": "2017-07-24", "sagemaker-runtime": "2017-05-13"}
"""The one version of each service's API."""


def get_session(env_vars: object = None) -> AioSession:
    """Return a new session, as aiobotocore's function of this name does."""
    return AioSession(env_vars)
