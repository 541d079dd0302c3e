"""The demo's page in a real Chromium: what a user sees of tokens, of the stop button and of each fault scenario.

Nothing sleeps: the embedded SageMaker is held at a known token, and the browser is asked until it shows what it should.
Screenshots are kept in ``tests/artifacts``. Where there is no Chromium the tests skip, except in CI, where they fail.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sagemaker_async.cli.web import serve_page
from sagemaker_async.cli.web.backends import SCENARIOS, Backend, aws_backend, embedded_backend
from sagemaker_async.config import Timeouts
from sagemaker_async.local import LocalSageMaker, Stall, Throttle
from sagemaker_async.local.gate import Gate

if "CI" not in os.environ:
    pytest.importorskip("selenium", reason="the test extra is not installed: selenium is missing")
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

ARTIFACTS = Path(__file__).parents[1] / "artifacts"
OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1180,1100"
)
HELD_AT = 5
"""How many tokens go out before a stream is held."""


class Stage:
    """The page, served on a thread with a loop of its own, and the SageMaker behind it."""

    def __init__(self) -> None:
        self.first_byte = Gate()
        self.ready: queue.Queue[str | BaseException] = queue.Queue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        answer = self.ready.get(timeout=20)
        assert isinstance(answer, str), answer
        self.url = answer

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - it belongs to the test
            self.ready.put(error)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()

        async def wait_for_the_gate(seconds: float) -> None:
            await self.first_byte.wait()

        async with LocalSageMaker(sleep=wait_for_the_gate) as self.local:
            backend = embedded_backend(self.local, token_delay=0)
            fields: Any = {**backend.session_fields, "timeouts": Timeouts(between_chunks=0.5)}
            backend = dataclasses.replace(backend, session_fields=fields)
            await serve_page(backend, 0, self.ready.put, self._stopped)

    def hold(self) -> Stall:
        """Hold the next answer of the endpoint where nothing goes wrong, for longer than the session's patience."""
        stall = Stall(HELD_AT)
        self.local.endpoints["text"].faults.append(stall)
        return stall

    def close(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(20)
        assert not self._thread.is_alive()


class ChattingStage(Stage):
    """One whose endpoint, as if it were AWS's, thinks and has tools called."""

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        async with LocalSageMaker() as self.local:
            self.local.add_endpoint("chat", chatting)
            backend = aws_backend("chat", self.local.client_options, chat=True)
            await serve_page(backend, 0, self.ready.put, self._stopped)


def chatting(body: bytes) -> Iterator[bytes]:
    assert json.loads(body)["messages"][0]["content"] == "The keeper"
    for delta in (
        {"reasoning_content": "Who is "},
        {"reasoning_content": "that?"},
        {"content": "I will "},
        {"content": "look."},
        {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "find", "arguments": '{"who": '}}]},
        {"tool_calls": [{"index": 1, "id": "b", "function": {"name": "wait", "arguments": "{}"}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '"<b>keeper</b>"}'}}]},
    ):
        yield b"data: " + json.dumps({"choices": [{"delta": delta}]}).encode() + b"\n\n"
    yield b'data: {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}\n\ndata: [DONE]\n\n'


class PatientStage(Stage):
    """One whose session waits as long as it takes."""

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        async with LocalSageMaker() as self.local:
            await serve_page(_patient(embedded_backend(self.local, 0)), 0, self.ready.put, self._stopped)


def _patient(backend: Backend) -> Backend:
    fields: Any = {**backend.session_fields, "timeouts": Timeouts()}
    return dataclasses.replace(backend, session_fields=fields)


@pytest.fixture(params=[Stage])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    stage = request.param()
    yield stage
    stage.close()


patient = pytest.mark.parametrize("stage", [PatientStage], indirect=True, ids=[""])


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    chromedriver = shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        reason = "needs a Chromium and its chromedriver on the PATH (Debian: chromium, chromium-driver)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for argument in (*OPTIONS.split(), f"--user-data-dir={profile}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
        yield driver
        driver.quit()


