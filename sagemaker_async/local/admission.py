"""Which requests a server on this machine answers: those of programs, not those of other sites' pages in a browser.

A browser sends the requests of any page, also to the loopback addresses of this machine, where no firewall protects the
server. Two checks refuse the requests of other sites; programs (boto3, curl, SDKs) pass both:

- ``Host`` must name this server. A site whose name is made to resolve to a loopback address after its page was loaded
  (DNS rebinding) counts as the same origin in the browser, but its requests still have its own name.
- ``Sec-Fetch-Site`` and ``Origin``, which browsers send and programs do not, must say that the request comes from a
  page of this server, or from the browser's user. Another port of the same host counts as another site.

Pure. Sources: RFC 9110 section 7.2 (Host), RFC 6454 (Origin), https://www.w3.org/TR/fetch-metadata/ (Sec-Fetch-Site).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence

from sagemaker_async.errors import ConfigurationError

__all__ = ["Admission", "is_loopback"]

_QUOTED = 100
"""How many characters of a header field a refusal repeats; the field may be as long as the server accepts."""

_S3 = "s3.localhost"
"""The name under which the embedded S3 has a name for each bucket; names below localhost are never another site's."""

_is_name = re.compile(r"[0-9A-Za-z._-]+").fullmatch
_parts_of_host = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9A-Za-z._-]+))(?::[0-9]*)?").fullmatch


class Admission:
    """Decides by the header fields whether a request is answered.

    Args:
        host: the address or name that the server listens on. If it listens on every address (``0.0.0.0``, ``::``), any
            IP address is accepted as Host: a site cannot make the browser send one instead of its name.
        allowed_hosts: further names that are accepted as Host, without ports.

    Raises:
        ConfigurationError: one of `allowed_hosts` cannot be the name or address of a host.
    """

    def __init__(self, host: str = "127.0.0.1", allowed_hosts: Sequence[str] = ()) -> None:
        if isinstance(allowed_hosts, str):
            raise ConfigurationError(f"allowed_hosts must be a sequence of host names, got the str {allowed_hosts!r}")
        for name in allowed_hosts:
            if not isinstance(name, str) or not (_is_name(name) or _address(name)):
                raise ConfigurationError(
                    "allowed_hosts must hold host names or addresses without scheme and port, such as 'sagemaker', "
                    f"got {name!r}"
                )
        address = _address(host)
        self._any_address = not host or (address is not None and address.is_unspecified)
        self._names = {_canonical(name) for name in ("localhost", host, *allowed_hosts)}

    def refusal(self, headers: Mapping[str, str]) -> str | None:
        """Return why a request with these header fields is refused, and what to do; None when it is answered.

        Args:
            headers: the request's header fields; look-up ignores case.
        """
        host = headers.get("Host")
        if host is not None and not self._is_known(_without_port(host)):
            return (
                f"This server does not accept the host {host[:_QUOTED]!r}, which may be another site's name for it. "
                "It accepts localhost, loopback addresses and the names that it was given: "
                "LocalSageMaker(allowed_hosts=[...]), or sagemaker-async serve --allow-host."
            )
        site = headers.get("Sec-Fetch-Site")
        if site not in (None, "same-origin", "none"):
            return f"This server does not answer requests that a browser sends for other sites ({site[:_QUOTED]})."
        origin = headers.get("Origin")
        if origin is not None and not _is_same(origin, host):
            return f"This server does not answer requests that a browser sends for {origin[:_QUOTED]!r}."
        return None

    def _is_known(self, name: str) -> bool:
        if _canonical(name) in self._names or is_loopback(name) or f".{name.lower()}".endswith(f".{_S3}"):
            return True
        return self._any_address and _address(name) is not None


def is_loopback(host: str) -> bool:
    """Return whether a host is ``localhost`` or a loopback address, which other machines cannot reach."""
    address = _address(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _canonical(host: str) -> str:
    address = _address(host)
    return host.lower().removesuffix(".") if address is None else str(address)


def _without_port(host: str) -> str:
    """Return the name or address in a Host field; an empty str when it is malformed."""
    parts = _parts_of_host(host)
    return "" if parts is None else parts[1] or parts[2]


def _is_same(origin: str, host: str | None) -> bool:
    """Return whether an origin is the server in a Host field; browsers leave default ports out of both."""
    return host is not None and origin.lower() in (f"http://{host.lower()}", f"https://{host.lower()}")
