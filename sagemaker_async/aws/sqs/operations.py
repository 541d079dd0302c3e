"""SQS as a table: three operations. Each may be repeated; a message whose receipt was lost comes back by itself.

Source: AWS's service model ``sqs`` of 2012-11-05 (JSON 1.0).
"""

from __future__ import annotations

from sagemaker_async.aws.retries import RetryRules
from sagemaker_async.aws.shapes.deferred import DeferredShapes
from sagemaker_async.aws.shapes.operation import Operation, Service
from sagemaker_async.config.endpoints import EndpointRules
from sagemaker_async.errors import ResourceNotFound, ThrottlingError, ValidationError

__all__ = ["CHANGE_MESSAGE_VISIBILITY", "DELETE_MESSAGE", "OPERATIONS", "RECEIVE_MESSAGE", "SQS", "SQS_ENDPOINTS"]

SQS_ENDPOINTS = EndpointRules(
    service="sqs",
    signing_name="sqs",
    prefix="sqs",
    fips_prefix="sqs-fips",
    fips_prefixes={"aws-us-gov": "sqs"},
)

SQS = Service(
    name="sqs",
    endpoint_rules=SQS_ENDPOINTS,
    retry_rules=RetryRules(throttling=frozenset({"KmsThrottled"})),
    protocol="json-rpc",
    json_version="1.0",
    target_prefix="AmazonSQS",
    errors={
        "KmsThrottled": ThrottlingError,
        "OverLimit": ThrottlingError,
        "QueueDoesNotExist": ResourceNotFound,
        "ReceiptHandleIsInvalid": ValidationError,
    },
)

_SHAPES = f"{__package__}.shapes"
RECEIVE_MESSAGE, DELETE_MESSAGE, CHANGE_MESSAGE_VISIBILITY = OPERATIONS = tuple(
    Operation(name=name, service=SQS, shapes=DeferredShapes(_SHAPES, name), resource="queue_url", repeatable=True)
    for name in ("ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility")
)
