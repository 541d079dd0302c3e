"""`Config`, everything a session is made from, and `ConfigFields`, the same as typed keyword arguments."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from functools import wraps
from typing import Any, Literal, TypedDict, get_args

from sagemaker_async.errors import ConfigurationError

from ._checks import (
    check_count,
    check_endpoint_url,
    check_flag,
    check_proxy_url,
    check_region,
    with_scheme,
    without_password,
)
from .credentials import Credentials, CredentialSource
from .endpoints import EndpointResolver
from .http import Transport
from .interceptors import Interceptor
from .services import SERVICES
from .timing import RetryConfig, Timeouts
from .tls import TLSConfig

__all__ = [
    "CHECKSUM_CHOICES",
    "DEFAULTS_MODES",
    "MAX_BODY_BYTES",
    "MAX_RESPONSE_BYTES",
    "ChecksumChoice",
    "Config",
    "ConfigFields",
    "DefaultsMode",
]

MAX_BODY_BYTES = 26_214_400
"""What a real-time endpoint accepts (25 MB); serverless endpoints take 4 MB."""

MAX_RESPONSE_BYTES = 1 << 30
"""1 GiB, far above what a real-time endpoint answers with (25 MB) and below what a peer without end would take."""

DefaultsMode = Literal["legacy", "standard", "in-region", "cross-region", "mobile", "auto"]
DEFAULTS_MODES: tuple[DefaultsMode, ...] = get_args(DefaultsMode)

ChecksumChoice = Literal["when_supported", "when_required"]
CHECKSUM_CHOICES: tuple[ChecksumChoice, ...] = get_args(ChecksumChoice)

INTERCEPTOR_HOOKS = tuple(name for name in vars(Interceptor) if not name.startswith("_"))
"""The methods that an interceptor must have."""

_NAMES_ELSEWHERE = {
    "aws_access_key_id": "credentials=Credentials(...)",
    "aws_secret_access_key": "credentials=Credentials(...)",
    "aws_session_token": "credentials=Credentials(...)",
    "access_key_id": "credentials=Credentials(...)",
    "secret_access_key": "credentials=Credentials(...)",
    "session_token": "credentials=Credentials(...)",
    "region_name": "region",
    "profile_name": "profile",
    "endpoint": "endpoint_url",
    "verify": "tls=TLSConfig(ca_bundle=...) or TLSConfig(verify=False)",
    "client_cert": "tls=TLSConfig(client_cert=..., client_key=...)",
    "timeout": "timeouts=Timeouts(total=...)",
    "connect_timeout": "timeouts=Timeouts(connect=...)",
    "read_timeout": "timeouts=Timeouts(first_byte=..., between_chunks=...)",
    "retries": "retry=RetryConfig(...)",
    "max_attempts": "retry=RetryConfig(max_attempts=...)",
    "max_pool_connections": "max_connections",
    "proxies": "proxy",
    "http_proxy": "proxy",
    "user_agent_appid": "user_agent_app_id",
    "parameter_validation": "validate_params",
    "plugins": "interceptors",
}
"""Options of boto3, aiobotocore and AWS's other SDKs, and what they are called here."""

_TIMEOUTS = Timeouts()
_RETRY = RetryConfig()


