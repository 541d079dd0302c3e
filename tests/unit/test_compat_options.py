"""What a client of aiobotocore is made with, as our configuration: what is understood, what warns, what is refused."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from botocore import UNSIGNED
from botocore.config import Config as BotocoreConfig
from botocore.exceptions import (
    InvalidRegionError,
    ParamValidationError,
    PartialCredentialsError,
    UnknownServiceError,
)

from sagemaker_async.compat import aioboto3
from sagemaker_async.compat.aiobotocore import AioConfig, AioSession, CompatibilityWarning, get_session
from sagemaker_async.config import Config, Credentials, RetryConfig, Timeouts, TLSConfig
from sagemaker_async.errors import ConfigurationError


def configured(session: AioSession | None = None, service: str = "sagemaker-runtime", **options: Any) -> Config:
    """Return the configuration that a client of these options has."""
    return (session or get_session()).create_client(service, **options)._config


def test_without_options_everything_is_our_default() -> None:
    assert configured() == Config()
    assert configured(config=AioConfig()) == configured(config=BotocoreConfig()) == Config()


@pytest.mark.parametrize("kind", [AioConfig, BotocoreConfig])
@pytest.mark.parametrize(
    ("given", "ours"),
    [
        ({"region_name": "eu-west-1"}, {"region": "eu-west-1"}),
        ({"connect_timeout": 60}, {"timeouts": Timeouts(connect=60)}),
        ({"connect_timeout": None}, {"timeouts": Timeouts(connect=None)}),
        ({"read_timeout": 20}, {"timeouts": Timeouts(first_byte=20, between_chunks=20)}),
        ({"max_pool_connections": 7}, {"max_connections": 7}),
        (
            {"retries": {"total_max_attempts": 4, "mode": "adaptive"}},
            {"retry": RetryConfig(mode="adaptive", max_attempts=4)},
        ),
        ({"retries": {"max_attempts": 0}}, {"retry": RetryConfig(max_attempts=1)}),
        ({"retries": {"max_attempts": 2, "mode": "legacy"}}, {"retry": RetryConfig(mode="legacy", max_attempts=3)}),
        ({"retries": {"mode": "standard"}}, {"retry": RetryConfig(mode="standard")}),
        ({"retries": {}}, {}),
        ({"parameter_validation": False}, {"validate_params": False}),
        ({"use_fips_endpoint": True}, {"use_fips_endpoint": True}),
        ({"use_dualstack_endpoint": True}, {"use_dualstack_endpoint": True}),
        ({"ignore_configured_endpoint_urls": True}, {"ignore_configured_endpoint_urls": True}),
        ({"defaults_mode": "in-region"}, {"defaults_mode": "in-region"}),
        ({"user_agent_appid": "shop"}, {"user_agent_app_id": "shop"}),
        ({"proxies": {"https": "http://proxy:1"}}, {"proxy": "http://proxy:1"}),
        ({"proxies": {"http": "http://proxy:1"}}, {}),
        ({"client_cert": "a.pem"}, {"tls": TLSConfig(client_cert="a.pem")}),
        ({"client_cert": ("a.pem", "a.key")}, {"tls": TLSConfig(client_cert="a.pem", client_key="a.key")}),
        ({"signature_version": "v4"}, {}),
        ({"tcp_keepalive": False, "s3": None, "inject_host_prefix": False}, {}),
    ],
)
def test_an_option_that_has_a_counterpart_is_understood(
    kind: Callable[..., Any], given: dict[str, Any], ours: dict[str, Any]
) -> None:
    assert configured(config=kind(**given)) == Config(**ours)


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        ({"region_name": "eu-west-1"}, {"region": "eu-west-1"}),
        ({"region_name": "eu-west-1", "config": AioConfig(region_name="us-east-1")}, {"region": "eu-west-1"}),
        ({"endpoint_url": "http://127.0.0.1:1"}, {"endpoint_url": "http://127.0.0.1:1"}),
        ({"endpoint_url": "http://127.0.0.1:1", "use_ssl": False}, {"endpoint_url": "http://127.0.0.1:1"}),
        ({"verify": False}, {"tls": TLSConfig(verify=False)}),
        ({"verify": "ca.pem"}, {"tls": TLSConfig(ca_bundle="ca.pem")}),
        ({"verify": True}, {}),
        ({"api_version": "2017-05-13"}, {}),
        (
            {"aws_access_key_id": "a", "aws_secret_access_key": "s", "aws_session_token": "t", "aws_account_id": "1"},
            {"credentials": Credentials("a", "s", "t", account_id="1")},
        ),
        ({"config": AioConfig({"keepalive_timeout": 3})}, {"timeouts": Timeouts(keepalive=3)}),
        ({"config": AioConfig({"pool_timeout": None, "keepalive_timeout": None})}, {"timeouts": Timeouts(pool=None)}),
        ({"config": AioConfig(warm_up_loader_caches=True)}, {}),
    ],
)
def test_an_argument_of_a_client_is_understood(given: dict[str, Any], ours: dict[str, Any]) -> None:
    assert configured(**given) == Config(**ours)


def test_an_ssl_context_of_the_connector_is_taken() -> None:
    context = ssl.create_default_context()
    assert configured(config=AioConfig({"ssl_context": context})).tls is context


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"use_ssl": False}, "use_ssl"),
        ({"config": AioConfig(user_agent_extra="x")}, "user_agent_extra"),
        ({"config": AioConfig(tcp_keepalive=True)}, "tcp_keepalive"),
        ({"config": AioConfig(s3={"addressing_style": "path"})}, "s3"),
        ({"config": BotocoreConfig(endpoint_discovery_enabled=True)}, "endpoint_discovery_enabled"),
        ({"config": BotocoreConfig(request_min_compression_size_bytes=1)}, "request_min_compression_size_bytes"),
        ({"config": AioConfig({"force_close": True})}, r"connector_args\['force_close'\]"),
        ({"config": AioConfig({"use_dns_cache": False})}, r"connector_args\['use_dns_cache'\]"),
        ({"config": AioConfig(http_session_cls=object)}, "http_session_cls"),
    ],
)
def test_what_has_no_counterpart_warns_by_name_once_where_it_is_given(options: dict[str, Any], name: str) -> None:
    with pytest.warns(CompatibilityWarning, match=f"^{name} has no counterpart here, and is ignored") as caught:
        get_session().create_client("sagemaker", **options)
    assert [warning.filename for warning in caught] == [__file__]
    with pytest.warns(CompatibilityWarning, match=f"^{name} ") as caught:
        aioboto3.Session().client("sagemaker", **options)
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: configured(service="s3"), UnknownServiceError, "sagemaker, sagemaker-runtime"),
        (lambda: configured(region_name="us east"), InvalidRegionError, "us east"),
        (lambda: configured(aws_access_key_id="a"), PartialCredentialsError, "aws_secret_access_key"),
        (lambda: configured(aws_secret_access_key="a"), PartialCredentialsError, "aws_access_key_id"),
        (lambda: configured(api_version="2001-01-01"), ConfigurationError, "has the API version 2017-05-13"),
        (lambda: configured(config=AioConfig(signature_version=UNSIGNED)), ConfigurationError, "signature_version="),
        (lambda: configured(config=AioConfig(signature_version="v2")), ConfigurationError, "Signature Version 4"),
        (lambda: configured(config=AioConfig(read_timeout=-1)), ConfigurationError, "first_byte"),
        (lambda: configured(verify=""), ConfigurationError, "ca_bundle"),
        (lambda: AioConfig({"limit": 3}), ParamValidationError, "invalid connector_arg:limit"),
        (lambda: AioConfig(colour="red"), TypeError, "unexpected keyword argument 'colour'"),
        (lambda: AioSession(event_hooks=object()), ConfigurationError, "there are no event hooks here"),
        (lambda: AioSession({"x": 1}), ConfigurationError, "session_vars have no counterpart"),
        (
            lambda: get_session().register("before-sign.sagemaker", print),
            ConfigurationError,
            r"'before-sign.sagemaker' would never be called; .*Interceptor",
        ),
        (
            lambda: get_session().set_config_variable("output", "json"),
            ConfigurationError,
            "the variables are profile, region, not 'output'",
        ),
        (lambda: aioboto3.Session().resource("sagemaker"), ConfigurationError, "sagemaker has no resources"),
        (
            lambda: aioboto3.Session(botocore_session=object()),  # type: ignore[arg-type]
            ConfigurationError,
            "must be an AioSession of sagemaker_async",
        ),
    ],
)
def test_what_cannot_work_is_refused_where_it_is_given(
    make: Callable[[], object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        make()


def test_configs_merge_and_the_later_wins() -> None:
    first = AioConfig({"keepalive_timeout": 1}, read_timeout=1, max_pool_connections=2)
    for second in (AioConfig(read_timeout=3), BotocoreConfig(read_timeout=3)):
        both = first.merge(second)
        assert (both.read_timeout, both.max_pool_connections, both.connector_args) == (3, 2, {"keepalive_timeout": 1})
    session = get_session()
    session.set_default_client_config(first)
    assert session.get_default_client_config() is first
    merged = configured(session, config=BotocoreConfig(max_pool_connections=9))
    assert merged == Config(max_connections=9, timeouts=Timeouts(keepalive=1, first_byte=1, between_chunks=1))
    assert configured(session) == configured(config=first)


def test_a_session_has_a_region_a_profile_and_keys() -> None:
    session = AioSession(profile="work")
    assert session.profile == "work"
    session.set_config_variable("region", "eu-west-1")
    session.set_credentials("a", "s", "t")
    expected = Config(region="eu-west-1", profile="work", credentials=Credentials("a", "s", "t"))
    assert configured(session) == expected
    assert configured(session, aws_access_key_id="b", aws_secret_access_key="c").credentials == Credentials("b", "c")


def test_a_session_of_aioboto3_has_them_too() -> None:
    session = aioboto3.Session("a", "s", "t", "eu-west-1", profile_name="work", aws_account_id="1")
    assert (session.region_name, session.profile_name) == ("eu-west-1", "work")
    expected = Config(region="eu-west-1", profile="work", credentials=Credentials("a", "s", "t", account_id="1"))
    assert session.client("sagemaker")._config == expected
    other = session.client("sagemaker", "us-east-1", aws_access_key_id="b", aws_secret_access_key="c")._config
    assert (other.region, other.credentials) == ("us-east-1", Credentials("b", "c"))
    assert aioboto3.Session().profile_name == "default"
    shared = AioSession(profile="mine")
    assert aioboto3.Session(botocore_session=shared).client("sagemaker")._config == Config(profile="mine")


def test_nothing_warns_of_what_is_understood() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        configured(config=AioConfig({"keepalive_timeout": 3}, read_timeout=3, signature_version="v4"), verify=None)
