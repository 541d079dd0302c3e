"""OpenAI's client for SageMaker's OpenAI-compatible route: its URL, its bearer tokens, and a client that has both.

    client = openai_client(session, "my-llm")
    answer = await client.chat.completions.create(model="", messages=[{"role": "user", "content": "hello"}])

Every real-time endpoint and inference component whose container serves ``/v1/chat/completions`` (those of vLLM and
SGLang, and custom ones) has the route; it takes a bearer token instead of an AWS signature, and sends the container's
own answers and server-sent events. The container gets ``model`` unread: ``""`` stands for the model that it serves; if
it serves several, such as LoRA adapters, give the name under which the container knows the model, not the endpoint's.

A token is made from the session's credentials, without a network call, and allows everything that they may do in
SageMaker, not only calls of one endpoint: never write one down. It needs ``sagemaker:CallWithBearerToken`` and
``sagemaker:InvokeEndpoint``.

`OpenAITokens` and `openai_base_url` need no library and serve any client that takes a URL and a bearer token;
`openai_client` needs the extra: ``pip install 'sagemaker-async[openai]'``, with openai 1.106 or newer.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-openai-compatible.html
"""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any, Final

from sagemaker_async import _lazy
from sagemaker_async.aws.frames import forget_frames
from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.signing import Signer, encode_segment
from sagemaker_async.aws.timing import SYSTEM_TIMING, Timing
from sagemaker_async.config import Credentials
from sagemaker_async.errors import ConfigurationError
from sagemaker_async.runtime.operations import INVOKE_ENDPOINT, SAGEMAKER_RUNTIME

if TYPE_CHECKING:
    from openai import AsyncOpenAI

    from sagemaker_async.aws.channel import HasChannel

__all__ = ["MAX_EXPIRES", "OpenAITokens", "openai_base_url", "openai_client"]

MAX_EXPIRES: Final = 43_200
"""The longest life of a token, in seconds (12 hours)."""

_PREFIX = "sagemaker-api-key-"
_CALL = HTTPRequest("POST", "https://sagemaker.amazonaws.com", "/?Action=CallWithBearerToken", {}, b"")
"""What a token is the signature of. The host is the same in every region; the region is in the signature's scope."""
_UNSIGNED = "&Version=1"
_REFUSED = (401, 403)


class OpenAITokens:
    """Makes bearer tokens from the session's credentials; await it for each request, as OpenAI's client does.

    A token is kept until half of its life is over, which ends with `expires` or with its credentials, whichever is
    earlier; when the session has other credentials, a new one is made at once. Nothing blocks: the session renews its
    credentials in the background, and making a token takes no network call. If the session's own calls have found this
    machine's clock to be wrong, tokens are dated by SageMaker's.

    Args:
        session: whose credentials and region the tokens are of.
        expires: how long a token works, in seconds, 1 to 43,200 (12 hours). A token need only live until its request
            has arrived, so the default is short: 15 minutes.
        timing: whose `clock` says when a token begins and ends.

    Raises:
        ConfigurationError: `expires` is out of range.

    Example:
        ::

            client = AsyncOpenAI(
                base_url=openai_base_url(session, "my-llm"), api_key=OpenAITokens(session), max_retries=0
            )
    """

    def __init__(self, session: HasChannel, *, expires: int = 900, timing: Timing = SYSTEM_TIMING) -> None:
        if isinstance(expires, bool) or not isinstance(expires, int) or not 1 <= expires <= MAX_EXPIRES:
            raise ConfigurationError(
                f"OpenAITokens.expires must be a whole number of seconds from 1 to {MAX_EXPIRES} (12 hours), "
                f"got {expires!r}"
            )
        self._channel = session.channel
        self._expires = expires
        self._clock = timing.clock
        self._token = ""
        self._credentials: Credentials | None = None
        """Those that the token is made of; None: there is no token, or it was refused."""
        self._made_at = self._renewed_at = -math.inf
        self._doubted: Credentials | None = None
        """Those that a token was refused for, until the session has been asked for others."""
        self._asked_for: Credentials | None = None
        """Those for which it has been asked already: once is enough."""

    def __repr__(self) -> str:
        return f"OpenAITokens(expires={self._expires})"

    async def __call__(self) -> str:
        """Return a token that is valid now.

        Raises:
            CredentialsError: the session has no credentials, or they have expired.
            ConfigurationError, SessionClosedError, WrongEventLoopError: as for every call of the session.
        """
        try:
            return await self._current()
        except BaseException as error:
            forget_frames(error)  # below are the credentials and what is signed with them
            raise

    async def _current(self) -> str:
        doubted = self._doubted
        credentials = await self._channel.credentials(SAGEMAKER_RUNTIME, doubted)
        if self._doubted is doubted:  # and not others, refused meanwhile
            self._doubted = None
        pipeline = await self._channel.pipeline(SAGEMAKER_RUNTIME)
        now = self._clock() + pipeline.clock_offset
        if credentials != self._credentials or not self._made_at <= now < self._renewed_at:
            self._token = _token(credentials, pipeline.endpoint.signing_region, now, self._expires)
            ends = math.inf if credentials.expiration is None else credentials.expiration.timestamp() - now
            self._credentials, self._made_at = credentials, now
            self._renewed_at = now + min(self._expires, ends) / 2
        return self._token

    def refused(self, token: str) -> None:
        """Take note that SageMaker has refused a token, with 401 or 403: its credentials may have been replaced. For
        the next token, the session fetches its credentials again; only once for the same credentials, because the
        refusal may concern a permission. `openai_client` calls this by itself.

        Args:
            token: the refused token; one that has been replaced since then has no effect.
        """
        if token != self._token or self._credentials in (None, self._asked_for):
            return
        self._doubted = self._asked_for = self._credentials
        self._credentials = None


