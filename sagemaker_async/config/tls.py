"""How connections are secured: `TLSConfig`. It holds paths; they are checked when the files are read."""

from __future__ import annotations

import os
from dataclasses import dataclass

from sagemaker_async.errors import ConfigurationError

from ._checks import check_flag

__all__ = ["TLSConfig"]


@dataclass(frozen=True, kw_only=True)
class TLSConfig:
    """How the server's certificate is checked, and which certificate the client presents."""

    ca_bundle: str | os.PathLike[str] | None = None
    """Path of a PEM file with the certificate authorities to trust, for private authorities and inspecting proxies.
    None: `AWS_CA_BUNDLE`, the profile's ``ca_bundle``, the system's."""
    ca_directory: str | os.PathLike[str] | None = None
    """Path of a directory of hashed PEM files, as OpenSSL's ``c_rehash`` makes them, for systems that have one."""
    client_cert: str | os.PathLike[str] | None = None
    """Path of a PEM file with the client's certificate chain, for gateways that ask for one."""
    client_key: str | os.PathLike[str] | None = None
    """Path of the PEM file with the key of `client_cert`, if it is in another file. It must not be encrypted."""
    verify: bool = True
    """False accepts any certificate, and warns: anyone on the way can then read and change everything."""

    def __post_init__(self) -> None:
        for name in ("ca_bundle", "ca_directory", "client_cert", "client_key"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, str | os.PathLike) or not os.fspath(value)):
                raise ConfigurationError(f"TLSConfig.{name} must be a path (a non-empty str or a Path) or None")
        check_flag(self.verify, "TLSConfig.verify")
        if self.client_key and not self.client_cert:
            raise ConfigurationError("TLSConfig.client_key needs TLSConfig.client_cert as well")
        if not self.verify and (self.ca_bundle or self.ca_directory):
            raise ConfigurationError(
                "TLSConfig.verify=False contradicts ca_bundle and ca_directory: remove one or the other"
            )

    @property
    def names_authorities(self) -> bool:
        """Whether this decides which authorities are trusted, so that `AWS_CA_BUNDLE` and the profile are ignored."""
        return not self.verify or self.ca_bundle is not None or self.ca_directory is not None
