"""`OpenAIModel`: how a client's request in OpenAI's API becomes a request to a container. Pure.

======================  ================================================  =============================================
`OpenAIModel.takes`     containers                                        what is sent
======================  ================================================  =============================================
``messages``            vLLM, SGLang, LMI and TGI chat, Nova              the client's request as it is, without `model`
``prompt``              OpenAI's completions schema                       the same, ``prompt`` instead of ``messages``
``inputs``              TGI, LMI, JumpStart                               ``{"inputs": ..., "parameters": {...}}``
a callable              all others                                        what it makes of the request
======================  ================================================  =============================================

All but the first need `OpenAIModel.prompt` for chats: only the user knows the model's chat template.

What a container cannot do is refused with `Refused` before anything is sent: an answer that ignored the client's tools
or schema would be silently wrong.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal, TypeAlias

from sagemaker_async.errors import ConfigurationError, RequestValidationError
from sagemaker_async.predictor import Predictor
from sagemaker_async.predictor.chat import chat_request

__all__ = ["OpenAIModel", "Refused"]

Messages: TypeAlias = Sequence[Mapping[str, Any]]
Takes: TypeAlias = Literal["messages", "prompt", "inputs"] | Callable[[dict[str, Any]], Any]
_TAKES = ("messages", "prompt", "inputs")


class Refused(Exception):
    """A request that cannot be sent to this model.

    Args:
        message: what is wrong and what to do, for the client.
        param: the field of the request.
        code: for programs.
        status: the HTTP status.
    """

    def __init__(
        self, message: str, param: str | None = None, code: str = "unsupported_parameter", *, status: int = 400
    ) -> None:
        super().__init__(message)
        self.message: str = message
        self.param: str | None = param
        self.code: str = code
        self.status: int = status


@dataclass(frozen=True)
class OpenAIModel:
    """A model behind `openai_router`.

    Raises:
        ConfigurationError: an option is wrong.

    Example:
        ::

            def llama(messages):
                return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)

            openai_router(models={"llama": OpenAIModel(predictor, takes="inputs", prompt=llama)})
    """

    predictor: Predictor[Any]
    """Calls the endpoint; its `WaitForCapacity` and its component apply, its serializer only to what is not JSON."""
    _: KW_ONLY
    takes: Takes = "messages"
    """What the container takes; see the module's docstring."""
    prompt: Callable[[Messages], str] | None = None
    """Makes the model's prompt, a text, from the messages of a chat, as
    ``tokenizer.apply_chat_template(tokenize=False)`` does. An ``HTTPException`` that it or `takes` raises refuses the
    request; any other error is answered with 500."""
    tools: bool | None = None
    """Whether the container takes tools; requests with tools are refused if not. None: if it takes messages."""
    model: str | None = None
    """The ``model`` that is sent to the container, for containers that serve several. None: it is left out, because
    SageMaker's containers refuse a name that is not theirs."""
    dialect: str | None = None
    """The dialect of its answers, as for `TokenIterator`; None: OpenAI's where it takes messages or a prompt, else
    recognised."""

    def __post_init__(self) -> None:
        if not isinstance(self.predictor, Predictor):
            raise ConfigurationError(f"a model is a Predictor or an OpenAIModel, not {type(self.predictor).__name__}")
        if self.takes not in _TAKES and not callable(self.takes):
            raise ConfigurationError(
                f"OpenAIModel.takes must be one of {', '.join(_TAKES)}, or a callable that takes the request, "
                f"got {self.takes!r}"
            )
        if self.prompt is not None and not callable(self.prompt):
            raise ConfigurationError(
                f"OpenAIModel.prompt must be a callable that takes the messages, got {type(self.prompt).__name__}"
            )
        for name in ("takes", "prompt"):
            if inspect.iscoroutinefunction(getattr(self, name)):
                raise ConfigurationError(
                    f"OpenAIModel.{name} must be an ordinary function, not a coroutine function: its result is sent"
                )

    @property
    def takes_tools(self) -> bool:
        """Whether requests may have tools."""
        return self.takes == "messages" if self.tools is None else self.tools

    @property
    def answers_in(self) -> str | None:
        """The dialect of its answers, where it is known: an answer that is cut before its dialect can be recognised
        looks like text."""
        return "openai-chat" if self.dialect is None and self.takes in ("messages", "prompt") else self.dialect

    @property
    def streams(self) -> bool:
        """Whether the model can stream: an inference router cannot."""
        return self.predictor._routing_target is None

    def chat_body(self, request: Mapping[str, Any]) -> Any:
        """Return what the container is sent for a chat completion.

        Raises:
            Refused: the request is malformed, or the container cannot do what it asks.
        """
        messages = request.get("messages")
        try:
            chat_request(messages, request.get("tools"), stream=False)
        except RequestValidationError as error:
            problem = error.problems[0]
            raise Refused(f"{problem.field} {problem.rule}", problem.field, "invalid_value") from None
        if not self.takes_tools:
            _refuse_tools(request)
        if self.takes == "messages":
            return self._with_model(request)
        if callable(self.takes):
            return self._taken(self.takes, request)
        if self.prompt is None:
            raise Refused(
                "this model does not take messages, and its server does not know how to make a prompt from them; "
                "use /v1/completions",
                "messages",
                "unsupported_endpoint",
            )
        prompt: object = self.prompt(messages or ())
        if not isinstance(prompt, str):
            raise ConfigurationError(
                f"OpenAIModel.prompt must return a text, got {type(prompt).__name__}; "
                "tokenizer.apply_chat_template does with tokenize=False"
            )
        return self._with_prompt(request, prompt)

    def completion_body(self, request: Mapping[str, Any]) -> Any:
        """Return what the container is sent for a completion.

        Raises:
            Refused: as from `chat_body`.
        """
        prompt = request.get("prompt")
        if isinstance(prompt, list) and len(prompt) == 1 and isinstance(prompt[0], str):
            prompt = prompt[0]
        if not isinstance(prompt, str | list) or not prompt:
            raise Refused("prompt must be a non-empty text, or a list of such texts", "prompt", "invalid_value")
        if self.takes in ("messages", "prompt"):
            return self._with_model(request)
        if callable(self.takes):
            return self._taken(self.takes, request)
        if not isinstance(prompt, str):
            raise Refused("this model takes one prompt per request, as a text", "prompt")
        return self._with_prompt(request, prompt)

    def embeddings_body(self, request: Mapping[str, Any]) -> Any:
        """Return what the container is sent for embeddings.

        Raises:
            Refused: the request is malformed.
        """
        given = request.get("input")
        if not isinstance(given, str | list) or not given:
            raise Refused("input must be a non-empty text, or a list of such texts", "input", "invalid_value")
        if callable(self.takes):
            return self._taken(self.takes, request)
        return {"inputs": given} if self.takes == "inputs" else self._with_model(request)

    @staticmethod
    def _taken(takes: Callable[[dict[str, Any]], Any], request: Mapping[str, Any]) -> Any:
        body = takes(dict(request))
        if body is None:
            raise ConfigurationError("OpenAIModel.takes must return what to send to the container, got None")
        return body

    def _with_model(self, request: Mapping[str, Any]) -> dict[str, Any]:
        body = {name: value for name, value in request.items() if name != "model"}
        return body if self.model is None else {**body, "model": self.model}

    def _with_prompt(self, request: Mapping[str, Any], prompt: str) -> dict[str, Any]:
        _refuse_all_but_text(request)
        if self.takes == "prompt":
            body = self._with_model(request)
            for name in ("messages", "tools", "tool_choice", "functions", "function_call", "parallel_tool_calls"):
                body.pop(name, None)
            if (limit := body.pop("max_completion_tokens", None)) is not None:
                body["max_tokens"] = limit
            return {**body, "prompt": prompt}
        return {"inputs": prompt, "parameters": _parameters(request), "stream": bool(request.get("stream"))}


