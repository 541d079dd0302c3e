"""Credentials in exchange for something else: other credentials, a token, a login.

botocore makes the calls (to STS, IAM Identity Center, Cognito), in a thread and with short time limits. `region` and
`endpoint_url` say where they go; without them, botocore's own rules do (environment, profile, partition). Constructing
a source reads nothing; token files and caches are read at every `get`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sagemaker_async import _lazy
from sagemaker_async.config import Credentials, CredentialSource, check_endpoint_url, check_region
from sagemaker_async.errors import (
    ConfigurationError,
    CredentialsConfigurationError,
    CredentialsError,
    NoCredentialsError,
)

from .blocking import (
    ThreadedSource,
    bounded,
    credentials_from_botocore,
    credentials_from_metadata,
    explained,
    explained_sso,
    new_credentials,
    new_session,
    run_in_thread,
    translated,
)
from .chain import DefaultChain

__all__ = ["SSO", "AssumeRole", "CognitoIdentityProvider", "WebIdentity"]

_ROLE_ARN = r"arn:[\w-]+:iam::\d{12}:role/[\x21-\x7e]+"
_SESSION_NAME = r"[A-Za-z0-9_+=,.@-]{2,64}"
_EXTERNAL_ID = r"[A-Za-z0-9_+=,.@:/\\-]{2,1224}"
_IDENTITY_POOL_ID = r"([a-z]{2}(?:-[a-z]+)+-\d+):[0-9a-f-]+"


def _check_role(owner: str, role_arn: str | None, session_name: str | None, duration: int) -> None:
    if role_arn is not None and not (isinstance(role_arn, str) and re.fullmatch(_ROLE_ARN, role_arn)):
        raise ConfigurationError(
            f"{owner}.role_arn must look like arn:aws:iam::123456789012:role/name, got {bounded(repr(role_arn), 100)}"
        )
    if session_name is not None and not (isinstance(session_name, str) and re.fullmatch(_SESSION_NAME, session_name)):
        raise ConfigurationError(f"{owner}.session_name must have 2 to 64 characters of A-Z a-z 0-9 _+=,.@-")
    if isinstance(duration, bool) or not isinstance(duration, int) or not 900 <= duration <= 43_200:
        raise ConfigurationError(f"{owner}.duration must be 900 to 43200 whole seconds, got {duration!r}")


def _check_place(owner: str, region: str | None, endpoint_url: str | None) -> None:
    if region is not None:
        check_region(region, f"{owner}.region")
    if endpoint_url is not None:
        check_endpoint_url(endpoint_url, f"{owner}.endpoint_url")


def _client_creator(region: str | None, endpoint_url: str | None) -> Callable[..., Any]:
    session = new_session(region=region)

    def create_client(service: str, **options: Any) -> Any:
        return session.create_client(service, endpoint_url=endpoint_url, **options)

    return create_client


@dataclass(frozen=True, slots=True)
class AssumeRole:
    """Temporary credentials of a role, from STS AssumeRole called with the credentials of another source.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    """

    role_arn: str
    """``arn:aws:iam::123456789012:role/name``."""
    source: Credentials | CredentialSource | None = None
    """Where the credentials that assume the role come from. None: `DefaultChain`."""
    session_name: str | None = None
    """Appears in CloudTrail and in the role's ARN. None: botocore generates one."""
    external_id: str | None = field(default=None, repr=False)
    """The external id that the role's trust policy requires, for roles in other accounts."""
    duration: int = 3600
    """Seconds that the credentials live: 900 up to the role's own limit, or 3600 when a role assumes a role."""
    region: str | None = field(default=None, kw_only=True)
    """The region whose STS is called."""
    endpoint_url: str | None = field(default=None, kw_only=True)
    """The URL of STS, such as that of a VPC endpoint."""

    def __post_init__(self) -> None:
        _check_role("AssumeRole", self.role_arn, self.session_name, self.duration)
        _check_place("AssumeRole", self.region, self.endpoint_url)
        if self.source is not None and not isinstance(self.source, Credentials | CredentialSource):
            raise ConfigurationError(
                "AssumeRole.source must be Credentials(...) or an object with 'async def get()', "
                f"got {type(self.source).__name__}"
            )
        if self.external_id is not None and not re.fullmatch(_EXTERNAL_ID, self.external_id):
            raise ConfigurationError("AssumeRole.external_id must have 2 to 1224 characters of A-Z a-z 0-9 _+=,.@:/\\-")

    async def get(self) -> Credentials:
        """Return credentials of the role, fetched anew; raises `CredentialsError`, also that of the source."""
        if isinstance(self.source, Credentials):
            caller = self.source
        elif self.source is not None:
            caller = await self.source.get()
        else:
            caller = await DefaultChain(region=self.region).get()
        return await run_in_thread(lambda: self._load(caller))

    def _load(self, caller: Credentials) -> Credentials:
        where = f"assuming {self.role_arn}"
        remedy = "the role's trust policy must name the caller, and the caller needs sts:AssumeRole on the role"
        return translated(
            lambda: credentials_from_metadata(self._fetch(caller), where),
            lambda error: explained(error, where, remedy),
        )

    def _fetch(self, caller: Credentials) -> dict[str, Any]:
        arguments: dict[str, Any] = {"DurationSeconds": self.duration}
        if self.session_name:
            arguments["RoleSessionName"] = self.session_name
        if self.external_id:
            arguments["ExternalId"] = self.external_id
        credentials = _lazy.library("botocore.credentials")
        fetcher = credentials.AssumeRoleCredentialFetcher(
            _client_creator(self.region, self.endpoint_url),
            credentials.Credentials(caller.access_key_id, caller.secret_access_key, caller.session_token),
            self.role_arn,
            extra_args=arguments,
        )
        return dict(fetcher.fetch_credentials())


