"""What stands in the shared AWS files, the environment and the answers of credential sources.

No credentials are resolved from a generated file: one may name a program to run.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sagemaker_async import Config, Credentials
from sagemaker_async.aws.credentials.blocking import credentials_from_metadata, explained, translated
from sagemaker_async.aws.endpoints import STS
from sagemaker_async.aws.settings import resolve_settings
from sagemaker_async.errors import ConfigurationError, CredentialsError
from sagemaker_async.hosting.endpoint import HOSTING
from sagemaker_async.runtime.endpoint import RUNTIME

from .target import Check, Target, plain

__all__ = ["TARGETS"]

_SEPARATOR = b"\n----\n"
_VARIABLES = frozenset(
    {
        "AWS_APP_ID", "AWS_CA_BUNDLE", "AWS_DEFAULTS_MODE", "AWS_DEFAULT_PROFILE", "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SAGEMAKER", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME",
        "AWS_EXECUTION_ENV", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_MAX_ATTEMPTS", "AWS_PROFILE",
        "AWS_REGION", "AWS_RETRY_MODE", "AWS_SDK_UA_APP_ID", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_USE_FIPS_ENDPOINT",
        "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    }
)  # fmt: skip


@contextlib.contextmanager
def _files() -> Iterator[Check]:
    """Write an input's parts: the config file, the credentials file, and lines of the environment."""
    with tempfile.TemporaryDirectory() as directory, asyncio.Runner(debug=False) as runner:
        config_file, credentials_file = Path(directory, "config"), Path(directory, "credentials")

        def check(data: bytes) -> None:
            config, credentials, variables, *_ = [*data.split(_SEPARATOR, 2), b"", b""]
            config_file.write_bytes(config)
            credentials_file.write_bytes(credentials)
            environ = {
                # Nobody is asked where the program runs, and no home directory is looked into.
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_CONFIG_FILE": str(config_file),
                "AWS_SHARED_CREDENTIALS_FILE": str(credentials_file),
                "HOME": directory,
                **_environment(variables),
            }
            try:
                settings = runner.run(resolve_settings(Config(), environ=environ))
            except ConfigurationError:
                return
            assert settings.retry.max_attempts is not None
            for rules in (RUNTIME, HOSTING, STS):
                with contextlib.suppress(ConfigurationError):
                    endpoint = settings.endpoint_for(rules)
                    assert endpoint.origin.startswith(("https://", "http://"))
                    assert endpoint.origin.isascii()
                    settings.proxy_for(endpoint.origin)
            repr(settings)

        yield check


def _environment(lines: bytes) -> dict[str, str]:
    pairs = [line.partition("=") for line in lines.decode("utf-8", "surrogateescape").split("\n")]
    return {name: value for name, _, value in pairs if name in _VARIABLES and "\0" not in value}


def check_credentials(data: bytes) -> None:
    """Take credentials out of a document, as what a credential process or a metadata service answers."""

    def load() -> Credentials:
        document = json.loads(data)
        return credentials_from_metadata(document, "the source")

    try:
        credentials = translated(load, lambda error: explained(error, "the source", "look there"))
    except CredentialsError as error:
        assert "SECRET" not in f"{error} {error.__cause__} {error.__context__}"
        return
    assert credentials.access_key_id.isprintable()
    assert credentials.secret_access_key.isascii()
    assert credentials.expiration is None or credentials.expiration.tzinfo is not None


def _shared_files() -> Iterator[bytes]:
    yield b"[default]\nregion = us-east-1\nretry_mode = adaptive\nmax_attempts = 5\n"
    yield (
        b"[profile p]\nregion = eu-west-1\nservices = s\nuse_fips_endpoint = true\ndefaults_mode = in-region\n"
        b"[services s]\nsagemaker_runtime =\n  endpoint_url = https://example.com/path\n"
        b"\n----\n[p]\naws_access_key_id = a\naws_secret_access_key = SECRET\n\n----\nAWS_PROFILE=p"
    )
    yield b"[default]\nregion = us-east-1-fips\nendpoint_url = http://[::1]:8080\nsdk_ua_app_id = app\n"
    yield (
        b"\n----\n\n----\nAWS_REGION=us-east-1\nAWS_DEFAULTS_MODE=auto\nHTTPS_PROXY=user:pass@proxy:8080\nno_proxy=.a."
        b"com,*"
    )
    yield b"[default\nregion=\n----\naws_secret_access_key SECRET\n----\n"
    yield b"[default]\nregion = us-east-1\nparameter_validation = false\ns3 =\n  max_bandwidth = 1\nregion = b"
    yield b"[default]\nregion = cn-north-1\nuse_dualstack_endpoint = true\nignore_configured_endpoint_urls = maybe"
    yield b"\xef\xbb\xbf[default]\nregion = us-east-1\n[preview]\n[sso-session s]\n[plugins]"


def _documents() -> Iterator[bytes]:
    yield (
        b'{"access_key": "AKID", "secret_key": "SECRET", "token": "t", "expiry_time": "2030-01-31T12:00:00Z", '
        b'"account_id": "123456789012"}'
    )
    yield b'{"access_key": "AKID", "secret_key": "SECRET", "token": null, "expiry_time": null}'
    yield b'{"access_key": "AKID", "secret_key": "SECRET", "token": "", "expiry_time": "0001-01-01T00:00:00+14:00"}'
    yield b'{"access_key": 1, "secret_key": ["SECRET"], "token": {}, "expiry_time": 5}'
    yield b'["SECRET"]'
    yield b'{"access_key": "SECRET'


_CONFIG_WORDS = (
    b"[default]", b"[profile ", b"[services ", b"region = ", b"us-east-1", b"us-gov-west-1", b"cn-north-1", b"-fips",
    b"fips-", b"endpoint_url = ", b"https://", b"http://[::1]", b"retry_mode = ", b"standard", b"legacy", b"adaptive",
    b"max_attempts = ", b"defaults_mode = ", b"in-region", b"auto", b"use_fips_endpoint = true", b"services = ",
    b"use_dualstack_endpoint = true", b"sdk_ua_app_id = ", b"parameter_validation = false", b"\n  ", b"\n----\n",
    b"sagemaker_runtime =", b"ca_bundle = ", *(f"{name}=".encode() for name in sorted(_VARIABLES)), b"%(", b"$HOME",
)  # fmt: skip
_DOCUMENT_WORDS = (
    b'"access_key": ', b'"secret_key": ', b'"token": ', b'"expiry_time": ', b'"account_id": ', b"2030-01-31T12:00:00Z",
    b"+23:59", b"0001-01-01", b"9999-12-31", b"null", b"\\ud800", b"\\u0000", b"1e999",
)  # fmt: skip

TARGETS = (
    Target(name="settings", open=_files, seeds=_shared_files, words=_CONFIG_WORDS, max_length=768),
    Target(name="credentials", open=plain(check_credentials), seeds=_documents, words=_DOCUMENT_WORDS, max_length=256),
)
