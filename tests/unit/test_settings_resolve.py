"""`resolve_settings`: precedence, bad input, and what it never does on the event loop's thread.

That the values are botocore's is shown in ``tests/differential/test_settings_botocore.py``.
"""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.utils import InstanceMetadataRegionFetcher

from sagemaker_async.aws.endpoints import STS, Endpoint, EndpointRules, resolve
from sagemaker_async.aws.settings import Settings, resolve_settings
from sagemaker_async.config import SERVICES, Config, RetryConfig, Timeouts, TLSConfig
from sagemaker_async.errors import ConfigurationError, NoRegionError

REGION = {"AWS_REGION": "us-east-1"}
Resolve = Callable[..., Awaitable[Settings]]


@pytest.fixture
def resolved(tmp_path: Path) -> Resolve:
    """Resolve with files of these texts (None: no such file), this environment and these fields of `Config`."""

    def run(
        environ: dict[str, str] | None = None, config: str | None = None, credentials: str | None = None, **options: Any
    ) -> Awaitable[Settings]:
        surroundings = {"HOME": str(tmp_path), **(environ or {})}
        (tmp_path / ".aws").mkdir(exist_ok=True)
        for name, text in (("config", config), ("credentials", credentials)):
            if text is not None:
                (tmp_path / ".aws" / name).write_text(text)
        return resolve_settings(Config(**options), environ=surroundings)

    return run


async def test_with_a_region_alone_everything_else_is_the_default(resolved: Resolve) -> None:
    settings = await resolved(REGION)

    assert settings == Settings(
        config=Config(),
        region="us-east-1",
        profile=None,
        custom_endpoints=settings.custom_endpoints,
        use_fips_endpoint=False,
        use_dualstack_endpoint=False,
        retry=RetryConfig(mode="standard", max_attempts=3),
        timeouts=Timeouts(),
        defaults_mode="legacy",
        ca_bundle=None,
        ssl_context=None,
        proxies=settings.proxies,
        user_agent_app_id=None,
        request_checksum_calculation="when_supported",
        response_checksum_validation="when_supported",
        validate_params=True,
        max_connections=128,
    )
    assert settings.proxy_for("https://sts.us-east-1.amazonaws.com/") is None
    assert [settings.custom_endpoints.url_for(service) for service in SERVICES] == [None] * len(SERVICES)


EVERYWHERE = [
    ("region", "region", "AWS_REGION", "eu-west-1", "eu-west-2", "eu-west-3", None),
    ("use_fips_endpoint", "use_fips_endpoint", "AWS_USE_FIPS_ENDPOINT", False, "true", "false", False),
    ("use_dualstack_endpoint", "use_dualstack_endpoint", "AWS_USE_DUALSTACK_ENDPOINT", True, "False", "TRUE", False),
    ("user_agent_app_id", "sdk_ua_app_id", "AWS_SDK_UA_APP_ID", "code", "variable", "file", None),
    ("defaults_mode", "defaults_mode", "AWS_DEFAULTS_MODE", "mobile", "In-Region", "standard", "legacy"),
    ("retry.mode", "retry_mode", "AWS_RETRY_MODE", "legacy", "adaptive", "legacy", "standard"),
    ("retry.max_attempts", "max_attempts", "AWS_MAX_ATTEMPTS", 7, "5", "4", 3),
    (
        "request_checksum_calculation",
        "request_checksum_calculation",
        "AWS_REQUEST_CHECKSUM_CALCULATION",
        "when_required",
        "WHEN_REQUIRED",
        "when_supported",
        "when_supported",
    ),
    (
        "response_checksum_validation",
        "response_checksum_validation",
        "AWS_RESPONSE_CHECKSUM_VALIDATION",
        "when_required",
        "WHEN_REQUIRED",
        "when_supported",
        "when_supported",
    ),
    ("endpoint_urls.s3", "endpoint_url", "AWS_ENDPOINT_URL", "http://code", "http://variable", "http://file", None),
]
BY_FIELD = pytest.mark.parametrize(
    ("field", "key", "variable", "in_code", "in_environment", "in_profile", "default"),
    EVERYWHERE,
    ids=[row[0] for row in EVERYWHERE],
)


def options_for(field: str, value: Any) -> dict[str, Any]:
    head, _, rest = field.partition(".")
    if head == "retry":
        return {"retry": RetryConfig(**{rest: value})}
    return {"endpoint_url": value} if head == "endpoint_urls" else {head: value}


