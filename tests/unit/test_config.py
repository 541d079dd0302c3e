"""`Config` and its option classes: what they accept, refuse, and show."""

from __future__ import annotations

import ast
import copy
import datetime
import inspect
import math
import pickle
import ssl
import textwrap
from dataclasses import FrozenInstanceError, fields, is_dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from sagemaker_async import Session, StubTransport
from sagemaker_async import config as config_module
from sagemaker_async.aws.interceptors import Interceptor
from sagemaker_async.aws.settings.proxies import Proxies
from sagemaker_async.config import (
    Config,
    ConfigFields,
    Credentials,
    DefaultSeconds,
    RetryConfig,
    Timeouts,
    TLSConfig,
    check_endpoint_url,
    options,
    without_password,
)
from sagemaker_async.errors import ConfigurationError

OPTION_CLASSES = [Config, Timeouts, RetryConfig, TLSConfig]


class Source:
    """A credential source whose `repr` would give its secret away."""

    async def get(self) -> Credentials:
        return Credentials("AKIA", "secret")

    def __repr__(self) -> str:
        return "Source(secret)"


def test_config_fields_equals_config() -> None:
    assert [f.name for f in fields(Config)] == list(ConfigFields.__annotations__)
    for f in fields(Config):
        assert ConfigFields.__annotations__[f.name].__forward_arg__ == f.type, f.name
    assert not ConfigFields.__required_keys__


@pytest.mark.parametrize("kind", OPTION_CLASSES)
def test_options_are_frozen_keyword_only_and_complete_without_arguments(kind: type[Any]) -> None:
    assert is_dataclass(kind)
    options = kind()
    with pytest.raises(FrozenInstanceError):
        setattr(options, fields(kind)[0].name, None)
    with pytest.raises(TypeError):
        kind("positional")


@pytest.mark.parametrize("kind", OPTION_CLASSES)
def test_every_field_is_documented(kind: type[Any]) -> None:
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0].body  # type: ignore[attr-defined]
    documented = {
        statement.target.id
        for statement, following in pairwise(body)
        if isinstance(statement, ast.AnnAssign)
        and isinstance(following, ast.Expr)
        and isinstance(following.value, ast.Constant)
    }
    assert documented == {f.name for f in fields(kind)}


def test_the_documented_default_timeouts() -> None:
    expected = Timeouts(pool=60, connect=5, first_byte=70, between_chunks=60, keepalive=15, total=None)

    assert Config().timeouts == expected
    assert Timeouts().connect == 5.0
    assert repr(Timeouts()) == repr(Timeouts(connect=5.0))


@pytest.mark.parametrize("renew", [lambda t: pickle.loads(pickle.dumps(t)), copy.copy, copy.deepcopy])
def test_whether_connect_was_chosen_survives_copies(renew: Any) -> None:
    assert isinstance(renew(Timeouts()).connect, DefaultSeconds)
    assert not isinstance(renew(Timeouts(connect=5.0)).connect, DefaultSeconds)


@pytest.mark.parametrize("name", [f.name for f in fields(Timeouts)])
@pytest.mark.parametrize("value", [-1, -0.001, 0, math.nan, math.inf, -math.inf, True, "5", [5]])
def test_timeouts_that_are_not_seconds_are_refused(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"Timeouts\.{name} must be .*seconds"):
        Timeouts(**{name: value})


@pytest.mark.parametrize("name", ["pool", "connect", "first_byte", "between_chunks", "total"])
def test_none_means_no_limit(name: str) -> None:
    assert getattr(Timeouts(**{name: None}), name) is None


