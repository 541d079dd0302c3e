"""`Predictor`: what it sends, in the SDK's order of precedence, and what it makes of answers."""

from __future__ import annotations

import inspect
import io
import warnings
from typing import Any

import pytest

from sagemaker_async import Predictor, Session, StubResponse, StubTransport
from sagemaker_async.deserializers import JSONDeserializer, StreamDeserializer
from sagemaker_async.errors import (
    CallError,
    ConfigurationError,
    DeserializationError,
    ModelError,
    RequestValidationError,
    SerializationError,
    SessionClosedError,
    StreamConsumedError,
)
from sagemaker_async.iterators import LineIterator
from sagemaker_async.serializers import CSVSerializer, JSONSerializer

SAGEMAKER = "X-Amzn-SageMaker-"


@pytest.fixture
def stub() -> StubTransport:
    """Answers everything with a stream or a body, as the route asks."""

    def answer(request: Any) -> StubResponse:
        if request.target.endswith("-response-stream"):
            return StubResponse.stream([b"one\n", b"two"])
        return StubResponse(200, b'{"a": 1}', {"Content-Type": "application/json"})

    return StubTransport(otherwise=answer)


@pytest.fixture
def session(stub: StubTransport) -> Session:
    return Session(transport=stub)


def sent(stub: StubTransport) -> dict[str, str]:
    """Return the header fields of the last request, but for those that every request has."""
    common = ("amz-sdk-", "x-amz-", "authorization", "user-agent", "host", "content-length")
    return {name: value for name, value in stub.requests[-1].headers.items() if not name.lower().startswith(common)}


class TestWhatIsSent:
    async def test_defaults(self, stub: StubTransport, session: Session) -> None:
        assert await Predictor("my-endpoint", session).predict(b"data") == b'{"a": 1}'
        (request,) = stub.requests
        assert (request.method, request.target, request.body) == ("POST", "/endpoints/my-endpoint/invocations", b"data")
        assert sent(stub) == {"Content-Type": "application/octet-stream", "Accept": "*/*"}

    async def test_defaults_of_a_stream(self, stub: StubTransport, session: Session) -> None:
        parts = [part async for part in Predictor("my-endpoint", session).predict_stream("text")]
        assert parts == [b"one\n", b"two"]
        (request,) = stub.requests
        assert request.target == "/endpoints/my-endpoint/invocations-response-stream"
        assert request.body == b"text"
        assert sent(stub) == {"Content-Type": "application/octet-stream", SAGEMAKER + "Accept": "*/*"}

    async def test_content_types_of_serializer_and_deserializer(self, stub: StubTransport, session: Session) -> None:
        predictor = Predictor("my-endpoint", session, JSONSerializer(), JSONDeserializer())
        assert await predictor.predict({"inputs": "hello"}) == {"a": 1}
        assert stub.requests[-1].body == b'{"inputs": "hello"}'
        assert sent(stub) == {"Content-Type": "application/json", "Accept": "application/json"}

    async def test_every_argument_of_predict_has_its_header(self, stub: StubTransport, session: Session) -> None:
        await Predictor("my-endpoint", session).predict(
            b"",
            None,
            "model.tar.gz",
            "variant",
            "inference-1",
            "trace=1",
            "component",
            target_container_hostname="host",
            session_id="NEW_SESSION",
            prefix_aware_id="prefix",
            enable_explanations="`true`",
        )
        assert sent(stub) == {
            "Content-Type": "application/octet-stream",
            "Accept": "*/*",
            SAGEMAKER + "Target-Model": "model.tar.gz",
            SAGEMAKER + "Target-Variant": "variant",
            SAGEMAKER + "Inference-Id": "inference-1",
            SAGEMAKER + "Custom-Attributes": "trace=1",
            SAGEMAKER + "Inference-Component": "component",
            SAGEMAKER + "Target-Container-Hostname": "host",
            SAGEMAKER + "Session-Id": "NEW_SESSION",
            SAGEMAKER + "Prefix-Aware-Id": "prefix",
            SAGEMAKER + "Enable-Explanations": "`true`",
        }

    async def test_every_argument_of_predict_stream_has_its_header(self, stub: StubTransport, session: Session) -> None:
        stream = Predictor("my-endpoint", session).predict_stream(
            b"",
            None,
            "variant",
            "inference-1",
            "trace=1",
            "component",
            "host",
            LineIterator,
            session_id="abc",
            prefix_aware_id="prefix",
        )
        assert [line async for line in stream] == [b"one", b"two"]
        assert sent(stub) == {
            "Content-Type": "application/octet-stream",
            SAGEMAKER + "Accept": "*/*",
            SAGEMAKER + "Target-Variant": "variant",
            SAGEMAKER + "Inference-Id": "inference-1",
            SAGEMAKER + "Custom-Attributes": "trace=1",
            SAGEMAKER + "Inference-Component": "component",
            SAGEMAKER + "Target-Container-Hostname": "host",
            SAGEMAKER + "Session-Id": "abc",
            SAGEMAKER + "Prefix-Aware-Id": "prefix",
        }

    async def test_several_accepted_types_are_joined(self, stub: StubTransport, session: Session) -> None:
        predictor = Predictor("my-endpoint", session, accept=("text/csv", "application/json"))
        await predictor.predict(b"")
        assert sent(stub)["Accept"] == "text/csv, application/json"

    async def test_content_type_and_accept_can_be_given_and_set_and_taken_back(
        self, stub: StubTransport, session: Session
    ) -> None:
        predictor = Predictor("my-endpoint", session, CSVSerializer(), content_type="a/b", accept="c/d")
        assert (predictor.content_type, predictor.accept) == ("a/b", "c/d")
        await predictor.predict([1])
        assert sent(stub) == {"Content-Type": "a/b", "Accept": "c/d"}
        predictor.content_type, predictor.accept = "e/f", ("g/h", "i/j")
        await predictor.predict([1])
        assert sent(stub) == {"Content-Type": "e/f", "Accept": "g/h, i/j"}
        predictor.content_type = predictor.accept = None  # type: ignore[assignment]
        await predictor.predict([1])
        assert sent(stub) == {"Content-Type": "text/csv", "Accept": "*/*"}


