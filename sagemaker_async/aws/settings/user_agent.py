"""The User-Agent header in the 2.x grammar of the AWS SDKs: words of ``category/name#value``.

Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-appid.html and the grammar of the SDKs' shared
specification; words may hold only HTTP token characters, and every other character becomes a hyphen.

The versions are those of the loaded modules, because reading the packages' metadata would cost file access; aiohttp is
looked up among them, because only the transport may import it.
"""

from __future__ import annotations

import functools
import platform
import string
import sys

from sagemaker_async._version import __version__

__all__ = ["user_agent"]

_TOKEN = frozenset(string.ascii_letters + string.digits + "!#$%&'*+.^_`|~-")


@functools.lru_cache(maxsize=16)
def user_agent(retry_mode: str, app_id: str | None) -> str:
    """Return the header's value for a session.

    Args:
        retry_mode: ``standard``, ``adaptive`` or ``legacy``.
        app_id: the application's own id (`Config.user_agent_app_id`, at most 50 characters).
    """
    words = [
        f"sagemaker-async/{__version__}",
        "ua/2.1",
        f"os/{platform.system().lower() or 'other'}#{platform.release()}",
        f"md/arch#{platform.machine()}",
        f"lang/python#{platform.python_version()}",
        f"md/pyimpl#{platform.python_implementation()}",
        f"md/aiohttp#{getattr(sys.modules.get('aiohttp'), '__version__', 'unknown')}",
        f"cfg/retry-mode#{retry_mode}",
    ]
    if app_id:
        words.append(f"app/{app_id}")
    return " ".join(map(_word, words))


def _word(text: str) -> str:
    category, _, rest = text.partition("/")
    return f"{category}/{''.join([character if character in _TOKEN else '-' for character in rest])}"