def value_of(settings: Settings, field: str) -> Any:
    head, _, rest = field.partition(".")
    if head == "endpoint_urls":
        return settings.custom_endpoints.url_for(rest)
    value = getattr(settings, head)
    return getattr(value, rest) if rest else value


def converted(text: Any, like: Any) -> Any:
    if isinstance(like, bool):
        return str(text).lower() == "true"
    return int(text) if isinstance(like, int) else text.lower()


@BY_FIELD
async def test_code_wins_over_environment_over_profile_over_default(
    resolved: Resolve,
    field: str,
    key: str,
    variable: str,
    in_code: Any,
    in_environment: str,
    in_profile: str,
    default: Any,
) -> None:
    environ = {"AWS_DEFAULT_REGION": "us-east-1"} if field != "region" else {}
    profile = f"[default]\n{key} = {in_profile}\n"
    set_empty = {variable: ""}

    by_profile = await resolved(environ, profile)
    empty_is_unset = await resolved(environ | set_empty, profile)
    by_environment = await resolved(environ | {variable: in_environment}, profile)
    by_code = await resolved(environ | {variable: in_environment}, profile, **options_for(field, in_code))

    assert value_of(by_profile, field) == converted(in_profile, in_code)
    assert value_of(empty_is_unset, field) == converted(in_profile, in_code)
    assert value_of(by_environment, field) == converted(in_environment, in_code)
    assert value_of(by_code, field) == in_code
    if default is not None or field != "region":
        assert value_of(await resolved(REGION, "[default]\n"), field) == default


@BY_FIELD
async def test_what_loses_is_not_looked_at(
    resolved: Resolve,
    field: str,
    key: str,
    variable: str,
    in_code: Any,
    in_environment: str,
    in_profile: str,
    default: Any,
) -> None:
    environ = {"AWS_DEFAULT_REGION": "us-east-1", variable: "not \n good"}

    settings = await resolved(environ, f"[default]\n{key} =\n  nonsense = 1\n", **options_for(field, in_code))

    assert value_of(settings, field) == in_code


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("AWS_REGION", "us east 1", r"^AWS_REGION is not an AWS region \(such as us-east-1\): 'us east 1'"),
        ("AWS_MAX_ATTEMPTS", "abc", r"^AWS_MAX_ATTEMPTS must be a whole number of at least 1, got 'abc'"),
        ("AWS_MAX_ATTEMPTS", "0", r"^AWS_MAX_ATTEMPTS must be a whole number of at least 1, got '0'"),
        ("AWS_MAX_ATTEMPTS", "-3", r"^AWS_MAX_ATTEMPTS must be a whole number of at least 1"),
        ("AWS_RETRY_MODE", "foo", r"^AWS_RETRY_MODE must be one of standard, adaptive, legacy; got 'foo'"),
        ("AWS_USE_FIPS_ENDPOINT", "maybe", r"^AWS_USE_FIPS_ENDPOINT must be true or false, got 'maybe'"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "1", r"^AWS_USE_DUALSTACK_ENDPOINT must be true or false, got '1'"),
        ("AWS_DEFAULTS_MODE", "fast", r"^AWS_DEFAULTS_MODE must be one of legacy, standard, .*; got 'fast'"),
        ("AWS_SDK_UA_APP_ID", "a\nb", r"^AWS_SDK_UA_APP_ID must consist of printable ASCII"),
        ("AWS_CA_BUNDLE", "/nowhere/ca.pem", r"^AWS_CA_BUNDLE: '/nowhere/ca.pem' cannot be used .*No such file.*PEM"),
    ],
)
async def test_a_wrong_variable_is_named_with_the_rule(
    resolved: Resolve, variable: str, value: str, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        await resolved(REGION | {variable: value})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("region = us_east_1!", "is not an AWS region"),
        ("max_attempts = many", "must be a whole number"),
        ("retry_mode = foo", "must be one of standard, adaptive, legacy; got 'foo'"),
        ("use_fips_endpoint = on", "must be true or false, got 'on'"),
        ("defaults_mode = fast", "must be one of legacy"),
        ("parameter_validation = nope", "must be true or false"),
        ("sdk_ua_app_id =\n  a = b", "must be one value on the same line, got an indented block"),
        ("ca_bundle = /nowhere/ca.pem", "cannot be used as a bundle of certificate authorities"),
    ],
)
@pytest.mark.parametrize("file", ["config", "credentials"])
async def test_a_wrong_line_is_named_with_key_profile_and_file(
    resolved: Resolve, tmp_path: Path, line: str, message: str, file: str
) -> None:
    key = line.partition(" ")[0]
    header = "[profile dev]" if file == "config" else "[dev]"
    environ = {"AWS_PROFILE": "dev"} | ({} if key == "region" else REGION)

    with pytest.raises(ConfigurationError) as caught:
        await resolved(environ, **{file: f"{header}\n{line}\n"})

    assert str(caught.value).startswith(f"{key} of profile 'dev' in {tmp_path / '.aws' / file}")
    assert message in str(caught.value)