class TestPrecedence:
    async def test_initial_args_win_over_endpoint_content_type_and_accept(
        self, stub: StubTransport, session: Session
    ) -> None:
        initial = {"EndpointName": "other", "ContentType": "a/b", "Accept": "c/d", "TargetVariant": "v", "Body": b"not"}
        await Predictor("my-endpoint", session).predict(b"data", initial)
        assert stub.requests[-1].target == "/endpoints/other/invocations"
        assert stub.requests[-1].body == b"data"
        assert sent(stub) == {"Content-Type": "a/b", "Accept": "c/d", SAGEMAKER + "Target-Variant": "v"}

    async def test_arguments_win_over_initial_args_which_are_left_as_they_were(
        self, stub: StubTransport, session: Session
    ) -> None:
        initial = {"TargetModel": "initial", "TargetVariant": "initial", "InferenceId": "initial"}
        await Predictor("my-endpoint", session).predict(b"", initial, "argument", "argument")
        headers = sent(stub)
        assert headers[SAGEMAKER + "Target-Model"] == "argument"
        assert headers[SAGEMAKER + "Target-Variant"] == "argument"
        assert headers[SAGEMAKER + "Inference-Id"] == "initial"
        assert initial == {"TargetModel": "initial", "TargetVariant": "initial", "InferenceId": "initial"}

    @pytest.mark.parametrize("streamed", [False, True])
    async def test_empty_arguments_are_not_given(self, stub: StubTransport, session: Session, streamed: bool) -> None:
        predictor = Predictor("my-endpoint", session)
        common = ("target_variant", "inference_id", "custom_attributes", "target_container_hostname", "session_id")
        empty = dict.fromkeys((*common, "prefix_aware_id"), "")
        initial = {"InferenceId": "initial"}
        if streamed:
            await (await predictor.predict_stream(b"", initial, **empty)).aclose()  # type: ignore[arg-type]
        else:
            await predictor.predict(b"", initial, target_model="", enable_explanations="", **empty)  # type: ignore[arg-type]
        named = {name: value for name, value in sent(stub).items() if name.startswith(SAGEMAKER)}
        expected = {SAGEMAKER + "Inference-Id": "initial"}
        assert named == expected | ({SAGEMAKER + "Accept": "*/*"} if streamed else {})

    async def test_the_low_level_client_refuses_empty_names(self, stub: StubTransport, session: Session) -> None:
        with pytest.raises(RequestValidationError) as caught:
            await session.runtime.invoke_endpoint(endpoint_name="e", body=b"", target_variant="", inference_id="")
        assert {problem.field for problem in caught.value.problems} == {"target_variant", "inference_id"}
        assert stub.requests == []

    @pytest.mark.parametrize(
        ("initial", "own", "argument", "expected"),
        [
            (None, None, None, None),
            ("initial", None, None, "initial"),
            ("initial", "own", None, "own"),
            ("initial", "own", "argument", "argument"),
            ("initial", None, "argument", "argument"),
            (None, "own", None, "own"),
            (None, "", None, None),
            ("initial", "", "", "initial"),
            (None, "own", "", "own"),
        ],
    )
    @pytest.mark.parametrize("streamed", [False, True])
    async def test_component_name(
        self,
        stub: StubTransport,
        session: Session,
        streamed: bool,
        initial: Any,
        own: Any,
        argument: Any,
        expected: Any,
    ) -> None:
        predictor = Predictor("my-endpoint", session, component_name=own)
        initial_args = {"InferenceComponentName": initial} if initial else None
        if streamed:
            await (await predictor.predict_stream(b"", initial_args, component_name=argument)).aclose()
        else:
            await predictor.predict(b"", initial_args, component_name=argument)
        assert sent(stub).get(SAGEMAKER + "Inference-Component") == expected

    async def test_initial_args_take_python_names_too_and_not_both(self, stub: StubTransport, session: Session) -> None:
        predictor = Predictor("my-endpoint", session)
        await predictor.predict(b"", {"target_variant": "v"})
        assert sent(stub)[SAGEMAKER + "Target-Variant"] == "v"
        with pytest.raises(ConfigurationError, match="twice"):
            await predictor.predict(b"", {"target_variant": "v", "TargetVariant": "v"})

    @pytest.mark.parametrize("initial", [["EndpointName"], "EndpointName", {1: "x"}, {"timeout": 5}])
    async def test_initial_args_of_another_form_are_refused(
        self, stub: StubTransport, session: Session, initial: Any
    ) -> None:
        predictor = Predictor("my-endpoint", session)
        with pytest.raises(ConfigurationError, match="initial_args"):
            await predictor.predict(b"", initial)
        with pytest.raises(ConfigurationError, match="initial_args"):
            predictor.predict_stream(b"", initial)
        assert not stub.requests

    async def test_an_unknown_initial_arg_is_named(self, stub: StubTransport, session: Session) -> None:
        with pytest.raises(RequestValidationError, match="did you mean TargetVariant"):
            await Predictor("my-endpoint", session).predict(b"", {"TargetVarient": "v"})
        assert not stub.requests


