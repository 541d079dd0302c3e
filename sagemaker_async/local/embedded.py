"""`EmbeddedSageMaker`: what an embedded SageMaker holds, and what its users do with it, however it runs.

Its methods may be called from any thread. `sagemaker_async.local.http_server` passes requests to the services, and
`sagemaker_async.local.runtime` and `sagemaker_async.local.control_plane` answer them. The two forms that run it are in
`sagemaker_async.local.server`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from sagemaker_async.config import ConfigFields, Credentials, check_endpoint_url, check_region, check_seconds
from sagemaker_async.errors import ConfigurationError, UsageError

from .admission import Admission
from .answers import Refusal
from .as_model import ModelLike, as_model, spec_of
from .asynchronous import AsyncInference, AsyncInvocation
from .control_plane import ControlPlane, ControlPlaneService, IdentityService, Seeding
from .endpoints import REAL_TIME_BODY_LIMIT, SERVERLESS_BODY_LIMIT, Deployment, Endpoint, Variant
from .faults import ScriptEntry
from .http_server import LoopbackServer
from .models import Model
from .objects import ObjectStore
from .openai_route import OpenAIService
from .operations import check_endpoint_name
from .other_s3 import OtherS3
from .router_runtime import RouterRuntimeService
from .runtime import RuntimeService
from .s3 import S3Service
from .state import ACCOUNT_ID, DEFAULT_CREDENTIALS, LocalState, RecordedRequest, Service
from .state_file import StateFile
from .transitions import Transitions, TransitionTimes

__all__ = ["EmbeddedSageMaker"]

_log = logging.getLogger("sagemaker_async.local")

_MODEL_THREADS = 32


class EmbeddedSageMaker(Seeding):
    """The base of the two forms of the embedded SageMaker; use `LocalSageMaker` or `LocalSageMaker.in_thread`.

    Args:
        host: the address to listen on; anything but loopback lets others run your models.
        allowed_hosts: further names by which clients call it, such as the service's name in Docker Compose. Requests
            for hosts other than these, `host` and loopback hosts are refused, and so are those that a browser sends for
            another site; see `sagemaker_async.local.admission`.
        port: the port; 0 takes a free one.
        region: the region that requests must be signed for.
        credentials: who may call; None means fixed ones that are valid only here (see `client_options`).
        clock: returns seconds since the epoch; used to judge signatures and to date answers.
        sleep: the function that `SlowFirstByte` waits with.
        transition_times: seconds that changes of state take (Creating to InService, ...), for all kinds of resources or
            by kind: ``{"Endpoint": 2.0}``; kinds are Endpoint, InferenceComponent, InferenceRouter and
            MonitoringSchedule. None: they are complete at the next call.
        stepped_clock: whether the time for changes of state stands still except at `step`; the changes then take one
            second, unless `transition_times` says otherwise. Signatures are always judged by `clock`.
        scale_from_zero: seconds that an inference component with zero copies takes to get one, once two invocations
            within a minute were refused for want of it; in the time of `stepped_clock`, if that is set. None: nobody
            has configured a scaling policy, and it gets none by itself.
        state: a file in which the control plane is kept over a restart. It is read at once, and written after each
            change that a client makes and on closing. Models that are Python callables cannot be kept: their endpoints
            come back and answer with a ModelError (424) until `add_model` or `add_endpoint` is called again. Models
            given by a URL or a path come back by themselves. See `sagemaker_async.local.control_plane.saving`.
        s3_url: another S3, such as moto's, from which asynchronous invocations read and to which they write, with
            `credentials`; None: `objects`, which any S3 client can read and write at this server's own URL.

    Raises:
        ConfigurationError: the region, the port, an allowed host or a time is invalid; or the state file is malformed,
            of another region or account, or written by a newer version.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        allowed_hosts: Sequence[str] = (),
        port: int = 0,
        region: str = "us-east-1",
        credentials: Credentials | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        transition_times: TransitionTimes | None = None,
        stepped_clock: bool = False,
        scale_from_zero: float | None = None,
        state: str | os.PathLike[str] | None = None,
        s3_url: str | None = None,
    ) -> None:
        check_region(region, "LocalSageMaker.region")
        if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65_535:
            raise ConfigurationError(f"LocalSageMaker.port must be from 0 (any free one) to 65535, got {port!r}")
        check_seconds(scale_from_zero, "LocalSageMaker.scale_from_zero", zero_allowed=True)
        self._host = host
        self._port = port
        self._credentials = credentials or DEFAULT_CREDENTIALS
        self._url: str | None = None
        self._closed = False
        self._models: list[Model] = []
        self._executor = ThreadPoolExecutor(_MODEL_THREADS, thread_name_prefix="local-sagemaker-model")
        self._state = LocalState(
            region=region,
            clock=clock,
            sleep=sleep,
            executor=self._executor,
            transitions=Transitions(clock, transition_times, stepped=stepped_clock),
            account_id=self._credentials.account_id or ACCOUNT_ID,
            keys={self._credentials.access_key_id: self._credentials},
            objects=ObjectStore(clock),
            scale_from_zero=scale_from_zero,
        )
        self._s3 = S3Service(self._state)
        self._s3_url = s3_url
        if s3_url is not None:
            check_endpoint_url(s3_url, "LocalSageMaker.s3_url")
            options: ConfigFields = {"region": region, "endpoint_url": s3_url, "credentials": self._credentials}
            self._state.other_s3 = OtherS3(options)
        self._control_plane = ControlPlane(self._state)
        services: list[Service] = [
            self._s3,
            RuntimeService(self._state),
            OpenAIService(self._state),
            RouterRuntimeService(self._state),
            ControlPlaneService(self._state, self._control_plane, self._save),
            IdentityService(self._state),
        ]
        self._server = LoopbackServer(self._state, services, Admission(host, allowed_hosts))

        self._state_file = StateFile(state) if state is not None else None
        if self._state_file is not None:
            self._restore(self._state_file)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._url or 'not running'}: {', '.join(self.endpoints) or 'no endpoints'}>"

    # --- what callers need --------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """``http://127.0.0.1:{port}``; raises `UsageError` while it is not running."""
        if self._url is None:
            raise UsageError("the embedded SageMaker is not running; enter it with 'with' or 'async with' first")
        return self._url

    @property
    def client_options(self) -> ConfigFields:
        """The options of a `Session` that calls it: ``Session(**local.client_options)``."""
        options: ConfigFields = {
            "region": self._state.region,
            "endpoint_url": self.url,
            "credentials": self._credentials,
        }
        return options if self._s3_url is None else {**options, "endpoint_urls": {"s3": self._s3_url}}

    @property
    def boto3_options(self) -> dict[str, str]:
        """The same for boto3 and aiobotocore: ``boto3.client("sagemaker-runtime", **local.boto3_options)``."""
        options = {
            "region_name": self._state.region,
            "endpoint_url": self.url,
            "aws_access_key_id": self._credentials.access_key_id,
            "aws_secret_access_key": self._credentials.secret_access_key,
        }
        if self._credentials.session_token is not None:
            options["aws_session_token"] = self._credentials.session_token
        return options

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a program that configures nothing finds it, such as one started by `subprocess`.

        Example:
            ::

                for name, value in local_sagemaker.environment.items():
                    monkeypatch.setenv(name, value)
        """
        variables = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": self._credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self._credentials.secret_access_key,
            "AWS_DEFAULT_REGION": self._state.region,
        }
        if self._credentials.session_token is not None:
            variables["AWS_SESSION_TOKEN"] = self._credentials.session_token
        return variables

    @property
    def credentials(self) -> Credentials:
        """The credentials it was made with."""
        return self._credentials

    def accept_credentials(self, credentials: Credentials) -> None:
        """Accept another key, or another secret or session token of an accepted key."""
        self._state.keys[credentials.access_key_id] = credentials

    def refuse_credentials(self, access_key_id: str) -> None:
        """Refuse a key from now on; unknown ones are ignored."""
        self._state.keys.pop(access_key_id, None)

    # --- endpoints ----------------------------------------------------------------------------------------------------

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """The endpoints that can be invoked, by their names."""
        self._state.transitions.settle()
        return self._state.endpoints

    def add_endpoint(
        self,
        name: str,
        model: ModelLike,
        *,
        variants: Sequence[str] = ("AllTraffic",),
        serverless: bool = False,
        body_limit: int | None = None,
        async_output: str | None = None,
        async_failure: str | None = None,
        asynchronous: AsyncInference | bool = False,
    ) -> Endpoint:
        """Add an endpoint that is in service at once, together with a model and an endpoint configuration.

        Args:
            name: 1 to 63 letters, digits and inner hyphens.
            model: a callable, SageMaker's ``inference.py``, a container's URL, ...; see `as_model`.
            variants: names of its production variants; the first is invoked unless a request targets another.
            serverless: whether it is a serverless endpoint: 4,194,304 bytes at most, and SageMaker's words for more.
            body_limit: largest body of its synchronous routes in bytes; None: 26,214,400, or that of serverless ones.
            async_output: ``s3://bucket/prefix`` for the results of InvokeEndpointAsync; None: the default bucket.
            async_failure: the same for its failures.
            asynchronous: whether it takes only InvokeEndpointAsync, as an endpoint with an AsyncInferenceConfig does;
                an `AsyncInference` says how many requests it works on, how long each takes, and more. False: it takes
                all calls, and works on any number of asynchronous ones at once.

        Returns:
            The endpoint, with its counters and its fault script.

        Raises:
            ConfigurationError: the name is taken or invalid, or `model` cannot be a model.
        """
        try:
            check_endpoint_name(name)
        except Refusal:
            raise ConfigurationError(
                f"an endpoint's name must be 1 to 63 letters, digits and inner hyphens, got {name!r}"
            ) from None
        if isinstance(variants, str):
            raise ConfigurationError(f"variants must be names of production variants, got {variants!r}")
        served = as_model(model)
        bucket = f"s3://sagemaker-{self._state.region}-{self._state.account_id}"
        options = AsyncInference() if asynchronous is True else asynchronous or None
        if options is not None and not options.failures and async_failure is not None:
            raise ConfigurationError(
                "async_failure says where failures go, and AsyncInference(failures=False) that none do"
            )
        deployment = Deployment(
            variants=tuple([Variant(variant, served, 0.0 if place else 1.0) for place, variant in enumerate(variants)]),
            body_limit=body_limit or (SERVERLESS_BODY_LIMIT if serverless else REAL_TIME_BODY_LIMIT),
            serverless=serverless,
            async_output=async_output or f"{bucket}/async-endpoint-outputs",
            async_failure=None
            if options is not None and not options.failures
            else async_failure or f"{bucket}/async-endpoint-failures",
            asynchronous=options,
        )
        endpoint = self._control_plane.add_endpoint(name, served, deployment, spec_of(model))
        self._models.append(served)
        return endpoint

    def remove_endpoint(self, name: str) -> None:
        """Remove an endpoint at once, however it was made; requests under way finish. Unknown names are ignored."""
        self._control_plane.remove_endpoint(name)

    def script(self, name: str, entries: Iterable[ScriptEntry]) -> Endpoint:
        """Append to an endpoint's fault script and return the endpoint; `ConfigurationError` if it does not exist."""
        endpoint = self.endpoints.get(name)
        if endpoint is None:
            raise ConfigurationError(f"there is no endpoint {name!r}; call add_endpoint({name!r}, model) first")
        endpoint.faults.extend(entries)
        return endpoint

    # --- what happened ------------------------------------------------------------------------------------------------

    @property
    def requests(self) -> list[RecordedRequest]:
        """The latest 10,000 requests received, refused ones included, oldest first."""
        return list(self._state.requests)

    @property
    def objects(self) -> ObjectStore:
        """The objects of its S3 by URL: the inputs and the results of InvokeEndpointAsync.

        Any S3 client can read and write them too, at the same URL as everything else.
        """
        return self._state.objects

    def place_bucket(self, bucket: str, region: str) -> None:
        """Put a bucket into another region: requests for it must be signed for that region, others are redirected."""
        check_region(region, "place_bucket's region")
        self._s3.access.regions[bucket] = region

    def deny_objects(self, prefix: str, *, missing: bool = False) -> None:
        """Answer S3's requests for some objects with 403 AccessDenied from now on; see `allow_objects`.

        Args:
            prefix: the beginning of their URLs, such as ``s3://bucket/``.
            missing: deny only what does not exist, as S3 does for callers without the permission s3:ListBucket.
        """
        self._s3.access.denied[prefix] = missing

    def allow_objects(self, prefix: str) -> None:
        """Take `deny_objects` back; unknown prefixes are ignored."""
        self._s3.access.denied.pop(prefix, None)

    @property
    def async_invocations(self) -> list[AsyncInvocation]:
        """The latest 1,000 accepted async invocations, oldest first."""
        return list(self._state.async_invocations.values())

    # --- over a restart -----------------------------------------------------------------------------------------------

    def _restore(self, file: StateFile) -> None:
        saved = file.read()
        if saved is None:
            return
        try:
            specs = self._control_plane.restore(saved)
        except (Refusal, LookupError, TypeError, ValueError, AttributeError) as error:
            raise file.malformed(f"it lacks something ({type(error).__name__}: {error})") from error
        for name, spec in specs.items():
            try:
                self.add_model(name, spec)
            except Exception as error:  # noqa: BLE001 - a script may raise anything
                _log.warning("the model %r of the state file cannot be loaded from %s: %s", name, spec, error)

    async def _save(self) -> None:
        """Write the state file, if there is one; what goes wrong is logged."""
        if self._state_file is not None:
            write = self._executor.submit(self._state_file.write, self._control_plane.saved)
            try:
                await asyncio.wrap_future(write)
            except OSError as error:
                _log.error("the state file %s cannot be written: %s", self._state_file.path, error)

    # --- running ------------------------------------------------------------------------------------------------------

    async def _open(self) -> None:
        if self._closed:
            raise UsageError("the embedded SageMaker was closed; make another one")
        if self._url is not None:
            raise UsageError("the embedded SageMaker is running already")
        self._url = await self._server.open(self._host, self._port)

    async def _shut(self) -> None:
        if self._url is None:
            return
        self._url = None
        self._closed = True
        await self._server.close()
        await self._save()
        if self._state.other_s3 is not None:
            await self._state.other_s3.close()
        models, self._models = self._models, []
        for model in models:
            await model.close()
        self._executor.shutdown(wait=False, cancel_futures=True)
