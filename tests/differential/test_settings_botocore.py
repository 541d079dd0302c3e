"""The same files, environment and code give the settings that botocore's clients get.

Each case makes real botocore clients and compares what they run with, down to the host that a request is sent to. The
two deliberate differences, and the values that botocore swallows, are tested apart at the end.
"""

from __future__ import annotations

import asyncio
import dataclasses
import http.server
import os
import ssl
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlsplit

import botocore.retries.standard
import botocore.session
import pytest
from botocore.config import Config as BotocoreConfig
from botocore.endpoint import DEFAULT_TIMEOUT
from botocore.loaders import Loader
from botocore.validate import ParamValidationDecorator
from hypothesis import given, settings
from hypothesis import strategies as st

from sagemaker_async.aws.endpoints import STS
from sagemaker_async.aws.settings import Settings, resolve_settings
from sagemaker_async.aws.settings.defaults_mode import CONNECT_SECONDS
from sagemaker_async.config import DEFAULTS_MODES, Config, RetryConfig, Timeouts
from sagemaker_async.hosting.endpoint import HOSTING
from sagemaker_async.runtime.endpoint import RUNTIME

LOADER = Loader()
RULES = {"sagemaker-runtime": RUNTIME, "sagemaker": HOSTING, "sts": STS}
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "sagemaker-runtime": ("invoke_endpoint", {"EndpointName": "e", "Body": b""}),
    "sagemaker": ("list_endpoints", {}),
    "sts": ("get_caller_identity", {}),
}
LEGACY_ATTEMPTS = LOADER.load_data("_retry")["retry"]["__default__"]["max_attempts"]


class Case(NamedTuple):
    """One row of the table."""

    environ: Mapping[str, str] = MappingProxyType({})
    config: str = ""
    credentials: str = ""
    fields: Mapping[str, Any] = MappingProxyType({})


class Sent(Exception):
    """Ends a botocore call where its request would go out; carries the URL."""


@dataclasses.dataclass(frozen=True)
class Facts:
    """What is compared."""

    region: str
    profile: str | None
    hosts: dict[str, str]
    retry_mode: str
    max_attempts: int
    connect: float | None
    ca_bundle: str | None
    user_agent_app_id: str | None
    validate_params: bool
    proxies: dict[str, str | None]


