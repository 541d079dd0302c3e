"""The rules of SageMaker Runtime's request fields, which its models and the quick check share.

They are those of AWS's service model ``sagemaker-runtime`` of 2017-05-13, as whole-value patterns: AWS's own are
unanchored and would let ``a/../b`` or a line break through. Header values are limited to printable ASCII, because that
is all an HTTP header field carries (RFC 9110 section 5.5). See
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations_Amazon_SageMaker_Runtime.html
"""

from __future__ import annotations

from sagemaker_async.aws.shapes.rules import Blob, FieldRules, Text

__all__ = [
    "ACCEPT",
    "COMPONENT_NAME",
    "CONTAINER_HOSTNAME",
    "CONTENT_TYPE",
    "CUSTOM_ATTRIBUTES",
    "ENABLE_EXPLANATIONS",
    "ENDPOINT_NAME",
    "FILENAME",
    "INFERENCE_ID",
    "INPUT_LOCATION",
    "INVOKE_ENDPOINT_RULES",
    "OUTPUT_PATH_EXTENSION",
    "PREFIX_AWARE_ID",
    "RESPONSE_STREAM_RULES",
    "SENSITIVE",
    "SESSION_ID",
    "SESSION_ID_OR_NEW",
    "TARGET_MODEL",
    "TARGET_VARIANT",
]

_NAME = r"[a-zA-Z0-9](-*[a-zA-Z0-9])*"
_NAME_WORDS = "takes letters, digits and inner hyphens"
_HEADER = r"[ -~]*"
_HEADER_WORDS = "takes printable ASCII, because it travels in an HTTP header"
_PRINTABLE = r"[!-~][ -~]*"
_PRINTABLE_WORDS = "takes printable ASCII that does not begin with a space, because it travels in an HTTP header"

ENDPOINT_NAME = Text("EndpointName", _NAME, _NAME_WORDS, max_length=63, required=True)
CONTENT_TYPE = Text("ContentType", _HEADER, _HEADER_WORDS, max_length=1024)
ACCEPT = Text("Accept", _HEADER, _HEADER_WORDS, max_length=1024)
CUSTOM_ATTRIBUTES = Text("CustomAttributes", _HEADER, _HEADER_WORDS, max_length=1024)
INFERENCE_ID = Text("InferenceId", _PRINTABLE, _PRINTABLE_WORDS, min_length=1, max_length=64)
TARGET_VARIANT = Text("TargetVariant", _NAME, _NAME_WORDS, max_length=63)
CONTAINER_HOSTNAME = Text("TargetContainerHostname", _NAME, _NAME_WORDS, max_length=63)
COMPONENT_NAME = Text("InferenceComponentName", r"[a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?", _NAME_WORDS, max_length=63)
PREFIX_AWARE_ID = Text("PrefixAwareId", _PRINTABLE, _PRINTABLE_WORDS, min_length=1, max_length=64)
SESSION_ID = Text(
    "SessionId",
    _NAME,
    "is an id that an earlier answer named; streams cannot open a session (NEW_SESSION)",
    max_length=256,
)
SESSION_ID_OR_NEW = Text(
    "SessionId",
    rf"NEW_SESSION|{_NAME}",
    "is an id that an earlier answer named, or NEW_SESSION where a session is to be opened",
    max_length=256,
)
TARGET_MODEL = Text("TargetModel", _PRINTABLE, _PRINTABLE_WORDS, min_length=1, max_length=1024)
ENABLE_EXPLANATIONS = Text("EnableExplanations", _HEADER, _HEADER_WORDS, min_length=1, max_length=64)
INPUT_LOCATION = Text(
    "InputLocation",
    r"(https|s3)://[!-.0-~]+(/[ -~]*)?",
    "is the location of the input, s3://bucket/key or https://..., percent-encoded where it is not ASCII",
    min_length=1,
    max_length=1024,
)
OUTPUT_PATH_EXTENSION = Text(
    "S3OutputPathExtension",
    r"[a-zA-Z0-9!_.*'()/-]+",
    "takes letters, digits and !_.*'()/-, and no scheme such as s3:",
    min_length=1,
    max_length=512,
)
FILENAME = Text(
    "Filename",
    r"[a-zA-Z0-9][a-zA-Z0-9_-]*(\.[a-zA-Z0-9_-]*)?",
    "takes letters, digits, hyphens, underscores and at most one dot, and begins with a letter or digit",
    min_length=1,
    max_length=32,
)

SENSITIVE = frozenset({"Body", "CustomAttributes"})
"""AWS's names of the fields that AWS marks as sensitive."""

_ROUTED: dict[str, Text | Blob] = {
    "endpoint_name": ENDPOINT_NAME,
    "content_type": CONTENT_TYPE,
    "accept": ACCEPT,
    "custom_attributes": CUSTOM_ATTRIBUTES,
    "inference_id": INFERENCE_ID,
    "body": Blob("Body", required=True),
    "target_variant": TARGET_VARIANT,
    "target_container_hostname": CONTAINER_HOSTNAME,
    "inference_component_name": COMPONENT_NAME,
    "prefix_aware_id": PREFIX_AWARE_ID,
}

RESPONSE_STREAM_RULES = FieldRules({**_ROUTED, "session_id": SESSION_ID})
"""What `InvokeEndpointWithResponseStream` takes."""

INVOKE_ENDPOINT_RULES = FieldRules(
    {
        **_ROUTED,
        "session_id": SESSION_ID_OR_NEW,
        "target_model": TARGET_MODEL,
        "enable_explanations": ENABLE_EXPLANATIONS,
    }
)
"""What `InvokeEndpoint` takes."""
