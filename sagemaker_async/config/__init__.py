"""What users may set: `Config` and the option classes that it contains.

Every class here is a frozen, keyword-only value (only `Credentials` takes its first three fields by position). A wrong
value or an illegal combination raises `ConfigurationError` in the constructor, with the remedy in the message.
Constructing them reads no file, no environment and no clock: `sagemaker_async.aws.settings` adds what the environment
and the profile files say when a session first needs it. No secret appears in a `repr` or a message.
"""

from __future__ import annotations

from ._checks import (
    check_count,
    check_endpoint_url,
    check_flag,
    check_proxy_url,
    check_region,
    check_seconds,
    with_scheme,
    without_password,
)
from .credentials import Credentials, CredentialSource
from .options import (
    CHECKSUM_CHOICES,
    DEFAULTS_MODES,
    MAX_BODY_BYTES,
    MAX_RESPONSE_BYTES,
    ChecksumChoice,
    Config,
    ConfigFields,
    DefaultsMode,
)
from .services import SERVICE_IDS, SERVICES
from .timing import RETRY_MODES, DefaultSeconds, RetryConfig, RetryMode, Timeouts
from .tls import TLSConfig

__all__ = [
    "CHECKSUM_CHOICES",
    "DEFAULTS_MODES",
    "MAX_BODY_BYTES",
    "MAX_RESPONSE_BYTES",
    "RETRY_MODES",
    "SERVICES",
    "SERVICE_IDS",
    "ChecksumChoice",
    "Config",
    "ConfigFields",
    "CredentialSource",
    "Credentials",
    "DefaultSeconds",
    "DefaultsMode",
    "RetryConfig",
    "RetryMode",
    "TLSConfig",
    "Timeouts",
    "check_count",
    "check_endpoint_url",
    "check_flag",
    "check_proxy_url",
    "check_region",
    "check_seconds",
    "with_scheme",
    "without_password",
]