class TestAnswers:
    async def test_deserializers_get_a_stream_they_can_read_and_close_and_the_content_type(
        self, session: Session
    ) -> None:
        predictor = Predictor("my-endpoint", session, deserializer=StreamDeserializer())
        stream, content_type = await predictor.predict(b"")
        assert content_type == "application/json"
        assert stream.read() == b'{"a": 1}'
        stream.close()

    async def test_an_answer_without_content_type_is_octets(self) -> None:
        async with Session(transport=StubTransport(StubResponse(200, b"x"))) as session:
            _, content_type = await Predictor("e", session, deserializer=StreamDeserializer()).predict(b"")
        assert content_type == "application/octet-stream"

    async def test_users_own_serializers_and_deserializers_of_the_sdks_shape_work(
        self, stub: StubTransport, session: Session
    ) -> None:
        class Upper:
            CONTENT_TYPE = "text/upper"

            def serialize(self, data: Any) -> Any:
                return str(data).upper()

        class Length:
            ACCEPT = ("text/one", "text/two")

            def deserialize(self, stream: Any, content_type: str) -> int:
                try:
                    return len(stream.read())
                finally:
                    stream.close()

        predictor = Predictor("my-endpoint", session, Upper(), Length())
        assert await predictor.predict("abc") == 8
        assert stub.requests[-1].body == b"ABC"
        assert sent(stub) == {"Content-Type": "text/upper", "Accept": "text/one, text/two"}

    async def test_a_file_is_sent_as_it_is(self, stub: StubTransport, session: Session) -> None:
        await Predictor("my-endpoint", session).predict(io.BytesIO(b"content"))
        assert stub.requests[-1].body == b"content"

    async def test_what_cannot_be_serialised_is_told_before_anything_is_sent(
        self, stub: StubTransport, session: Session
    ) -> None:
        predictor = Predictor("my-endpoint", session, JSONSerializer())
        with pytest.raises(SerializationError):
            await predictor.predict(object())
        with pytest.raises(SerializationError):
            predictor.predict_stream(object())
        assert not stub.requests

    async def test_an_answer_that_cannot_be_read_comes_with_the_error(self, caplog: pytest.LogCaptureFixture) -> None:
        page = b"<html>the secret answer " + b"x" * 2000
        headers = {"Content-Type": "text/html", "x-amzn-RequestId": "id-1"}
        stub = StubTransport(StubResponse(200, page, headers))
        caplog.set_level("DEBUG")
        async with Session(transport=stub, region="us-east-1") as session:
            with pytest.raises(ValueError, match="not valid JSON") as caught:
                await Predictor("my-endpoint", session, deserializer=JSONDeserializer()).predict(b"")
        error = caught.value
        assert isinstance(error, DeserializationError)
        assert isinstance(error, CallError)
        assert (error.operation, error.resource, error.request_id) == ("InvokeEndpoint", "my-endpoint", "id-1")
        assert error.url == "https://runtime.sagemaker.us-east-1.amazonaws.com"
        assert (error.status, error.content_type, error.body) == (200, "text/html", page[:1024])
        assert [attempt.outcome for attempt in error.attempts] == ["200"]
        assert str(error).startswith("InvokeEndpoint on 'my-endpoint': the response body (text/html) is not valid JSON")
        assert str(error).endswith("[https://runtime.sagemaker.us-east-1.amazonaws.com, request id id-1, HTTP 200]")
        assert "secret" not in str(error) + repr(error) + caplog.text

    async def test_a_models_error_is_raised_with_its_fields(self) -> None:
        fields = {"OriginalStatusCode": 500, "OriginalMessage": "boom", "LogStreamArn": "arn"}
        stub = StubTransport(StubResponse.error("ModelError", "it failed", status=424, fields=fields))
        async with Session(transport=stub) as session:
            with pytest.raises(ModelError, match="it failed") as caught:
                await Predictor("my-endpoint", session).predict(b"")
        error = caught.value
        assert (error.original_status_code, error.original_message, error.log_stream_arn) == (500, "boom", "arn")
        assert (error.resource, error.status) == ("my-endpoint", 424)