async def test_no_region_lists_the_places_and_the_remedy(resolved: Resolve, tmp_path: Path) -> None:
    with pytest.raises(NoRegionError) as caught:
        await resolved({})
    for place in ("Config.region", "AWS_REGION", "AWS_DEFAULT_REGION", str(tmp_path / ".aws" / "config"), "'default'"):
        assert place in str(caught.value)
    assert "where there is no such profile" in str(caught.value)
    assert "Session(region='us-east-1')" in str(caught.value)

    with pytest.raises(NoRegionError, match="'region' of profile 'dev'") as caught:
        await resolved({"AWS_PROFILE": "dev"}, "[profile dev]\noutput = json\n")
    assert "no such profile" not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "options", "source"),
    [
        ({}, {"profile": "prodd"}, "Config.profile"),
        ({"AWS_PROFILE": "prodd", "AWS_DEFAULT_PROFILE": "dev"}, {}, "AWS_PROFILE"),
        ({"AWS_DEFAULT_PROFILE": "prodd"}, {}, "AWS_DEFAULT_PROFILE"),
    ],
)
async def test_an_unknown_profile_names_files_profiles_and_the_nearest(
    resolved: Resolve, tmp_path: Path, environ: dict[str, str], options: dict[str, Any], source: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await resolved(REGION | environ, "[profile dev]\n[profile prod]\n", "[ci]\n", **options)

    said = str(caught.value)
    assert said.startswith(f"{source} names the profile 'prodd'")
    assert str(tmp_path / ".aws" / "config") in said
    assert str(tmp_path / ".aws" / "credentials") in said
    assert "did you mean 'prod'?" in said
    assert "the profiles are: ci, dev, prod" in said


async def test_a_named_profile_without_any_file_is_an_error(resolved: Resolve) -> None:
    with pytest.raises(ConfigurationError, match="there are no profiles at all"):
        await resolved(REGION | {"AWS_PROFILE": "dev"})


@pytest.mark.parametrize(
    ("file", "text", "line"),
    [
        ("config", "[default]\nregion = us-east-1\n[default]\naws_secret_access_key = hidden\n", ", line 3,"),
        ("config", "aws_secret_access_key = hidden\n", ", line 1,"),
        ("credentials", "[default]\nx = 1\nhidden\n", ", line 3,"),
        ("config", "[default]\ns3 =\n  hidden\n", " is malformed"),
    ],
)
async def test_a_malformed_file_is_named_with_its_line_and_not_repeated(
    resolved: Resolve, tmp_path: Path, file: str, text: str, line: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await resolved(REGION, **{file: text})

    said = str(caught.value)
    assert said.startswith(f"{tmp_path / '.aws' / file}{line}")
    assert "key = value" in said
    error: BaseException | None = caught.value
    while error is not None:
        assert "hidden" not in str(error)
        error = error.__cause__ or error.__context__


async def test_a_file_that_is_not_text_is_named(resolved: Resolve, tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00[default]")

    with pytest.raises(ConfigurationError, match=r"binary is malformed \(UnicodeDecodeError\): .* UTF-8"):
        await resolved(REGION | {"AWS_CONFIG_FILE": str(tmp_path / "binary")})


async def test_a_file_that_cannot_be_read_is_named(
    resolved: Resolve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagemaker_async.aws.settings.sources.os.access", lambda path, mode: False)

    with pytest.raises(ConfigurationError, match=r"config exists but cannot be read: .*AWS_CONFIG_FILE elsewhere"):
        await resolved(REGION, "[default]\n")


async def test_files_are_looked_for_where_the_environment_says(resolved: Resolve, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "conf").write_text("[profile dev]\nregion = eu-west-1\nsdk_ua_app_id = config\n")
    (tmp_path / "elsewhere" / "cred").write_text("[dev]\nsdk_ua_app_id = credentials\n")

    settings = await resolved(
        {
            "AWS_CONFIG_FILE": "~/elsewhere/conf",
            "AWS_SHARED_CREDENTIALS_FILE": "${PLACE}/cred",
            "PLACE": str(tmp_path / "elsewhere"),
            "AWS_PROFILE": "dev",
        }
    )

    assert (settings.region, settings.user_agent_app_id, settings.profile) == ("eu-west-1", "credentials", "dev")


@pytest.mark.parametrize("path", ["/dev/null", "/nowhere/config", "/"])
async def test_a_file_that_does_not_exist_is_an_empty_one(resolved: Resolve, path: str) -> None:
    settings = await resolved(REGION | {"AWS_CONFIG_FILE": path}, "[default]\nregion = eu-west-1\n")

    assert settings.region == "us-east-1"


# --- endpoints -------------------------------------------------------------------------------------------------------

SERVICES_FILE = """
[default]
services = local
endpoint_url = http://profile
[services local]
sagemaker_runtime =
  endpoint_url = http://services-runtime
s3 =
  endpoint_url = http://services-s3
"""


async def test_each_endpoint_url_wins_over_those_that_are_weaker(resolved: Resolve) -> None:
    environ = dict(REGION)
    options: dict[str, Any] = {}

    async def urls() -> list[str | None]:
        settings = await resolved(environ, SERVICES_FILE, **options)
        return [settings.custom_endpoints.url_for(name) for name in ("sagemaker-runtime", "sagemaker", "s3", "sts")]

    assert await urls() == ["http://services-runtime", "http://profile", "http://services-s3", "http://profile"]
    environ["AWS_ENDPOINT_URL"] = "http://all"
    assert await urls() == ["http://all"] * 4
    environ["AWS_ENDPOINT_URL_SAGEMAKER"] = "http://one"
    assert await urls() == ["http://all", "http://one", "http://all", "http://all"]
    options["endpoint_url"] = "http://config"
    assert await urls() == ["http://config"] * 4
    options["endpoint_urls"] = {"sts": "http://config-sts"}
    assert await urls() == ["http://config"] * 3 + ["http://config-sts"]
    options["ignore_configured_endpoint_urls"] = True
    assert await urls() == ["http://config"] * 3 + ["http://config-sts"]
    del options["endpoint_url"]
    assert await urls() == [None, None, None, "http://config-sts"]
    options["ignore_configured_endpoint_urls"] = False
    environ["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true"
    assert await urls() == ["http://all", "http://one", "http://all", "http://config-sts"]


async def refusal(settings: Awaitable[Settings], rules: EndpointRules = STS) -> str:
    """Return why a service cannot be called; the settings themselves must be fine."""
    resolved = await settings
    with pytest.raises(ConfigurationError) as caught:
        resolved.endpoint_for(rules)
    return str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("AWS_ENDPOINT_URL", "ftp://host", "AWS_ENDPOINT_URL has no http or https scheme; it must look like"),
        ("AWS_ENDPOINT_URL_STS", "host:80", "AWS_ENDPOINT_URL_STS has no http or https scheme"),
        ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "x", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS must be true or false"),
    ],
)
async def test_a_wrong_variable_for_endpoints_is_named_with_the_rule(
    resolved: Resolve, variable: str, value: str, message: str
) -> None:
    assert (await refusal(resolved(REGION | {variable: value}))).startswith(message)


@pytest.mark.parametrize("file", ["config", "credentials"])
async def test_a_wrong_url_in_a_profile_is_named_with_key_profile_and_file(
    resolved: Resolve, tmp_path: Path, file: str
) -> None:
    text = "[default]\nendpoint_url = localhost:8080\n"

    message = await refusal(resolved(REGION, **{file: text}))

    assert message.startswith(f"endpoint_url of profile 'default' in {tmp_path / '.aws' / file} has no http or https")


async def test_a_services_section_that_does_not_exist_is_named(resolved: Resolve) -> None:
    misspelt = SERVICES_FILE.replace("services = local", "services = locl")

    message = await refusal(resolved(REGION, misspelt))
    without_any = await refusal(resolved(REGION, "[default]\nservices = local\n"))

    assert message.startswith("services of profile 'default' in ")
    assert " is 'locl', but " in message
    assert "did you mean 'local'?" in message
    assert "there are no services sections at all" in without_any


async def test_a_services_section_without_indentation_is_explained(resolved: Resolve) -> None:
    message = await refusal(resolved(REGION, "[default]\nservices = local\n[services local]\nsts = http://sts\n"))

    assert message.startswith("sts in [services local] of ")
    assert " must be followed by indented lines" in message


PREDICTIONS = EndpointRules(service="sagemaker-runtime", signing_name="sagemaker", prefix="r", fips_prefix="r-fips")


@pytest.mark.parametrize(
    ("environ", "config", "options"),
    [
        ({"AWS_ENDPOINT_URL_STS": "no URL"}, "", {}),
        ({"AWS_ENDPOINT_URL_STS": "http://sts"}, "", {"use_fips_endpoint": True}),
        ({"AWS_ENDPOINT_URL_STS": "http://sts"}, "", {"use_dualstack_endpoint": True}),
        ({}, "[services local]\nsts =\n  endpoint_url = no URL\n", {}),
        ({}, "[services local]\nsts =\n  endpoint_url = http://sts\n", {"use_fips_endpoint": True}),
        ({}, "[services local]\nsts = http://sts\n", {}),
        ({}, "[services local]\n", {"endpoint_urls": {"sts": "http://sts"}, "use_fips_endpoint": True}),
    ],
)
async def test_a_wrong_endpoint_of_one_service_does_not_matter_to_another(
    resolved: Resolve, environ: dict[str, str], config: str, options: dict[str, Any]
) -> None:
    profile = f"[default]\nservices = local\n{config}" if config else None
    settings = await resolved(REGION | environ, profile, **options)

    assert settings.endpoint_for(PREDICTIONS).signing_region == "us-east-1"
    for _ in range(2):
        with pytest.raises(ConfigurationError):
            settings.endpoint_for(STS)


async def test_settings_do_not_show_what_else_the_files_and_the_environment_hold(resolved: Resolve) -> None:
    keys = "aws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = hidden-in-file\n"

    settings = await resolved(
        REGION | {"AWS_SECRET_ACCESS_KEY": "hidden-in-environment"}, credentials=f"[default]\n{keys}"
    )

    assert "hidden" not in repr(settings) + repr(settings.custom_endpoints)


@pytest.mark.parametrize(
    ("options", "remedy"),
    [({"use_fips_endpoint": True}, "use_fips_endpoint"), ({"use_dualstack_endpoint": True}, "use_dualstack_endpoint")],
)
@pytest.mark.parametrize(
    ("environ", "configured", "source"),
    [
        ({}, {"endpoint_url": "http://host"}, "Config.endpoint_url"),
        ({}, {"endpoint_urls": {"sts": "http://host"}}, "Config.endpoint_urls['sts']"),
        ({"AWS_ENDPOINT_URL_STS": "http://host"}, {}, "AWS_ENDPOINT_URL_STS"),
    ],
)
async def test_fips_and_dualstack_asked_for_in_code_do_not_go_with_a_custom_url(
    resolved: Resolve, options: dict[str, Any], remedy: str, environ: dict[str, str], configured: Any, source: str
) -> None:
    message = await refusal(resolved(REGION | environ, **options, **configured))

    assert message.startswith(f"{source} is a custom endpoint, which cannot ")
    assert f" unset {remedy} " in message


async def test_fips_from_the_environment_gives_way_to_a_custom_url(resolved: Resolve) -> None:
    settings = await resolved(
        REGION | {"AWS_USE_FIPS_ENDPOINT": "true"}, endpoint_urls={"sagemaker-runtime": "http://host:8080/base/"}
    )

    custom = settings.endpoint_for(PREDICTIONS)

    assert (custom.origin, custom.base_path) == ("http://host:8080", "/base")
    assert (custom.signing_region, custom.signing_name) == ("us-east-1", "sagemaker")
    assert settings.endpoint_for(STS).origin == "https://sts-fips.us-east-1.amazonaws.com"


async def test_a_fips_pseudo_region_is_the_region_with_fips(resolved: Resolve) -> None:
    settings = await resolved(region="us-east-1-fips")

    assert (settings.region, settings.use_fips_endpoint) == ("us-east-1", True)


async def test_the_endpoint_resolver_decides_where_there_is_no_url(resolved: Resolve) -> None:
    asked = []

    def resolver(rules: EndpointRules, region: str, **variants: bool) -> Endpoint:
        asked.append((rules.service, region, variants))
        return Endpoint.from_url("https://gateway/sts", signing_region=region, signing_name=rules.signing_name)

    environ = REGION | {"AWS_ENDPOINT_URL": "http://environment"}
    settings = await resolved(environ, endpoint_resolver=resolver, use_dualstack_endpoint=True)

    assert settings.endpoint_for(STS).origin == "https://gateway"
    assert asked == [("sts", "us-east-1", {"use_fips": False, "use_dualstack": True})]
    by_url = await resolved(environ, endpoint_resolver=resolver, endpoint_urls={"sts": "http://url"})
    assert by_url.endpoint_for(STS).origin == "http://url"
    assert (await resolved(REGION)).endpoint_for(STS) == resolve(STS, "us-east-1")


async def coroutine(*args: Any, **variants: bool) -> str:
    return "https://gateway"


@pytest.mark.parametrize(
    ("resolver", "got"),
    [
        (lambda *args, **variants: "https://gateway", "str"),
        (lambda *args, **variants: None, "NoneType"),
        (coroutine, "coroutine"),
    ],
)
async def test_a_resolver_that_returns_nonsense_is_named(resolved: Resolve, resolver: Any, got: str) -> None:
    settings = await resolved(REGION, endpoint_resolver=resolver)

    with pytest.raises(ConfigurationError, match=rf"^Config\.endpoint_resolver must return .* for sts .*, got {got}$"):
        settings.endpoint_for(STS)


# --- retries and time limits -----------------------------------------------------------------------------------------


async def test_the_other_retry_options_are_kept(resolved: Resolve) -> None:
    retry = RetryConfig(max_delay=3, retry_ambiguous=True)

    settings = await resolved(REGION | {"AWS_RETRY_MODE": "legacy"}, retry=retry)

    assert settings.retry == replace(retry, mode="legacy", max_attempts=5)


@pytest.mark.parametrize(
    ("mode", "connect"), [("standard", 3.1), ("in-region", 1.1), ("cross-region", 3.1), ("mobile", 30.0), ("legacy", 5)]
)
async def test_a_defaults_mode_sets_connect_alone_and_only_where_it_is_unset(
    resolved: Resolve, mode: str, connect: float
) -> None:
    assert (await resolved(REGION, defaults_mode=mode)).timeouts == Timeouts(connect=connect)
    assert (await resolved(REGION, defaults_mode=mode, timeouts=Timeouts(pool=1))).timeouts == Timeouts(
        pool=1, connect=connect
    )
    assert (await resolved(REGION, defaults_mode=mode, timeouts=Timeouts(connect=5.0))).timeouts.connect == 5.0
    assert (await resolved(REGION, defaults_mode=mode, timeouts=Timeouts(connect=None))).timeouts.connect is None


@pytest.mark.parametrize(
    ("environ", "mode"),
    [
        ({"AWS_EXECUTION_ENV": "AWS_Lambda_python3.12", "AWS_REGION": "us-west-2"}, "in-region"),
        ({"AWS_EXECUTION_ENV": "AWS_Lambda_python3.12", "AWS_DEFAULT_REGION": "eu-west-1"}, "cross-region"),
        ({"AWS_REGION": "us-west-2", "AWS_EC2_METADATA_DISABLED": "true"}, "standard"),
        ({"AWS_EXECUTION_ENV": "x", "AWS_EC2_METADATA_DISABLED": "TRUE"}, "standard"),
    ],
)
async def test_auto_is_known_from_the_environment(resolved: Resolve, environ: dict[str, str], mode: str) -> None:
    settings = await resolved(environ, region="us-west-2", defaults_mode="auto")

    assert settings.defaults_mode == mode


@pytest.mark.parametrize(
    ("region", "mode"),
    [("us-west-2", "in-region"), ("eu-west-1", "cross-region"), ("", "standard"), (OSError("unplugged"), "standard")],
    ids=str,
)
async def test_auto_is_asked_of_the_metadata_service(
    resolved: Resolve, monkeypatch: pytest.MonkeyPatch, region: str | OSError, mode: str
) -> None:
    asked: list[tuple[int, int, str | None]] = []

    class Fetcher(InstanceMetadataRegionFetcher):
        def __init__(self, timeout: int, num_attempts: int, **options: Any) -> None:
            super().__init__(timeout=timeout, num_attempts=num_attempts, **options)
            asked.append((timeout, num_attempts, options["config"]["ec2_metadata_service_endpoint"]))

        def retrieve_region(self) -> str | None:
            if isinstance(region, OSError):
                raise region
            return region or None

    monkeypatch.setattr("botocore.utils.InstanceMetadataRegionFetcher", Fetcher)
    environ = {"AWS_METADATA_SERVICE_TIMEOUT": "2", "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:9"}
    settings = await resolved(environ, region="us-west-2", defaults_mode="auto")

    assert settings.defaults_mode == mode
    assert asked == [(2, 1, "http://127.0.0.1:9")]


# --- the rest --------------------------------------------------------------------------------------------------------


async def test_validation_is_off_when_code_or_profile_says_so(resolved: Resolve) -> None:
    assert (await resolved(REGION, "[default]\nparameter_validation = true\n")).validate_params
    assert not (await resolved(REGION, "[default]\nparameter_validation = false\n")).validate_params
    assert not (await resolved(REGION, "[default]\n", validate_params=False)).validate_params


async def test_a_long_application_id_is_kept_with_a_warning(
    resolved: Resolve, caplog: pytest.LogCaptureFixture
) -> None:
    settings = await resolved(REGION | {"AWS_SDK_UA_APP_ID": "x" * 51})

    assert settings.user_agent_app_id == "x" * 51
    assert "AWS_SDK_UA_APP_ID is longer than the 50 characters" in caplog.text


async def test_tls_options_of_the_code_set_aside_the_bundle_of_the_environment(resolved: Resolve) -> None:
    environ = REGION | {"AWS_CA_BUNDLE": "/nowhere/ca.pem"}
    own = ssl.create_default_context()

    assert (await resolved(environ, tls=own)).ssl_context is own
    unverified = await resolved(environ, tls=TLSConfig(verify=False))
    assert unverified.ca_bundle is None
    assert unverified.ssl_context is not None
    assert unverified.ssl_context.verify_mode is ssl.CERT_NONE
    with pytest.raises(ConfigurationError, match=r"^AWS_CA_BUNDLE: "):
        await resolved(environ, tls=TLSConfig())


async def test_a_proxy_of_the_code_is_for_every_url_and_masked(resolved: Resolve) -> None:
    proxy = "http://user:hidden@proxy:3128"
    environ = REGION | {"HTTPS_PROXY": "http://other:hidden@proxy", "NO_PROXY": "*"}

    settings = await resolved(environ, proxy=proxy)

    assert settings.proxy_for("https://sts.amazonaws.com") == settings.proxy_for("http://127.0.0.1:8080") == proxy
    assert "hidden" not in repr(settings)
    assert "hidden" not in repr(await resolved(environ))


async def test_the_environment_is_the_process_own_unless_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_REGION", "ap-south-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)

    assert (await resolve_settings(Config())).region == "ap-south-1"


async def test_a_cancelled_resolution_is_cancelled(resolved: Resolve) -> None:
    task = asyncio.ensure_future(resolved(REGION))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


PROGRAM = """
import asyncio, os, sys, threading
from sagemaker_async.aws.settings import resolve_settings
from sagemaker_async.config import Config

blocking, elsewhere = [], []

def note(what):
    on_loop = threading.current_thread() is threading.main_thread()
    (blocking if on_loop else elsewhere).append(what)

def audit(event, arguments):
    if watching and event in ("open", "import", "os.listdir", "os.scandir", "socket.connect", "subprocess.Popen"):
        note(f"{event} {arguments[0]}")

def stat(path, *args, original=os.stat, **options):
    if watching:
        note(f"stat {path}")
    return original(path, *args, **options)

watching = False
sys.addaudithook(audit)
os.stat = stat

async def main():
    global watching
    watching = True
    settings = await resolve_settings(Config())
    watching = False
    print(settings.region, blocking, bool(elsewhere), "botocore" in sys.modules)

asyncio.run(main())
"""


@pytest.mark.parametrize("with_file", [False, True])
def test_nothing_blocks_on_the_loops_thread_and_botocore_is_for_files_alone(tmp_path: Path, with_file: bool) -> None:
    (tmp_path / ".aws").mkdir()
    if with_file:
        (tmp_path / ".aws" / "config").write_text("[default]\nregion = eu-west-1\n")
    environ = {"HOME": str(tmp_path)} | ({} if with_file else REGION)

    result = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env=environ)

    assert result.stdout.strip() == ("eu-west-1 [] True True" if with_file else "us-east-1 [] True False")
