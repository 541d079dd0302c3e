"""`Session`: one connection pool, one source of credentials, all clients."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from . import _lazy
from .aws.channel import Channel
from .config import Config, ConfigFields
from .errors import ConfigurationError
from .runtime.client import SageMakerRuntimeClient
from .runtime.operations import SAGEMAKER_RUNTIME

if TYPE_CHECKING:
    from .aws.s3.client import S3Client
    from .aws.sqs.client import SQSClient
    from .aws.sts import CallerIdentity
    from .hosting.client import SageMakerClient
    from .runtime.routers.client import InferenceRouterClient

__all__ = ["Session"]


class Session:
    """What an application makes once per event loop, and closes at its end.

    Nothing is read, resolved or opened before the first call, which binds the session to its event loop.

    Args:
        config: the options; None means all defaults.
        fields: fields of `Config`, which win over those of `config`.

    Raises:
        ConfigurationError: an option is wrong.

    Example:
        ::

            async with Session(region="us-east-1") as session:
                response = await session.runtime.invoke_endpoint(endpoint_name="my-endpoint", body=b"...")
    """

    def __init__(self, config: Config | None = None, /, **fields: Unpack[ConfigFields]) -> None:
        if config is not None and not isinstance(config, Config):
            raise ConfigurationError(
                "Session takes a Config, and its fields as keywords (such as region='us-east-1'), "
                f"not {type(config).__name__}"
            )
        self._channel = Channel((config or Config()).with_fields(**fields))
        self._runtime = SageMakerRuntimeClient(self)
        self._hosting: SageMakerClient | None = None
        self._routers: InferenceRouterClient | None = None
        self._s3: S3Client | None = None
        self._sqs: SQSClient | None = None
        self._identity: CallerIdentity | None = None

    def __repr__(self) -> str:
        state = "closed" if self._channel.closed else f"{self._channel.connections_in_use} connections in use"
        return f"<Session, {state}>"

    @property
    def config(self) -> Config:
        """The options it was made with."""
        return self._channel.config

    @property
    def channel(self) -> Channel:
        """What its clients share."""
        return self._channel

    @property
    def runtime(self) -> SageMakerRuntimeClient:
        """The client of SageMaker Runtime, the data plane."""
        return self._runtime

    @property
    def hosting(self) -> SageMakerClient:
        """The client of SageMaker hosting, the control plane.

        It is imported where it is first asked for; its shapes, which take far longer, by its first call, in a thread.
        """
        if self._hosting is None:
            client: SageMakerClient = _lazy.module("hosting.client").SageMakerClient(self)
            self._hosting = client
        return self._hosting

    @property
    def routers(self) -> InferenceRouterClient:
        """The client that invokes inference routers; it is imported where it is first asked for."""
        if self._routers is None:
            client: InferenceRouterClient = _lazy.module("runtime.routers.client").InferenceRouterClient(self)
            self._routers = client
        return self._routers

    @property
    def s3(self) -> S3Client:
        """The client of Amazon S3, for the inputs and results of asynchronous inference; imported as `hosting` is."""
        if self._s3 is None:
            client: S3Client = _lazy.module("aws.s3.client").S3Client(self)
            self._s3 = client
        return self._s3

    @property
    def sqs(self) -> SQSClient:
        """The client of Amazon SQS, for notifications of asynchronous inference; imported as `hosting` is."""
        if self._sqs is None:
            client: SQSClient = _lazy.module("aws.sqs.client").SQSClient(self)
            self._sqs = client
        return self._sqs

    @property
    def connections_in_use(self) -> int:
        """How many connections of the pool are in use now: calls under way and streams not yet closed."""
        return self._channel.connections_in_use

    async def check(self) -> None:
        """Find region and credentials now, where the program starts, rather than in the first call.

        Settings and AWS's files are read, and the credentials are fetched, from the metadata service or STS if that is
        where they come from; they are kept for the calls that follow. Nothing is sent to SageMaker: whether the
        credentials may call an endpoint shows when it is called.

        Raises:
            ConfigurationError: a setting is wrong, or there is no region.
            CredentialsError: there are no credentials.
            SessionClosedError, WrongEventLoopError: the session cannot be used here.
        """
        await self._channel.credentials(SAGEMAKER_RUNTIME)

    async def account_id(self) -> str:
        """Return the twelve digits of the account: from the credentials if they say so, else asked of STS, once.

        Raises:
            CredentialsError: there are no credentials.
            CallError: STS could not be asked.
        """
        if self._identity is None:
            sts = await _lazy.load("aws.sts")
            self._identity = self._identity or sts.CallerIdentity(self)
        return await self._identity.account_id()

    async def default_bucket(self) -> str:
        """Return the name of SageMaker's default bucket, ``sagemaker-{region}-{account}``; it is never created here.

        Raises:
            SageMakerAsyncError: as `account_id`.
        """
        account = await self.account_id()
        operations = await _lazy.load("hosting.operations")
        pipeline = await self._channel.pipeline(operations.SAGEMAKER)
        return f"sagemaker-{pipeline.endpoint.signing_region}-{account}"

    async def __aenter__(self) -> Self:
        self._channel.check_usable()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the pool and every stream that is still open; idempotent.

        Raises:
            WrongEventLoopError: the session belongs to another event loop, which still runs.
        """
        await self._channel.close()