class TestConstruction:
    def test_the_parameters_are_the_sdks_in_its_order(self) -> None:
        parameters = list(inspect.signature(Predictor.__init__).parameters.values())[1:]
        assert [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD] == [
            "endpoint_name",
            "sagemaker_session",
            "serializer",
            "deserializer",
            "component_name",
        ]
        predict = [p.name for p in inspect.signature(Predictor.predict).parameters.values()][1:8]
        assert predict == [
            "data",
            "initial_args",
            "target_model",
            "target_variant",
            "inference_id",
            "custom_attributes",
            "component_name",
        ]
        predict_stream = [p.name for p in inspect.signature(Predictor.predict_stream).parameters.values()][1:9]
        assert predict_stream == [
            "data",
            "initial_args",
            "target_variant",
            "inference_id",
            "custom_attributes",
            "component_name",
            "target_container_hostname",
            "iterator",
        ]

    def test_endpoint_is_a_deprecated_alias(self, session: Session) -> None:
        with pytest.warns(DeprecationWarning, match="endpoint_name") as caught:
            predictor = Predictor(endpoint="old", sagemaker_session=session)
        assert caught[0].filename == __file__
        with pytest.warns(DeprecationWarning, match="endpoint_name"):
            assert predictor.endpoint == "old"
        assert predictor.endpoint_name == "old"

    @pytest.mark.parametrize("name", [None, "", 7, b"bytes"])
    def test_an_endpoint_name_is_needed(self, name: Any, session: Session) -> None:
        with pytest.raises(ConfigurationError, match="endpoint_name"):
            Predictor(name, session)

    @pytest.mark.parametrize("other", ["us-east-1", object(), {}])
    def test_a_session_must_be_one(self, other: Any) -> None:
        with pytest.raises(ConfigurationError, match="Session"):
            Predictor("my-endpoint", other)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"serializer": JSONSerializer}, r"JSONSerializer\(\)"),
            ({"deserializer": JSONDeserializer}, r"JSONDeserializer\(\)"),
            ({"serializer": object()}, "serialize"),
            ({"deserializer": object()}, "deserialize"),
        ],
    )
    def test_codecs_must_be_instances_with_what_they_need(
        self, session: Session, arguments: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=message):
            Predictor("my-endpoint", session, **arguments)

    def test_it_shows_its_endpoint(self, session: Session) -> None:
        assert repr(Predictor("my-endpoint", session)) == "<Predictor of 'my-endpoint'>"


