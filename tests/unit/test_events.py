"""Event-stream messages become events, errors that are raised, or events of unknown types."""

from __future__ import annotations

import contextlib
import copy
import json
import pickle
from typing import Any

import pytest

from sagemaker_async.errors import (
    HeaderError,
    InternalStreamFailure,
    ModelInvocationTimeExceeded,
    ModelStreamError,
    StreamBroken,
    UnmodeledStreamError,
)
from sagemaker_async.runtime.events import PayloadPart, UnknownEvent, event_of, is_payload_part


def exception(kind: str) -> dict[str, Any]:
    return {":message-type": "exception", ":exception-type": kind, ":content-type": "application/json"}


EVENT = {":message-type": "event", ":event-type": "PayloadPart"}


@pytest.mark.parametrize("payload", [b"", b"token", bytes(range(256))])
def test_a_payload_part_has_the_raw_payload(payload: bytes) -> None:
    event = event_of(EVENT, payload)
    assert isinstance(event, PayloadPart)
    assert event.bytes == payload


@pytest.mark.parametrize(
    "headers",
    [
        EVENT,
        {**EVENT, ":content-type": "application/octet-stream"},
        {**EVENT, ":event-type": "Heartbeat"},
        {**EVENT, ":event-type": b"PayloadPart"},
        {":message-type": "event"},
        {":event-type": "PayloadPart"},
        {**EVENT, ":message-type": "error"},
        {**EVENT, **exception("ModelStreamError")},
        {},
    ],
)
def test_headers_alone_tell_a_payload_part(headers: dict[str, Any]) -> None:
    event: object = None
    with contextlib.suppress(HeaderError, UnmodeledStreamError):
        event = event_of(headers, b"{}")
    assert is_payload_part(headers) is isinstance(event, PayloadPart)


@pytest.mark.parametrize(
    ("payload", "message", "code"),
    [
        (
            b'{"Message": "too slow", "ErrorCode": "ModelInvocationTimeExceeded"}',
            "too slow",
            "ModelInvocationTimeExceeded",
        ),
        (b'{"Message": "broke", "ErrorCode": "SomethingNew"}', "broke", "SomethingNew"),
        (b'{"message": "broke"}', "broke", None),
        (b'{"Message": "broke", "ErrorCode": null}', "broke", None),
        (b'{"Message": 7, "ErrorCode": 8}', "", None),
        (b"{}", "", None),
        (b"", "", None),
        (b"[1]", "", None),
        (b"not json", "", None),
        (b"\xff\xfe", "", None),
        (b"[" * 100_000, "", None),
    ],
)
def test_a_model_stream_error_survives_missing_and_garbled_details(
    payload: bytes, message: str, code: str | None
) -> None:
    event = event_of(exception("ModelStreamError"), payload)
    assert isinstance(event, ModelStreamError)
    assert (event.message, event.error_code) == (message, code)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ModelInvocationTimeExceeded", ModelInvocationTimeExceeded),
        ("StreamBroken", StreamBroken),
        ("SomethingNew", ModelStreamError),
        (None, ModelStreamError),
    ],
)
def test_a_model_stream_error_is_of_the_class_of_its_code_and_matches_as_the_base(
    code: str | None, kind: type[ModelStreamError]
) -> None:
    event = event_of(exception("ModelStreamError"), json.dumps({"Message": "no", "ErrorCode": code}).encode())
    assert type(event) is kind
    match event:
        case ModelStreamError(error_code=found, message=text):
            assert (found, text) == (code, "no")
        case _:
            pytest.fail("no match by the base class")


def test_an_internal_stream_failure_has_its_message() -> None:
    event = event_of(exception("InternalStreamFailure"), b'{"Message": "the service failed"}')
    assert isinstance(event, InternalStreamFailure)
    assert event.message == "the service failed"


def test_every_occurrence_is_an_exception_of_its_own() -> None:
    events = [event_of(exception("ModelStreamError"), b"{}") for _ in range(2)]
    assert events[0] is not events[1]


def test_an_unknown_event_type_is_an_event_and_no_error() -> None:
    headers = {":message-type": "event", ":event-type": "Heartbeat", "n": 1}
    event = event_of(headers, b"{}")
    assert event == UnknownEvent("Heartbeat", headers, b"{}")


def test_an_exception_of_an_unknown_type_is_raised_with_its_name_as_code() -> None:
    with pytest.raises(UnmodeledStreamError, match="slow down") as caught:
        event_of(exception("ThrottlingException"), b'{"message": "slow down"}')
    assert caught.value.code == "ThrottlingException"


