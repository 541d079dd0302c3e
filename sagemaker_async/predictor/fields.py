"""The fields of an invocation: what a predictor has and what a call adds, in the SDK's order of precedence."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sagemaker_async.aws.client import CallOptions, PreparedCall, ServiceClient
from sagemaker_async.aws.http import RequestHead
from sagemaker_async.aws.shapes.operation import Operation
from sagemaker_async.codecs.bases import Deserializer, RequestBody, Serializer
from sagemaker_async.errors import ConfigurationError

__all__ = ["CallFields", "PreparesCalls", "invocation_fields"]


class CallFields:
    """The fields of a call, all but its body; calls may share them, and with them the head that was made of them."""

    __slots__ = ("checked", "values")

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values: Mapping[str, Any] = values
        """Under AWS's names, as they were given."""
        self.checked: tuple[ServiceClient, RequestHead] | None = None
        """The client that checked them last, and its head."""


class PreparesCalls:
    """Mixed into `Predictor`: makes calls of its fields and those of the caller.

    Most calls give data and nothing else. Their fields are the predictor's own, so they share one head, which is kept
    until the predictor is changed. Fields are read before the data is serialised, which may take a while in a thread.
    """

    endpoint_name: str
    component_name: str | None
    serializer: Serializer
    deserializer: Deserializer[Any]
    _operation: Operation
    _routing_target: str | None
    _content_type: str | None
    _accept: str | tuple[str, ...] | None
    _own_fields: Mapping[Operation, tuple[tuple[object, ...], CallFields]] = MappingProxyType({})
    """For calls without fields of their own: what of the predictor their fields were made of, and the fields."""

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

    def _fields(
        self, operation: Operation, initial_args: Mapping[str, Any] | None, given: Mapping[str, Any]
    ) -> CallFields:
        """Return the fields of a call in the SDK's order of precedence.

        Args:
            operation: what is called.
            initial_args: as for `Predictor.predict`.
            given: the arguments of the caller, under AWS's names.

        Raises:
            ConfigurationError: as `invocation_fields`.
        """
        # Each is read once: a property of a subclass may say something else the next time.
        own = (self.endpoint_name, self.content_type, self.accept, self.component_name, self.session_id)
        plain = initial_args is None and [*given.values()].count(None) == len(given)
        if plain:
            known = self._own_fields.get(operation)
            if known is not None and known[0] == own:
                return known[1]
        endpoint_name, content_type, accept, component_name, session_id = own
        target = {"EndpointName": endpoint_name}
        if self._routing_target is not None:
            target = {"InferenceRouterName": endpoint_name, "RoutingTargetName": self._routing_target}
        names = self._operation.names
        fields = CallFields(
            invocation_fields(initial_args, names, target, content_type, accept, given, component_name, session_id)
        )
        if plain and all(map(_is_text, own)):
            self._own_fields = {**self._own_fields, operation: (own, fields)}  # not in place: copies share it
        return fields

    def _prepared(
        self, client: ServiceClient, operation: Operation, fields: CallFields, body: RequestBody, options: CallOptions
    ) -> PreparedCall:
        """Return a call, checked; `fields` are what `_fields` returned for the operation."""
        checked = fields.checked
        if checked is not None and checked[0] is client:
            return client.prepare_again(operation, checked[1], body, options)
        call = client.prepare(operation, {**fields.values, "Body": body}, options)
        fields.checked = client, call.head
        return call


def _is_text(value: object) -> bool:
    """Return whether all that equals the value makes the same field: 1 equals True, a changed list equals itself."""
    if isinstance(value, tuple):
        return all(map(_is_text, value))
    return value is None or type(value) is str


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
