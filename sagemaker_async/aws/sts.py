"""Who the caller is: STS GetCallerIdentity, the one call with the query protocol.

Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
"""

from __future__ import annotations

from typing import ClassVar

import pydantic

from .channel import HasChannel
from .client import ServiceClient
from .endpoints import STS
from .retries import RetryRules
from .shapes.deferred import DeferredShapes
from .shapes.models import RequestShape, ResponseShape
from .shapes.operation import Operation, Service

__all__ = ["GET_CALLER_IDENTITY", "CallerIdentity", "GetCallerIdentityResponse"]


class GetCallerIdentityRequest(RequestShape):
    """What `GetCallerIdentity` takes: nothing."""


class GetCallerIdentityResponse(ResponseShape):
    """What `GetCallerIdentity` answers."""

    user_id: str | None = pydantic.Field(default=None, alias="UserId")
    account: str = pydantic.Field(alias="Account")
    arn: str | None = pydantic.Field(default=None, alias="Arn")


GET_CALLER_IDENTITY = Operation(
    name="GetCallerIdentity",
    service=Service(
        name="sts", endpoint_rules=STS, retry_rules=RetryRules(), protocol="query", api_version="2011-06-15"
    ),
    shapes=DeferredShapes(__name__, "GetCallerIdentity"),
    repeatable=True,
)


class CallerIdentity(ServiceClient):
    """Says which account the credentials belong to, and remembers it for as long as they are in use.

    Args:
        source: the session or client whose credentials are meant.
    """

    operations: ClassVar[tuple[Operation, ...]] = (GET_CALLER_IDENTITY,)

    def __init__(self, source: HasChannel) -> None:
        super().__init__(source)
        self._known: dict[str, str] = {}

    async def account_id(self) -> str:
        """Return the account's twelve digits: the credentials' own, else what STS says of them.

        Raises:
            CredentialsError: there are no credentials.
            CallError: STS could not be asked.
        """
        credentials = await self._channel.credentials(GET_CALLER_IDENTITY.service)
        if credentials.account_id is not None:
            return credentials.account_id
        account = self._known.get(credentials.access_key_id)
        if account is None:
            await self.load(GET_CALLER_IDENTITY)
            response: GetCallerIdentityResponse = await self.perform(self.prepare(GET_CALLER_IDENTITY, {}))
            if response.error is not None:
                raise response.error
            account = response.account
            self._known = {credentials.access_key_id: account}
        return account
