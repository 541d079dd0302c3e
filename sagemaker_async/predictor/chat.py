"""`ChatEndpoint`: chat with a container that speaks OpenAI's schema (vLLM, SGLang, TGI, LMI, Nova).

Messages, tools and all other fields are sent as they are given; nothing is added to a prompt and nothing left out. What
cannot be right is refused before anything is sent, with its place: ``messages[1].content``. Only what all of these
containers require is checked: roles are left to them, and so are the fields that are not named here.

Source: https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

import copy
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, cast, overload

from sagemaker_async.codecs.bases import BodyStream, Deserializer, Serializer, SimpleBaseDeserializer, read_body
from sagemaker_async.config import Timeouts
from sagemaker_async.errors import (
    ConfigurationError,
    DeserializationError,
    FieldProblem,
    RecordError,
    RequestValidationError,
)
from sagemaker_async.iterators import Token, TokenResult
from sagemaker_async.records import TokenSplitter
from sagemaker_async.serializers import JSONSerializer

from .patient import Capacity
from .stream import PredictionStream

__all__ = ["AnswerDeserializer", "ChatEndpoint", "chat_request"]

_DIALECT = "openai-chat"


class ChatEndpoint:
    """An endpoint that answers messages, in OpenAI's schema."""

    @overload
    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        stream: Literal[False] = False,
        initial_args: Mapping[str, Any] | None = None,
        component_name: str | None = None,
        session_id: str | None = None,
        prefix_aware_id: str | None = None,
        timeout: float | Timeouts | None = None,
        capacity: Capacity = None,
        **fields: Any,
    ) -> Coroutine[Any, Any, TokenResult]: ...

    @overload
    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        stream: Literal[True],
        initial_args: Mapping[str, Any] | None = None,
        component_name: str | None = None,
        session_id: str | None = None,
        prefix_aware_id: str | None = None,
        timeout: float | Timeouts | None = None,
        capacity: Capacity = None,
        **fields: Any,
    ) -> PredictionStream[Token]: ...

    @overload
    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        stream: bool,
        initial_args: Mapping[str, Any] | None = None,
        component_name: str | None = None,
        session_id: str | None = None,
        prefix_aware_id: str | None = None,
        timeout: float | Timeouts | None = None,
        capacity: Capacity = None,
        **fields: Any,
    ) -> Coroutine[Any, Any, TokenResult] | PredictionStream[Token]: ...

    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        stream: bool = False,
        initial_args: Mapping[str, Any] | None = None,
        component_name: str | None = None,
        session_id: str | None = None,
        prefix_aware_id: str | None = None,
        timeout: float | Timeouts | None = None,
        capacity: Capacity = None,
        **fields: Any,
    ) -> Coroutine[Any, Any, TokenResult] | PredictionStream[Token]:
        """Return the model's answer to messages, whole or as a stream of tokens.

        It needs no serializer: the request is JSON, whatever the predictor's own serializer makes.

        Args:
            messages: the conversation so far: mappings with ``role``, ``content`` and the other members of OpenAI's
                schema. `TokenResult.message` is the answer as the next message.
            tools: the functions that the model may call, in OpenAI's schema.
            stream: whether to return a stream of tokens, whose `PredictionStream.result` grows into the whole answer.
            initial_args: further fields of the call (not of the body), as for `Predictor.predict`.
            component_name: the inference component, instead of the predictor's own.
            session_id: the stateful session.
            prefix_aware_id: routes requests with the same prefix to the same instance.
            timeout: seconds for the whole call, or up to the head of a stream, or limits of its own.
            capacity: how to wait while the model has no copies, as for `Predictor.predict`.
            fields: all other fields of the body: ``temperature``, ``max_tokens``, ``tool_choice``, ``response_format``,
                ``stream_options``, ``model``, ... as the container knows them.

        Raises:
            RequestValidationError: messages or tools are of a wrong shape, or a field breaks a rule; nothing was sent.
            SerializationError: a field cannot be written as JSON; nothing was sent.
            InBandError: the container reported a failure after HTTP 200.
            DeserializationError: the answer is not in OpenAI's schema; its `body` is the beginning of what came.
            CallError: the call failed in another way, or while iterating: the stream did.

        Example:
            ::

                answer = await predictor.chat([{"role": "user", "content": "Hello?"}], max_tokens=50)
                print(answer.text)
                async for token in predictor.chat(messages, stream=True): ...
        """
        if not isinstance(stream, bool):
            raise ConfigurationError(f"stream must be True or False, got {stream!r}")
        body = chat_request(messages, tools, stream=stream, **fields)
        predictor = cast("_Predicting", copy.copy(self))
        predictor.serializer, predictor.deserializer = JSONSerializer(), AnswerDeserializer(_DIALECT)
        predictor.content_type, predictor.accept = None, "*/*" if stream else None
        options: dict[str, Any] = {
            "initial_args": initial_args,
            "component_name": component_name,
            "session_id": session_id,
            "prefix_aware_id": prefix_aware_id,
            "timeout": timeout,
            "capacity": capacity,
        }
        if stream:
            return predictor.predict_stream(body, **options).tokens(dialect=_DIALECT)
        return predictor.predict(body, **options)


def chat_request(messages: object, tools: object = None, *, stream: bool, **fields: Any) -> dict[str, Any]:
    """Return the body of a request in OpenAI's schema.

    Raises:
        RequestValidationError: messages or tools are of a wrong shape; all problems are listed.
    """
    if problems := [*_problems_of_messages(messages), *_problems_of_tools(tools)]:
        raise RequestValidationError("chat", [FieldProblem(place, place, rule) for place, rule in problems])
    return {"messages": messages, **({} if tools is None else {"tools": tools}), "stream": stream, **fields}


