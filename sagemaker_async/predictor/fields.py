"""The fields of an invocation: what a predictor has and what a call adds, in the SDK's order of precedence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sagemaker_async.aws.client import CallOptions, PreparedCall, ServiceClient
from sagemaker_async.aws.http import RequestHead
from sagemaker_async.aws.shapes.operation import Operation
from sagemaker_async.codecs.bases import Deserializer, RequestBody, Serializer
from sagemaker_async.errors import ConfigurationError

__all__ = ["PreparesCalls", "invocation_fields"]


class PreparesCalls:
    """Mixed into `Predictor`: makes calls of its fields and those of the caller.

    Most calls give data and nothing else. Their fields are the predictor's own, so they share one head, which is kept
    until the predictor is changed.
    """

    endpoint_name: str
    component_name: str | None
    serializer: Serializer
    deserializer: Deserializer[Any]
    _operation: Operation
    _routing_target: str | None
    _content_type: str | None
    _accept: str | tuple[str, ...] | None
    _heads: dict[Operation, tuple[tuple[object, ...], RequestHead]]
    """For calls without fields of their own: what each head was made of, and the head."""

    if TYPE_CHECKING:

        @property
        def session_id(self) -> str | None: ...

    @property
    def content_type(self) -> str:
        """The Content-Type of requests: what was set, or the serializer's."""
        return self._content_type or self.serializer.CONTENT_TYPE

    @content_type.setter
    def content_type(self, content_type: str | None) -> None:
        self._content_type = content_type

    @property
    def accept(self) -> str | tuple[str, ...]:
        """The content types asked for: what was set, or the deserializer's."""
        return self._accept or self.deserializer.ACCEPT

    @accept.setter
    def accept(self, accept: str | tuple[str, ...] | None) -> None:
        self._accept = accept

    def _prepared(
        self,
        client: ServiceClient,
        operation: Operation,
        body: RequestBody,
        initial_args: Mapping[str, Any] | None,
        given: Mapping[str, Any],
        options: CallOptions,
    ) -> PreparedCall:
        """Return a call, checked; `given` are the arguments of the caller, under AWS's names."""
        if initial_args is not None or [*given.values()].count(None) < len(given):
            return client.prepare(operation, {**self._fields(initial_args, given), "Body": body}, options)
        own = (client, self.endpoint_name, self.content_type, self.accept, self.component_name, self.session_id)
        known = self._heads.get(operation)
        if known is not None and known[0] == own:
            return client.prepare_again(operation, known[1], body, options)
        call = client.prepare(operation, {**self._fields(None, {}), "Body": body}, options)
        self._heads[operation] = own, call.head
        return call

    def _fields(self, initial_args: Mapping[str, Any] | None, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the request's fields under AWS's names, in the SDK's order of precedence."""
        target = {"EndpointName": self.endpoint_name}
        if self._routing_target is not None:
            target = {"InferenceRouterName": self.endpoint_name, "RoutingTargetName": self._routing_target}
        return invocation_fields(
            initial_args,
            self._operation.names,
            target,
            self.content_type,
            self.accept,
            given,
            self.component_name,
            self.session_id,
        )


def invocation_fields(
    initial_args: Mapping[str, Any] | None,
    names: Mapping[str, str],
    target: Mapping[str, str],
    content_type: str,
    accept: str | tuple[str, ...],
    given: Mapping[str, Any],
    component_name: str | None = None,
    session_id: str | None = None,
) -> dict[str, Any]:
    """Return the fields of a request under AWS's names. Pure.

    Args:
        initial_args: fields under either spelling.
        names: AWS's name of each field by its Python name.
        target: the fields that say what is called, unless `initial_args` says it.
        content_type: the predictor's, unless `initial_args` has one.
        accept: the predictor's, unless `initial_args` has one.
        given: the arguments of the call, which replace everything; None and empty texts are not given.
        component_name: the predictor's, which replaces the one in `initial_args`, unless it is None or empty.
        session_id: the same.

    Raises:
        ConfigurationError: `initial_args` is not a mapping of fields, or has one twice.
    """
    fields: dict[str, Any] = {**target, "ContentType": content_type}
    if initial_args is not None:
        fields |= _under_aws_names(initial_args, names)
    if "Accept" not in fields:
        fields["Accept"] = accept if isinstance(accept, str) else ", ".join(accept)
    # An empty text is not given, as in the SDK; of other types, what is wrong is left for the checks to say.
    if component_name is not None and component_name != "":
        fields["InferenceComponentName"] = component_name
    if session_id:
        fields["SessionId"] = session_id
    for name, value in given.items():
        if value is not None and value != "":
            fields[name] = value
    return fields


def _under_aws_names(initial_args: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    if not isinstance(initial_args, Mapping):
        raise ConfigurationError(f"initial_args must be a mapping, got {type(initial_args).__name__}")
    fields: dict[str, Any] = {}
    for name, value in initial_args.items():
        if not isinstance(name, str) or name == "timeout":
            raise ConfigurationError(f"initial_args holds fields of the request, under AWS's names, not {name!r}")
        aws_name = names.get(name, name)
        if aws_name in fields:
            raise ConfigurationError(f"initial_args has {aws_name} twice, in two spellings; give it once")
        fields[aws_name] = value
    return fields