class Page:
    """The page as its user knows it."""

    def __init__(self, browser: Any, url: str) -> None:
        self.browser = browser
        self.open(url)

    def open(self, url: str) -> None:
        self.browser.get(url)
        self.until(lambda: self.browser.find_elements(By.NAME, "scenario"))

    def until(self, condition: Any) -> None:
        WebDriverWait(self.browser, 15, poll_frequency=0.02).until(lambda _: condition())

    def until_state(self, state: str) -> None:
        self.until(lambda: self.state == state)

    def __getitem__(self, name: str) -> str:
        return str(self.browser.find_element(By.ID, name).text)

    @property
    def state(self) -> str:
        return str(self.browser.find_element(By.TAG_NAME, "main").get_attribute("data-state"))

    @property
    def count(self) -> int:
        return int(self["count"].replace("–", "0"))

    def ask(self, prompt: str = "The keeper", scenario: str | None = "none", tokens: int = 20) -> None:
        if scenario is not None:
            self.browser.find_element(By.CSS_SELECTOR, f"[name=scenario][value={scenario}]").click()
        for name, text in (("tokens", str(tokens)), ("prompt", prompt)):
            field = self.browser.find_element(By.ID, name)
            field.clear()
            field.send_keys(text)
        field.send_keys(Keys.ENTER)

    def press(self, name: str) -> None:
        self.browser.find_element(By.ID, name).click()

    def keep(self, name: str) -> None:
        ARTIFACTS.mkdir(exist_ok=True)
        assert self.browser.save_screenshot(str(ARTIFACTS / f"web_page_{name}.png"))

    def complaints(self) -> list[str]:
        """What the browser's console has of errors, answers with an error status aside."""
        entries = [entry["message"] for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"]
        return [entry for entry in entries if "Failed to load resource" not in entry]


@pytest.fixture
def page(browser: Any, stage: Stage) -> Iterator[Page]:
    page = Page(browser, stage.url)
    yield page
    assert page.complaints() == []


@pytest.mark.parametrize("stage", [ChattingStage], indirect=True, ids=[""])
def test_what_the_model_thinks_and_the_tools_it_calls_are_shown(page: Page) -> None:
    page.ask(scenario=None)
    page.until_state("complete")
    assert page["output"].splitlines() == [
        "The keeper",
        "Who is that?",
        "I will look.",
        'find {"who": "<b>keeper</b>"}',
        "wait {}",
    ]
    page.keep("tools")


@patient
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_tokens_show_before_the_response_is_complete(page: Page, stage: Stage, scheme: str) -> None:
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    held = stage.hold()
    page.ask()
    page.until(lambda: page.count == HELD_AT)
    assert page.state == "streaming"
    assert page["output"].startswith("The keeper ")
    assert stage.local.endpoints["text"].completed_streams == 0
    assert page["first"].endswith("s")
    so_far = page["output"]
    page.keep(f"streaming_{scheme}")
    held.release()
    page.until_state("complete")
    page.until(lambda: page.count == 20)
    assert page["output"].startswith(so_far)
    assert len(page["output"]) > len(so_far)
    page.keep(f"complete_{scheme}")


@patient
@pytest.mark.parametrize("way", ["button", "key"])
def test_stop_closes_the_upstream_while_it_is_silent(page: Page, stage: Stage, way: str) -> None:
    stage.hold()
    page.ask()
    page.until(lambda: page.count == HELD_AT)
    endpoint = stage.local.endpoints["text"]
    assert endpoint.open_streams == 1
    if way == "button":
        page.press("stop")
    else:
        page.browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    endpoint.wait_until(lambda e: e.abandoned_streams == 1, timeout=1)
    page.until(lambda: re.search(r"the upstream connection was closed within \d+ ms", page["status"]))
    page.until(lambda: "0 connections in use" in page["upstream"] and "1 abandoned" in page["upstream"])
    assert page.state == "stopped"
    page.keep("stopped")


FAILURES = {
    "model-error": ("502 Bad Gateway", "The model's answer broke off before it was complete.", True),
    "cut-stream": ("502 Bad Gateway", "The model's answer broke off before it was complete.", True),
    "stall": ("504 Gateway Timeout", "The model did not answer in time.", True),
    "throttled": ("429 Too Many Requests", "The model gets too many requests. Try again later.", False),
}


@pytest.mark.parametrize("scenario", FAILURES)
def test_each_failure_is_told_in_words_and_keeps_what_came_before(page: Page, stage: Stage, scenario: str) -> None:
    title, detail, midway = FAILURES[scenario]
    page.ask(scenario=scenario)
    page.until_state("failed")
    assert title in page["problem"]
    assert detail in page["problem"]
    assert "urn:uuid:" in page["problem"]
    assert page.count == (12 if midway else 0)
    page.until(lambda: re.search(r" 0 open, 0 complete, \d broken, \d abandoned", page["upstream"]))
    assert ("1 broken" in page["upstream"]) is (scenario in ("model-error", "cut-stream"))
    page.keep(scenario)
    page.ask()
    page.until_state("complete")
    page.until(lambda: " 0 open, 1 complete," in page["upstream"])
    assert not page.browser.find_element(By.ID, "problem").is_displayed()


def test_a_slow_first_byte_is_waited_for_in_sight(page: Page, stage: Stage) -> None:
    page.ask(scenario="slow-first-byte")
    page.until_state("waiting")
    page.keep("slow-first-byte")
    assert page["status"] == "Waiting for the first token."
    assert page.count == 0
    stage.first_byte.open()
    page.until_state("complete")


def test_every_scenario_is_tried_here() -> None:
    assert {scenario.name for scenario in SCENARIOS} == {"none", "slow-first-byte", *FAILURES}


@patient
def test_two_tabs_do_not_disturb_each_other(page: Page, stage: Stage) -> None:
    stage.hold()
    page.ask()
    page.until(lambda: page.count == HELD_AT)
    first = page.browser.current_window_handle
    held = stage.hold()
    page.browser.switch_to.new_window("tab")
    page.open(stage.url)
    page.ask()
    page.until(lambda: page.count == HELD_AT)
    second = page.browser.current_window_handle
    page.browser.switch_to.window(first)
    page.press("stop")
    page.until_state("stopped")
    stage.local.endpoints["text"].wait_until(lambda e: e.abandoned_streams == 1)
    page.browser.switch_to.window(second)
    assert page.state == "streaming"
    held.release()
    page.until_state("complete")
    page.browser.close()
    page.browser.switch_to.window(first)


@patient
def test_a_page_that_is_left_closes_its_upstream(page: Page, stage: Stage) -> None:
    stage.hold()
    page.ask()
    page.until(lambda: page.count == HELD_AT)
    page.browser.get("about:blank")
    stage.local.endpoints["text"].wait_until(lambda e: e.abandoned_streams == 1, timeout=1)


@patient
def test_a_server_that_stops_midway_says_so(page: Page, stage: Stage) -> None:
    stage.hold()
    page.ask()
    page.until(lambda: page.count == HELD_AT)
    stage.close()
    page.until_state("failed")
    assert "503 Service Unavailable" in page["problem"]


# --- without a browser ------------------------------------------------------------------------------------------------


def test_the_page_needs_no_other_server_and_refuses_other_sites(stage: Stage) -> None:
    with urllib.request.urlopen(stage.url) as response:
        html = response.read().decode()
        policy = response.headers["Content-Security-Policy"]
    assert not re.search(r"https?://(?!127\.0\.0\.1)", html)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    question = b'{"prompt": "a", "stream_id": "00000000-0000-0000-0000-000000000000"}'
    simple = urllib.request.Request(f"{stage.url}api/stream", question, {"Content-Type": "text/plain"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(simple)
    assert refused.value.code in (415, 422)
    refused.value.close()
    assert stage.local.endpoints["text"].requests == 0


@pytest.mark.parametrize("path", ["", "api/info", "api/upstream", "api/stream", "nowhere"])
@pytest.mark.parametrize(
    "fields",
    [
        {"Host": "attacker.example"},
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=lambda fields: "-".join(*fields.items()),
)
def test_the_page_refuses_what_a_browser_sends_for_other_sites(stage: Stage, fields: dict[str, str], path: str) -> None:
    question = b'{"prompt": "a", "stream_id": "00000000-0000-0000-0000-000000000000"}'
    data = question if path == "api/stream" else None
    request = urllib.request.Request(stage.url + path, data, {"Content-Type": "application/json", **fields})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    problem = json.load(refused.value)
    refused.value.close()
    assert (problem["status"], problem["code"]) == (refused.value.code, "not_admitted") == (403, "not_admitted")
    assert problem["detail"].startswith(("This server does not answer", "This server does not accept the host"))
    assert stage.local.endpoints["text"].requests == 0


def test_the_page_answers_itself_by_any_name_of_this_machine(stage: Stage) -> None:
    for host in ("localhost", "127.0.0.1:1", "[::1]:8000"):
        own = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
        with urllib.request.urlopen(urllib.request.Request(f"{stage.url}api/info", headers=own)) as response:
            assert response.status == 200


def test_an_endpoint_of_aws_is_asked_in_its_own_words() -> None:
    inputs = aws_backend("mine", {"region": "eu-west-1"}, chat=False).request("hello", 7)
    chat = aws_backend("mine", {"region": "eu-west-1"}, chat=True).request("hello", 7)
    assert inputs == {"inputs": "hello", "parameters": {"max_new_tokens": 7}, "stream": True}
    assert chat == {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 7, "stream": True}


def run_demo(*options: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sagemaker_async.cli", "demo", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_the_page_until_it_is_told_to_stop(number: signal.Signals) -> None:
    with LocalSageMaker.in_thread() as local:
        local.add_endpoint("mine", lambda body: body).faults.append(Throttle(429))
        options = ("--web", "--port", "0", "--endpoint-name", "mine", "--region", "us-east-1")
        keys = local.credentials
        process = run_demo(
            *options,
            "--endpoint-url",
            local.url,
            AWS_ACCESS_KEY_ID=keys.access_key_id,
            AWS_SECRET_ACCESS_KEY=keys.secret_access_key,
        )
        with process:
            assert process.stdout is not None
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found is not None
            with urllib.request.urlopen(f"{found[0]}api/info") as response:
                assert b'"endpoint":"mine"' in response.read()
            process.send_signal(number)
            assert process.wait(20) == 0
            assert process.stderr is not None
            assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--endpoint-name", "mine"], "add --web"),
        (["--web", "--region", "eu-west-1"], "needs --endpoint-name"),
        (["--web", "--port", "70000"], "--port must be from 0"),
        (["--web", "--token-delay", "-1"], "--token-delay must be 0 or more seconds"),
    ],
)
def test_wrong_options_are_explained_with_status_2(options: list[str], said: str) -> None:
    with run_demo(*options) as process:
        assert process.wait(20) == 2
        assert process.stderr is not None
        assert said in process.stderr.read()
