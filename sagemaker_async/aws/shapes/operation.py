"""What the machinery needs to know of a service and of each of its operations: rows of tables, no behaviour."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from sagemaker_async.aws.retries import RetryRules
from sagemaker_async.config.endpoints import EndpointRules
from sagemaker_async.errors import ServiceError

from .deferred import DeferredShapes
from .rules import FieldRules

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
    protocol: Literal["rest-json", "json-rpc", "query"] = "rest-json"
    """How its requests and answers are written; see `protocols`."""
    target_prefix: str = ""
    """What json-rpc puts before an operation's name, such as ``DynamoDB_20120810``."""
    api_version: str = ""
    """What query sends as the version, such as ``2011-06-15``."""
    errors: Mapping[str, type[ServiceError]] = field(default_factory=dict)
    """Exception of each error code that any operation of the service may answer."""
    slow_answer_hint: str = "raise the limit if the service is to take longer"
    """What to do when no answer began in time; ends the message of that error."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Operation:
    """One operation of a service; fields about header fields and bodies are for the rest-json protocol alone."""

    name: str
    """AWS's name, such as ``InvokeEndpoint``."""
    service: Service
    shapes: DeferredShapes
    """The models of its request and response."""
    rules: FieldRules | None = None
    """The rules of its fields without the models; None where only these know them."""
    sensitive: frozenset[str] = frozenset()
    """AWS's names of the fields that no log may show."""
    path: str = "/"
    """With the field names in braces: ``/endpoints/{endpoint_name}/invocations``."""
    resource: str | None = None
    """The request field that names what the call is on, for messages."""
    method: str = "POST"
    request_headers: Mapping[str, str] = field(default_factory=dict)
    """Request field to header field."""
    request_body: str | None = None
    """The request field that is the body."""
    response_headers: Mapping[str, str] = field(default_factory=dict)
    """Response field's AWS name to header field."""
    response_body: str | None = None
    """The AWS name of the response field that is the body; None: the body is a JSON object of fields."""
    streaming: bool = False
    """The answer is an event stream, handed over when its head has come."""
    repeatable: bool = False
    """Repeating it is cheap and harmless, so that it may be repeated when nobody knows whether it was done."""
    max_body_bytes: int | None = None
    """A limit of the service below `Config.max_body_bytes`."""
    errors: Mapping[str, type[ServiceError]] = field(default_factory=dict)
    """Exception of each error code this operation adds to its service's."""

    path_fields: tuple[str, ...] = field(init=False)
    """The request fields that are part of the path."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "path_fields", tuple(re.findall(r"\{(\w+)\}", self.path)))

    @property
    def request(self) -> type[RequestShape]:
        """The model of its request; imports it, if nobody has loaded `shapes`."""
        return self.shapes.load()[0]

    @property
    def response(self) -> type[ResponseShape]:
        """The model of its response; imports it, if nobody has loaded `shapes`."""
        return self.shapes.load()[1]

    @property
    def names(self) -> Mapping[str, str]:
        """AWS's name of each field of the request, by its Python name."""
        if self.rules is not None:
            return self.rules.names
        from .models import aws_names

        return aws_names(self.request)
