"""Every option of AWS's client for Ruby (aws-sdk-sagemakerruntime 1.76), what it is here, and which test shows it.

`ROWS` is that table. A row without a test fails, and so do an option of ours that no row names and a test that a row
names and that is not there. What other files do not show is shown below.
"""

from __future__ import annotations

import ast
import asyncio
import dataclasses
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from botocore.loaders import Loader

from sagemaker_async import Config, Credentials, RetryConfig, Session, StubResponse, StubTransport, Timeouts, TLSConfig
from sagemaker_async.aws.credentials import Process, ProfileCredentials
from sagemaker_async.aws.endpoints import Endpoint
from sagemaker_async.errors import InternalFailure, SignatureError, ThrottlingError
from sagemaker_async.local import LocalSageMaker, Throttle

TESTS = Path(__file__).parents[1]

SOURCES = "integration/test_credential_sources.py::"
SETTINGS = "unit/test_settings_resolve.py::"
HERE = "unit/test_client_options.py::"


class Row(NamedTuple):
    """One row of the table."""

    ruby: str
    """The names of the Ruby client's options, separated by spaces."""
    ours: str
    """Our fields of the same meaning, separated by spaces; those of `Config` bare, others with their class."""
    tests: tuple[str, ...]
    """Where it is shown: file below ``tests``, and the test's name."""


