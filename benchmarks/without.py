"""Takes one trick of the request path away, in this process, so that what it is worth can be measured.

Reaches into private parts on purpose; the suite `tricks` and a test notice when they have moved.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sagemaker_async.aws import client
from sagemaker_async.aws.eventstream import decoder as eventstream
from sagemaker_async.aws.signing import sigv4
from sagemaker_async.aws.transport import pooled, protocol, straight
from sagemaker_async.predictor import fields, stream

__all__ = ["CALLS", "CHECKS", "STREAMS", "remove", "restore"]

_replaced: list[tuple[Any, str, Any]] = []


def _replace(owner: Any, name: str, value: Any) -> None:
    _replaced.append((owner, name, getattr(owner, name)))
    setattr(owner, name, value)


class _Forgetful(dict[Any, Any]):
    """A dict in which nothing is ever found."""

    def get(self, key: object, default: object = None) -> Any:  # noqa: ARG002
        return default


def _own_heads() -> None:
    _replace(fields, "_is_text", lambda _: False)


def _request_heads() -> None:
    made = client.ServiceClient.__init__

    def init(self: Any, *args: Any, **options: Any) -> None:
        made(self, *args, **options)
        self._heads = _Forgetful(self._heads)

    _replace(client.ServiceClient, "__init__", init)
    _own_heads()


def _straight_way() -> None:
    _replace(pooled, "session_is_plain", lambda: False)


def _read_buffers() -> None:
    _replace(pooled, "keep_read_buffers", lambda: None)


def _heads_on_the_wire() -> None:
    _replace(straight, "_head_form", straight._head_form.__wrapped__)


def _begun_signatures() -> None:
    sign = sigv4.Signer.sign

    def signed(signer: Any, *request: Any, payload_hash: str, head: object) -> Any:  # noqa: ARG001
        return sign(signer, *request, payload_hash=payload_hash)

    _replace(sigv4.Signer, "sign", signed)


def _checks_of_kept_connections() -> None:
    for name, answer in {"untouched": True, "readable": False, "_nothing_acknowledged": False}.items():
        _replace(protocol.ConnectionProtocol, name, lambda _, answer=answer: answer)


def _event_heads() -> None:
    _replace(eventstream, "_REMEMBERED_HEAD_LENGTH", 0)


def _records_together() -> None:
    _replace(stream, "_next_records_of", lambda records: None)  # noqa: ARG005


CALLS: dict[str, Callable[[], None]] = {
    "request heads remembered": _request_heads,
    "heads of a predictor's own fields kept": _own_heads,
    "requests sent straight on a connection": _straight_way,
    "read buffers kept by the C library": _read_buffers,
    "forms of heads on the wire made once": _heads_on_the_wire,
    "signatures begun once a second": _begun_signatures,
}
"""What speeds up a call."""
CHECKS: dict[str, Callable[[], None]] = {"checks of a kept connection": _checks_of_kept_connections}
"""What costs a call time, for the right answer to the right caller."""
STREAMS: dict[str, Callable[[], None]] = {
    "event heads remembered": _event_heads,
    "records taken from the iterator together": _records_together,
}
"""What speeds up an event."""


def remove(trick: str) -> None:
    """Take a trick away, until `restore`."""
    {**CALLS, **CHECKS, **STREAMS}[trick]()


def restore() -> None:
    """Put back what was taken away."""
    while _replaced:
        setattr(*_replaced.pop())
