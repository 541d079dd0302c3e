"""The tree of exceptions: drawn as it is, picklable, fit for gather, and with messages that say where."""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
import re
from typing import Any

import pytest

from sagemaker_async import errors
from sagemaker_async.errors import (
    Attempt,
    CallError,
    ConfigurationError,
    ConnectionLostError,
    ConnectTimeoutError,
    FieldProblem,
    InternalStreamFailure,
    MissingExtraError,
    ModelError,
    ModelInvocationTimeExceeded,
    ModelStreamError,
    RequestValidationError,
    ResponseTooLargeError,
    SageMakerAsyncError,
    ServiceError,
    StreamBroken,
    StreamConnectionError,
    StreamStalledError,
    ThrottlingError,
    TotalTimeoutError,
)

CLASSES = [
    each
    for _, each in inspect.getmembers(errors, inspect.isclass)
    if issubclass(each, BaseException) and each.__module__ == errors.__name__
]

_ARGUMENTS: dict[str, Any] = {
    "message": "m",
    "status": 503,
    "code": "Code",
    "seconds": 1.5,
    "limit": 10,
    "received": 11,
}


def instance(kind: type[BaseException]) -> Any:
    """Return an error of a class, made from its required parameters alone."""
    arguments: dict[str, Any] = {}
    if not inspect.isfunction(kind.__init__):
        return kind("m")
    for name, parameter in list(inspect.signature(kind.__init__).parameters.items())[1:]:
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_POSITIONAL:
            of_text = str(parameter.annotation).startswith("str")
            arguments[name] = _ARGUMENTS.get(name, f"the {name}" if of_text else ())
    return kind(**arguments) if arguments else kind("m")


def drawn() -> dict[str, tuple[str | None, tuple[str, ...]]]:
    """Return each name of the docstring's tree with its parent there and the further bases in parentheses."""
    tree: dict[str, tuple[str | None, tuple[str, ...]]] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"    ((?:[\u2502 ]   |[\u251c\u2514]\u2500\u2500 )*)([A-Z]\w+)(?: \(([\w, ]+)\))?", line)
        if not found or not (found[1] or found[2] == "SageMakerAsyncError"):
            continue
        depth = len(found[1]) // 4
        del path[depth:]
        tree[found[2]] = (path[-1] if path else None, tuple((found[3] or "").split(", ")) if found[3] else ())
        path.append(found[2])
    return tree


def test_the_tree_in_the_docstring_is_that_of_the_classes() -> None:
    tree = drawn()
    assert set(tree) == {each.__name__ for each in CLASSES}
    for each in CLASSES:
        parent, others = tree[each.__name__]
        if parent is not None:
            assert each.__bases__[0].__name__ == parent, each
        bases = {base.__name__ for base in each.__bases__}
        for other in others:
            assert other in bases, (each, other)
        ours = {name for name in bases if name in tree} - {parent, *others}
        assert ours <= {"ConnectionLostError", "ChunkTimeoutError"}, "which the docstring names in words"


def test_every_class_is_exported() -> None:
    assert {each.__name__ for each in CLASSES} <= set(errors.__all__)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_survives_pickling_and_copying_with_its_facts(kind: type[SageMakerAsyncError]) -> None:
    error = instance(kind)
    if isinstance(error, CallError):
        error.locate("InvokeEndpoint", "e", "https://h", "id")
        error.attempts = (Attempt(1, 0.0, 0.1, "200"),)
        error.stale = True
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(other) is kind
        assert (str(other), repr(other), other.args, other.__dict__) == (
            str(error),
            repr(error),
            error.args,
            error.__dict__,
        )


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
async def test_every_error_survives_gather_and_a_task_group(kind: type[SageMakerAsyncError]) -> None:
    error = instance(kind)

    async def fail() -> None:
        raise error

    assert await asyncio.gather(fail(), return_exceptions=True) == [error]
    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
    assert caught.value.exceptions == (error,)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_has_words_and_a_docstring(kind: type[SageMakerAsyncError]) -> None:
    assert str(instance(kind))
    assert kind.__doc__