class Place:
    """A home directory and a process environment of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / ".aws").mkdir()
        self.environ: dict[str, str] = {}

    def enter(self, case: Case) -> None:
        for name, text in (("config", case.config), ("credentials", case.credentials)):
            (self.home / ".aws" / name).write_text(text.replace("HOME", str(self.home)))
        values = {name: value.replace("HOME", str(self.home)) for name, value in case.environ.items()}
        self.environ = {"HOME": str(self.home), **values}
        os.environ.clear()
        os.environ.update(self.environ)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("bundle") / "ca.pem"
    path.write_text("".join(map(ssl.DER_cert_to_PEM_cert, ssl.create_default_context().get_ca_certs(True))))
    return str(path)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    saved = dict(os.environ)
    try:
        yield Place(tmp_path_factory.mktemp("home"))
    finally:
        os.environ.clear()
        os.environ.update(saved)


def ours(case: Case) -> Settings:
    return asyncio.run(resolve_settings(Config(**case.fields)))


def facts_of(resolved: Settings, services: tuple[str, ...]) -> Facts:
    endpoints = {service: resolved.endpoint_for(RULES[service]) for service in services}
    assert resolved.retry.mode is not None
    assert resolved.retry.max_attempts is not None
    connect = resolved.timeouts.connect
    return Facts(
        region=resolved.region,
        profile=resolved.profile,
        hosts={service: endpoint.origin + endpoint.base_path for service, endpoint in endpoints.items()},
        retry_mode=resolved.retry.mode,
        max_attempts=resolved.retry.max_attempts,
        connect=None if connect == 5.0 else connect,
        ca_bundle=resolved.ca_bundle,
        user_agent_app_id=resolved.user_agent_app_id,
        validate_params=resolved.validate_params,
        proxies={service: resolved.proxy_for(endpoint.origin) for service, endpoint in endpoints.items()},
    )


def botocore_facts(case: Case, services: tuple[str, ...]) -> Facts:
    session = botocore.session.Session(profile=case.fields.get("profile"))
    session.register_component("data_loader", LOADER)
    clients = {service: client(session, case.fields, service) for service in services}
    first = next(iter(clients.values()))
    config = first.meta.config
    mode = config.retries["mode"]
    default = LEGACY_ATTEMPTS if mode == "legacy" else botocore.retries.standard.DEFAULT_MAX_ATTEMPTS
    return Facts(
        region=first.meta.region_name,
        profile=session.profile,
        hosts={service: sent_to(each, service) for service, each in clients.items()},
        retry_mode=mode,
        max_attempts=config.retries.get("total_max_attempts", default),
        connect=None if config.connect_timeout == DEFAULT_TIMEOUT else config.connect_timeout,
        ca_bundle=session.get_config_variable("ca_bundle"),
        user_agent_app_id=config.user_agent_appid,
        validate_params=isinstance(first._serializer, ParamValidationDecorator),
        proxies={service: proxy_of(each) for service, each in clients.items()},
    )


def client(session: botocore.session.Session, fields: Mapping[str, Any], service: str) -> Any:
    """A botocore client that is told in its own words what `fields` tell ours."""
    retry: RetryConfig = fields.get("retry", RetryConfig())
    retries = {"mode": retry.mode, "total_max_attempts": retry.max_attempts}
    options: dict[str, Any] = {
        "retries": {name: value for name, value in retries.items() if value is not None} or None,
        "proxies": dict.fromkeys(("http", "https"), fields["proxy"]) if "proxy" in fields else None,
        "defaults_mode": fields.get("defaults_mode"),
        "user_agent_appid": fields.get("user_agent_app_id"),
        "parameter_validation": fields.get("validate_params"),
        **{name: fields.get(name) for name in ("use_fips_endpoint", "use_dualstack_endpoint")},
        "ignore_configured_endpoint_urls": fields.get("ignore_configured_endpoint_urls"),
    }
    config = BotocoreConfig(**{name: value for name, value in options.items() if value is not None})
    # Without this, any Config at all counts as one that sets the connect timeout, and keeps the defaults mode from it.
    config.connect_timeout = fields["timeouts"].connect if "timeouts" in fields else None
    return session.create_client(
        service,
        region_name=fields.get("region"),
        endpoint_url=(fields.get("endpoint_urls") or {}).get(service, fields.get("endpoint_url")),
        aws_access_key_id="AKIA",
        aws_secret_access_key="secret",
        config=config,
    )


def sent_to(each: Any, service: str) -> str:
    """Where the client sends a request: scheme, host, port and base path."""

    def stop(request: Any, **_: Any) -> None:
        raise Sent(request.url)

    operation, arguments = CALLS[service]
    each.meta.events.register("before-send", stop)
    with pytest.raises(Sent) as caught:
        getattr(each, operation)(**arguments)
    parts = urlsplit(str(caught.value))
    path = parts.path.removesuffix("/endpoints/e/invocations").rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"


def proxy_of(each: Any) -> str | None:
    proxy: str | None = each._endpoint.http_session._proxy_config.proxy_url_for(each._endpoint.host)
    return proxy


def agree(place: Place, case: Case, *services: str) -> None:
    place.enter(case)
    wanted = services or ("sagemaker-runtime", "sts")

    assert facts_of(ours(case), wanted) == botocore_facts(case, wanted)


EAST = {"AWS_DEFAULT_REGION": "us-east-1"}
SERVICES_FILE = """
[default]
region = eu-west-1
services = local
endpoint_url = http://profile:1/base
[services local]
sagemaker_runtime =
  endpoint_url = http://services-runtime:2
sts =
  endpoint_url = https://services-sts:3/
