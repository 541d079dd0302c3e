"""A model that runs in a container: requests are forwarded to its ``/invocations`` as SageMaker does.

The container receives the body, Content-Type, Accept and the ``X-Amzn-SageMaker-`` fields that SageMaker passes on, and
answers with a status and a body; any status but a 2xx is a `ModelFailure`. Requests of the OpenAI-compatible route go
to its ``/v1/chat/completions``. See
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

from __future__ import annotations

import io
from collections.abc import AsyncGenerator
from concurrent.futures import Executor
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from sagemaker_async.errors import ConfigurationError, ModelStreamError

from .models import InvocationRequest, ModelFailure, ModelOutput
from .operations import CHAT_COMPLETIONS

__all__ = ["Container"]

_HEADERS = (
    ("content_type", "Content-Type"),
    ("accept", "Accept"),
    ("custom_attributes", "X-Amzn-SageMaker-Custom-Attributes"),
    ("target_model", "X-Amzn-SageMaker-Target-Model"),
    ("target_container_hostname", "X-Amzn-SageMaker-Target-Container-Hostname"),
    ("inference_id", "X-Amzn-SageMaker-Inference-Id"),
    ("enable_explanations", "X-Amzn-SageMaker-Enable-Explanations"),
    ("component", "X-Amzn-SageMaker-Inference-Component"),
    ("session_id", "X-Amzn-SageMaker-Session-Id"),
    ("prefix_aware_id", "X-Amzn-SageMaker-Prefix-Aware-Id"),
)
_NOT_ASKED_FOR = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
_TIMEOUT_STATUS: Final = 0


class Container:
    """A container that listens on loopback or elsewhere.

    Args:
        url: ``http://127.0.0.1:8080/invocations``; the default path is ``/invocations``.
        timeout: seconds until the container's answer must begin, and between its parts; SageMaker allows 60.

    Raises:
        ConfigurationError: `url` is not the URL of a container.
    """

    def __init__(self, url: str, *, timeout: float = 60.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(f"a container's URL must look like http://127.0.0.1:8080/invocations, got {url!r}")
        self.url: Final = url if parts.path not in ("", "/") else f"{parts.scheme}://{parts.netloc}/invocations"
        self._chat_url: Final = f"{parts.scheme}://{parts.netloc}/v1/chat/completions"
        self._timeout = aiohttp.ClientTimeout(total=None, connect=timeout, sock_read=timeout)
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"Container({self.url!r})"

    async def invoke(self, request: InvocationRequest, executor: Executor) -> ModelOutput:  # noqa: ARG002
        """Forward the request; see `Model`."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout,
                auto_decompress=False,
                skip_auto_headers=_NOT_ASKED_FOR,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        headers = {name: value for field, name in _HEADERS if (value := getattr(request, field)) is not None}
        try:
            # A file, because aiohttp warns about large bodies that are plain bytes.
            body = io.BytesIO(request.body)
            url = self._chat_url if request.operation == CHAT_COMPLETIONS.name else self.url
            response = await self._session.post(url, data=body, headers=headers, allow_redirects=False)
            if not 200 <= response.status < 300:
                raise ModelFailure(response.status, (await response.read()).decode("utf-8", "replace"))
        except TimeoutError:
            raise ModelFailure(_TIMEOUT_STATUS, "the container did not answer in time") from None
        except aiohttp.ClientError as error:
            raise ModelFailure(_TIMEOUT_STATUS, f"the container cannot be reached: {type(error).__name__}") from error
        answered = {name: value for name in ("Content-Encoding",) if (value := response.headers.get(name)) is not None}
        return ModelOutput(
            _parts(response),
            response.headers.get("Content-Type"),
            custom_attributes=response.headers.get("X-Amzn-SageMaker-Custom-Attributes"),
            close_session="X-Amzn-SageMaker-Closed-Session-Id" in response.headers,
            headers=answered,
        )

    async def close(self) -> None:
        """Close the connections to the container; idempotent."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


async def _parts(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    try:
        async for part in response.content.iter_any():
            yield part
    except (aiohttp.ClientError, TimeoutError) as error:
        raise ModelStreamError(f"the container's answer broke off: {type(error).__name__}", "StreamBroken") from error
    finally:
        response.close()
