"""The rules for values that may come from code, from the environment or from files.

Each check takes the value and its source (a field, a variable, or a file with profile and key), and raises a
`ConfigurationError` that names the source, the rule and the remedy. It never repeats URLs: they may hold a password.
"""

from __future__ import annotations

import math
from urllib.parse import SplitResult, urlsplit

from sagemaker_async.errors import ConfigurationError

__all__ = [
    "check_count",
    "check_endpoint_url",
    "check_flag",
    "check_proxy_url",
    "check_region",
    "check_seconds",
    "with_scheme",
    "without_password",
]


def check_region(region: str, source: str) -> None:
    """Raise `ConfigurationError`, naming `source`, unless `region` can be one label of a host name."""
    label = region.replace("-", "")
    if not (label.isascii() and label.isalnum()) or region[0] == "-" or region[-1] == "-" or len(region) > 63:
        raise ConfigurationError(f"{source} is not an AWS region (such as us-east-1): {region!r}")


def check_flag(value: object, source: str, *, optional: bool = False) -> None:
    """Raise `ConfigurationError` unless `value` is a bool, or None if `optional`."""
    if not isinstance(value, bool) and not (optional and value is None):
        choices = "True, False or None" if optional else "True or False"
        raise ConfigurationError(f"{source} must be {choices}, got {value!r}")


def check_count(value: object, source: str, hint: str = "") -> None:
    """Raise `ConfigurationError` unless `value` is a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"{source} must be a whole number of at least 1{hint}, got {value!r}")


def check_seconds(value: object, source: str, *, zero_allowed: bool = False, optional: bool = True) -> None:
    """Raise `ConfigurationError` unless `value` is a finite number of seconds, more than 0, or None if `optional`."""
    if value is None and optional:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise ConfigurationError(f"{source} must be a number of seconds{' or None' * optional}, got {value!r}")
    if value < 0 or (value == 0 and not zero_allowed):
        least = "at least" if zero_allowed else "more than"
        remedy = "; use None for the default or no limit" if optional else ""
        raise ConfigurationError(f"{source} must be {least} 0 seconds, got {value!r}{remedy}")
    if math.isinf(value):
        remedy = "; use None for no limit" if optional else ": there is no 'no limit' for it"
        raise ConfigurationError(f"{source} must be a finite number of seconds{remedy}")


def check_endpoint_url(url: str, source: str) -> None:
    """Raise `ConfigurationError`, naming `source`, unless `url` is ``http(s)://host[:port][/path]`` and no more."""
    remedy = "it must look like https://host or http://127.0.0.1:8080"
    parts = _split_http_url(url, source, remedy)
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(f"{source} contains a user name or password, which would not be sent; {remedy}")


def with_scheme(proxy: str) -> str:
    """Return a proxy's URL with its scheme: one without is an ``http://`` one, as in ``HTTP_PROXY``."""
    if proxy.startswith("//"):
        return f"http:{proxy}"
    return proxy if "://" in proxy else f"http://{proxy}"


def check_proxy_url(url: str, source: str) -> None:
    """Raise `ConfigurationError`, naming `source`, unless `url` is ``http(s)://[user:password@]host[:port]``."""
    remedy = "it must look like http://proxy:3128 or http://user:password@proxy:3128"
    parts = _split_http_url(url, source, remedy)
    if parts.path not in ("", "/"):
        raise ConfigurationError(f"{source} contains a path; {remedy} (percent-encode a / in the password as %2F)")


def _split_http_url(url: str, source: str, remedy: str) -> SplitResult:
    def refuse(why: str) -> ConfigurationError:
        return ConfigurationError(f"{source} {why}; {remedy}")

    if not isinstance(url, str) or not url:
        raise refuse("must be a non-empty str")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise refuse("contains white space, control or non-ASCII characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise refuse("is not a URL: its host or port is malformed") from None
    if parts.scheme not in ("http", "https"):
        raise refuse("has no http or https scheme")
    if not parts.hostname:
        raise refuse("has no host")
    if port == 0:
        raise refuse("has the port 0")
    if parts.query or parts.fragment:
        raise refuse("contains a query or fragment")
    return parts


def without_password(url: str) -> str:
    """Return a proxy's URL with its user name and password masked, for messages and `repr`."""
    head, at, host = url.rpartition("@")
    if not at:
        return url
    scheme, separator, _ = head.partition("://")
    return f"{scheme}{separator}***@{host}" if separator else f"***@{host}"
