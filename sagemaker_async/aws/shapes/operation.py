"""What the machinery needs to know of a service and of each of its operations: the rows of tables."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sagemaker_async.aws.retries import RetryRules
from sagemaker_async.aws.signing import STANDARD, SigningRules
from sagemaker_async.config.endpoints import EndpointRules
from sagemaker_async.errors import ServiceError

from .deferred import DeferredShapes
from .requests import CompiledRequest, RequestBody

if TYPE_CHECKING:
    from .models import RequestShape, ResponseShape

__all__ = ["Operation", "Service"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Service:
    """One AWS service."""

    name: str
    """AWS's id of it, such as ``sagemaker-runtime``: the key of `Config.endpoint_urls`."""
    endpoint_rules: EndpointRules
    retry_rules: RetryRules
    signing_rules: SigningRules = STANDARD
    protocol: Literal["rest-json", "rest-xml", "json-rpc", "query"] = "rest-json"
    """How its requests and answers are written; see `protocols`."""
    json_version: Literal["1.0", "1.1"] = "1.1"
    """Of the JSON that json-rpc writes."""
    target_prefix: str = ""
    """What json-rpc puts before an operation's name, such as ``DynamoDB_20120810``."""
    api_version: str = ""
    """What query sends as the version, such as ``2011-06-15``."""
    errors: Mapping[str, type[ServiceError]] = field(default_factory=dict)
    """Exception of each error code that any operation of the service may answer."""
    slow_answer_hint: str = "raise the limit if the service is to take longer"
    """What to do when no answer began in time; ends the message of that error."""
    large_body: tuple[int, str] | None = None
    """How many bytes a body may have before the service may close the connection on it without an answer, and what to
    do then; ends the message of a lost connection."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Operation:
    """One operation of a service; fields about queries, header fields and bodies are for the REST protocols alone."""

    name: str
    """AWS's name, such as ``InvokeEndpoint``."""
    service: Service
    shapes: DeferredShapes
    """The models of its request and response."""
    compiled: CompiledRequest | None = None
    """What its requests are validated by; None: by the model of its request. Where there is one, it also gives
    `sensitive` and `request_headers`."""
    sensitive: Container[str] = frozenset()
    """AWS's names of the fields that no log may show."""
    path: str = "/"
    """With the field names in braces: ``/endpoints/{endpoint_name}/invocations``."""
    resource: str | None = None
    """The request field that names what the call is on, for messages."""
    method: str = "POST"
    request_headers: Mapping[str, str] = field(default_factory=dict)
    """Request field to header field. With rest-xml, a field that is a mapping has a header field for each member, whose
    name begins so; the same goes for `response_headers`, where that name ends in a hyphen."""
    request_query: Mapping[str, str] = field(default_factory=dict)
    """Request field to parameter of the query; with rest-xml."""
    response_headers: Mapping[str, str] = field(default_factory=dict)
    """Response field's AWS name to header field."""
    response_body: str | None = None
    """The AWS name of the response field that is the body; None: the body is a JSON object of fields."""
    streaming: bool = False
    """The answer is handed over when its head has come, and read later."""
    repeatable: bool = False
    """Repeating it is cheap and harmless, so that it may be repeated when nobody knows whether it was done."""
    max_body_bytes: int | None = None
    """A limit of the service below `Config.max_body_bytes`."""
    errors: Mapping[str, type[ServiceError]] = field(default_factory=dict)
    """Exception of each error code this operation adds to its service's."""
    errors_by_status: Mapping[int, type[ServiceError]] = field(default_factory=dict)
    """Exception of each status, for answers without a code that is known."""
    error_in_success: bool = False
    """The answer may have status 200 and be an error, because the service begins to answer before it has finished; it
    counts as a failure of the service then (HTTP 500)."""

    path_fields: tuple[str, ...] = field(init=False)
    """The request fields that are part of the path."""
    request_body: RequestBody | None = field(init=False)
    """The request field that is the HTTP body; None where fields make the body, or there is no body."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "path_fields", tuple(re.findall(r"\{(\w+)\}", self.path)))
        compiled = self.compiled
        object.__setattr__(self, "request_body", compiled.body if compiled is not None else None)
        if compiled is not None:
            object.__setattr__(self, "sensitive", compiled.sensitive)
            object.__setattr__(self, "request_headers", compiled.headers)

    @property
    def request(self) -> type[RequestShape]:
        """The model of its request; imports it, if nobody has loaded `shapes`."""
        return self.shapes.request.load()

    @property
    def response(self) -> type[ResponseShape]:
        """The model of its response; imports it, if nobody has loaded `shapes`."""
        return self.shapes.response.load()

    @property
    def loaded(self) -> bool:
        """Whether a call needs no model that is not imported yet."""
        return self.shapes.response.loaded and (self.compiled is not None or self.shapes.request.loaded)

    def load(self) -> None:
        """Import and build the models that calls need. Blocks the first time."""
        self.shapes.response.load()
        if self.compiled is None:
            self.shapes.request.load()

    @property
    def names(self) -> Mapping[str, str]:
        """AWS's name of each field of the request, by its Python name."""
        return self.compiled.names if self.compiled is not None else self.request.names_by_aws()

    def converted(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a request, all but the body, with numbers for text and text for numbers as wanted."""
        return (self.compiled or self.request).converted(values)

    def renamed(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a request, checked or not, under AWS's names at every depth; None drops out."""
        return (self.compiled or self.request).renamed(fields)

    def validated_fields(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a request by their Python names.

        Args:
            values: all but the body, in either spelling, none of them None.

        Raises:
            RequestValidationError: listing every broken rule.
        """
        return (self.compiled or self.request).validated_fields(self.name, values)