@pytest.mark.parametrize("value", [None, math.nan, math.inf, 0, "5"])
def test_no_message_about_keepalive_advises_none(value: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Timeouts(keepalive=value)
    assert "None" not in str(caught.value).replace("got None", "")


@pytest.mark.parametrize("proxy", ["proxy:3128", "//proxy:3128", "user:secret@proxy:3128"])
def test_a_proxy_without_a_scheme_is_an_http_one(proxy: str) -> None:
    config = Config(proxy=proxy)
    assert Proxies(config.proxy).proxy_for("https://example.com") == f"http://{proxy.removeprefix('//')}"
    assert "secret" not in repr(config)


@pytest.mark.parametrize("make", [Config, Session])
def test_names_of_other_clients_are_explained_by_config_as_by_session(make: Any) -> None:
    with pytest.raises(ConfigurationError, match="there is no option 'region_name'; here it is region"):
        make(region_name="us-east-1")
    with pytest.raises(ConfigurationError, match="did you mean 'region'"):
        make(regoin="us-east-1")


def test_the_constructor_of_config_keeps_its_signature() -> None:
    assert list(inspect.signature(Config).parameters) == [field.name for field in fields(Config)]


@pytest.mark.parametrize("kind", [Config, RetryConfig, Timeouts, TLSConfig])
def test_every_field_is_documented_where_an_editor_looks(kind: type[Any]) -> None:
    (tree,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(tree, ast.ClassDef)
    documented = {
        field.target.id
        for field, prose in pairwise(tree.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(prose, ast.Expr) and isinstance(prose.value, ast.Constant) and len(prose.value.value) > 40
    }
    assert documented == {field.name for field in fields(kind)}


def test_keepalive_has_a_limit() -> None:
    with pytest.raises(ConfigurationError, match=r"Timeouts\.keepalive must be a number"):
        Timeouts(keepalive=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (RetryConfig, {"max_attempts": 0}, r"RetryConfig\.max_attempts must be a whole number of at least 1 \(1 = no"),
        (RetryConfig, {"max_attempts": True}, r"RetryConfig\.max_attempts must be a whole number"),
        (RetryConfig, {"max_attempts": 2.0}, r"RetryConfig\.max_attempts must be a whole number"),
        (RetryConfig, {"mode": "foo"}, r"RetryConfig\.mode must be 'standard', 'adaptive' or 'legacy', got 'foo'"),
        (RetryConfig, {"base_delay": math.nan}, r"RetryConfig\.base_delay must be a number"),
        (RetryConfig, {"max_delay": -1}, r"RetryConfig\.max_delay must be at least 0"),
        (RetryConfig, {"max_delay": math.inf}, r"RetryConfig\.max_delay must be a finite .*; use None for no limit"),
        (RetryConfig, {"jitter": "some"}, r"RetryConfig\.jitter must be 'full', 'equal', 'none', or a callable"),
        (Timeouts, {"keepalive": math.inf}, r"Timeouts\.keepalive must be a finite .*: there is no 'no limit' for it"),
        (RetryConfig, {"backoff": 3}, r"RetryConfig\.backoff must be a callable"),
        (RetryConfig, {"backoff": float, "base_delay": 1}, r"backoff replaces base_delay: remove one"),
        (RetryConfig, {"retry_ambiguous": "yes"}, r"RetryConfig\.retry_ambiguous must be True or False, got 'yes'"),
        (TLSConfig, {"client_key": "k.pem"}, r"TLSConfig\.client_key needs TLSConfig\.client_cert"),
        (TLSConfig, {"verify": False, "ca_bundle": "ca.pem"}, r"verify=False contradicts ca_bundle"),
        (TLSConfig, {"verify": False, "ca_directory": "certs"}, r"verify=False contradicts ca_bundle and ca_directory"),
        (TLSConfig, {"verify": None}, r"TLSConfig\.verify must be True or False"),
        (TLSConfig, {"ca_bundle": ""}, r"TLSConfig\.ca_bundle must be a path"),
        (TLSConfig, {"ca_bundle": True}, r"TLSConfig\.ca_bundle must be a path"),
        (Config, {"region": ""}, r"Config\.region must be a non-empty str"),
        (Config, {"region": "us east"}, r"Config\.region is not an AWS region \(such as us-east-1\): 'us east'"),
        (Config, {"region": "evil.example.com/"}, r"Config\.region is not an AWS region"),
        (Config, {"profile": 3}, r"Config\.profile must be a non-empty str"),
        (Config, {"credentials": ("a", "b")}, r"Config\.credentials must be Credentials"),
        (Config, {"credentials": {"access_key_id": "a"}}, r"Config\.credentials must be Credentials.*got dict"),
        (Config, {"interceptors": print}, r"Config\.interceptors must be a sequence .*write interceptors=\[\.\.\.\]"),
        (Config, {"interceptors": [Interceptor]}, r"must hold instances: Interceptor\(\), not the class"),
        (Config, {"interceptors": [object()]}, r"an object of object, which has no opened, .*; derive it from"),
        (Config, {"transport": object()}, r"Config\.transport must be an object with 'async def send"),
        (Config, {"transport": StubTransport}, r"Config\.transport must be an object .* got <class"),
        (
            Config,
            {"endpoint_url": "ftp://host"},
            r"Config\.endpoint_url has no http or https scheme; it must look like",
        ),
        (Config, {"endpoint_url": b"http://host"}, r"Config\.endpoint_url must be a non-empty str"),
        (Config, {"endpoint_urls": "http://host"}, r"Config\.endpoint_urls must be a mapping .*goes into endpoint_url"),
        (Config, {"endpoint_urls": {"ec2": "http://host"}}, r"unknown service 'ec2'; known are sagemaker-runtime"),
        (Config, {"endpoint_urls": {"s3": "host"}}, r"Config\.endpoint_urls\['s3'\] has no http"),
        (Config, {"endpoint_resolver": "http://host"}, r"Config\.endpoint_resolver must be a callable"),
        (
            Config,
            {"endpoint_resolver": print, "endpoint_url": "http://h"},
            r"so that Config\.endpoint_resolver would never",
        ),
        (Config, {"use_fips_endpoint": "true"}, r"Config\.use_fips_endpoint must be True, False or None, got 'true'"),
        (Config, {"use_dualstack_endpoint": 1}, r"Config\.use_dualstack_endpoint must be True, False or None"),
        (Config, {"ignore_configured_endpoint_urls": 0}, r"Config\.ignore_configured_endpoint_urls must be True"),
        (Config, {"tls": True}, r"Config\.tls must be a TLSConfig, an ssl\.SSLContext or None, got bool"),
        (
            Config,
            {"logger": "mine"},
            r"Config\.logger must be a logging\.Logger or None, got str; for instance logger=",
        ),
        (Config, {"proxy": ""}, r"Config\.proxy must be a non-empty str; it must look like http://proxy"),
        (Config, {"proxy": "socks5://proxy"}, r"Config\.proxy has no http or https scheme"),
        (Config, {"proxy": "http://proxy/path"}, r"Config\.proxy contains a path"),
        (Config, {"timeouts": 5}, r"Config\.timeouts must be a Timeouts, got int; for instance timeouts=Timeouts"),
        (Config, {"retry": {"mode": "legacy"}}, r"Config\.retry must be a RetryConfig, got dict; for instance retry="),
        (
            Config,
            {"defaults_mode": "fast"},
            r"Config\.defaults_mode must be one of legacy, standard, in-region, .*'fast'",
        ),
        (Config, {"correct_clock_skew": None}, r"Config\.correct_clock_skew must be True or False"),
        (Config, {"user_agent_app_id": ""}, r"Config\.user_agent_app_id must be a non-empty str"),
        (Config, {"user_agent_app_id": "app\r\nX: y"}, r"Config\.user_agent_app_id must consist of printable ASCII"),
        (Config, {"validate_params": "no"}, r"Config\.validate_params must be True or False"),
        (Config, {"strict_params": 1}, r"Config\.strict_params must be True or False"),
        (Config, {"raise_response_errors": None}, r"Config\.raise_response_errors must be True or False"),
        (Config, {"max_connections": 0}, r"Config\.max_connections must be a whole number of at least 1, got 0"),
        (Config, {"max_body_bytes": "1"}, r"Config\.max_body_bytes must be a whole number of at least 1"),
        (Config, {"max_response_bytes": 0}, r"Config\.max_response_bytes must be a whole number of at least 1, got 0"),
        (Config, {"max_response_bytes": 1.5}, r"Config\.max_response_bytes must be a whole number of at least 1"),
    ],
)
def test_wrong_options_are_refused_with_field_and_remedy(
    kind: type[Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        kind(**options)


def test_the_limits_of_bodies_have_their_defaults() -> None:
    assert Config().max_body_bytes == 26_214_400, "25 MB, what a real-time endpoint accepts"
    assert Config().max_response_bytes == 1_073_741_824, "1 GiB"
    assert Config(max_response_bytes=1).max_response_bytes == 1


def test_options_of_every_kind_are_accepted() -> None:
    context = ssl.create_default_context()
    config = Config(
        region="us-gov-west-1",
        profile="dev",
        credentials=Source(),
        endpoint_urls={"s3": "http://[::1]:9000/base"},
        ignore_configured_endpoint_urls=True,
        endpoint_resolver=lambda rules, region, *, use_fips=False, use_dualstack=False: None,  # type: ignore[arg-type]
        use_fips_endpoint=False,
        use_dualstack_endpoint=True,
        tls=context,
        proxy="https://user:p%2Fw@proxy:3128",
        timeouts=Timeouts(total=1.5),
        retry=RetryConfig(mode="adaptive", max_attempts=1, adaptive_wait_to_fill=False),
        defaults_mode="auto",
        user_agent_app_id="my-app",
    )

    assert config.tls is context
    assert Config(tls=TLSConfig(ca_bundle=Path("ca.pem"), ca_directory="certs")).tls is not None


def test_repr_shows_what_was_set_and_no_secret() -> None:
    assert repr(Config()) == "Config()"
    config = Config(
        region="us-east-1",
        credentials=Credentials("AKIA", "hidden-secret", "hidden-token"),
        proxy="http://user:hidden-password@proxy:3128",
    )

    assert "region='us-east-1'" in repr(config)
    assert "http://***@proxy:3128" in repr(config)
    assert "hidden" not in repr(config)
    assert repr(Config(credentials=Source())) == "Config(credentials=<Source>)"


@pytest.mark.parametrize(
    "url",
    ["http://user:hidden@proxy:port", "socks://user:hidden@proxy", "http://user:hidden@", "http://user:hidden/x@proxy"],
)
def test_a_refused_proxy_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Config(proxy=url)

    assert "hidden" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("http://user:secret@proxy:3128", "http://***@proxy:3128"),
        ("user:secret@proxy", "***@proxy"),
        ("http://user:a@b@proxy", "http://***@proxy"),
        ("http://proxy", "http://proxy"),
    ],
)
def test_passwords_of_proxies_are_masked(url: str, masked: str) -> None:
    assert without_password(url) == masked


@pytest.mark.parametrize(
    "url",
    [
        "http://user@host",
        "http://host?q",
        "http://host#f",
        "http://",
        "http://host:x",
        "http://host:0",
        "http://h\r\n",
        "",
    ],
)
def test_endpoint_urls_with_more_or_less_than_a_place_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^HERE .*it must look like"):
        check_endpoint_url(url, "HERE")


def test_fields_are_replaced_in_a_copy() -> None:
    config = Config(region="us-east-1")

    changed = config.with_fields(region="eu-west-1", max_connections=3)

    assert (config.region, changed.region, changed.max_connections) == ("us-east-1", "eu-west-1", 3)


def test_an_unknown_option_names_the_nearest_and_all() -> None:
    with pytest.raises(
        ConfigurationError, match=r"no option 'regoin'; did you mean 'region'\? Config has convert_params,"
    ):
        Config().with_fields(regoin="us-east-1")
    with pytest.raises(ConfigurationError, match=r"no option 'xyzzy'; Config has "):
        Config().with_fields(xyzzy=1)


@pytest.mark.parametrize(
    ("name", "here"),
    [
        ("region_name", "region"),
        ("aws_secret_access_key", "credentials=Credentials"),
        ("read_timeout", "timeouts=Timeouts"),
        ("max_pool_connections", "max_connections"),
        ("verify", "tls=TLSConfig"),
    ],
)
def test_an_option_of_another_client_is_translated(name: str, here: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"no option '{name}'; here it is {here}.*\. Config has ") as caught:
        Config().with_fields(**{name: "hidden"})
    assert "hidden" not in str(caught.value)


def test_what_other_clients_options_are_translated_to_exists() -> None:
    known = {f.name for f in fields(Config)}
    for name, here in options._NAMES_ELSEWHERE.items():
        assert name not in known
        assert here.partition("=")[0] in known, here


def test_the_hooks_asked_for_are_those_of_an_interceptor() -> None:
    hooks = [name for name, value in vars(Interceptor).items() if inspect.isfunction(value)]
    assert list(options.INTERCEPTOR_HOOKS) == hooks


@pytest.mark.parametrize(
    ("fields_", "message"),
    [
        ({"access_key_id": ""}, r"Credentials\.access_key_id must be a non-empty str"),
        ({"secret_access_key": "hidden\n"}, r"secret_access_key contains white space .*length is 7.*stray newline"),
        ({"session_token": "hidden\n"}, r"session_token must be a str without white space .*stray newline"),
        ({"account_id": 123}, r"Credentials\.account_id must be a non-empty str"),
        ({"expiration": datetime.datetime(2030, 1, 1)}, r"Credentials\.expiration must be a time-zone aware"),  # noqa: DTZ001
        ({"expiration": "2030-01-01"}, r"Credentials\.expiration must be a time-zone aware datetime"),
    ],
)
def test_wrong_credentials_are_refused_without_repeating_them(fields_: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        Credentials(**({"access_key_id": "AKIA", "secret_access_key": "secret"} | fields_))

    assert "hidden" not in str(caught.value)


def test_configs_pickle() -> None:
    config = Config(region="us-east-1", credentials=Credentials("AKIA", "secret"), proxy="http://u:p@proxy")

    assert pickle.loads(pickle.dumps(config)) == config


def test_all_public_names_exist() -> None:
    for name in config_module.__all__:
        assert hasattr(config_module, name)
