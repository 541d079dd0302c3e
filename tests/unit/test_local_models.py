"""Every form a Python model may take, and what becomes of what it returns and raises."""

from __future__ import annotations

import asyncio
import functools
import pickle
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sagemaker_async.errors import ConfigurationError, InternalStreamFailure, ModelStreamError
from sagemaker_async.local.as_model import as_model
from sagemaker_async.local.models import (
    CallableModel,
    InvocationRequest,
    ModelFailure,
    ModelResponse,
    close_parts,
    definite_type,
    wants_request,
)

REQUEST = InvocationRequest(endpoint_name="e", operation="InvokeEndpoint", body=b"in", content_type="text/plain")


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


async def answer(model: Any, executor: ThreadPoolExecutor) -> bytes | list[bytes]:
    output = await as_model(model).invoke(REQUEST, executor)
    return output.body if isinstance(output.body, bytes) else [part async for part in output.body]


async def coroutine_function(body: bytes) -> bytes:
    return body + b"!"


async def async_generator(body: bytes) -> AsyncIterator[bytes | str]:
    yield body
    yield "é"


def generator(body: bytes) -> Iterator[bytes | str]:
    yield body
    yield "é"


class AsyncCallable:
    async def __call__(self, body: bytes) -> bytes:
        return body + b"?"


class StreamingCallable:
    async def __call__(self, body: bytes) -> AsyncIterator[bytes]:
        yield body


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (lambda body: body, b"in"),
        (lambda body: "é", "é".encode()),
        (lambda body: bytearray(b"x"), b"x"),
        (lambda body: memoryview(b"x"), b"x"),
        (lambda body: ModelResponse("x"), b"x"),
        (lambda body: [b"a", "b", bytearray(b"c")], [b"a", b"b", b"c"]),
        (lambda body: ModelResponse(iter([b"a"])), [b"a"]),
        (lambda body: ModelResponse(async_generator(body)), [b"in", "é".encode()]),
        (lambda body, request: request.content_type, b"text/plain"),
        (lambda body, request=None: request.content_type, b"text/plain"),
        (lambda body, scale=2: body * scale, b"inin"),
        (bytes.upper, b"IN"),
        (functools.partial(lambda mark, body: body + mark, b"#"), b"in#"),
        (coroutine_function, b"in!"),
        (functools.partial(coroutine_function), b"in!"),
        (lambda body: coroutine_function(body), b"in!"),
        (AsyncCallable(), b"in?"),
        (StreamingCallable(), [b"in"]),
        (async_generator, [b"in", "é".encode()]),
        (generator, [b"in", "é".encode()]),
    ],
)
async def test_every_form_of_callable_is_called_as_it_wants(
    model: Callable[..., Any], expected: bytes | list[bytes], executor: ThreadPoolExecutor
) -> None:
    assert await answer(model, executor) == expected


async def test_synchronous_code_runs_in_a_thread_and_asynchronous_code_on_the_loop(
    executor: ThreadPoolExecutor,
) -> None:
    threads: list[threading.Thread] = []

    def plain(body: bytes) -> bytes:
        threads.append(threading.current_thread())
        return body

    async def on_loop(body: bytes) -> bytes:
        plain(body)
        return body

    def parts(body: bytes) -> Iterator[bytes]:
        yield plain(body)

    for model in (plain, parts, on_loop):
        await answer(model, executor)
    main = threading.current_thread()
    assert [thread is main for thread in threads] == [False, False, True]


@pytest.mark.parametrize(
    ("function", "wants"),
    [
        (lambda body: 0, False),
        (lambda body, request: 0, True),
        (lambda body, context: 0, True),
        (lambda body, request=None: 0, True),
        (lambda body, scale=1: 0, False),
        (lambda body, *, request: 0, False),
        (lambda *arguments: 0, False),
        (max, False),
    ],
)
def test_the_request_is_passed_when_the_second_parameter_asks_for_it(function: Callable[..., Any], wants: bool) -> None:
    assert wants_request(function) is wants


async def test_facts_about_the_answer_are_kept(executor: ThreadPoolExecutor) -> None:
    response = ModelResponse(
        b"x", "text/csv", custom_attributes="a=1", close_session=True, headers={"Content-Encoding": "gzip"}
    )
    output = await CallableModel(lambda body: response).invoke(REQUEST, executor)
    assert (output.content_type, output.custom_attributes, output.close_session, dict(output.headers)) == (
        "text/csv",
        "a=1",
        True,
        {"Content-Encoding": "gzip"},
    )