@pytest.mark.parametrize(
    "kind", [each for each in CLASSES if issubclass(each, CallError)], ids=lambda kind: kind.__name__
)
def test_every_call_error_says_where_it_went(kind: type[CallError]) -> None:
    error = instance(kind).locate("InvokeEndpoint", "my-endpoint", "https://h", "id-1")
    error.attempts = (Attempt(1, 0.0, 0.1, "503"), Attempt(2, 0.2, 0.1, "503"))
    text = str(error)
    assert text.startswith("InvokeEndpoint on 'my-endpoint': ")
    for fact in ("https://h", "request id id-1", "2 attempts"):
        assert fact in text


@pytest.mark.parametrize(
    "kind", [each for each in CLASSES if issubclass(each, CallError)], ids=lambda kind: kind.__name__
)
def test_facts_do_not_contradict_each_other(kind: type[CallError]) -> None:
    error = instance(kind)
    assert not (error.ambiguous and error.not_sent)
    assert not error.stale


def test_a_call_error_without_a_place_is_its_message() -> None:
    error = ConnectionLostError("the connection was lost")
    assert (str(error), error.attempts, error.operation, error.request_id) == (
        "the connection was lost",
        (),
        None,
        None,
    )


def test_locating_keeps_a_request_id_that_is_known() -> None:
    error = ThrottlingError("m", status=429, code="")
    error.request_id = "id"
    assert error.locate("Op", None, "https://h").request_id == "id"
    assert str(error) == "Op: HTTP 429: m [https://h, request id id]"


def test_errors_are_what_pythons_own_handlers_expect() -> None:
    assert issubclass(ConfigurationError, ValueError)
    assert issubclass(MissingExtraError, ImportError)
    assert issubclass(RequestValidationError, ValueError)
    assert issubclass(TotalTimeoutError, TimeoutError)
    assert issubclass(StreamConnectionError, ConnectionLostError)
    assert StreamStalledError("m", 1.0).limit == "between_chunks"


def test_time_limits_name_themselves_as_in_the_options() -> None:
    from sagemaker_async.config import Timeouts

    limits = {
        each.limit for each in CLASSES if issubclass(each, errors.TransportTimeoutError) and hasattr(each, "limit")
    }
    assert limits == {"pool", "connect", "first_byte", "between_chunks", "total"}
    assert all(hasattr(Timeouts(), limit) for limit in limits)
    assert ConnectTimeoutError("m", 1.0, "DNS").phase == "DNS"


def test_a_validation_error_lists_every_problem_with_both_names() -> None:
    error = RequestValidationError(
        "InvokeEndpoint", [FieldProblem("body", "Body", "is required"), FieldProblem("x", "x", "is not a field")]
    )
    assert str(error) == "InvokeEndpoint: body (Body): is required; x: is not a field. Nothing was sent."


def test_an_optional_dependency_is_named_with_its_remedy() -> None:
    assert "pip install 'sagemaker-async[cli]'" in str(MissingExtraError("cli", "the command line"))


def test_an_answer_that_is_too_large_says_the_limit_and_the_option_and_is_not_worth_repeating() -> None:
    error = ResponseTooLargeError(limit=10, received=16)
    assert (error.limit, error.received) == (10, 16)
    assert (error.retryable, error.ambiguous, error.not_sent, error.stale) == (False, False, False, False)
    assert "larger than the 10 bytes" in str(error)
    assert "not read on after 16; raise Config.max_response_bytes" in str(error)
    assert error.outcome == "ResponseTooLargeError"


def test_the_outcome_of_an_attempt_is_short() -> None:
    assert ServiceError("m", status=503, code="ServiceUnavailable").outcome == "503 ServiceUnavailable"
    assert ServiceError("m", status=502, code="").outcome == "502"
    assert ConnectionLostError("m").outcome == "ConnectionLostError"