class _Predicting(Protocol):
    """What `ChatEndpoint` needs of the predictor that it is part of."""

    serializer: Serializer
    deserializer: Deserializer[Any]
    content_type: str | None
    accept: str | None

    def predict(self, data: Any, **options: Any) -> Coroutine[Any, Any, TokenResult]: ...

    def predict_stream(self, data: Any, **options: Any) -> PredictionStream[bytes]: ...


class AnswerDeserializer(SimpleBaseDeserializer[TokenResult]):
    """Reads an answer that came at once, like a stream of one record.

    Args:
        dialect: the dialect it is in; None: it is recognised.
    """

    offload = True

    def __init__(self, dialect: str | None) -> None:
        super().__init__("application/json")
        self._dialect = dialect

    def deserialize(self, stream: bytes | BodyStream, content_type: str) -> TokenResult:  # noqa: ARG002
        body = bytes(read_body(stream))
        size = len(body) + 1
        # An empty choice counts as more characters than it is written with; an answer that came is kept whole.
        splitter = TokenSplitter(self._dialect, allow_incomplete=True, max_buffer=size, keep_partial=100 * size)
        try:
            for tokens in (splitter.feed(body), splitter.finish()):
                for _ in tokens:
                    pass
        except RecordError as error:
            raise DeserializationError(f"the answer is not a chat completion: {error.message}") from error
        result = splitter.result
        if not (result.choices or result.dialect == "raw" or (result.last_record or {}).get("choices")):
            raise DeserializationError("the answer is not a chat completion: it has no choices")
        return result


_Problems = Iterator[tuple[str, str]]
"""Where something is wrong, and the rule that it breaks."""


def _problems_of_messages(messages: object) -> _Problems:
    if not isinstance(messages, list | tuple) or not messages:
        yield "messages", f"must be a list of at least one message, got {_described(messages)}"
        return
    for number, message in enumerate(messages):
        yield from _problems_of_message(f"messages[{number}]", message)


def _problems_of_message(place: str, message: object) -> _Problems:
    if not isinstance(message, Mapping):
        yield place, f"must be a mapping with role and content, got {_described(message)}"
        return
    role = message.get("role")
    if not isinstance(role, str) or not role:
        yield f"{place}.role", f"must be a text such as 'user', 'assistant', 'system' or 'tool', got {_described(role)}"
    content, calls = message.get("content"), message.get("tool_calls")
    if content is None:
        if role != "assistant" or not (calls or message.get("function_call") or message.get("refusal")):
            yield f"{place}.content", "is missing; only an assistant's message with tool_calls may omit it"
    elif isinstance(content, list | tuple):
        for number, part in enumerate(content):
            yield from _problems_of_part(f"{place}.content[{number}]", part)
    elif not isinstance(content, str):
        yield f"{place}.content", f"must be a text or a list of parts, got {_described(content)}"
    if calls is not None:
        yield from _problems_of_calls(f"{place}.tool_calls", calls)
    if role == "tool" and not isinstance(message.get("tool_call_id"), str):
        given = _described(message.get("tool_call_id"))
        yield f"{place}.tool_call_id", f"must be a text, the id of the tool call that this message answers, got {given}"


def _problems_of_part(place: str, part: object) -> _Problems:
    if not isinstance(part, Mapping) or not isinstance(part.get("type"), str):
        yield place, f"must be a mapping with a type, such as {{'type': 'text', 'text': ...}}, got {_described(part)}"
    elif part["type"] == "text" and not isinstance(part.get("text"), str):
        yield f"{place}.text", f"must be a text, got {_described(part.get('text'))}"


def _problems_of_calls(place: str, calls: object) -> _Problems:
    if not isinstance(calls, list | tuple):
        yield place, f"must be a list of tool calls, got {_described(calls)}"
        return
    for number, call in enumerate(calls):
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            yield f"{place}[{number}].function", "must be a mapping with the name of a function and its arguments"
        elif not isinstance(function.get("arguments"), str | Mapping):
            given = _described(function.get("arguments"))
            yield f"{place}[{number}].function.arguments", f"must be a text that holds JSON, got {given}"


def _problems_of_tools(tools: object) -> _Problems:
    if tools is None:
        return
    if not isinstance(tools, list | tuple):
        yield "tools", f"must be a list of tools, got {_described(tools)}"
        return
    for number, tool in enumerate(tools):
        if not isinstance(tool, Mapping) or not isinstance(tool.get("type"), str):
            rule = "must be a mapping with a type, such as {'type': 'function', 'function': {'name': ...}}"
            yield f"tools[{number}]", f"{rule}, got {_described(tool)}"
        elif tool["type"] == "function":
            function = tool.get("function")
            if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
                yield f"tools[{number}].function", f"must be a mapping with a name, got {_described(function)}"


def _described(value: object) -> str:
    """Return what a value is, without its contents, which may be confidential."""
    if value is None:
        return "None"
    if isinstance(value, str | list | tuple | Mapping) and not value:
        return f"an empty {type(value).__name__}"
    if isinstance(value, Mapping):
        return f"a {type(value).__name__} with the keys {', '.join(map(repr, list(value)[:8]))}"
    return f"a value of type {type(value).__name__}"
