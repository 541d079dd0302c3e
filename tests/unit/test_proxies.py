"""Which requests go through which proxy, by the variables of the environment."""

from __future__ import annotations

import urllib.request

import pytest

from sagemaker_async.aws.settings.proxies import Proxies
from sagemaker_async.errors import ConfigurationError

CASES = [
    {},
    {"HTTPS_PROXY": "http://upper:1"},
    {"HTTPS_PROXY": "http://upper:1", "https_proxy": "http://lower:1"},
    {"https_proxy": "http://lower:1", "HTTPS_PROXY": "http://upper:1"},
    {"HTTPS_PROXY": "http://upper:1", "https_proxy": ""},
    {"HTTP_PROXY": "http://plain:1", "Https_Proxy": "http://mixed:1"},
    {"HTTP_PROXY": "http://plain:1", "REQUEST_METHOD": "GET"},
    {"http_proxy": "http://plain:1", "REQUEST_METHOD": "GET"},
    {"ALL_PROXY": "http://all:1"},
    *(
        {"HTTPS_PROXY": "http://proxy:1", "HTTP_PROXY": "http://proxy:2", "NO_PROXY": exceptions}
        for exceptions in (
            "*",
            "amazonaws.com",
            ".AmazonAWS.com , other",
            "sts.us-east-1.amazonaws.com",
            "s.us-east-1.amazonaws.com",
            "127.0.0.1",
            "127.0.0.1:8080",
            "127.0.0.1:80",
            "169.254.0.0/16,*.amazonaws.com",
            "::1,[::1]",
            " , ,",
        )
    ),
    {"HTTPS_PROXY": "http://proxy:1", "NO_PROXY": "example.com", "no_proxy": "amazonaws.com"},
    {"HTTPS_PROXY": "http://proxy:1", "NO_PROXY": "amazonaws.com", "no_proxy": ""},
]

URLS = [
    "https://sts.us-east-1.amazonaws.com/",
    "https://STS.us-east-1.amazonaws.com:443/",
    "http://127.0.0.1:8080/",
    "http://127.0.0.1",
    "http://[::1]:80/",
    "http://[::1]",
    "https://notamazonaws.com",
]


@pytest.mark.parametrize("environ", CASES, ids=str)
def test_the_answers_are_those_of_the_standard_library(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.environ", environ)
    proxies = Proxies.from_environment(environ)

    for url in URLS:
        scheme, _, rest = url.partition("://")
        bypassed = urllib.request.proxy_bypass_environment(rest.partition("/")[0])  # type: ignore[attr-defined]
        expected = None if bypassed else urllib.request.getproxies_environment().get(scheme)  # type: ignore[attr-defined]
        assert proxies.proxy_for(url) == expected, url


@pytest.mark.parametrize(
    ("given", "proxy"),
    [("proxy:3128", "http://proxy:3128"), ("//proxy", "http://proxy"), ("u:p@proxy", "http://u:p@proxy")],
)
def test_a_proxy_without_scheme_is_an_http_one(given: str, proxy: str) -> None:
    assert Proxies.from_environment({"https_proxy": given}).proxy_for("https://host") == proxy


def test_a_wrong_proxy_is_named_once_it_is_used_and_never_repeated() -> None:
    proxies = Proxies.from_environment({"HTTPS_PROXY": "socks5h://user:hidden@proxy", "NO_PROXY": "localhost"})

    assert proxies.proxy_for("https://localhost") is None
    assert proxies.proxy_for("http://host") is None
    with pytest.raises(ConfigurationError, match=r"^HTTPS_PROXY has no http or https scheme") as caught:
        proxies.proxy_for("https://host")
    assert "hidden" not in str(caught.value)


def test_repr_masks_passwords() -> None:
    assert repr(Proxies("http://user:hidden@proxy")) == "Proxies(for_all='http://***@proxy')"
    shown = repr(Proxies.from_environment({"https_proxy": "user:hidden@proxy", "no_proxy": "a,b"}))
    assert shown == "Proxies(https='***@proxy', exceptions='a,b')"