@pytest.mark.parametrize(
    ("arn", "url"),
    [
        (
            "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/sagemaker/Endpoints/e:log-stream:AllTraffic/i-0",
            "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:log-groups/log-group/$252Faws$252F",
        ),
        ("arn:aws-cn:logs:cn-north-1:1:log-group:g:log-stream:s", "https://cn-north-1.console.amazonaws.cn/"),
        ("arn:aws:s3:::bucket", None),
        (
            "arn:aws:logs:eu-west-1:1:log-group:\ud800",
            "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:log-groups/log-group/$253F",
        ),
        ("nonsense", None),
        (None, None),
        (5, None),
    ],
)
def test_a_model_error_leads_to_the_containers_log(arn: object, url: str | None) -> None:
    error = ModelError("m", status=424, code="ModelError", fields={"LogStreamArn": arn})
    if url is None:
        assert error.log_url is None
    else:
        assert error.log_url is not None
        assert error.log_url.startswith(url)


def test_facts_of_a_model_error_that_have_another_type_are_left_to_fields() -> None:
    fields = {"OriginalStatusCode": "500", "OriginalMessage": ["boom"], "LogStreamArn": {}}
    error = ModelError("m", status=424, code="ModelError", fields=fields)
    assert (error.original_status_code, error.original_message, error.log_stream_arn) == (None, None, None)
    assert error.fields == fields


def test_an_error_without_words_of_the_service_says_its_name() -> None:
    error = StreamBroken().locate("Invoke", "e", "https://h")
    assert error.message == ""
    assert str(error) == "Invoke on 'e': StreamBroken [after 0 events, 0 bytes, https://h] (error code StreamBroken)"
    error.events = 1
    assert "[after 1 event, 0 bytes, " in str(error)
    assert str(InternalStreamFailure()) == "InternalStreamFailure"


@pytest.mark.parametrize("kind", [ModelInvocationTimeExceeded, StreamBroken])
def test_a_model_stream_error_splits_by_code(kind: type[ModelStreamError]) -> None:
    error = kind("no")
    assert (error.message, error.error_code) == ("no", kind.__name__)
    assert isinstance(error, ModelStreamError)


@pytest.mark.parametrize("code", ["StreamBroken", "SomethingNew", None])
def test_a_model_stream_error_has_its_code_by_the_name_of_all_service_errors(code: str | None) -> None:
    error = ModelStreamError("the model broke", code)
    assert error.code == error.error_code == code


def test_a_stream_error_says_how_far_the_stream_had_come() -> None:
    error = ModelStreamError("the model broke", "StreamBroken").locate("Invoke", "e", "https://h")
    error.events, error.bytes_received = 3, 40
    assert str(error) == (
        "Invoke on 'e': the model broke [after 3 events, 40 bytes, https://h] (error code StreamBroken)"
    )


def model_error(said: object, message: str = "Received server error (500) from primary") -> ModelError:
    return ModelError(message, status=424, code="ModelError", fields={"OriginalMessage": said})


def test_a_model_errors_text_has_what_the_container_said_and_its_message_has_not() -> None:
    error = model_error("CUDA out of memory")
    assert error.message == "Received server error (500) from primary"
    assert str(error) == (
        "HTTP 424 ModelError: Received server error (500) from primary; the container said: CUDA out of memory"
    )


def test_what_aws_has_repeated_of_the_container_is_not_said_twice() -> None:
    error = model_error(" no memory\n", 'Received server error (500) from primary with message " no memory\n"')
    assert str(error).count("no memory") == 1


def test_what_a_container_said_is_cut_and_cannot_forge_a_line() -> None:
    text = str(model_error("a\r\nERROR forged\x1b[31m\u2028\ud800" + "x" * 600))
    assert r"said: a\r\nERROR forged\x1b[31m\u2028\ud800xxx" in text
    assert text.isprintable()
    assert text.endswith("x...")
    assert text.count("x") < 500


@pytest.mark.parametrize("said", [None, "", " \n", 7, ["x"]])
def test_a_container_that_said_nothing_is_not_quoted(said: object) -> None:
    assert str(model_error(said)) == "HTTP 424 ModelError: Received server error (500) from primary"


def test_a_service_errors_message_is_its_text_without_status_and_code() -> None:
    error = ServiceError("no such endpoint", status=400, code="ValidationError")
    assert (error.message, str(error)) == ("no such endpoint", "HTTP 400 ValidationError: no such endpoint")
    restored = pickle.loads(pickle.dumps(error))
    assert (restored.message, str(restored)) == (error.message, str(error))