[profile plain]
region = eu-west-2
[profile ignoring]
region = eu-west-2
services = local
ignore_configured_endpoint_urls = true
"""
EVERYTHING = """
[default]
region = eu-central-1
use_fips_endpoint = false
use_dualstack_endpoint = true
retry_mode = adaptive
max_attempts = 8
sdk_ua_app_id = from-profile
ca_bundle = HOME/ca.pem
defaults_mode = in-region
parameter_validation = false
[profile other]
region = us-gov-west-1
use_fips_endpoint = true
retry_mode = legacy
"""

CASES = {
    "region of the environment": Case(EAST),
    "region of the profile": Case(config="[default]\nregion = eu-west-1\n"),
    "region of the credentials file": Case(credentials="[default]\nregion = eu-west-1\n"),
    "credentials file over config file": Case(
        config="[default]\nregion = eu-west-1\nmax_attempts = 4\n", credentials="[default]\nregion = eu-west-2\n"
    ),
    "environment over profile": Case(EAST, "[default]\nregion = eu-west-1\n"),
    "code over environment": Case(EAST, "[default]\nregion = eu-west-1\n", fields={"region": "eu-west-3"}),
    "profile of the environment": Case({"AWS_PROFILE": "other"}, EVERYTHING),
    "profile of the older variable": Case({"AWS_DEFAULT_PROFILE": "other"}, EVERYTHING),
    "profile of the code": Case({"AWS_PROFILE": "default"}, EVERYTHING, fields={"profile": "other"}),
    "profile named in the credentials file alone": Case({"AWS_PROFILE": "ci"} | EAST, credentials="[ci]\nx = y\n"),
    "[profile default] and [default]": Case(
        config="[default]\nregion = eu-west-1\n[profile default]\nregion = eu-west-2\n"
    ),
    "quoted profile": Case({"AWS_PROFILE": "two words"}, '[profile "two words"]\nregion = eu-west-1\n'),
    "config file elsewhere": Case(
        {"AWS_CONFIG_FILE": "~/.aws/credentials"}, credentials="[default]\nregion = eu-west-1\n"
    ),
    "config file by a variable": Case(
        {"AWS_CONFIG_FILE": "$HOME/.aws/credentials"}, credentials="[default]\nregion=eu-west-1\n"
    ),
    "no file there": Case(EAST | {"AWS_CONFIG_FILE": "/nowhere"}, "[default]\nregion = eu-west-1\n"),
    "a device for a file": Case(EAST | {"AWS_CONFIG_FILE": "/dev/null"}, "[default]\nregion = eu-west-1\n"),
    "everything by the profile": Case({}, EVERYTHING),
    "everything by the environment": Case(
        {
            "AWS_DEFAULT_REGION": "us-west-2",
            "AWS_USE_FIPS_ENDPOINT": "True",
            "AWS_USE_DUALSTACK_ENDPOINT": "false",
            "AWS_RETRY_MODE": "legacy",
            "AWS_MAX_ATTEMPTS": "2",
            "AWS_SDK_UA_APP_ID": "from-environment",
            "AWS_CA_BUNDLE": "HOME/ca.pem",
            "AWS_DEFAULTS_MODE": "Mobile",
        },
        EVERYTHING,
    ),
    "everything by the code": Case(
        {
            "AWS_RETRY_MODE": "legacy",
            "AWS_MAX_ATTEMPTS": "2",
            "AWS_SDK_UA_APP_ID": "x",
            "AWS_USE_FIPS_ENDPOINT": "true",
        },
        EVERYTHING,
        fields={
            "region": "us-west-1",
            "use_fips_endpoint": False,
            "use_dualstack_endpoint": False,
            "retry": RetryConfig(mode="standard", max_attempts=6),
            "timeouts": Timeouts(connect=9.0),
            "user_agent_app_id": "from-code",
            "defaults_mode": "mobile",
            "validate_params": False,
        },
    ),
    "fips": Case(EAST, fields={"use_fips_endpoint": True}),
    "dual-stack": Case(EAST, fields={"use_dualstack_endpoint": True}),
    "fips pseudo-region": Case({"AWS_DEFAULT_REGION": "us-east-1-fips"}),
    "fips pseudo-region of the profile": Case(config="[default]\nregion = fips-us-west-2\nuse_fips_endpoint = false\n"),
    "china": Case({"AWS_DEFAULT_REGION": "cn-north-1"}),
    "pseudo-region of sts": Case({"AWS_DEFAULT_REGION": "aws-global"}),
    "attempts of the code, mode of the environment": Case(
        EAST | {"AWS_RETRY_MODE": "legacy"}, fields={"retry": RetryConfig(max_attempts=9)}
    ),
    "mode of the code, attempts of the environment": Case(
        EAST | {"AWS_MAX_ATTEMPTS": "9"}, fields={"retry": RetryConfig(mode="legacy")}
    ),
    "legacy attempts": Case(EAST | {"AWS_RETRY_MODE": "legacy"}),
    "adaptive attempts": Case(EAST | {"AWS_RETRY_MODE": "adaptive"}),
    "defaults mode and a retry mode": Case(EAST | {"AWS_DEFAULTS_MODE": "standard", "AWS_RETRY_MODE": "legacy"}),
    "long application id": Case(EAST | {"AWS_SDK_UA_APP_ID": "x" * 60}),
    "validation off in the code alone": Case(EAST, fields={"validate_params": False}),
    "validation off in the profile": Case(EAST, "[default]\nparameter_validation = False\n"),
    **{f"defaults mode {mode}": Case(EAST | {"AWS_DEFAULTS_MODE": mode}) for mode in DEFAULTS_MODES if mode != "auto"},
    "auto in the same region": Case(
        EAST | {"AWS_DEFAULTS_MODE": "auto", "AWS_EXECUTION_ENV": "AWS_Lambda", "AWS_REGION": "us-east-1"}
    ),
    "auto with both variables": Case(
        {"AWS_EXECUTION_ENV": "x", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "eu-west-1"},
        fields={"region": "us-east-1", "defaults_mode": "auto"},
    ),
    "auto elsewhere": Case({"AWS_EXECUTION_ENV": "x"} | EAST, fields={"region": "eu-west-1", "defaults_mode": "auto"}),
    "auto without a metadata service": Case(EAST | {"AWS_DEFAULTS_MODE": "AUTO", "AWS_EC2_METADATA_DISABLED": "true"}),
    "proxies": Case(EAST | {"HTTPS_PROXY": "http://u:p@proxy:3128", "HTTP_PROXY": "http://other"}),
    "proxy without scheme": Case(EAST | {"https_proxy": "proxy:3128"}),
    "proxy not for aws": Case(EAST | {"HTTPS_PROXY": "http://proxy", "NO_PROXY": "localhost,.amazonaws.com"}),
    "proxy for one host": Case(EAST | {"HTTPS_PROXY": "http://proxy", "no_proxy": "sts.us-east-1.amazonaws.com"}),
    "proxy of the code": Case(
        EAST | {"HTTPS_PROXY": "http://proxy", "NO_PROXY": "*"}, fields={"proxy": "http://code:8080"}
    ),
    "proxy for a custom endpoint": Case(
        EAST | {"HTTP_PROXY": "http://proxy", "NO_PROXY": "localhost:81", "AWS_ENDPOINT_URL": "http://localhost:80"}
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_settings_are_those_of_botocore(name: str, place: Place, bundle: str) -> None:
    (place.home / "ca.pem").write_bytes(Path(bundle).read_bytes())
    agree(place, CASES[name])


URL_CASES = {
    "services section and profile": Case({}, SERVICES_FILE),
    "profile without": Case({"AWS_PROFILE": "plain"}, SERVICES_FILE),
    "profile that ignores them": Case({"AWS_PROFILE": "ignoring"}, SERVICES_FILE),
    "told not to ignore": Case(
        {"AWS_PROFILE": "ignoring", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false"}, SERVICES_FILE
    ),
    "told to ignore by the environment": Case({"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "TRUE"}, SERVICES_FILE),
    "told to ignore by the code": Case(
        {"AWS_ENDPOINT_URL": "http://all"}, SERVICES_FILE, fields={"ignore_configured_endpoint_urls": True}
    ),
    "environment for all": Case({"AWS_ENDPOINT_URL": "http://all"}, SERVICES_FILE),
    "environment for one": Case(
        {"AWS_ENDPOINT_URL_SAGEMAKER": "http://one", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": "http://two:8080/a/b"},
        SERVICES_FILE,
    ),
    "environment for one and all": Case(
        {"AWS_ENDPOINT_URL_STS": "http://one", "AWS_ENDPOINT_URL": "http://all"} | EAST
    ),
    "an empty variable": Case({"AWS_ENDPOINT_URL_STS": "", "AWS_ENDPOINT_URL": "http://all"} | EAST),
    "code for all": Case({"AWS_ENDPOINT_URL_STS": "http://one"}, SERVICES_FILE, fields={"endpoint_url": "http://code"}),
    "code for one": Case(
        {"AWS_ENDPOINT_URL": "http://all"}, SERVICES_FILE, fields={"endpoint_urls": {"sts": "http://code"}}
    ),
    "code for one, ignoring the rest": Case(
        {"AWS_ENDPOINT_URL": "http://all"},
        SERVICES_FILE,
        fields={"endpoint_urls": {"sts": "http://code"}, "ignore_configured_endpoint_urls": True},
    ),
    "fips declined by the code": Case(
        {"AWS_ENDPOINT_URL_STS": "http://one"} | EAST, fields={"use_fips_endpoint": False}
    ),
    "fips of the environment": Case({"AWS_ENDPOINT_URL_STS": "http://one", "AWS_USE_FIPS_ENDPOINT": "true"} | EAST),
}


@pytest.mark.parametrize("name", URL_CASES)
def test_each_service_is_where_botocore_sends_it(name: str, place: Place) -> None:
    agree(place, URL_CASES[name], *RULES)


# --- any combination -------------------------------------------------------------------------------------------------

VALUES: dict[tuple[str, str], list[str]] = {
    ("AWS_DEFAULT_REGION", "region"): ["us-east-1", "eu-west-1", "us-gov-west-1"],
    ("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"): ["true", "false"],
    ("AWS_RETRY_MODE", "retry_mode"): ["standard", "adaptive", "legacy"],
    ("AWS_MAX_ATTEMPTS", "max_attempts"): ["1", "7"],
    ("AWS_SDK_UA_APP_ID", "sdk_ua_app_id"): ["a", "b"],
    ("AWS_DEFAULTS_MODE", "defaults_mode"): ["legacy", "in-region", "Mobile"],
    ("AWS_ENDPOINT_URL", "endpoint_url"): ["http://h:1", "https://h/p"],
    ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls"): ["true", "false"],
}


@st.composite
def cases(draw: st.DrawFn) -> Case:
    def some(side: int) -> dict[str, str]:
        return {names[side]: draw(st.sampled_from(values)) for names, values in VALUES.items() if draw(st.booleans())}

    def section(name: str) -> str:
        return f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in some(1).items())

    environ = some(0)
    if draw(st.booleans()):
        environ["AWS_PROFILE"] = "dev"
    fields = draw(st.sampled_from([{}, {"region": "us-west-2"}, {"endpoint_url": "http://code"}]))
    if "region" not in fields:
        environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    return Case(environ, section("default") + section("profile dev"), section("dev"), fields)


@settings(max_examples=150, deadline=None)
@given(case=cases())
def test_any_combination_agrees_with_botocore(case: Case, place: Place) -> None:
    agree(place, case, "sagemaker-runtime")


# --- the modes of defaults -------------------------------------------------------------------------------------------


def test_the_table_of_modes_is_botocores() -> None:
    data = LOADER.load_data("sdk-default-configuration")
    expected = {}
    for mode, changes in data["modes"].items():
        values = dict(data["base"])
        for name, change in changes.items():
            ((how, number),) = change.items()
            values[name] = {"override": number, "multiply": values[name] * number, "add": values[name] + number}[how]
        expected[mode] = (values["connectTimeoutInMillis"] / 1000, values["retryMode"])

    # The retry mode of all of them is this package's default anyway.
    assert {mode: (seconds, "standard") for mode, seconds in CONNECT_SECONDS.items()} == expected
    assert {*DEFAULTS_MODES} == {*expected, "legacy", "auto"}


class Metadata(http.server.BaseHTTPRequestHandler):
    """EC2's metadata service: a token for whoever asks, and the availability zone eu-west-1b."""

    asked: ClassVar[list[str]] = []

    def do_PUT(self) -> None:
        self.answer("token")

    def do_GET(self) -> None:
        self.answer("eu-west-1b" if self.headers.get("x-aws-ec2-metadata-token") == "token" else "nowhere")

    def answer(self, text: str) -> None:
        self.asked.append(f"{self.command} {self.path}")
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def metadata_service() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Metadata)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    Metadata.asked.clear()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("region", "mode"), [("eu-west-1", "in-region"), ("us-east-1", "cross-region")])
def test_auto_asks_the_metadata_service_as_botocore_does(
    place: Place, metadata_service: str, region: str, mode: str
) -> None:
    environ = {"AWS_DEFAULT_REGION": region, "AWS_DEFAULTS_MODE": "auto"}
    case = Case(environ | {"AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata_service})

    agree(place, case)

    asked = list(Metadata.asked)
    assert len(asked) == 4
    assert asked[:2] == asked[2:]  # ours, then botocore's
    assert ours(case).defaults_mode == mode


def test_auto_does_not_ask_a_disabled_metadata_service(place: Place, metadata_service: str) -> None:
    case = Case(
        EAST
        | {
            "AWS_DEFAULTS_MODE": "auto",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata_service,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    )

    agree(place, case)

    assert Metadata.asked == []


def test_auto_is_standard_when_the_metadata_service_does_not_answer(place: Place) -> None:
    place.enter(Case(EAST | {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1/"}))

    assert ours(Case(fields={"defaults_mode": "auto"})).defaults_mode == "standard"


# --- where we differ on purpose --------------------------------------------------------------------------------------


def test_aws_region_wins_over_aws_default_region(place: Place) -> None:
    case = Case({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-east-1"})
    place.enter(case)

    assert ours(case).region == "eu-west-1"
    assert botocore_facts(case, ("sts",)).region == "us-east-1"


def test_aws_profile_wins_over_aws_default_profile(place: Place) -> None:
    case = Case(
        {"AWS_PROFILE": "a", "AWS_DEFAULT_PROFILE": "b"},
        "[profile a]\nregion = eu-west-1\n[profile b]\nregion = us-east-1\n",
    )
    place.enter(case)

    assert (ours(case).profile, ours(case).region) == ("a", "eu-west-1")
    assert botocore_facts(case, ("sts",)).region == "us-east-1"
