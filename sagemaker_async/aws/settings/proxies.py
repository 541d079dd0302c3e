"""Which proxy a request goes through: pure decisions, the same as botocore's on Linux.

``https_proxy`` and ``http_proxy`` count for the URLs of their scheme, in small letters before capitals, and
``no_proxy`` lists the hosts (and their subdomains) that are reached without, or ``*``. ``all_proxy`` is not asked, nor
are the settings of the desktop. A proxy without a scheme is an ``http://`` one. In a CGI program ``HTTP_PROXY`` is set
by whoever sends the header ``Proxy:``, and is disregarded (CVE-2016-1000110).

Proxies' URLs may hold a password: it is masked in `repr` and in messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import urlsplit

from sagemaker_async.config import check_proxy_url, without_password

__all__ = ["Proxies"]


class Proxies(NamedTuple):
    """The proxies of a session."""

    for_all: str | None = None
    """The proxy for every request; nothing else counts then."""
    by_scheme: Mapping[str, tuple[str, str]] = MappingProxyType({})
    """Scheme to proxy and the variable that names it."""
    exceptions: str = ""
    """The hosts that are reached without, as ``no_proxy`` lists them."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Proxies:
        """Return what the environment says. Nothing is checked yet: a wrong proxy that is never used does no harm."""
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
            ConfigurationError: the environment's variable holds no proxy's URL.
        """
        if self.for_all is not None:
            return self.for_all
        parts = urlsplit(url)
        if parts.scheme not in self.by_scheme:
            return None
        if self._is_exception(parts.netloc.lower()):
            return None
        proxy, variable = self.by_scheme[parts.scheme]
        if proxy.startswith("//"):
            proxy = f"http:{proxy}"
        elif "://" not in proxy:
            proxy = f"http://{proxy}"
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
        shown = [f"for_all={without_password(self.for_all)!r}"] if self.for_all is not None else []
        shown += [f"{scheme}={without_password(proxy)!r}" for scheme, (proxy, _) in self.by_scheme.items()]
        if self.exceptions:
            shown.append(f"exceptions={self.exceptions!r}")
        return f"Proxies({', '.join(shown)})"