def test_a_message_of_type_error_is_raised_with_code_and_message() -> None:
    headers = {":message-type": "error", ":error-code": "InternalError", ":error-message": "it broke"}
    with pytest.raises(UnmodeledStreamError) as caught:
        event_of(headers, b"")
    assert (caught.value.code, caught.value.message) == ("InternalError", "it broke")
    assert "InternalError" in str(caught.value)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {":message-type": "novel"},
        {":message-type": 7},
        {":message-type": "event"},
        {":message-type": "event", ":event-type": b"PayloadPart"},
        {":message-type": "exception"},
        {":message-type": "exception", ":exception-type": True},
    ],
)
def test_a_message_that_does_not_say_what_it_is_is_a_header_error(headers: dict[str, Any]) -> None:
    with pytest.raises(HeaderError):
        event_of(headers, b"")


def test_a_message_of_type_error_without_code_or_message_is_still_that_error() -> None:
    with pytest.raises(UnmodeledStreamError):
        event_of({":message-type": "error"}, b"")


def test_payload_parts_compare_by_value_and_match_by_position_and_name() -> None:
    assert PayloadPart(b"a") == PayloadPart(b"a") != PayloadPart(b"b")
    assert PayloadPart(b"a") != b"a"
    assert len({PayloadPart(b"a"), PayloadPart(b"a")}) == 1
    match PayloadPart(b"a"):
        case PayloadPart(bytes=b"a"):
            pass
        case _:
            pytest.fail("no match by name")
    match PayloadPart(b"a"):
        case PayloadPart(b"a"):
            pass
        case _:
            pytest.fail("no match by position")


def test_events_are_slotted_and_do_not_show_their_payload() -> None:
    for event in (PayloadPart(b"secret"), UnknownEvent("New", {}, b"secret")):
        assert not hasattr(event, "__dict__")
        assert "secret" not in repr(event)
        assert "6 bytes" in repr(event)


def test_unknown_events_compare_by_value_and_are_not_hashable() -> None:
    assert UnknownEvent("New", {}, b"") == UnknownEvent("New", {}, b"")
    assert UnknownEvent("New", {}, b"") != UnknownEvent("New", {}, b"1")
    assert UnknownEvent("New", {}, b"") != PayloadPart(b"")
    with pytest.raises(TypeError):
        hash(UnknownEvent("New", {}, b""))


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda event: pickle.loads(pickle.dumps(event))])
@pytest.mark.parametrize(
    "event",
    [
        PayloadPart(b"part"),
        UnknownEvent("New", {"n": 1}, b"{}"),
        ModelStreamError("broke", "StreamBroken").locate("Op", "endpoint", "http://127.0.0.1", "id"),
        StreamBroken("broke").locate("Op", "endpoint", "http://127.0.0.1", "id"),
        InternalStreamFailure("failed"),
    ],
)
def test_events_copy_and_pickle(event: Any, duplicate: Any) -> None:
    other = duplicate(event)
    assert type(other) is type(event)
    if isinstance(event, Exception):
        assert str(other) == str(event)
        assert vars(other) == vars(event)
    else:
        assert other == event


@pytest.mark.parametrize(
    ("event", "as_a_dict"),
    [
        (PayloadPart(b"ab"), {"PayloadPart": {"Bytes": b"ab"}}),
        (ModelStreamError("no", "Odd"), {"ModelStreamError": {"Message": "no", "ErrorCode": "Odd"}}),
        (ModelStreamError("no"), {"ModelStreamError": {"Message": "no"}}),
        (StreamBroken("no"), {"ModelStreamError": {"Message": "no", "ErrorCode": "StreamBroken"}}),
        (InternalStreamFailure("no"), {"InternalStreamFailure": {"Message": "no"}}),
        (UnknownEvent("NewEvent", {}, b""), {"SDK_UNKNOWN_MEMBER": {"name": "NewEvent"}}),
    ],
    ids=repr,
)
def test_an_event_can_be_read_as_botocores_dict(event: Any, as_a_dict: dict[str, Any]) -> None:
    for name in ("PayloadPart", "ModelStreamError", "InternalStreamFailure", "SDK_UNKNOWN_MEMBER", "bytes", 7):
        assert (name in event) == (name in as_a_dict)
        if name in as_a_dict:
            assert event[name] == event.get(name) == as_a_dict[name]
        else:
            assert event.get(name, "none") == "none"
            with pytest.raises(KeyError, match=str(name)):
                event[name]
