"""AWS's default chain and single profiles.

The order is botocore's: environment; then from the profile a role, a web identity (also by environment variables), SSO,
the credentials file, a login session, a process, the config file; then old boto files, the container agent, the EC2
instance metadata service. It differs in two points: a profile that needs an MFA code is refused, because nobody can
type one, and ``AWS_PROFILE`` wins over ``AWS_DEFAULT_PROFILE``. A profile that the program passes (unlike one that only
the environment names) makes the chain skip the credentials in the environment.

Each `get` walks the chain anew, so that changed files and variables take effect at the next refresh.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sagemaker_async import _lazy
from sagemaker_async.config import Credentials, check_region
from sagemaker_async.errors import (
    ConfigurationError,
    CredentialsConfigurationError,
    CredentialsError,
    NoCredentialsError,
)

from .blocking import (
    ThreadedSource,
    bounded,
    class_names,
    credentials_from_botocore,
    explained,
    explained_sso,
    new_session,
    run_in_thread,
    selected_profile,
    translated,
)
from .cache import KeepsUnexpiring
from .machine import EnvironmentCredentials, explained_process

if TYPE_CHECKING:
    from botocore.credentials import CredentialProvider
    from botocore.session import Session

__all__ = ["DefaultChain", "ProfileCredentials"]

Profiles = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultChain(KeepsUnexpiring):
    """The places where every AWS SDK looks, in their order; see the module's docstring.

    https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
    """

    profile: str | None = None
    """Use this profile and skip the credentials in the environment. None: ``AWS_PROFILE`` and so on."""
    region: str | None = None
    """Where STS is called. None: ``AWS_REGION``, ``AWS_DEFAULT_REGION``, the profile."""

    def __post_init__(self) -> None:
        if self.region is not None:
            check_region(self.region, "DefaultChain.region")

    async def get(self) -> Credentials:
        """Return the first credentials found.

        Raises:
            NoCredentialsError: none were found; the message lists the places.
            CredentialsConfigurationError: the profile, a file or a variable is wrong.
            CredentialsError: a provider that is set up failed.
        """
        if self.profile is None and (found := EnvironmentCredentials().find()) is not None:
            return found
        return await run_in_thread(lambda: _resolved(self.profile, self.region, profile_only=False))


@dataclass(frozen=True, slots=True)
class ProfileCredentials(ThreadedSource):
    """One profile of the shared AWS files: keys, a role, a web identity, SSO, a login session or a process.

    https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
    """

    name: str
    """As in ``[profile name]`` of the config file or ``[name]`` of the credentials file."""
    region: str | None = field(default=None, kw_only=True)
    """Where STS is called. None: ``AWS_REGION``, ``AWS_DEFAULT_REGION``, the profile."""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise ConfigurationError("ProfileCredentials.name must be a non-empty str")
        if self.region is not None:
            check_region(self.region, "ProfileCredentials.region")

    def _load(self) -> Credentials:
        return _resolved(self.name, self.region, profile_only=True)


_PROFILE_METHODS = {
    "assume-role",
    "assume-role-with-web-identity",
    "sso",
    "shared-credentials-file",
    "login",
    "custom-process",
    "config-file",
}


def _resolved(profile: str | None, region: str | None, *, profile_only: bool) -> Credentials:
    """Walk botocore's chain; blocking."""
    session = new_session(profile, region)
    files = _Files.of(session)
    where = "the AWS credential chain"
    profiles: Profiles = translated(
        lambda: session.full_config.get("profiles", {}), lambda error: explained(error, where, _CORRECT_FILES)
    )
    chosen = profile or selected_profile()
    if chosen is not None and chosen not in profiles:
        raise _unknown_profile(chosen, "Config.profile" if profile else "AWS_PROFILE", profiles, files)
    name = chosen or "default"
    _refuse_mfa(name, profiles)
    resolver = translated(
        lambda: _lazy.library("botocore.credentials").create_credential_resolver(session),
        lambda error: explained(error, where, _CORRECT_FILES),
    )
    metadata_service = "gave no credentials"
    for provider in resolver.providers:
        method = str(provider.METHOD)
        if profile_only and method not in _PROFILE_METHODS:
            continue
        place = _place(method, name, files)
        try:
            found = translated(
                partial(_loaded, provider, place),
                partial(_provider_error, method=method, where=place, name=name, profiles=profiles),
            )
        except CredentialsError as error:
            # It is the last in the chain and asked on every machine: when it fails, it counts as having no credentials.
            if method != "iam-role":
                raise
            metadata_service = str(error)
        else:
            if found is not None:
                return found
    if profile_only:
        raise NoCredentialsError(
            f"profile {name!r} holds no credentials (looked in {files.config} and {files.credentials}): give it "
            "aws_access_key_id and aws_secret_access_key, role_arn, sso_session, or credential_process"
        )
    raise _nothing_found(profile, name, profiles, files, metadata_service)


def _loaded(provider: CredentialProvider, where: str) -> Credentials | None:
    loaded = provider.load()
    return None if loaded is None else credentials_from_botocore(loaded, where)


class _Files(NamedTuple):
    config: str
    credentials: str

    @classmethod
    def of(cls, session: Session) -> _Files:
        paths = [str(session.get_config_variable(name)) for name in ("config_file", "credentials_file")]
        return cls(*[os.path.expanduser(os.path.expandvars(path)) for path in paths])  # noqa: PTH111 - as botocore


# --- profiles --------------------------------------------------------------------------------------------------------


