"""What a session runs with: `Config` completed by the environment, the profile and the defaults, in this order.

`resolve_settings` works in a thread, because files are looked for, opened and imported. With a region from `Config` or
the environment and no shared files, nothing of botocore is imported. The value that wins is checked, and those that
lose are not looked at; a wrong value raises `ConfigurationError`, which names the field, the variable, or the key,
profile and file it comes from. The endpoint of a service is checked by `Settings.endpoint_for`, when that service is
first called.

The answers are botocore's for the same files and environment, except that

- ``AWS_REGION`` counts, and wins over ``AWS_DEFAULT_REGION``, and ``AWS_PROFILE`` wins over ``AWS_DEFAULT_PROFILE``, as
  in every other AWS SDK;
- an empty variable counts as unset, and values that botocore takes for false (``maybe``) or ignores (the retry mode
  ``foo``) are errors.

https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
"""

from __future__ import annotations

import asyncio
import concurrent.futures.thread  # noqa: F401 - asyncio would import it on the event loop, at the first use of a thread
import inspect
import logging
import os
import ssl
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from sagemaker_async.aws.endpoints.rules import Endpoint, EndpointRules, resolve, without_fips_marker
from sagemaker_async.config import (
    CHECKSUM_CHOICES,
    DEFAULTS_MODES,
    RETRY_MODES,
    ChecksumChoice,
    Config,
    DefaultSeconds,
    DefaultsMode,
    RetryConfig,
    Timeouts,
    TLSConfig,
    check_region,
)
from sagemaker_async.errors import ConfigurationError, NoRegionError

from .custom_endpoints import CustomEndpoints
from .defaults_mode import CONNECT_SECONDS, auto_mode
from .proxies import Proxies
from .sources import Found, SharedFiles, Sources, load_shared_files
from .tls import ssl_context
from .user_agent import user_agent

__all__ = ["Settings", "read_settings", "resolve_settings"]

logger: logging.Logger = logging.getLogger(__name__)

_MAX_ATTEMPTS = {"standard": 3, "adaptive": 3, "legacy": 5}
_APP_ID_LENGTH = 50


class Settings(NamedTuple):
    """The resolved values of one session. Fields of `Config` that nothing else can set are read from `config`."""

    config: Config
    """What the program asked for."""
    region: str
    """Never a FIPS pseudo-region: as in botocore, ``us-east-1-fips`` is ``us-east-1`` with `use_fips_endpoint`."""
    profile: str | None
    """The profile that `Config` or the environment names; None when neither does and ``default`` is read. The
    credential chain needs `Config.profile` instead, because it ranks a profile that only the environment names
    lower."""
    custom_endpoints: CustomEndpoints
    """The URLs that replace AWS's own hosts; a service's URL is checked when that service is first called."""
    use_fips_endpoint: bool
    """Whether AWS's FIPS hosts are used; without effect on custom URLs."""
    use_dualstack_endpoint: bool
    """Whether AWS's dual-stack hosts are used; without effect on custom URLs."""
    retry: RetryConfig
    """With `mode` and `max_attempts` filled in."""
    timeouts: Timeouts
    """With the `defaults_mode` applied."""
    defaults_mode: DefaultsMode
    """``auto`` is already replaced by the mode that it stands for."""
    ca_bundle: str | None
    """The bundle of ``AWS_CA_BUNDLE`` or the profile; None when neither names one, or when `Config.tls` decides."""
    ssl_context: ssl.SSLContext | None
    """What connections use; None when nothing is configured, and the transport's own default applies."""
    proxies: Proxies
    """Which requests go through which proxy."""
    user_agent_app_id: str | None
    """The application's name, as sent in the user agent."""
    request_checksum_calculation: ChecksumChoice
    """Whether uploads to S3 carry a checksum."""
    response_checksum_validation: ChecksumChoice
    """Whether what comes from S3 is compared with its checksum."""
    validate_params: bool
    """Whether requests are checked before they are sent."""
    max_connections: int
    """Size of the connection pool."""

    def endpoint_for(self, rules: EndpointRules) -> Endpoint:
        """Return where a service is: at its custom URL, or where `Config.endpoint_resolver` or AWS's rules say.

        Exceptions of the resolver pass through.

        Raises:
            ConfigurationError: the service's custom URL is wrong, AWS has no such endpoint, or the resolver did not
                return an `Endpoint`.
        """
        url = self.custom_endpoints.url_for(rules.service)
        if url is not None:
            return Endpoint.from_url(url, signing_region=self.region, signing_name=rules.signing_name)
        decide = self.config.endpoint_resolver or resolve
        endpoint: object = decide(
            rules, self.region, use_fips=self.use_fips_endpoint, use_dualstack=self.use_dualstack_endpoint
        )
        if isinstance(endpoint, Endpoint):
            return endpoint
        if inspect.iscoroutine(endpoint):
            endpoint.close()
        raise ConfigurationError(
            f"Config.endpoint_resolver must return a sagemaker_async.aws.endpoints.Endpoint for {rules.service} "
            f"(a plain function, not a coroutine; Endpoint.from_url makes one), got {type(endpoint).__name__}"
        )

    def proxy_for(self, url: str) -> str | None:
        """Return the proxy for a request to `url`, None for a direct one; it may hold a password: never log it.

        Raises:
            ConfigurationError: the variable of the environment does not hold the URL of a proxy.
        """
        return self.proxies.proxy_for(url)