class TestSessions:
    async def test_a_predictor_without_a_session_owns_one_and_closes_it(self) -> None:
        async with Predictor("my-endpoint") as predictor:
            own = predictor.sagemaker_session
        await predictor.close()
        assert own.channel.closed
        with pytest.raises(SessionClosedError):
            await predictor.predict(b"")

    async def test_a_shared_session_stays_open(self, session: Session) -> None:
        async with Predictor("my-endpoint", session) as predictor:
            pass
        assert await predictor.predict(b"") == b'{"a": 1}'

    async def test_entering_a_predictor_of_a_closed_session_is_an_error(self, session: Session) -> None:
        await session.close()
        with pytest.raises(SessionClosedError):
            await Predictor("my-endpoint", session).__aenter__()


class TestStreams:
    async def test_everything_is_checked_at_the_call_and_nothing_is_sent(
        self, stub: StubTransport, session: Session
    ) -> None:
        with pytest.raises(RequestValidationError, match="target_variant"):
            Predictor("my-endpoint", session).predict_stream(b"", target_variant="no/variant")
        with pytest.raises(ConfigurationError, match="timeout"):
            Predictor("my-endpoint", session).predict_stream(b"", timeout=-1)
        Predictor("my-endpoint", session).predict_stream(b"")
        assert not stub.requests

    async def test_a_dropped_unused_stream_is_no_reason_to_warn(self, stub: StubTransport, session: Session) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            Predictor("my-endpoint", session).predict_stream(b"")
        assert not stub.requests

    async def test_a_stream_is_for_one_iteration(self, session: Session) -> None:
        stream = Predictor("my-endpoint", session).predict_stream(b"", iterator=LineIterator)
        assert [line async for line in stream] == [b"one", b"two"]
        with pytest.raises(StreamConsumedError):
            aiter(stream)


async def test_a_full_prediction_has_the_answer_and_what_surrounds_it() -> None:
    head = {
        "x-Amzn-Invoked-Production-Variant": "blue",
        "X-Amzn-SageMaker-Custom-Attributes": "trace=secret",
        "X-Amzn-SageMaker-New-Session-Id": "s; Expires=2027-01-01T00:00:00Z",
    }
    stub = StubTransport(StubResponse.json({"answer": "forty-two"}, headers=head))
    async with Session(transport=stub) as session:
        predictor = Predictor("e", session, deserializer=JSONDeserializer())
        prediction = await predictor.predict_full(b"hello", target_variant="blue", session_id="NEW_SESSION")
    assert prediction.answer == {"answer": "forty-two"}
    assert (prediction.content_type, prediction.variant) == ("application/json", "blue")
    assert prediction.custom_attributes == "trace=secret"
    assert (prediction.new_session_id, prediction.closed_session_id) == ("s; Expires=2027-01-01T00:00:00Z", None)
    assert prediction.request_id == "00000000-0000-4000-8000-000000000000"
    assert [attempt.outcome for attempt in prediction.attempts] == ["200"]
    assert "secret" not in repr(prediction)
    assert "forty-two" not in repr(prediction)
    assert stub.requests[0].headers["X-Amzn-SageMaker-Target-Variant"] == "blue"