def _role_chain(name: str, profiles: Profiles) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    """Yield the profile and those its source credentials come from, each with whether it assumes a role.

    A source profile that has keys of its own uses those, whatever role it names (as in botocore).
    """
    visited: set[str] = set()
    while name in profiles and name not in visited:
        profile = profiles[name]
        has_keys = "aws_access_key_id" in profile or "aws_secret_access_key" in profile
        assumes = "role_arn" in profile and "web_identity_token_file" not in profile and not (visited and has_keys)
        yield name, profile, assumes
        if not assumes:
            return
        visited.add(name)
        name = profile.get("source_profile", "")


def _refuse_mfa(name: str, profiles: Profiles) -> None:
    for each, profile, assumes in _role_chain(name, profiles):
        if assumes and "mfa_serial" in profile:
            raise CredentialsConfigurationError(
                f"profile {each!r} needs an MFA code (mfa_serial), and a program cannot ask for one: set the "
                f"environment variables that 'aws configure export-credentials --profile {each} --format env' prints, "
                "or use a profile without mfa_serial, such as one with SSO or credential_process"
            )


def _unknown_profile(name: str, chosen_by: str, profiles: Profiles, files: _Files) -> CredentialsConfigurationError:
    close = get_close_matches(name, profiles, n=1)
    known = ", ".join(sorted(profiles)[:20]) or "none"
    hint = f"did you mean {close[0]!r}? " if close else ""
    return CredentialsConfigurationError(
        f"there is no profile {name!r} (named by {chosen_by}) in {files.config} or {files.credentials}; {hint}"
        f"known profiles: {known}. Correct the name or add the profile"
    )


# --- errors ----------------------------------------------------------------------------------------------------------

_CORRECT_FILES = "correct the AWS config file or the variable"


def _place(method: str, name: str, files: _Files) -> str:
    """Return in words where a provider of botocore's chain looks."""
    if method == "shared-credentials-file":
        return f"profile {name!r} in {files.credentials}"
    if method in _PROFILE_METHODS:
        return f"profile {name!r} in {files.config}"
    return {
        "container-role": "the container credential service",
        "iam-role": "the EC2 instance metadata service",
        "ec2-credentials-file": "the file that AWS_CREDENTIAL_FILE names",
        "boto-config": "the old boto configuration (BOTO_CONFIG, /etc/boto.cfg, ~/.boto)",
    }.get(method, method)


def _provider_error(error: Exception, *, method: str, where: str, name: str, profiles: Profiles) -> CredentialsError:
    """Return the error for a failed provider; the cause may lie in the source profile of a role."""
    names = class_names(error)
    source, settings, _ = list(_role_chain(name, profiles))[-1] if name in profiles else (name, {}, False)
    if source != name:
        where = f"{where}, source profile {source!r}"
    is_process = method == "custom-process" or (method == "assume-role" and "credential_process" in settings)
    if is_process and ("CredentialRetrievalError" in names or not names & {"BotoCoreError", "ClientError"}):
        return explained_process(error, f"the credential_process of {where}")
    if method == "sso" or (
        method == "assume-role"
        and "sso_account_id" in settings
        and getattr(error, "operation_name", "") != "AssumeRole"
    ):
        check = "check the profile's sso_session, sso_account_id and sso_role_name"
        return explained_sso(error, where, f"aws sso login --profile {source}", check)
    remedy = {
        "assume-role": "check the profile's role_arn and source_profile or credential_source, the role's trust policy, "
        "and the caller's sts:AssumeRole permission",
        "assume-role-with-web-identity": "check AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN or the profile's "
        "web_identity_token_file and role_arn, and the role's trust policy",
        "container-role": "check AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI and, if the service needs a "
        "token, AWS_CONTAINER_AUTHORIZATION_TOKEN or _TOKEN_FILE",
        "iam-role": "attach a role to the instance",
    }.get(method, _CORRECT_FILES)
    return explained(error, where, remedy)


def _nothing_found(
    profile: str | None, name: str, profiles: Profiles, files: _Files, metadata_service: str
) -> NoCredentialsError:
    environ = os.environ
    if profile is not None:
        variables = "skipped, because a profile was passed"
    elif environ.get("AWS_SECRET_ACCESS_KEY"):
        variables = "AWS_SECRET_ACCESS_KEY is set, AWS_ACCESS_KEY_ID is not"
    elif "AWS_ACCESS_KEY_ID" in environ:
        variables = "AWS_ACCESS_KEY_ID is set but empty"
    else:
        variables = "AWS_ACCESS_KEY_ID and AWS_WEB_IDENTITY_TOKEN_FILE are not set"
    if environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        metadata_service = "switched off by AWS_EC2_METADATA_DISABLED"
    held = f"its profile {name!r} holds no credentials" if name in profiles else f"it has no profile {name!r}"
    return NoCredentialsError(
        "no AWS credentials found. Looked in: "
        f"environment ({variables}); "
        f"{files.credentials} ({_state_of(files.credentials, held)}); "
        f"{files.config} ({_state_of(files.config, held)}); "
        "container (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI are not set); "
        f"EC2 instance metadata ({bounded(metadata_service)}). "
        "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run 'aws configure' or 'aws sso login', or pass "
        "credentials=Credentials(...) or profile=..."
    )


def _state_of(path: str, otherwise: str) -> str:
    if not Path(path).is_file():
        return "there is no such file"
    return otherwise if os.access(path, os.R_OK) else "it cannot be read: check its permissions"