@dataclass(frozen=True, slots=True)
class WebIdentity(ThreadedSource):
    """Temporary credentials of a role in exchange for a token file, as on EKS with IAM roles for service accounts.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
    """

    role_arn: str | None = None
    """None: ``AWS_ROLE_ARN``."""
    token_file: str | None = None
    """A file with the OpenID Connect token, read again at each refresh. None: ``AWS_WEB_IDENTITY_TOKEN_FILE``."""
    session_name: str | None = None
    """None: ``AWS_ROLE_SESSION_NAME``; if that is unset, botocore generates one."""
    duration: int = 3600
    """Seconds that the credentials live: 900 up to the role's own limit."""
    region: str | None = field(default=None, kw_only=True)
    """The region whose STS is called."""
    endpoint_url: str | None = field(default=None, kw_only=True)
    """The URL of STS, such as that of a VPC endpoint."""

    def __post_init__(self) -> None:
        _check_role("WebIdentity", self.role_arn, self.session_name, self.duration)
        _check_place("WebIdentity", self.region, self.endpoint_url)

    def _load(self) -> Credentials:
        token_file = self.token_file or os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE")
        role_arn = self.role_arn or os.environ.get("AWS_ROLE_ARN")
        if not token_file:
            raise NoCredentialsError(
                "WebIdentity has no token file: pass token_file or set AWS_WEB_IDENTITY_TOKEN_FILE"
            )
        if not role_arn:
            raise CredentialsConfigurationError("WebIdentity has no role: pass role_arn or set AWS_ROLE_ARN")
        where = f"assuming {role_arn} with the token file {token_file}"
        remedy = "the role's trust policy must name the token's issuer, audience and subject"
        return translated(
            lambda: credentials_from_metadata(self._fetch(role_arn, token_file), where),
            lambda error: explained(error, where, remedy),
        )

    def _fetch(self, role_arn: str, token_file: str) -> dict[str, Any]:
        token = _token_in(token_file)
        arguments: dict[str, Any] = {"DurationSeconds": self.duration}
        if session_name := self.session_name or os.environ.get("AWS_ROLE_SESSION_NAME"):
            arguments["RoleSessionName"] = session_name
        fetcher = _lazy.library("botocore.credentials").AssumeRoleWithWebIdentityCredentialFetcher(
            _client_creator(self.region, self.endpoint_url), lambda: token, role_arn, extra_args=arguments
        )
        return dict(fetcher.fetch_credentials())