def _token(credentials: Credentials, region: str, now: float, expires: int) -> str:
    url = Signer(region, "sagemaker").presign(_CALL, credentials, now, expires=expires)
    signed = url.removeprefix("https://") + _UNSIGNED
    return _PREFIX + base64.b64encode(signed.encode()).decode()


def openai_base_url(session: HasChannel, endpoint: str, component: str | None = None) -> str:
    """Return the URL that an OpenAI client takes as its ``base_url``.

    It is where the session's own calls go, so `Config.endpoint_url` and ``AWS_ENDPOINT_URL`` apply. Until the
    session has made a call (`Session.check` is one), AWS's files are read here, which blocks for a moment.

    Args:
        session: whose region and URLs are meant.
        endpoint: the endpoint's name.
        component: the inference component's name; None: the endpoint's models are its variants' own.

    Raises:
        RequestValidationError: a name cannot be that of an endpoint or of a component.
        ConfigurationError: a setting of the session is wrong, or it has no region.
        SessionClosedError: the session is closed.
    """
    names = {"EndpointName": endpoint}
    if component is not None:
        names["InferenceComponentName"] = component
    INVOKE_ENDPOINT.validated_fields(names)
    place = session.channel.endpoint(SAGEMAKER_RUNTIME)
    path = f"/endpoints/{encode_segment(endpoint)}"
    if component is not None:
        path += f"/inference-components/{encode_segment(component)}"
    return f"{place.origin}{place.base_path}{path}/openai/v1"


def openai_client(
    session: HasChannel, endpoint: str, component: str | None = None, *, expires: int = 900, **options: Any
) -> AsyncOpenAI:
    """Return an ``AsyncOpenAI`` for an endpoint or an inference component; close it like any other.

    Beside the URL and `OpenAITokens`, it has these options, which `options` may change:

    - ``max_retries=0``. By default OpenAI's client repeats a call twice after 408, 409, 429, any 5xx, a lost connection
      and a time-out, although the model may have run: you would pay twice, and an agent with tools would act twice.
    - ``timeout``: the session's `Timeouts`. ``first_byte`` and ``between_chunks`` are one limit there, the longer one.
    - ``http_client``: one that follows no redirects, which would carry the token elsewhere, and that calls
      `OpenAITokens.refused` after a 401 or 403, so that the call after it has renewed credentials.

    The session must stay open as long as the client is used. Its proxy and TLS settings do not apply to the client:
    give an `http_client` that has them.

    Args:
        session: whose credentials, region and limits are meant.
        endpoint: the endpoint's name.
        component: the inference component's name, if the endpoint hosts components.
        expires: how long a token works, as for `OpenAITokens`.
        options: further arguments of ``AsyncOpenAI``.

    Raises:
        MissingExtraError: openai is not installed.
        ConfigurationError, RequestValidationError, SessionClosedError: as `OpenAITokens` and `openai_base_url`.
    """
    openai = _lazy.optional("openai", "openai_client()")
    tokens = OpenAITokens(session, expires=expires)

    async def heal(response: Any) -> None:
        if response.status_code in _REFUSED:
            tokens.refused(response.request.headers.get("Authorization", "").removeprefix("Bearer "))

    limits = session.channel.timeouts
    silence = (limits.first_byte, limits.between_chunks)
    defaults: dict[str, Any] = {
        "base_url": openai_base_url(session, endpoint, component),
        "api_key": tokens,
        "max_retries": 0,
        "timeout": openai.Timeout(max(silence, key=_length), connect=limits.connect, pool=limits.pool),
    }
    if options.get("http_client") is None:
        hooks = {"response": [heal]}
        options = {**options, "http_client": openai.DefaultAsyncHttpxClient(follow_redirects=False, event_hooks=hooks)}
    client: AsyncOpenAI = openai.AsyncOpenAI(**{**defaults, **options})
    return client


def _length(limit: float | None) -> float:
    return math.inf if limit is None else limit