def _refuse_tools(request: Mapping[str, Any]) -> None:
    for name in ("tools", "functions"):
        if request.get(name):
            raise Refused(f"this model does not take {name}", name)


def _refuse_all_but_text(request: Mapping[str, Any]) -> None:
    """Refuse what a container that continues a text cannot do."""
    response_format = request.get("response_format")
    asks = {
        "n": request.get("n") not in (None, 1),
        "best_of": request.get("best_of") not in (None, 1),
        "response_format": isinstance(response_format, Mapping) and response_format.get("type") != "text",
        "logit_bias": bool(request.get("logit_bias")),
        "audio": bool(request.get("audio")),
        "suffix": bool(request.get("suffix")),
    }
    for name, asked in asks.items():
        if asked:
            raise Refused(f"this model does not support what {name} asks for", name)


_RENAMED = {"max_tokens": "max_new_tokens", "max_completion_tokens": "max_new_tokens"}
_NOT_PARAMETERS = frozenset(
    {
        "audio", "best_of", "echo", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs",
        "messages", "metadata", "modalities", "model", "n", "parallel_tool_calls", "presence_penalty", "prompt",
        "prompt_cache_key", "response_format", "safety_identifier", "service_tier", "stop", "store", "stream",
        "stream_options", "suffix", "temperature", "tool_choice", "tools", "top_logprobs", "user",
    }
)  # fmt: skip
"""What TGI and LMI do not have, or have in another form; all else, such as ``top_k``, goes among the parameters."""


def _parameters(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of TGI and LMI.

    Sources: https://huggingface.co/docs/text-generation-inference/reference/api_reference and
    https://docs.djl.ai/docs/serving/serving/docs/lmi/user_guides/lmi_input_output_schema.html
    """
    parameters: dict[str, Any] = {"details": True, "return_full_text": False}
    for name, value in request.items():
        if value is not None and name not in _NOT_PARAMETERS:
            parameters[_RENAMED.get(name, name)] = value
    if (temperature := request.get("temperature")) is not None:
        parameters["do_sample"] = temperature != 0
        if temperature:  # Text Generation Inference refuses 0
            parameters["temperature"] = temperature
    if penalty := request.get("frequency_penalty"):
        parameters["frequency_penalty"] = penalty
    if stop := request.get("stop"):
        # The one name is Text Generation Inference's, the other LMI's.
        parameters["stop"] = parameters["stop_sequences"] = [stop] if isinstance(stop, str) else stop
    return parameters
