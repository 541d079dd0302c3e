"""From the options of an aiobotocore client to the `Config` of a session of ours.

`AioConfig` and `botocore.config.Config` are understood alike, aiobotocore's own class among them. Only options that the
program has given count: all others have our defaults, not botocore's. An option without a counterpart warns by name,
where it is given, because the program runs on without it; one that would have changed what is sent is refused.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from botocore.config import Config as BotocoreConfig
from botocore.exceptions import ParamValidationError, PartialCredentialsError
from botocore.utils import validate_region_name

from sagemaker_async.config import Config, Credentials, RetryConfig, Timeouts, TLSConfig
from sagemaker_async.errors import ConfigurationError

__all__ = ["AioConfig", "CompatibilityWarning", "merged", "session_config"]

SAME_MEANING = {
    "max_pool_connections": "max_connections",
    "user_agent_appid": "user_agent_app_id",
    "use_dualstack_endpoint": "use_dualstack_endpoint",
    "use_fips_endpoint": "use_fips_endpoint",
    "ignore_configured_endpoint_urls": "ignore_configured_endpoint_urls",
    "defaults_mode": "defaults_mode",
    "parameter_validation": "validate_params",
}
"""Options of botocore's, and the fields of `Config` that they are."""

NEEDLESS = frozenset({
    "region_name", "retries", "proxies", "client_cert", "signature_version", "warm_up_loader_caches",
    "inject_host_prefix", "disable_request_compression",
})  # fmt: skip
"""Options that are taken where they say something, or that make no difference to SageMaker's requests."""

CONNECTOR_ARGS = frozenset({
    "use_dns_cache", "ttl_dns_cache", "keepalive_timeout", "write_timeout", "pool_timeout", "force_close",
    "ssl_context", "resolver", "socket_factory",
})  # fmt: skip
"""What aiobotocore takes in ``connector_args``."""

CONNECTOR_TIMEOUTS = {"keepalive_timeout": "keepalive", "pool_timeout": "pool"}
"""Those of them that are fields of `Timeouts`."""


class CompatibilityWarning(UserWarning):
    """An option of another library that has no counterpart here, and was ignored."""


