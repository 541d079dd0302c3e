"""The User-Agent header in the 2.x grammar of the AWS SDKs: words of ``category/name#value``.

Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-appid.html and the grammar of the SDKs' shared
specification; words may hold only HTTP token characters, everything else becomes a hyphen.
"""

from __future__ import annotations

import functools
import platform
import re
from importlib import metadata

__all__ = ["user_agent"]

_NO_TOKEN = re.compile(r"[^A-Za-z0-9!#$%&'*+.^_`|~-]")


@functools.lru_cache(maxsize=16)
def user_agent(retry_mode: str, app_id: str | None) -> str:
    """Return the header's value for a session.

    Args:
        retry_mode: ``standard``, ``adaptive`` or ``legacy``.
        app_id: the application's own id (`Config.user_agent_app_id`, at most 50 characters).
    """
    words = [
        f"sagemaker-async/{_version('sagemaker-async')}",
        "ua/2.1",
        f"os/{platform.system().lower() or 'other'}#{platform.release()}",
        f"md/arch#{platform.machine()}",
        f"lang/python#{platform.python_version()}",
        f"md/pyimpl#{platform.python_implementation()}",
        f"md/aiohttp#{_version('aiohttp')}",
        f"cfg/retry-mode#{retry_mode}",
    ]
    if app_id:
        words.append(f"app/{app_id}")
    return " ".join(_word(word) for word in words)


def _word(text: str) -> str:
    category, _, rest = text.partition("/")
    return f"{category}/{_NO_TOKEN.sub('-', rest)}"


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"