async def resolve_settings(config: Config, *, environ: Mapping[str, str] | None = None) -> Settings:
    """Return what a session runs with. Everything that may block runs in a worker thread.

    Args:
        config: what the program asks for.
        environ: the environment; None means the process's own.

    Raises:
        NoRegionError: no region is set; the message lists where it was looked for.
        ConfigurationError: a value, variable or file is wrong.
    """
    return await asyncio.to_thread(read_settings, config, environ)


def read_settings(config: Config, environ: Mapping[str, str] | None = None) -> Settings:
    """Do as `resolve_settings`, at once. Blocks: it reads AWS's files."""
    environ = dict(os.environ if environ is None else environ)
    files = load_shared_files(environ)
    profile_name, source = _profile_name(config, environ)
    sources = Sources(environ, files.profile(profile_name, source))
    region, is_fips_region = without_fips_marker(_region(config, sources, files))
    mode = _defaults_mode(config, sources, region)
    ca_bundle = _ca_bundle(config, sources)
    settings = Settings(
        config=config,
        region=region,
        profile=profile_name,
        custom_endpoints=CustomEndpoints(config, sources, files),
        use_fips_endpoint=is_fips_region
        or sources.flag(config.use_fips_endpoint, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"),
        use_dualstack_endpoint=sources.flag(
            config.use_dualstack_endpoint, "AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"
        ),
        retry=_retry(config.retry, sources),
        timeouts=_timeouts(config.timeouts, mode),
        defaults_mode=mode,
        ca_bundle=ca_bundle.text if ca_bundle is not None else None,
        ssl_context=_ssl_context(config, ca_bundle),
        proxies=Proxies(config.proxy) if config.proxy is not None else Proxies.from_environment(environ),
        user_agent_app_id=_app_id(config, sources),
        request_checksum_calculation=_checksums(sources, "request_checksum_calculation", config),
        response_checksum_validation=_checksums(sources, "response_checksum_validation", config),
        validate_params=_validate_params(config, sources),
        max_connections=config.max_connections,
    )
    # Called here to fill its cache: it asks the platform, which may block.
    user_agent(settings.retry.mode or "standard", settings.user_agent_app_id)
    return settings


def _profile_name(config: Config, environ: Mapping[str, str]) -> tuple[str | None, str]:
    if config.profile is not None:
        return config.profile, "Config.profile"
    for variable in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        if name := environ.get(variable):
            return name, variable
    return None, ""


def _region(config: Config, sources: Sources, files: SharedFiles) -> str:
    if config.region is not None:
        return config.region
    found = sources.variable("AWS_REGION", "AWS_DEFAULT_REGION") or sources.profile.find("region")
    if found is None:
        place = f"'region' of profile {sources.profile.name!r} in {files.config_path} or {files.credentials_path}"
        absent = "" if sources.profile.sections else ", where there is no such profile"
        raise NoRegionError(
            "no AWS region: looked in Config.region, AWS_REGION, AWS_DEFAULT_REGION and "
            f"{place}{absent}. Set one, for instance Session(region='us-east-1') or AWS_REGION=us-east-1"
        )
    check_region(found.text, found.source)
    return found.text


def _defaults_mode(config: Config, sources: Sources, region: str) -> DefaultsMode:
    mode = config.defaults_mode
    if mode is None:
        found = sources.find("AWS_DEFAULTS_MODE", "defaults_mode")
        mode = found.choice(DEFAULTS_MODES) if found is not None else "legacy"
    if mode == "auto":
        return auto_mode(region, sources)
    return mode


def _retry(retry: RetryConfig, sources: Sources) -> RetryConfig:
    mode, max_attempts = retry.mode, retry.max_attempts
    if mode is None:
        found = sources.find("AWS_RETRY_MODE", "retry_mode")
        mode = found.choice(RETRY_MODES) if found is not None else "standard"
    if max_attempts is None:
        found = sources.find("AWS_MAX_ATTEMPTS", "max_attempts")
        max_attempts = found.whole_number() if found is not None else _MAX_ATTEMPTS[mode]
    return replace(retry, mode=mode, max_attempts=max_attempts)


def _timeouts(timeouts: Timeouts, defaults_mode: DefaultsMode) -> Timeouts:
    if defaults_mode not in CONNECT_SECONDS or not isinstance(timeouts.connect, DefaultSeconds):
        return timeouts
    return replace(timeouts, connect=CONNECT_SECONDS[defaults_mode])


def _ca_bundle(config: Config, sources: Sources) -> Found | None:
    if config.tls is not None and (not isinstance(config.tls, TLSConfig) or config.tls.names_authorities):
        return None
    return sources.find("AWS_CA_BUNDLE", "ca_bundle")


def _ssl_context(config: Config, ca_bundle: Found | None) -> ssl.SSLContext | None:
    if isinstance(config.tls, ssl.SSLContext):
        return config.tls
    if config.tls is None and ca_bundle is None:
        return None
    return ssl_context(config.tls or TLSConfig(), ca_bundle)


def _app_id(config: Config, sources: Sources) -> str | None:
    found: Found | None
    if config.user_agent_app_id is not None:
        found = Found(config.user_agent_app_id, "Config.user_agent_app_id")
    else:
        found = sources.find("AWS_SDK_UA_APP_ID", "sdk_ua_app_id")
    if found is None:
        return None
    if not (found.text.isascii() and found.text.isprintable()):
        raise ConfigurationError(f"{found.source} must consist of printable ASCII characters, got {found.text!r}")
    if len(found.text) > _APP_ID_LENGTH:
        logger.warning("%s is longer than the %d characters AWS keeps of it", found.source, _APP_ID_LENGTH)
    return found.text


def _checksums(sources: Sources, name: str, config: Config) -> ChecksumChoice:
    choice: ChecksumChoice | None = getattr(config, name)
    if choice is not None:
        return choice
    found = sources.find(f"AWS_{name.upper()}", name)
    return found.choice(CHECKSUM_CHOICES) if found is not None else "when_supported"


def _validate_params(config: Config, sources: Sources) -> bool:
    if not config.validate_params:
        return False
    found = sources.profile.find("parameter_validation")
    return found is None or found.flag()
