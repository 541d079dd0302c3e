"""Which proxy a request goes through: pure decisions, the same as botocore's on Linux.

``https_proxy`` and ``http_proxy`` apply to the URLs of their scheme; lower-case names win over upper-case ones.
``no_proxy`` lists the hosts (and with them their subdomains) that are reached without a proxy, or is ``*``.
``all_proxy`` and the settings of the desktop are not read. A proxy without a scheme is an ``http://`` one. In a CGI
program the sender of the header ``Proxy:`` sets ``HTTP_PROXY``, so it is ignored there (CVE-2016-1000110).

The URL of a proxy may hold a password, which is masked in `repr` and in messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import urlsplit

from sagemaker_async.config import check_proxy_url, with_scheme, without_password

__all__ = ["Proxies"]


class Proxies(NamedTuple):
    """The proxies of a session."""

    for_all: str | None = None
    """The proxy for every request; the other fields are then ignored."""
    by_scheme: Mapping[str, tuple[str, str]] = MappingProxyType({})
    """Maps a scheme to its proxy and the variable that names the proxy."""
    exceptions: str = ""
    """The hosts that are reached without a proxy, as ``no_proxy`` lists them."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Proxies:
        """Return the proxies of the environment. They are checked when they are used: an unused one does no harm."""
        found: dict[str, tuple[str, str]] = {}
        names = [name for name in environ if name.lower() in ("http_proxy", "https_proxy", "no_proxy")]
        for name in sorted(names, key=str.islower):
            scheme = name.lower().removesuffix("_proxy")
            if scheme == "http" and not name.islower() and "REQUEST_METHOD" in environ:
                continue
            if environ[name]:
                found[scheme] = (environ[name], name)
            elif name.islower():
                found.pop(scheme, None)
        exceptions, _ = found.pop("no", ("", ""))
        return cls(None, found, exceptions)

    def proxy_for(self, url: str) -> str | None:
        """Return the URL of the proxy that a request to `url` goes through, None for a direct one.

        Raises:
            ConfigurationError: the variable of the environment does not hold the URL of a proxy.
        """
        if self.for_all is not None:
            return with_scheme(self.for_all)
        parts = urlsplit(url)
        if parts.scheme not in self.by_scheme:
            return None
        if self._is_exception(parts.netloc.lower()):
            return None
        proxy, variable = self.by_scheme[parts.scheme]
        proxy = with_scheme(proxy)
        check_proxy_url(proxy, variable)
        return proxy

    def _is_exception(self, authority: str) -> bool:
        if self.exceptions.strip() == "*":
            return True
        host, colon, port = authority.rpartition(":")
        if not colon or (port and not port.isdigit()):
            host = authority
        names = (entry.strip().lstrip(".").lower() for entry in self.exceptions.split(","))
        return any(f".{place}".endswith(f".{name}") for name in names if name for place in (host, authority))

    def __repr__(self) -> str:
        fields = [f"for_all={without_password(self.for_all)!r}"] if self.for_all is not None else []
        fields += [f"{scheme}={without_password(proxy)!r}" for scheme, (proxy, _) in self.by_scheme.items()]
        if self.exceptions:
            fields.append(f"exceptions={self.exceptions!r}")
        return f"Proxies({', '.join(fields)})"