ROWS = (
    Row(
        "credentials",
        "credentials",
        (
            HERE + "test_sources_of_credentials_sign_the_calls_of_a_session",
            SOURCES + "test_assume_role_exchanges_another_sources_credentials",
            SOURCES + "test_web_identity_works_by_arguments_variables_chain_and_profile",
            SOURCES + "test_sso_exchanges_the_cached_token",
            SOURCES + "test_a_program_gives_credentials",
            SOURCES + "test_the_metadata_service_is_asked_by_version_2",
            SOURCES + "test_a_container_agent_is_asked_with_the_token_of_the_variable",
            SOURCES + "test_a_cognito_pool_gives_credentials",
            "integration/test_rotation.py::test_two_thousand_calls_across_a_rotation_all_succeed_with_one_refresh",
        ),
    ),
    Row(
        "access_key_id secret_access_key session_token account_id",
        "Credentials.access_key_id Credentials.secret_access_key Credentials.session_token Credentials.account_id "
        "Credentials.expiration",
        (
            HERE + "test_sources_of_credentials_sign_the_calls_of_a_session",
            "unit/test_aws_credentials.py::test_the_environment_gives_keys_token_expiration_and_account",
        ),
    ),
    Row(
        "profile",
        "profile",
        (
            SOURCES + "test_environment_goes_before_a_profile_that_the_environment_names_and_after_one_that_is_passed",
            SOURCES + "test_aws_profile_wins_over_aws_default_profile",
        ),
    ),
    Row(
        "region",
        "region",
        (
            HERE + "test_where_a_call_goes",
            SETTINGS + "test_no_region_lists_the_places_and_the_remedy",
        ),
    ),
    Row(
        "endpoint endpoint_provider ignore_configured_endpoint_urls use_fips_endpoint use_dualstack_endpoint",
        "endpoint_url endpoint_urls endpoint_resolver ignore_configured_endpoint_urls use_fips_endpoint "
        "use_dualstack_endpoint",
        (HERE + "test_where_a_call_goes", SETTINGS + "test_each_endpoint_url_wins_over_those_that_are_weaker"),
    ),
    Row(
        "retry_mode max_attempts retry_limit retry_base_delay retry_backoff retry_jitter retry_max_delay",
        "retry RetryConfig.mode RetryConfig.max_attempts RetryConfig.base_delay RetryConfig.max_delay "
        "RetryConfig.jitter RetryConfig.backoff",
        (
            HERE + "test_max_attempts_and_mode",
            HERE + "test_delays_between_attempts",
            "unit/test_retries_policy.py::test_throttling_is_backed_off_from_a_second",
        ),
    ),
    Row(
        "adaptive_retry_wait_to_fill",
        "RetryConfig.adaptive_wait_to_fill",
        (
            HERE + "test_adaptive_mode_raises_when_it_is_not_to_wait",
            "unit/test_pipeline.py::test_adaptive_mode_waits_for_its_own_rate",
        ),
    ),
    Row(
        "",  # ours alone: what the Ruby client always repeats
        "RetryConfig.retry_ambiguous RetryConfig.retry_stale",
        ("integration/test_retries_counted.py::test_the_model_runs_as_often_as_the_rules_say",),
    ),
    Row(
        "correct_clock_skew",
        "correct_clock_skew",
        (HERE + "test_a_wrong_clock_is_corrected", HERE + "test_a_wrong_clock_is_left_wrong_when_told_so"),
    ),
    Row(
        "defaults_mode",
        "defaults_mode",
        (
            HERE + "test_a_defaults_mode_sets_the_connect_limit",
            SETTINGS + "test_auto_is_known_from_the_environment",
        ),
    ),
    Row(
        "http_open_timeout http_read_timeout http_idle_timeout ssl_timeout",
        "timeouts Timeouts.pool Timeouts.connect Timeouts.first_byte Timeouts.between_chunks Timeouts.keepalive "
        "Timeouts.total",
        (
            "integration/test_timeouts.py::test_pool",
            "integration/test_timeouts.py::test_connect_names_tls",
            "integration/test_timeouts.py::test_first_byte_names_the_minute_that_sagemaker_gives_a_model",
            "integration/test_timeouts.py::test_between_chunks_of_a_stream",
            "integration/test_timeouts.py::test_keepalive_is_how_long_an_idle_connection_is_kept",
            "integration/test_timeouts.py::test_total_bounds_all_attempts_and_the_delays_between_them",
        ),
    ),
    Row(
        "http_proxy",
        "proxy",
        (
            "integration/test_proxy.py::test_credentials_reach_the_proxy_and_nobody_else",
            "integration/test_proxy.py::test_no_proxy_is_honoured",
            "integration/test_no_secrets.py::test_a_proxy_that_works",
        ),
    ),
    Row(
        "ssl_ca_bundle ssl_ca_directory ssl_ca_store ssl_cert ssl_key ssl_verify_peer",
        "tls TLSConfig.ca_bundle TLSConfig.ca_directory TLSConfig.client_cert TLSConfig.client_key TLSConfig.verify",
        (
            "integration/test_tls.py::test_a_bundle_is_trusted",
            "integration/test_tls.py::test_the_bundle_of_the_environment_is_trusted",
            "integration/test_tls.py::test_a_directory_is_trusted",
            "integration/test_tls.py::test_a_context_of_the_callers_own_is_used",
            "integration/test_tls.py::test_the_client_shows_its_certificate",
            "integration/test_tls.py::test_verification_is_off_only_on_demand_and_with_a_warning",
        ),
    ),
    Row(
        "http_wire_trace logger log_level log_formatter",
        "logger",
        (
            "unit/test_logs.py::test_a_session_may_have_a_logger_of_its_own",
            "unit/test_logs.py::test_a_call_is_one_line_at_info",
            "unit/test_logs.py::test_heads_are_logged_at_debug_and_bodies_are_not",
        ),
    ),
    Row(
        "on_chunk_received on_chunk_sent",
        "",  # arguments of a call
        (
            "unit/test_seams.py::test_progress_of_a_large_body_is_told_both_ways",
            "unit/test_seams.py::test_progress_of_a_stream_has_no_total",
        ),
    ),
    Row(
        "plugins",
        "interceptors",
        ("unit/test_seams.py::test_what_an_interceptor_adds_is_signed_and_arrives_at_every_attempt",),
    ),
    Row(
        "event_stream_handler input_event_stream_handler output_event_stream_handler",
        "",  # response.dispatch
        ("unit/test_seams.py::test_dispatch_hands_each_event_to_its_handler",),
    ),
    Row(
        "stub_responses",
        "transport",
        (
            "unit/test_transport_stub.py::test_answers_come_in_order_and_requests_are_kept_as_they_would_have_gone_out",
            "unit/test_seams.py::test_any_object_with_send_and_close_carries_the_requests",
        ),
    ),
    Row(
        "telemetry_provider",
        "",  # an interceptor
        (
            "unit/test_opentelemetry.py::test_a_call_is_a_client_span_by_the_conventions_of_aws_sdks",
            "unit/test_opentelemetry.py::test_attempts_and_the_time_to_the_first_byte_are_measured",
            "unit/test_opentelemetry.py::test_the_tokens_of_streams_that_are_read_as_tokens_are_measured",
        ),
    ),
    Row(
        "client_side_monitoring client_side_monitoring_client_id client_side_monitoring_host "
        "client_side_monitoring_port client_side_monitoring_publisher",
        "",  # an interceptor
        (
            "unit/test_client_side_monitoring.py::test_the_agent_receives_datagrams",
            "unit/test_client_side_monitoring.py::test_a_publisher_takes_the_datagrams_instead",
            "unit/test_client_side_monitoring.py::test_no_setting_of_environment_or_profile_turns_it_on",
        ),
    ),
    Row(
        "validate_params convert_params",
        "validate_params strict_params convert_params",
        (
            "unit/test_seams.py::test_values_are_converted_at_any_depth_when_told_so",
            "unit/test_seams.py::test_without_validation_the_service_decides",
            "unit/test_seams.py::test_unknown_keywords_are_refused_unless_told_otherwise",
        ),
    ),
    Row(
        "raise_response_errors",
        "raise_response_errors",
        ("unit/test_seams.py::test_a_failure_may_be_a_value_on_the_response",),
    ),
    Row("sdk_ua_app_id", "user_agent_app_id", (HERE + "test_the_applications_id_is_in_the_user_agent",)),
    Row(
        "",  # of the clients of S3 of all SDKs
        "request_checksum_calculation response_checksum_validation",
        (
            "unit/test_s3_client.py::test_no_checksums_travel_where_they_are_not_wanted",
            "unit/test_settings_resolve.py::test_code_wins_over_environment_over_profile_over_default",
        ),
    ),
    Row(
        "",  # ours alone: the pool, and the limits of what is sent and of what is read
        "max_connections max_waiting max_body_bytes max_response_bytes",
        (
            "integration/test_timeouts.py::test_pool",
            "integration/test_bad_input.py::test_a_body_over_the_limit",
            "integration/test_large_answers.py::test_an_answer_over_the_limit_is_not_read_on",
        ),
    ),
    Row(
        "",  # boto3's: can_paginate, get_paginator, get_waiter
        "",
        (
            "unit/test_seams.py::test_the_data_plane_has_no_pages_and_says_so",
            "unit/test_seams.py::test_the_data_plane_has_no_waiters_and_says_so",
            "unit/test_hosting_client.py::test_a_paginator_is_boto3s",
            "unit/test_hosting_waiting.py::test_a_waiter_is_boto3s",
        ),
    ),
    Row(
        # Of no effect, in Ruby as well: no operation of these services has the traits they are for.
        "endpoint_discovery active_endpoint_cache endpoint_cache_max_entries endpoint_cache_max_threads "
        "endpoint_cache_poll_interval disable_host_prefix_injection disable_request_compression "
        "request_min_compression_size_bytes sigv4a_signing_region_set token_provider http_continue_timeout",
        "",
        (
            HERE + "test_no_operation_has_the_traits_of_the_options_without_effect",
            HERE + "test_nothing_of_the_options_without_effect_is_sent",
        ),
    ),
)