def raising(error: BaseException) -> Callable[[bytes], bytes]:
    def model(body: bytes) -> bytes:
        raise error

    return model


@pytest.mark.parametrize(
    ("model", "status", "message"),
    [
        (raising(ValueError("no")), 500, "ValueError: no"),
        (raising(ModelFailure(418, "teapot")), 418, "teapot"),
        (raising(StopIteration()), 500, "RuntimeError: the model raised StopIteration"),
        (lambda body: {"a": 1}, 500, "TypeError: a model must return bytes"),
        (lambda body: None, 500, "TypeError: a model must return bytes"),
        (lambda: b"", 500, "TypeError: "),
    ],
)
async def test_whatever_a_model_raises_is_a_failure_with_a_status(
    model: Callable[..., Any], status: int, message: str, executor: ThreadPoolExecutor
) -> None:
    with pytest.raises(ModelFailure) as failure:
        await answer(model, executor)
    assert failure.value.status == status
    assert failure.value.message.startswith(message)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("no"), ModelFailure),
        (ModelFailure(400, "x"), ModelFailure),
        (ModelStreamError("x"), ModelStreamError),
        (InternalStreamFailure("x"), InternalStreamFailure),
    ],
)
async def test_a_stream_raises_its_own_errors_and_failures_and_nothing_else(
    error: Exception, expected: type[Exception], executor: ThreadPoolExecutor
) -> None:
    async def model(body: bytes) -> AsyncIterator[bytes]:
        yield body
        raise error

    output = await CallableModel(model).invoke(REQUEST, executor)
    assert not isinstance(output.body, bytes)
    assert await anext(output.body) == b"in"
    with pytest.raises(expected):
        await anext(output.body)


async def test_a_part_that_is_neither_text_nor_bytes_is_a_failure(executor: ThreadPoolExecutor) -> None:
    with pytest.raises(ModelFailure, match="a part of a model's answer must be bytes or str, got int"):
        await answer(lambda body: [1], executor)


@pytest.mark.parametrize("asynchronous", [True, False])
async def test_closing_the_parts_closes_the_models_generator(asynchronous: bool, executor: ThreadPoolExecutor) -> None:
    closed = threading.Event()

    async def async_parts(body: bytes) -> AsyncIterator[bytes]:
        try:
            yield body
            yield body
        finally:
            closed.set()

    def parts(body: bytes) -> Iterator[bytes]:
        try:
            yield body
            yield body
        finally:
            closed.set()

    output = await CallableModel(async_parts if asynchronous else parts).invoke(REQUEST, executor)
    assert not isinstance(output.body, bytes)
    await anext(output.body)
    await close_parts(output.body)
    assert closed.wait(5)


async def test_a_generator_that_is_busy_in_its_thread_is_closed_when_the_step_is_done(
    executor: ThreadPoolExecutor,
) -> None:
    go_on, closed = threading.Event(), threading.Event()

    def parts(body: bytes) -> Iterator[bytes]:
        try:
            go_on.wait(5)
            yield body
        finally:
            closed.set()

    output = await CallableModel(parts).invoke(REQUEST, executor)
    assert not isinstance(output.body, bytes)
    step = asyncio.ensure_future(anext(output.body))
    await asyncio.sleep(0)
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step
    assert not closed.is_set()
    go_on.set()
    assert closed.wait(5)


@pytest.mark.parametrize("model", [3, None, b"path"])
def test_what_can_be_no_model_is_refused(model: Any) -> None:
    with pytest.raises(ConfigurationError, match="a model must be"):
        as_model(model)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, None),
        ("", None),
        ("*/*", None),
        ("text/*", None),
        ("text/csv", "text/csv"),
        ("*/*, text/csv , application/json", "text/csv"),
    ],
)
def test_the_first_definite_type_of_an_accept_field_counts(accept: str | None, media_type: str | None) -> None:
    assert definite_type(accept) == media_type


def test_a_model_failure_pickles() -> None:
    copy = pickle.loads(pickle.dumps(ModelFailure(418, "teapot")))
    assert (copy.status, copy.message, str(copy)) == (418, "teapot", "teapot")


def test_bodies_and_custom_attributes_stay_out_of_repr() -> None:
    shown = repr(InvocationRequest(endpoint_name="e", operation="o", body=b"sesame", custom_attributes="sesame"))
    assert "sesame" not in shown + repr(ModelResponse(b"sesame", custom_attributes="sesame"))
