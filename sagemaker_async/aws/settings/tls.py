"""From `TLSConfig` and ``AWS_CA_BUNDLE`` to the `ssl.SSLContext` that connections use.

Blocking: it reads certificates. Raises nothing but `ConfigurationError`, which names the field or variable.
"""

from __future__ import annotations

import logging
import os
import ssl

from sagemaker_async.config import TLSConfig
from sagemaker_async.errors import ConfigurationError

from .sources import Found

__all__ = ["ssl_context"]

logger: logging.Logger = logging.getLogger(__name__)


def ssl_context(tls: TLSConfig, ca_bundle: Found | None) -> ssl.SSLContext:
    """Return the context for a configuration. Blocking.

    Certificate authorities come from `tls`, else from `ca_bundle`, else from the system.

    Args:
        tls: the value of `Config.tls`.
        ca_bundle: the setting of the environment or the profile.

    Raises:
        ConfigurationError: a file is missing or unreadable, or its content is wrong.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(("http/1.1",))
    if not tls.verify:
        logger.warning(
            "TLSConfig.verify is False: any certificate is accepted, and anyone on the way can read and change all data"
        )
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif not tls.names_authorities and ca_bundle is None:
        context.load_default_certs()
    elif not tls.names_authorities and ca_bundle is not None:
        _trust(context, ca_bundle.text, ca_bundle.source)
    else:
        if tls.ca_bundle is not None:
            _trust(context, os.fspath(tls.ca_bundle), "TLSConfig.ca_bundle")
        if tls.ca_directory is not None:
            _trust_directory(context, os.fspath(tls.ca_directory))
    if tls.client_cert is not None:
        _add_client_certificate(context, tls)
    return context


def _trust(context: ssl.SSLContext, path: str, source: str) -> None:
    try:
        context.load_verify_locations(cafile=path)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{source}: {path!r} cannot be used as a bundle of certificate authorities ({_why(error)}); "
            "give the path of a readable PEM file with one or more certificates"
        ) from None


def _trust_directory(context: ssl.SSLContext, path: str) -> None:
    try:
        with os.scandir(path):
            pass
        context.load_verify_locations(capath=path)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"TLSConfig.ca_directory: {path!r} cannot be used ({_why(error)}); give the path of a readable directory "
            "that c_rehash (openssl rehash) has prepared"
        ) from None


def _add_client_certificate(context: ssl.SSLContext, tls: TLSConfig) -> None:
    assert tls.client_cert is not None
    names = "TLSConfig.client_cert" if tls.client_key is None else "TLSConfig.client_cert and client_key"
    try:
        # The password keeps OpenSSL from asking for one on the terminal.
        context.load_cert_chain(tls.client_cert, tls.client_key, password=b"")
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{names} cannot be used ({_why(error)}); give the paths of readable PEM files: the certificate with its "
            "chain, and its key, which must match and not be encrypted"
        ) from None


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "not PEM").replace("_", " ").lower()
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "malformed path"