@dataclass(frozen=True, kw_only=True)
class Config:
    """The options of a `Session`. Every field is optional; unset ones come from the environment or the profile.

    Precedence of each setting: argument of `Session`, `Config`, environment, profile, default. `repr` shows the fields
    that differ from the defaults, without secrets.
    """

    region: str | None = None
    """Such as ``us-east-1``. None: `AWS_REGION`, `AWS_DEFAULT_REGION`, then the profile's ``region``."""
    profile: str | None = None
    """A profile of the shared AWS files. None: `AWS_PROFILE`, `AWS_DEFAULT_PROFILE`, then ``default``."""
    credentials: Credentials | CredentialSource | None = None
    """Fixed credentials, or any object with ``async def get() -> Credentials``. None: AWS's default chain."""
    endpoint_url: str | None = None
    """Scheme, host and port for every service, for tests and gateways. The credential chain does not use it.
    None: `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL`, the profile's ``services`` section and ``endpoint_url``."""
    endpoint_urls: Mapping[str, str] | None = None
    """The same for single services (``sagemaker-runtime``, ``sagemaker-inference-router-runtime``, ``sagemaker``,
    ``s3``, ``sqs``, ``sts``); it wins over `endpoint_url`."""
    ignore_configured_endpoint_urls: bool | None = None
    """True ignores the URLs of environment and profile, for a program that must reach AWS itself wherever it runs.
    None: `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS`, then the profile."""
    endpoint_resolver: EndpointResolver | None = None
    """Decides where services without a URL in `endpoint_urls` are, instead of environment, profile and AWS's rules: for
    gateways, and for partitions that AWS's rules do not know. Must not block; see
    `sagemaker_async.aws.endpoints.EndpointResolver`."""
    use_fips_endpoint: bool | None = None
    """True calls the hosts with FIPS 140 validated TLS, where regulations require it.
    None: `AWS_USE_FIPS_ENDPOINT`, then the profile."""
    use_dualstack_endpoint: bool | None = None
    """True calls the hosts that have IPv6 addresses, for networks without IPv4.
    None: `AWS_USE_DUALSTACK_ENDPOINT`, then the profile."""
    tls: TLSConfig | ssl.SSLContext | None = None
    """Which certificates are trusted and which one is presented: see `TLSConfig`; or an `ssl.SSLContext` of your own.
    None: `AWS_CA_BUNDLE`, the profile's ``ca_bundle``, the system's authorities."""
    proxy: str | None = None
    """``[http(s)://][user:password@]host[:port]`` that every request goes through, whatever `NO_PROXY` says; `repr` and
    messages mask the password. None: `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`."""
    timeouts: Timeouts = _TIMEOUTS
    """Time limits, in seconds, of connecting, waiting and whole calls: see `Timeouts`. A call may have its own."""
    retry: RetryConfig = _RETRY
    """When and how often failed attempts are repeated, and after which delays: see `RetryConfig`."""
    defaults_mode: DefaultsMode | None = None
    """AWS's name for a set of defaults. Here it changes the default of `Timeouts.connect` only: ``in-region`` 1.1 s,
    ``standard`` and ``cross-region`` 3.1 s, ``mobile`` 30 s; ``auto`` chooses by where the program runs (it may ask
    EC2's metadata service); ``legacy`` keeps 5 s. None: `AWS_DEFAULTS_MODE`, then the profile, then ``legacy``.
    https://docs.aws.amazon.com/sdkref/latest/guide/feature-smart-config-defaults.html"""
    request_checksum_calculation: ChecksumChoice | None = None
    """Whether a CRC32 goes with each upload to S3, for S3 to compare: ``when_supported``, or ``when_required``, which
    means never, for stores that do not know it. None: `AWS_REQUEST_CHECKSUM_CALCULATION`, then the profile, then
    ``when_supported``. https://docs.aws.amazon.com/sdkref/latest/guide/feature-dataintegrity.html"""
    response_checksum_validation: ChecksumChoice | None = None
    """Whether downloads from S3 are compared with the CRC32 that S3 has for them. None:
    `AWS_RESPONSE_CHECKSUM_VALIDATION`, then the profile, then ``when_supported``."""
    correct_clock_skew: bool = True
    """Sign with the service's clock once the service has refused a signature because of its time. False raises such
    errors, for machines whose clock must be right."""
    user_agent_app_id: str | None = None
    """A name for your application in the user agent, to find its calls in CloudTrail and access logs; up to 50
    characters. None: `AWS_SDK_UA_APP_ID`, then the profile's ``sdk_ua_app_id``."""
    validate_params: bool = True
    """Check requests before they are sent. False leaves that to the service, for values that a newer service accepts.
    The profile's ``parameter_validation = false`` has the same effect."""
    strict_params: bool = True
    """Refuse keywords that an operation does not have. False logs a warning and ignores them, for code that is shared
    with clients of other versions."""
    convert_params: bool = False
    """Convert the values of requests to the type that is expected, if the text is the same: 60 for ``"60"``, ``"60"``
    for 60, True for ``"true"``, at any depth. For values that come from forms, environment or command line; by default
    a value of the wrong type is refused, because it is usually a mistake."""
    raise_response_errors: bool = True
    """Raise the errors with which the service answers. False returns a response with the error as ``error`` instead."""
    logger: logging.Logger | None = None
    """Where this session logs its calls, to tell sessions apart: ``calls`` (a line for each, at INFO) and ``wire``
    (heads, at DEBUG) below this logger. None: below ``sagemaker_async``."""
    interceptors: Sequence[Interceptor] = ()
    """Objects that see every call and attempt, in this order; see `sagemaker_async.aws.interceptors.Interceptor`."""
    transport: Transport | None = None
    """What sends requests, instead of aiohttp: a `StubTransport` in tests, or your own. None: aiohttp."""
    max_connections: int = 128
    """Size of the session's one connection pool. More calls at once than this are normal: they queue, first come, first
    served, for as long as the queue moves (`Timeouts.pool`)."""
    max_waiting: int | None = None
    """How many calls may queue for a connection; one more raises `PoolFullError` at once, for services that would
    rather shed load than keep callers waiting. None: any number."""
    max_body_bytes: int = MAX_BODY_BYTES
    """Larger request bodies are refused before they are sent. The default is what real-time endpoints accept."""
    max_response_bytes: int = MAX_RESPONSE_BYTES
    """Larger answers are not read to their end but raise `ResponseTooLargeError`, so that a peer that never stops does
    not fill the memory. Lower it where memory is scarce. Of an error's body 1 MiB is kept, and streams are not counted:
    they are handed on as they come. Default 1 GiB."""

    def __post_init__(self) -> None:
        for name in ("region", "profile", "user_agent_app_id"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, str) or not value.strip()):
                raise ConfigurationError(f"Config.{name} must be a non-empty str or None, got {value!r}")
        if self.region is not None:
            check_region(self.region, "Config.region")
        if self.user_agent_app_id is not None and not (
            self.user_agent_app_id.isascii() and self.user_agent_app_id.isprintable()
        ):
            raise ConfigurationError("Config.user_agent_app_id must consist of printable ASCII characters")
        for name, kind, example in (
            ("timeouts", Timeouts, "Timeouts(total=30)"),
            ("retry", RetryConfig, "RetryConfig(max_attempts=5)"),
        ):
            if not isinstance(getattr(self, name), kind):
                raise ConfigurationError(
                    f"Config.{name} must be a {kind.__name__}, got {type(getattr(self, name)).__name__}; "
                    f"for instance {name}={example}"
                )
        for name in ("use_fips_endpoint", "use_dualstack_endpoint", "ignore_configured_endpoint_urls"):
            check_flag(getattr(self, name), f"Config.{name}", optional=True)
        for name in (
            "correct_clock_skew",
            "validate_params",
            "strict_params",
            "convert_params",
            "raise_response_errors",
        ):
            check_flag(getattr(self, name), f"Config.{name}")
        for name in ("max_connections", "max_body_bytes", "max_response_bytes"):
            check_count(getattr(self, name), f"Config.{name}")
        if self.max_waiting is not None:
            check_count(self.max_waiting, "Config.max_waiting", " or None (any number may wait)")
        if self.credentials is not None and (
            not isinstance(self.credentials, Credentials | CredentialSource)
            or isinstance(self.credentials, Mapping)  # whose get() is something else
        ):
            raise ConfigurationError(
                "Config.credentials must be Credentials(...) or an object with 'async def get()', "
                f"got {type(self.credentials).__name__}"
            )
        if not isinstance(self.tls, TLSConfig | ssl.SSLContext | None):
            raise ConfigurationError(
                f"Config.tls must be a TLSConfig, an ssl.SSLContext or None, got {type(self.tls).__name__}; "
                "for instance tls=TLSConfig(ca_bundle='ca.pem')"
            )
        if not isinstance(self.logger, logging.Logger | None):
            raise ConfigurationError(
                f"Config.logger must be a logging.Logger or None, got {type(self.logger).__name__}; "
                "for instance logger=logging.getLogger('my_service.sagemaker')"
            )
        self._check_seams()
        if self.proxy is not None:
            check_proxy_url(
                with_scheme(self.proxy) if isinstance(self.proxy, str) and self.proxy else self.proxy, "Config.proxy"
            )
        if self.defaults_mode not in (None, *DEFAULTS_MODES):
            raise ConfigurationError(
                f"Config.defaults_mode must be one of {', '.join(DEFAULTS_MODES)} or None, got {self.defaults_mode!r}"
            )
        for name in ("request_checksum_calculation", "response_checksum_validation"):
            if getattr(self, name) not in (None, *CHECKSUM_CHOICES):
                raise ConfigurationError(
                    f"Config.{name} must be {' or '.join(CHECKSUM_CHOICES)} or None, got {getattr(self, name)!r}"
                )
        self._check_endpoints()

    def _check_seams(self) -> None:
        if not isinstance(self.interceptors, Sequence):
            raise ConfigurationError(
                "Config.interceptors must be a sequence of interceptors, "
                f"got {type(self.interceptors).__name__}; write interceptors=[...]"
            )
        for interceptor in self.interceptors:
            kind = interceptor.__name__ if isinstance(interceptor, type) else type(interceptor).__name__
            if isinstance(interceptor, type):
                raise ConfigurationError(f"Config.interceptors must hold instances: {kind}(), not the class {kind}")
            missing = [hook for hook in INTERCEPTOR_HOOKS if not callable(getattr(interceptor, hook, None))]
            if missing:
                raise ConfigurationError(
                    f"Config.interceptors holds an object of {kind}, which has no {', '.join(missing)}; derive it from "
                    "sagemaker_async.aws.interceptors.Interceptor, which has them all"
                )
        if self.transport is not None and (
            isinstance(self.transport, type)
            or not all(callable(getattr(self.transport, method, None)) for method in ("send", "close"))
        ):
            raise ConfigurationError(
                "Config.transport must be an object with 'async def send(...)' and 'async def close()', such as a "
                f"StubTransport(...), got {self.transport!r}"
            )

    def _check_endpoints(self) -> None:
        if self.endpoint_url is not None:
            check_endpoint_url(self.endpoint_url, "Config.endpoint_url")
        if self.endpoint_urls is not None and not isinstance(self.endpoint_urls, Mapping):
            raise ConfigurationError(
                "Config.endpoint_urls must be a mapping such as {'sagemaker-runtime': 'http://127.0.0.1:8080'}, "
                f"got {type(self.endpoint_urls).__name__}; one URL for every service goes into endpoint_url"
            )
        for service, url in (self.endpoint_urls or {}).items():
            if service not in SERVICES:
                raise ConfigurationError(
                    f"Config.endpoint_urls has the unknown service {service!r}; known are {', '.join(SERVICES)}"
                )
            check_endpoint_url(url, f"Config.endpoint_urls[{service!r}]")
        if self.endpoint_resolver is not None and not callable(self.endpoint_resolver):
            raise ConfigurationError(
                "Config.endpoint_resolver must be a callable (rules, region, *, use_fips, use_dualstack) -> Endpoint, "
                f"got {type(self.endpoint_resolver).__name__}"
            )
        if self.endpoint_resolver is not None and self.endpoint_url is not None:
            raise ConfigurationError(
                "Config.endpoint_url is for every service, so that Config.endpoint_resolver would never be called: "
                "remove one or the other, or give URLs to single services in endpoint_urls"
            )

    def __repr__(self) -> str:
        changed = []
        for f in fields(self):
            value = getattr(self, f.name)
            if value == f.default:
                continue
            text = repr(value)
            if f.name == "proxy":
                text = repr(without_password(value))
            elif f.name == "credentials" and not isinstance(value, Credentials):
                text = f"<{type(value).__name__}>"
            changed.append(f"{f.name}={text}")
        return f"Config({', '.join(changed)})"

    def with_fields(self, **changes: Any) -> Config:
        """Return a copy with some fields replaced; an unknown name raises `ConfigurationError`."""
        _check_names(changes)
        return replace(self, **changes)


