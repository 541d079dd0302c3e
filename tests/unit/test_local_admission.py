"""Which requests the servers on loopback answer: those of programs, and not those of other sites' pages."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sagemaker_async.errors import ConfigurationError
from sagemaker_async.local import LocalSageMaker
from sagemaker_async.local.admission import Admission, is_loopback


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST", "localhost.", "localhost:8080", "localhost:"),
        *("s3.localhost:8080", "my.bucket.S3.localhost"),
        *("127.0.0.1", "127.0.0.1:1", "127.255.0.9:65535", "[::1]", "[::1]:8080", "[0:0:0:0:0:0:0:1]:80"),
    ],
)
def test_loopback_names_are_known_with_any_port(host: str) -> None:
    assert Admission().refusal({"Host": host}) is None


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "evil.localhost"),
        *("evils3.localhost", "s3.localhost.evil.example"),
        *("192.168.1.5", "192.168.1.5:8080", "0.0.0.0:8080", "[2001:db8::1]:8080", "::1"),
        *("", ":8080", "localhost:80@evil.example", "localhost@evil.example", "localhost, evil.example", "[::1"),
        *("localhost/", "localhost#", "127.0.0.1:8080:80", "localhost:http", " localhost", "loc\talhost", "é"),
    ],
)
def test_other_hosts_are_refused_in_words_that_say_what_to_do(host: str) -> None:
    why = Admission().refusal({"Host": host})
    assert why is not None
    assert repr(host) in why
    assert "--allow-host" in why


@pytest.mark.parametrize(
    ("told", "known", "unknown"),
    [
        ("192.0.2.7", ["192.0.2.7:80", "localhost"], ["192.0.2.8:80", "host.example"]),
        ("box.example", ["BOX.example:80", "127.0.0.1"], ["box.example.org", "192.0.2.7"]),
        ("2001:db8::0:7", ["[2001:db8::7]:80"], ["[2001:db8::8]:80"]),
        ("0.0.0.0", ["192.0.2.7:80", "0.0.0.0:80", "[::1]:80", "localhost"], ["host.example"]),
        ("::", ["192.0.2.7:80", "[2001:db8::8]:80", "localhost"], ["host.example"]),
    ],
)
def test_what_the_server_was_told_to_listen_on_is_known(told: str, known: list[str], unknown: list[str]) -> None:
    admission = Admission(told)
    for host in known:
        assert admission.refusal({"Host": host}) is None, host
    for host in unknown:
        assert admission.refusal({"Host": host}) is not None, host


def test_further_names_are_known_when_they_are_allowed() -> None:
    admission = Admission(allowed_hosts=["sagemaker", "host.docker.internal", "192.0.2.7"])
    for host in ("sagemaker:8080", "SageMaker", "host.docker.internal:80", "192.0.2.7:1", "localhost"):
        assert admission.refusal({"Host": host}) is None, host
    assert admission.refusal({"Host": "sagemaker.example"}) is not None


@pytest.mark.parametrize("wrong", ["sagemaker", [""], ["http://sagemaker"], ["sagemaker:8080"], ["a b"], [None], ["*"]])
def test_allowed_hosts_that_can_be_none_are_refused(wrong: Sequence[str]) -> None:
    with pytest.raises(ConfigurationError, match="allowed_hosts must"):
        LocalSageMaker(allowed_hosts=wrong)


def test_a_program_names_neither_site_nor_origin_and_may_even_name_no_host() -> None:
    assert Admission().refusal({"Host": "127.0.0.1:8080", "Sec-Fetch-Mode": "cors"}) is None, "Node.js's fetch"
    assert Admission().refusal({}) is None


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_the_servers_own_page_and_the_browsers_user_are_answered(site: str) -> None:
    assert Admission().refusal({"Host": "localhost:8080", "Sec-Fetch-Site": site}) is None


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "SAME-ORIGIN", "something new"])
def test_requests_for_other_sites_are_refused(site: str) -> None:
    why = Admission().refusal({"Host": "localhost:8080", "Sec-Fetch-Site": site})
    assert why is not None
    assert "for other sites" in why


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8080", "http://localhost:8080"),
        ("localhost:8080", "https://LOCALHOST:8080"),
        ("localhost", "http://localhost"),
        ("[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_the_servers_own_origin_is_answered(host: str, origin: str) -> None:
    assert Admission().refusal({"Host": host, "Origin": origin}) is None


@pytest.mark.parametrize(
    "origin",
    [
        *("http://evil.example", "https://evil.example:8080", "null", "", "file://", "http://localhost:3000"),
        *("http://localhost", "http://127.0.0.1:8080", "http://localhost:8080.evil.example", "localhost:8080"),
        *("chrome-extension://abc", "http://localhost:8080/", "http://localhost:8080, http://evil.example"),
    ],
)
def test_other_origins_are_refused(origin: str) -> None:
    why = Admission().refusal({"Host": "localhost:8080", "Origin": origin})
    assert why is not None
    assert repr(origin) in why


def test_an_origin_without_a_host_is_refused() -> None:
    assert Admission().refusal({"Origin": "http://localhost:8080"}) is not None


@pytest.mark.parametrize("name", ["Host", "Origin", "Sec-Fetch-Site"])
def test_a_long_field_is_not_repeated_whole(name: str) -> None:
    why = Admission().refusal({"Host": "localhost", name: "x" * 60_000})
    assert why is not None
    assert len(why) < 500


def test_loopback_is_what_other_machines_cannot_reach() -> None:
    assert all(map(is_loopback, ("localhost", "LocalHost", "127.0.0.1", "127.9.9.9", "::1")))
    assert not any(map(is_loopback, ("", "0.0.0.0", "::", "192.0.2.1", "localhost.example", "127.1.example")))