# --- the table itself ------------------------------------------------------------------------------------------------


def names_in(path: Path) -> set[str]:
    """Return the names of the tests in a file, without importing it."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, functions)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.ruby.split(" ")[0] or row.ours or "boto3")
def test_every_row_names_tests_that_exist(row: Row) -> None:
    assert row.tests
    for test in row.tests:
        file, _, name = test.partition("::")
        assert name in names_in(TESTS / file), test


def test_every_option_of_ours_is_in_a_row() -> None:
    fields = {field.name for field in dataclasses.fields(Config)}
    for kind in (Timeouts, RetryConfig, TLSConfig, Credentials):
        fields |= {f"{kind.__name__}.{field.name}" for field in dataclasses.fields(kind)}
    named = [name for row in ROWS for name in row.ours.split()]
    assert sorted(named) == sorted(fields)


def test_no_option_of_the_ruby_client_is_in_two_rows() -> None:
    named = [name for row in ROWS for name in row.ruby.split()]
    assert len(named) == len(set(named))


def test_every_option_of_the_ruby_client_is_in_the_guides_table() -> None:
    guide = TESTS.parent / "sagemaker_async" / "config" / "GUIDE.md"
    table = guide.read_text().partition("| Ruby |")[2].partition("\n\n")[0]
    missing = [name for row in ROWS for name in row.ruby.split() if f"`{name}`" not in table]
    assert not missing


# --- credentials -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["value", "process", "profile", "chain", "own"])
async def test_sources_of_credentials_sign_the_calls_of_a_session(
    local: LocalSageMaker, clean_environment: Path, kind: str
) -> None:
    """The embedded SageMaker refuses every other key."""
    key = Credentials("AKIDOPTIONS", "a-secret", "a-token")
    local.accept_credentials(key)
    local.refuse_credentials(local.credentials.access_key_id)
    local.add_endpoint("echo", lambda body: body)
    printed = clean_environment / "printed.json"
    answer = {"AccessKeyId": "AKIDOPTIONS", "SecretAccessKey": "a-secret", "SessionToken": "a-token", "Version": 1}
    printed.write_text(json.dumps(answer))
    (clean_environment / ".aws" / "credentials").write_text(
        "[who]\naws_access_key_id = AKIDOPTIONS\naws_secret_access_key = a-secret\naws_session_token = a-token\n"
    )

    class Own:
        async def get(self) -> Credentials:
            await asyncio.sleep(0)
            return key

    sources: dict[str, dict[str, Any]] = {
        "value": {"credentials": key},
        "process": {"credentials": Process(f"cat {printed}")},
        "profile": {"credentials": ProfileCredentials("who")},
        "chain": {"profile": "who", "credentials": None},
        "own": {"credentials": Own()},
    }
    async with Session(**{**local.client_options, **sources[kind]}) as session:
        assert (await session.runtime.invoke_endpoint(endpoint_name="echo", body=b"hello")).body == b"hello"


# --- where calls go --------------------------------------------------------------------------------------------------


class Listening(StubTransport):
    """Answers as a stub does, in a session that asks environment and files as usual."""

    stubbed = False


async def sent_by(transport: StubTransport | None = None, **fields: Any) -> StubTransport:
    """Make one call with these options and return the transport that got it."""
    transport = transport or Listening(otherwise=StubResponse(200))
    options: dict[str, Any] = {"credentials": Credentials("AKID", "secret"), "transport": transport, **fields}
    async with Session(**options) as session:
        await session.runtime.invoke_endpoint(endpoint_name="echo", body=b"hello")
    return transport


RUNTIME = "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"
AWS = "https://runtime.sagemaker.{}.amazonaws.com"
SERVICES = "[default]\nservices = mine\n[services mine]\nsagemaker_runtime =\n  endpoint_url = http://of-the-service\n"


def gateway(rules: Any, region: str, **_: Any) -> Endpoint:
    return Endpoint.from_url(f"https://gateway/{region}", signing_region=region, signing_name=rules.signing_name)


@pytest.mark.parametrize(
    ("fields", "environ", "profile", "url"),
    [
        ({"region": "eu-west-1"}, {"AWS_REGION": "eu-west-2"}, "region = eu-west-4", AWS.format("eu-west-1")),
        ({}, {"AWS_REGION": "eu-west-2", "AWS_DEFAULT_REGION": "eu-west-3"}, "", AWS.format("eu-west-2")),
        ({}, {"AWS_DEFAULT_REGION": "eu-west-3"}, "region = eu-west-4", AWS.format("eu-west-3")),
        ({}, {}, "region = eu-west-4", AWS.format("eu-west-4")),
        ({"endpoint_url": "http://code"}, {RUNTIME: "http://variable"}, "", "http://code"),
        (
            {"endpoint_urls": {"sagemaker-runtime": "http://for-it"}, "endpoint_url": "http://for-all"},
            {RUNTIME: "http://variable"},
            "",
            "http://for-it",
        ),
        ({"endpoint_urls": {"s3": "http://for-s3"}}, {}, "", AWS.format("us-east-1")),
        ({}, {RUNTIME: "http://variable", "AWS_ENDPOINT_URL": "http://for-all"}, "", "http://variable"),
        ({}, {"AWS_ENDPOINT_URL": "http://for-all/base"}, "", "http://for-all/base"),
        ({}, {}, "endpoint_url = http://of-the-profile", "http://of-the-profile"),
        ({}, {}, SERVICES, "http://of-the-service"),
        ({"ignore_configured_endpoint_urls": True}, {RUNTIME: "http://variable"}, "", AWS.format("us-east-1")),
        (
            {},
            {RUNTIME: "http://variable", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
            "",
            AWS.format("us-east-1"),
        ),
        ({"endpoint_resolver": gateway}, {RUNTIME: "http://variable"}, "", "https://gateway/us-east-1"),
        ({"use_fips_endpoint": True}, {}, "", "https://runtime-fips.sagemaker.us-east-1.amazonaws.com"),
        ({}, {"AWS_USE_FIPS_ENDPOINT": "true"}, "", "https://runtime-fips.sagemaker.us-east-1.amazonaws.com"),
        ({}, {}, "use_fips_endpoint = true", "https://runtime-fips.sagemaker.us-east-1.amazonaws.com"),
        ({"use_dualstack_endpoint": True}, {}, "", "https://runtime.sagemaker.us-east-1.api.aws"),
        ({}, {"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "", "https://runtime.sagemaker.us-east-1.api.aws"),
    ],
)
async def test_where_a_call_goes(
    clean_environment: Path,
    monkeypatch: pytest.MonkeyPatch,
    fields: dict[str, Any],
    environ: dict[str, str],
    profile: str,
    url: str,
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    if "region" not in {*fields} and "REGION" not in str(environ) and "region" not in profile:
        fields = {**fields, "region": "us-east-1"}
    text = profile if profile.startswith("[") else f"[default]\n{profile}\n"
    (clean_environment / ".aws" / "config").write_text(text)

    request = (await sent_by(**fields)).requests[0]

    assert request.origin + request.target == f"{url}/endpoints/echo/invocations"
    region = next((part for part in url.split(".") if part.startswith("eu-")), "us-east-1")
    assert f"/{region}/sagemaker/aws4_request" in request.headers["Authorization"]


# --- retries, clock, modes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("retry", "environ", "requests", "mode"),
    [
        (RetryConfig(base_delay=0), {}, 3, "standard"),
        (RetryConfig(base_delay=0, mode="legacy"), {}, 5, "legacy"),
        (RetryConfig(base_delay=0, max_attempts=1), {"AWS_MAX_ATTEMPTS": "4"}, 1, "standard"),
        (RetryConfig(base_delay=0), {"AWS_MAX_ATTEMPTS": "4", "AWS_RETRY_MODE": "adaptive"}, 4, "adaptive"),
    ],
)
async def test_max_attempts_and_mode(
    clean_environment: Path,
    monkeypatch: pytest.MonkeyPatch,
    retry: RetryConfig,
    environ: dict[str, str],
    requests: int,
    mode: str,
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    transport = Listening(otherwise=StubResponse.error("InternalFailure", status=500))
    with pytest.raises(InternalFailure):
        await sent_by(transport, region="us-east-1", retry=retry)
    assert len(transport.requests) == requests
    assert transport.requests[-1].headers["amz-sdk-request"] == f"attempt={requests}; max={requests}"
    assert f"cfg/retry-mode#{mode}" in transport.requests[0].headers["User-Agent"]


@pytest.mark.parametrize(
    ("options", "delays"),
    [
        ({"base_delay": 0.001, "jitter": "none"}, [0.001, 0.002, 0.004]),
        ({"base_delay": 0.001, "jitter": "none", "max_delay": 0.002}, [0.001, 0.002, 0.002]),
        ({"backoff": lambda retry: retry / 1000}, [0.0, 0.001, 0.002]),
    ],
)
async def test_delays_between_attempts(options: dict[str, Any], delays: list[float]) -> None:
    stub = StubTransport(otherwise=StubResponse.error("InternalFailure", status=500))
    with pytest.raises(InternalFailure) as caught:
        await sent_by(stub, retry=RetryConfig(max_attempts=4, **options))
    assert [attempt.delay for attempt in caught.value.attempts] == [*delays, None]


async def test_adaptive_mode_raises_when_it_is_not_to_wait() -> None:
    stub = StubTransport(otherwise=StubResponse.error("ThrottlingException", status=429))
    retry = RetryConfig(mode="adaptive", max_attempts=50, base_delay=0, adaptive_wait_to_fill=False)
    with pytest.raises(ThrottlingError, match=r"adaptive_wait_to_fill is off") as caught:
        await sent_by(stub, retry=retry)
    assert caught.value.code == "ClientRateLimit"
    assert len(stub.requests) < 50


@pytest.mark.parametrize("minutes", [-10, 10])
async def test_a_wrong_clock_is_corrected(minutes: int) -> None:
    async with LocalSageMaker(clock=lambda: time.time() + 60 * minutes) as local:
        local.add_endpoint("echo", lambda body: body)
        async with Session(**local.client_options) as session:
            first = await session.runtime.invoke_endpoint(endpoint_name="echo", body=b"hello")
            second = await session.runtime.invoke_endpoint(endpoint_name="echo", body=b"hello")
    assert [attempt.note for attempt in first.metadata.attempts] == ["clock skew", None]
    assert len(second.metadata.attempts) == 1


async def test_a_wrong_clock_is_left_wrong_when_told_so() -> None:
    async with LocalSageMaker(clock=lambda: time.time() + 600) as local:
        local.add_endpoint("echo", lambda body: body)
        async with Session(**local.client_options, correct_clock_skew=False) as session:
            with pytest.raises(SignatureError, match="Signature expired"):
                await session.runtime.invoke_endpoint(endpoint_name="echo", body=b"hello")
        assert len(local.requests) == 1


async def test_throttling_is_retried_against_a_server(local: LocalSageMaker) -> None:
    local.add_endpoint("echo", lambda body: body).faults.append(Throttle(retry_after_ms=1))
    async with Session(**local.client_options, retry=RetryConfig(base_delay=0)) as session:
        response = await session.runtime.invoke_endpoint(endpoint_name="echo", body=b"hello")
    assert [attempt.delay for attempt in response.metadata.attempts] == [0.001, None]


async def test_a_defaults_mode_sets_the_connect_limit() -> None:
    stub = StubTransport(otherwise=StubResponse(200))
    for fields, seconds in (
        ({}, 5.0),
        ({"defaults_mode": "in-region"}, 1.1),
        ({"defaults_mode": "mobile"}, 30.0),
        ({"defaults_mode": "mobile", "timeouts": Timeouts(connect=2)}, 2.0),
    ):
        async with Session(transport=stub, **fields) as session:  # type: ignore[arg-type]
            await session.runtime.invoke_endpoint(endpoint_name="echo", body=b"hello")
            assert session.channel.timeouts.connect == seconds


async def test_the_applications_id_is_in_the_user_agent(
    clean_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SDK_UA_APP_ID", "from-variable")
    by_variable = await sent_by(region="us-east-1")
    by_code = await sent_by(region="us-east-1", user_agent_app_id="from code/1")
    assert by_variable.requests[0].headers["User-Agent"].endswith(" app/from-variable")
    assert by_code.requests[0].headers["User-Agent"].endswith(" app/from-code-1")


# --- options without effect ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", ["sagemaker-runtime", "sagemaker"])
def test_no_operation_has_the_traits_of_the_options_without_effect(service: str) -> None:
    model = Loader().load_service_model(service, "service-2")
    traits = {"endpointdiscovery", "endpointoperation", "endpoint", "requestcompression", "httpChecksum", "authtype"}
    assert model["metadata"].get("auth", ["aws.auth#sigv4"]) == ["aws.auth#sigv4"]
    for name, operation in model["operations"].items():
        assert not traits & operation.keys(), name
        assert operation.get("auth", ["aws.auth#sigv4"]) == ["aws.auth#sigv4"], name


async def test_nothing_of_the_options_without_effect_is_sent(local: LocalSageMaker) -> None:
    """No Expect, no compression, no bearer token, no SigV4a; and the host is the endpoint's own."""
    local.add_endpoint("echo", lambda body: body)
    async with Session(**local.client_options) as session:
        await session.runtime.invoke_endpoint(endpoint_name="echo", body=b"x" * 200_000)
    headers = local.requests[0].headers
    assert not {"Expect", "Content-Encoding", "X-Amz-Region-Set"} & set(headers)
    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 ")
    assert headers["Host"] == local.url.removeprefix("http://")