def _check_names(given: Iterable[str]) -> None:
    known = [f.name for f in fields(Config)]
    for name in given:
        if name not in known:
            nearest = get_close_matches(name, known, n=1)
            hint = f"did you mean {nearest[0]!r}? " if nearest else ""
            if name in _NAMES_ELSEWHERE:
                hint = f"here it is {_NAMES_ELSEWHERE[name]}. "
            raise ConfigurationError(f"there is no option {name!r}; {hint}Config has {', '.join(sorted(known))}")


def _explaining(init: Callable[..., None]) -> Callable[..., None]:
    """Return the constructor that Python made for `Config`, with the remedies of `_check_names` for unknown names."""

    @wraps(init)
    def __init__(self: Config, *args: Any, **given: Any) -> None:  # noqa: N807 - it becomes the constructor
        _check_names(given)
        init(self, *args, **given)

    return __init__


Config.__init__ = _explaining(Config.__init__)  # type: ignore[method-assign]


class ConfigFields(TypedDict, total=False):
    """The fields of `Config`, for typed keyword arguments; a test keeps the two equal."""

    region: str | None
    profile: str | None
    credentials: Credentials | CredentialSource | None
    endpoint_url: str | None
    endpoint_urls: Mapping[str, str] | None
    ignore_configured_endpoint_urls: bool | None
    endpoint_resolver: EndpointResolver | None
    use_fips_endpoint: bool | None
    use_dualstack_endpoint: bool | None
    tls: TLSConfig | ssl.SSLContext | None
    proxy: str | None
    timeouts: Timeouts
    retry: RetryConfig
    defaults_mode: DefaultsMode | None
    request_checksum_calculation: ChecksumChoice | None
    response_checksum_validation: ChecksumChoice | None
    correct_clock_skew: bool
    user_agent_app_id: str | None
    validate_params: bool
    strict_params: bool
    convert_params: bool
    raise_response_errors: bool
    logger: logging.Logger | None
    interceptors: Sequence[Interceptor]
    transport: Transport | None
    max_connections: int
    max_waiting: int | None
    max_body_bytes: int
    max_response_bytes: int