class AioConfig(BotocoreConfig):
    """botocore's `Config` with aiobotocore's options, of which `connector_args` is understood.

    Args:
        connector_args: ``keepalive_timeout``, ``pool_timeout`` and ``ssl_context``; others warn when a client is made.
        http_session_cls: warns when a client is made: requests always go over our own transport.
        warm_up_loader_caches: accepted; models are always loaded in a thread.
        options: those of `botocore.config.Config`.

    Raises:
        ParamValidationError: `connector_args` has a key that aiobotocore does not know either.
    """

    def __init__(
        self,
        connector_args: Mapping[str, Any] | None = None,
        http_session_cls: type | None = None,
        warm_up_loader_caches: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        for name in connector_args or {}:
            if name not in CONNECTOR_ARGS:
                raise ParamValidationError(report=f"invalid connector_arg:{name}")
        self.connector_args: dict[str, Any] = dict(connector_args or {})
        self.http_session_cls = http_session_cls
        self.warm_up_loader_caches = warm_up_loader_caches
        own = {"connector_args": connector_args, "http_session_cls": http_session_cls}
        _given(self).update({name: value for name, value in own.items() if value is not None})

    def merge(self, other_config: BotocoreConfig) -> AioConfig:
        """Return a config with the options of both, of which those of `other_config` win."""
        return merged(self, other_config)


def merged(first: BotocoreConfig, second: BotocoreConfig) -> AioConfig:
    """Return a config with the options of both, of which those of the second win."""
    return AioConfig(**{**_given(first), **_given(second)})


def session_config(
    *,
    config: BotocoreConfig | None,
    region_name: str | None,
    profile: str | None,
    use_ssl: bool,
    verify: bool | str | None,
    endpoint_url: str | None,
    keys: tuple[str | None, str | None, str | None, str | None],
) -> Config:
    """Return the configuration of a session of ours.

    Args:
        config: the config of the client.
        region_name: its region, which wins over that of `config`.
        profile: a profile of the shared AWS files.
        use_ssl: False warns.
        verify: False, or the path of a bundle of authorities.
        endpoint_url: where the service is.
        keys: the access key id, secret access key, session token and account id; without the first two, AWS's chain.

    Raises:
        botocore.exceptions.InvalidRegionError, PartialCredentialsError: as from botocore.
        ConfigurationError: an option's value is wrong here.
    """
    fields: dict[str, Any] = {"profile": profile, "endpoint_url": endpoint_url}
    unknown: dict[str, str] = {}
    if not use_ssl and endpoint_url is None:
        unknown["use_ssl"] = "give endpoint_url='http://...' instead"
    options = {} if config is None else _given(config)
    fields["region"] = region_name or options.get("region_name")
    if fields["region"] is not None:
        validate_region_name(fields["region"])
    fields["credentials"] = _credentials(*keys)
    tls: dict[str, Any] = {"verify": False} if verify is False else {}
    if isinstance(verify, str):
        tls["ca_bundle"] = verify
    timeouts: dict[str, Any] = {}
    ssl_context = None
    for name, value in options.items():
        if name in SAME_MEANING:
            fields[SAME_MEANING[name]] = value
        elif name == "connect_timeout":
            timeouts["connect"] = value
        elif name == "read_timeout":
            timeouts["first_byte"] = timeouts["between_chunks"] = value
        elif name == "retries" and value:
            fields["retry"] = _retry(value)
        elif name == "proxies" and value:
            fields["proxy"] = value.get(urlsplit(endpoint_url or "https://").scheme)
        elif name == "client_cert" and value:
            cert, key = (value, None) if isinstance(value, str) else value
            tls |= {"client_cert": cert, "client_key": key}
        elif name == "signature_version" and value not in (None, "v4"):
            raise ConfigurationError(
                f"signature_version={value!r}: SageMaker's requests are signed with Signature Version 4 (v4), always"
            )
        elif name == "connector_args":
            for each, argument in (value or {}).items():
                if each == "ssl_context":
                    ssl_context = argument
                elif each in CONNECTOR_TIMEOUTS:
                    if argument is not None or each != "keepalive_timeout":  # of which None means the default
                        timeouts[CONNECTOR_TIMEOUTS[each]] = argument
                else:
                    unknown[f"connector_args[{each!r}]"] = "connections are made by our own transport"
        elif name not in NEEDLESS and (value or None) != BotocoreConfig.OPTION_DEFAULTS.get(name):
            unknown[name] = "Config of sagemaker_async has nothing like it"
    fields["timeouts"] = Timeouts(**timeouts)
    fields["tls"] = ssl_context or (TLSConfig(**tls) if tls else None)
    for name, remedy in unknown.items():
        warnings.warn(f"{name} has no counterpart here, and is ignored: {remedy}", CompatibilityWarning, _outside())
    return Config(**{name: value for name, value in fields.items() if value is not None})


def _outside() -> int:
    """Return the ``stacklevel`` at which a warning of the function that calls this points to the program's line."""
    level, frame = 0, sys._getframe(1)
    while frame.f_globals.get("__name__", "").startswith(f"{__package__}.") and frame.f_back is not None:
        level, frame = level + 1, frame.f_back
    return level + 1


def _given(config: BotocoreConfig) -> dict[str, Any]:
    """Return the options that a config was made with; its attributes have the defaults as well."""
    options: dict[str, Any] = config._user_provided_options  # type: ignore[attr-defined]
    return options


def _credentials(
    access_key: str | None, secret_key: str | None, token: str | None, account_id: str | None
) -> Credentials | None:
    if access_key is not None and secret_key is not None:
        return Credentials(access_key, secret_key, token, account_id=account_id)
    if access_key is not None or secret_key is not None:
        missing = "aws_secret_access_key" if secret_key is None else "aws_access_key_id"
        raise PartialCredentialsError(provider="explicit", cred_var=missing)
    return None


def _retry(retries: Mapping[str, Any]) -> RetryConfig:
    """Return botocore's ``retries``: its ``max_attempts`` counts the repetitions, ours and ``total_`` all attempts."""
    total = retries.get("total_max_attempts")
    if total is None and (repetitions := retries.get("max_attempts")) is not None:
        total = repetitions + 1
    return RetryConfig(mode=retries.get("mode"), max_attempts=total)
