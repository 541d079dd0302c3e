"""AWS's Security Token Service, with one operation: GetCallerIdentity.

The protocol is AWS's Query: form fields in, XML out; errors have STS's own codes, which differ from those of the JSON
services. See https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
"""

from __future__ import annotations

from typing import ClassVar, Final
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from aiohttp import web

from sagemaker_async.aws.endpoints.partitions import partition_of
from sagemaker_async.local.answers import NOT_ADMITTED, Refusal, xml_answer
from sagemaker_async.local.faults import NO_FAULTS, Plan
from sagemaker_async.local.signatures import Verify, verify
from sagemaker_async.local.state import Exchange, LocalState

__all__ = ["IdentityService"]

_BODY_LIMIT: Final = 65_536
_NAMESPACE: Final = "https://sts.amazonaws.com/doc/2011-06-15/"
_USER_ID: Final = "AIDALOCALSAGEMAKER000"
_ROLE_ID: Final = "AROALOCALSAGEMAKER000"
_CODES = {
    NOT_ADMITTED: "AccessDenied",
    "ExpiredTokenException": "ExpiredToken",
    "IncompleteSignatureException": "IncompleteSignature",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "MissingAuthenticationTokenException": "MissingAuthenticationToken",
    "UnrecognizedClientException": "InvalidClientTokenId",
}


class IdentityService:
    """The part of STS that the embedded SageMaker implements."""

    signing_name: Final = "sts"
    verify: ClassVar[Verify] = staticmethod(verify)

    def __init__(self, state: LocalState) -> None:
        self._state = state

    def match(self, request: web.BaseRequest, target: str) -> IdentityCall | None:
        """Return the call for a request, None when it is for another API."""
        path, _, query = target.partition("?")
        if path != "/" or "X-Amz-Target" in request.headers:
            return None
        is_form = request.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded")
        if not (request.method == "POST" and is_form) and "Action=" not in query:
            return None
        return IdentityCall(self._state, query)


class IdentityCall:
    """One request."""

    __slots__ = ("_query", "_state", "body_limit", "plan")

    def __init__(self, state: LocalState, query: str) -> None:
        self._state = state
        self._query = query
        self.body_limit: int = _BODY_LIMIT
        self.plan: Plan = NO_FAULTS

    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        """Answer GetCallerIdentity with a user, or with a role's session if the credentials have a session token."""
        form = exchange.body.decode("ascii", "replace") if exchange.request.method == "POST" else ""
        fields = parse_qs(f"{self._query}&{form}")
        action = fields.get("Action", [""])[0]
        if action != "GetCallerIdentity":
            raise Refusal(400, "InvalidAction", f"Could not find operation {action} for version 2011-06-15")
        state = self._state
        partition = partition_of(state.region).id
        if "X-Amz-Security-Token" in exchange.request.headers:
            arn = f"arn:{partition}:sts::{state.account_id}:assumed-role/local-sagemaker/session"
            user = f"{_ROLE_ID}:session"
        else:
            arn, user = f"arn:{partition}:iam::{state.account_id}:user/local-sagemaker", _USER_ID
        return xml_answer(
            f'<GetCallerIdentityResponse xmlns="{_NAMESPACE}"><GetCallerIdentityResult>'
            f"<Arn>{escape(arn)}</Arn><UserId>{user}</UserId><Account>{escape(state.account_id)}</Account>"
            "</GetCallerIdentityResult><ResponseMetadata>"
            f"<RequestId>{exchange.headers['x-amzn-RequestId']}</RequestId>"
            "</ResponseMetadata></GetCallerIdentityResponse>",
            exchange.headers,
        )

    def refused(self, refusal: Refusal, headers: dict[str, str]) -> web.StreamResponse:
        """Return a refusal in the form of STS."""
        side = "Sender" if refusal.status < 500 else "Receiver"
        return xml_answer(
            f'<ErrorResponse xmlns="{_NAMESPACE}"><Error><Type>{side}</Type>'
            f"<Code>{_CODES.get(refusal.code, refusal.code)}</Code><Message>{escape(refusal.message)}</Message></Error>"
            f"<RequestId>{headers['x-amzn-RequestId']}</RequestId></ErrorResponse>",
            headers,
            status=refusal.status,
        )