def _token_in(path: str) -> str:
    try:
        token = Path(path).read_text(encoding="ascii").strip()
    except OSError as error:
        reason = error.strerror or type(error).__name__
    except UnicodeDecodeError:
        reason = "it does not hold a token"
    else:
        if token:
            return token
        reason = "it is empty"
    raise CredentialsConfigurationError(
        f"the web identity token file {path} cannot be used: {reason}; check WebIdentity.token_file or "
        "AWS_WEB_IDENTITY_TOKEN_FILE and the permissions of the file"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SSO(ThreadedSource):
    """A permission set of IAM Identity Center, in exchange for the token that ``aws sso login`` left in its cache.

    With `session_name`, a token that is about to expire is renewed; without one, a new sign-in is needed.

    https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html
    """

    start_url: str
    """``https://....awsapps.com/start``; ``sso_start_url`` in a profile."""
    region: str
    """Where Identity Center is; ``sso_region`` in a profile."""
    account_id: str
    """Twelve digits; ``sso_account_id`` in a profile."""
    role_name: str
    """The permission set; ``sso_role_name`` in a profile."""
    session_name: str | None = None
    """The ``[sso-session name]`` that was used to sign in, if any; the cached token is stored under it."""

    def __post_init__(self) -> None:
        for name in ("start_url", "region", "account_id", "role_name"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise ConfigurationError(f"SSO.{name} must be a non-empty str")
        check_region(self.region, "SSO.region")
        if not re.fullmatch(r"[0-9]{12}", self.account_id):
            raise ConfigurationError(f"SSO.account_id must be a str of twelve digits, got {self.account_id!r}")

    def _load(self) -> Credentials:
        where = f"SSO role {self.role_name!r} in account {self.account_id}"
        sign_in = f"aws sso login --sso-session {self.session_name}" if self.session_name else "aws sso login"
        return translated(
            lambda: self._fetch(where),
            lambda error: explained_sso(
                error, where, sign_in, "check that the account and permission set are assigned to the signed-in user"
            ),
        )

    def _fetch(self, where: str) -> Credentials:
        place = {"sso_start_url": self.start_url, "sso_region": self.region}
        profile = {"sso_account_id": self.account_id, "sso_role_name": self.role_name, **place}
        if self.session_name:
            profile["sso_session"] = self.session_name
        settings = {"profiles": {"sso": profile}, "sso_sessions": {self.session_name: place}}
        create_client = _client_creator(self.region, None)
        # The token provider uses nothing of a botocore session but its settings and a client.
        session = SimpleNamespace(full_config=settings, create_client=create_client)
        provider = _lazy.library("botocore.credentials").SSOProvider(
            load_config=lambda: settings,
            client_creator=create_client,
            profile_name="sso",
            token_provider=_lazy.library("botocore.tokens").SSOTokenProvider(session, profile_name="sso"),
        )
        return credentials_from_botocore(provider.load(), where)


Logins = Mapping[str, str] | Callable[[], Awaitable[Mapping[str, str]]]
"""Login providers and their tokens, or a function that fetches current ones."""


class CognitoIdentityProvider:
    """Credentials of a Cognito identity pool: GetId once, then GetCredentialsForIdentity, both unsigned.

    The identity id is kept, so that a guest stays the same guest from refresh to refresh.

    Args:
        identity_pool_id: ``us-east-1:01234567-...``; the region in it is the one that is called.
        logins: tokens by provider (``{"accounts.google.com": "eyJ..."}``), or an async function that returns them, for
            tokens that expire; None for a guest.
        endpoint_url: where Cognito is; None: AWS.

    https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/API_GetCredentialsForIdentity.html
    """

    def __init__(self, identity_pool_id: str, *, logins: Logins | None = None, endpoint_url: str | None = None) -> None:
        match = re.fullmatch(_IDENTITY_POOL_ID, identity_pool_id) if isinstance(identity_pool_id, str) else None
        if match is None:
            raise ConfigurationError(
                "CognitoIdentityProvider.identity_pool_id must look like "
                f"us-east-1:01234567-89ab-cdef-0123-456789abcdef, got {bounded(repr(identity_pool_id), 100)}"
            )
        _check_place("CognitoIdentityProvider", None, endpoint_url)
        self.identity_pool_id = identity_pool_id
        self._region = match[1]
        self._logins = logins
        self._endpoint_url = endpoint_url
        self._identity_id: str | None = None

    def __repr__(self) -> str:
        return f"CognitoIdentityProvider({self.identity_pool_id!r})"

    async def get(self) -> Credentials:
        """Return credentials, fetched anew; raises `CredentialsError`."""
        logins = await self._logins() if callable(self._logins) else self._logins
        return await run_in_thread(lambda: self._load(dict(logins or {})))

    def _load(self, logins: dict[str, str]) -> Credentials:
        where = f"the Cognito identity pool {self.identity_pool_id}"
        remedy = (
            "check that the login tokens have not expired and the pool knows their providers"
            if logins
            else "pass logins, or allow guests in the identity pool"
        )
        return translated(lambda: self._fetch(logins, where), lambda error: explained(error, where, remedy))

    def _fetch(self, logins: dict[str, str], where: str) -> Credentials:
        config = _lazy.library("botocore.config").Config(signature_version=_lazy.library("botocore").UNSIGNED)
        create_client = _client_creator(self._region, self._endpoint_url)
        client = create_client("cognito-identity", config=config)
        if self._identity_id is None:
            self._identity_id = client.get_id(IdentityPoolId=self.identity_pool_id, Logins=logins)["IdentityId"]
        answer = client.get_credentials_for_identity(IdentityId=self._identity_id, Logins=logins)
        given = answer.get("Credentials")
        if not given:
            raise CredentialsError(f"{where} returned no credentials; check the roles of the identity pool")
        return new_credentials(
            where, given["AccessKeyId"], given["SecretKey"], given.get("SessionToken"), given.get("Expiration")
        )