async def test_predictions_of_every_kind_tell_how_far_they_have_got() -> None:
    sent: list[int] = []
    received: list[int] = []
    callbacks: dict[str, Any] = {
        "on_chunk_sent": lambda so_far, _: sent.append(so_far),
        "on_chunk_received": lambda so_far, _: received.append(so_far),
    }
    stub = StubTransport(StubResponse(200, b"answer"), StubResponse(200, b"answers"), StubResponse.stream([b"x"]))
    async with Session(transport=stub) as session:
        predictor = Predictor("e", session)
        await predictor.predict(b"1", **callbacks)
        await predictor.predict_full(b"22", **callbacks)
        await predictor.predict_stream(b"333", **callbacks).collect()
    assert sent == [1, 2, 3]
    assert received[:2] == [6, 7]
    assert len(received) == 3


async def test_callbacks_that_cannot_be_called_are_refused_before_anything_is_sent() -> None:
    stub = StubTransport()
    async with Session(transport=stub) as session:
        with pytest.raises(ConfigurationError, match="on_chunk_sent"):
            await Predictor("e", session).predict(b"", on_chunk_sent=7)  # type: ignore[arg-type]
    assert stub.requests == []


class TestFieldsOfItsOwnAreRemembered:
    """A predictor whose calls give nothing but data keeps what was worked out; what is sent must not show it."""

    @pytest.mark.parametrize("calls", [1, 2])
    @pytest.mark.parametrize(
        ("attribute", "value"),
        [
            ("endpoint_name", "other"),
            ("component_name", "component"),
            ("component_name", ""),
            ("content_type", "text/csv"),
            ("accept", "text/csv"),
            ("accept", ("text/csv", "application/json")),
            ("serializer", CSVSerializer()),
            ("deserializer", JSONDeserializer()),
            ("sagemaker_session", None),
        ],
    )
    async def test_a_predictor_that_was_changed_sends_what_a_new_one_would(
        self, stub: StubTransport, session: Session, attribute: str, value: Any, calls: int
    ) -> None:
        changed, fresh = Predictor("my-endpoint", session), Predictor("my-endpoint", session)
        for _ in range(calls):
            await changed.predict("1")
            await changed.predict_stream("1").collect()
        if attribute == "sagemaker_session":
            value = Session(transport=stub, region="eu-west-1", strict_params=False)
        for predictor in (changed, fresh):
            setattr(predictor, attribute, value)
        requests = []
        for predictor in (changed, fresh):
            await predictor.predict("1")
            requests.append((stub.requests[-1].origin, stub.requests[-1].target, stub.requests[-1].body, sent(stub)))
        assert requests[0] == requests[1]

    async def test_a_call_with_a_field_of_its_own_leaves_the_others_as_they_are(
        self, stub: StubTransport, session: Session
    ) -> None:
        predictor = Predictor("my-endpoint", session)
        for fields in ({}, {"inference_id": "1"}, {}, {"initial_args": {"TargetVariant": "v"}}, {"target_model": ""}):
            await predictor.predict(b"", **fields)
        named = [{name for name in request.headers if name.startswith(SAGEMAKER)} for request in stub.requests]
        assert named == [set(), {SAGEMAKER + "Inference-Id"}, set(), {SAGEMAKER + "Target-Variant"}, set()]

    @pytest.mark.parametrize("body", [None, {"a": 1}, "\ud800", b"x" * 11])
    async def test_a_body_is_checked_in_each_call(self, body: Any) -> None:
        class AsItIs(CSVSerializer):
            def serialize(self, data: Any) -> Any:
                return data

        async with Session(transport=StubTransport(otherwise=StubResponse()), max_body_bytes=10) as session:
            predictor = Predictor("my-endpoint", session, AsItIs())
            with pytest.raises(RequestValidationError) as first:
                await predictor.predict(body)
            await predictor.predict(b"good")
            with pytest.raises(RequestValidationError) as again:
                await predictor.predict(body)
            with pytest.raises(ConfigurationError, match="timeout"):
                await predictor.predict(b"good", timeout=-1)
        assert str(again.value) == str(first.value)
