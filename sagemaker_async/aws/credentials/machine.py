"""Credentials that the machine provides: environment, a program, the container agent, the instance metadata service.

Each fetches anew at every `get`: variables, rotated token files and configuration are read again. Constructing one
reads nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from sagemaker_async import _lazy
from sagemaker_async.aws.frames import forget_frames
from sagemaker_async.config import Credentials, check_endpoint_url
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
    credentials_from_metadata,
    explained,
    new_credentials,
    new_session,
    translated,
)
from .cache import KeepsUnexpiring

__all__ = [
    "ContainerCredentials",
    "EnvironmentCredentials",
    "InstanceMetadata",
    "Process",
    "explained_process",
]


@dataclass(frozen=True, slots=True)
class EnvironmentCredentials(KeepsUnexpiring):
    """``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, and if set ``AWS_SESSION_TOKEN``, ``AWS_CREDENTIAL_EXPIRATION``
    (ISO 8601) and ``AWS_ACCOUNT_ID``; needs no botocore.

    https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html
    """

    async def get(self) -> Credentials:
        """Return the credentials that the environment holds now.

        Raises:
            NoCredentialsError: ``AWS_ACCESS_KEY_ID`` is not set.
            CredentialsConfigurationError: ``AWS_SECRET_ACCESS_KEY`` is not set, or a variable's value is malformed.
        """
        try:
            found = self.find()
        except CredentialsError as error:
            forget_frames(error)
            raise
        if found is None:
            raise NoCredentialsError("AWS_ACCESS_KEY_ID is not set: set it and AWS_SECRET_ACCESS_KEY")
        return found

    def find(self) -> Credentials | None:
        """Return what `get` returns, or None when ``AWS_ACCESS_KEY_ID`` is not set; raises as `get`."""
        environ = os.environ
        if not (access_key_id := environ.get("AWS_ACCESS_KEY_ID")):
            return None
        if not (secret_access_key := environ.get("AWS_SECRET_ACCESS_KEY")):
            raise CredentialsConfigurationError(
                "AWS_ACCESS_KEY_ID is set but AWS_SECRET_ACCESS_KEY is not: set both or neither"
            )
        return new_credentials(
            "the AWS_* environment variables",
            access_key_id,
            secret_access_key,
            environ.get("AWS_SESSION_TOKEN") or environ.get("AWS_SECURITY_TOKEN"),
            environ.get("AWS_CREDENTIAL_EXPIRATION") or None,
            environ.get("AWS_ACCOUNT_ID"),
        )


_PROCESS_OUTPUT = (
    'a JSON object with "Version": 1, "AccessKeyId", "SecretAccessKey" and, for temporary credentials, '
    '"SessionToken" and "Expiration" (ISO 8601)'
)


@dataclass(frozen=True, slots=True)
class Process(ThreadedSource):
    """A program that prints credentials on its standard output, like the ``credential_process`` of a profile.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
    """

    command: str = field(repr=False)
    """The program and its arguments, split as by a POSIX shell (no shell runs them); arguments may hold secrets."""

    def __post_init__(self) -> None:
        if not isinstance(self.command, str) or not self.command.strip():
            raise ConfigurationError("Process.command must be a non-empty str: the program and its arguments")

    def _load(self) -> Credentials:
        program = self.command.split(maxsplit=1)[0]
        where = f"the credential process {bounded(program, 100)!r}"
        config = {"profiles": {"process": {"credential_process": self.command}}}
        provider = _lazy.library("botocore.credentials").ProcessProvider("process", lambda: config)
        return translated(
            lambda: credentials_from_botocore(provider.load(), where), lambda error: explained_process(error, where)
        )


def explained_process(error: Exception, where: str) -> CredentialsError:
    """Return the error of a credential process, of `Process` or a profile; it never repeats the standard output."""
    if isinstance(error, OSError):
        return CredentialsConfigurationError(
            f"{where} could not be run: {error.strerror or type(error).__name__}; check the path and its permissions"
        )
    said = str(getattr(error, "kwargs", {}).get("error_msg", ""))
    if "CredentialRetrievalError" not in class_names(error) or said.startswith("Unsupported version"):
        return CredentialsError(f"{where} printed something wrong; it must print {_PROCESS_OUTPUT}")
    if said.startswith("Missing required key"):
        return CredentialsError(f"{where}: {bounded(said)}; it must print {_PROCESS_OUTPUT}")
    stderr = f"its standard error: {bounded(said, 500)}" if said.strip() else "it wrote nothing to its standard error"
    return CredentialsError(f"{where} failed; run it by hand to see why; {stderr}")


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceMetadata(ThreadedSource):
    """The role of the EC2 instance, from version 2 of the instance metadata service (IMDSv2) only.

    ``AWS_EC2_METADATA_DISABLED``, ``AWS_EC2_METADATA_SERVICE_ENDPOINT`` and ``..._ENDPOINT_MODE`` are obeyed. When the
    service returns expired credentials because it cannot renew them, botocore extends their life (static stability).

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
    """

    timeout: float = 1.0
    """Time limit of each exchange, in seconds. Raise it where a proxy or a container network makes the service slow."""
    attempts: int = 3
    """How often each exchange is tried."""
    endpoint: str | None = None
    """Where the service is. None: the environment, the profile, then ``http://169.254.169.254``."""

    def __post_init__(self) -> None:
        if isinstance(self.timeout, bool) or not isinstance(self.timeout, int | float) or not self.timeout > 0:
            raise ConfigurationError(f"InstanceMetadata.timeout must be more than 0 seconds, got {self.timeout!r}")
        if isinstance(self.attempts, bool) or not isinstance(self.attempts, int) or self.attempts < 1:
            raise ConfigurationError(f"InstanceMetadata.attempts must be at least 1, got {self.attempts!r}")
        if self.endpoint is not None:
            check_endpoint_url(self.endpoint, "InstanceMetadata.endpoint")

    def _load(self) -> Credentials:
        where = "the EC2 instance metadata service"
        remedy = "it answers only on EC2 instances (from a container, only within the instance's hop limit)"
        metadata = translated(self._fetch, lambda error: explained(error, where, remedy))
        if metadata:
            return credentials_from_metadata(metadata, where)
        if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
            raise NoCredentialsError(f"{where} is disabled: unset AWS_EC2_METADATA_DISABLED")
        raise NoCredentialsError(f"{where} gave no credentials: attach a role to the instance; {remedy}")

    def _fetch(self) -> dict[str, Any]:
        utils = _lazy.library("botocore.utils")
        session = new_session()
        endpoint = self.endpoint or session.get_config_variable("ec2_metadata_service_endpoint")
        fetcher = utils.InstanceMetadataFetcher(
            timeout=self.timeout,
            num_attempts=self.attempts,
            user_agent=session.user_agent(),
            config={
                "ec2_metadata_service_endpoint": endpoint,
                "ec2_metadata_service_endpoint_mode": utils.resolve_imds_endpoint_mode(session),
                "ec2_metadata_v1_disabled": True,
            },
        )
        return dict(fetcher.retrieve_iam_role_credentials())


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerCredentials(ThreadedSource):
    """The role of the ECS task or of the EKS pod (pod identity), from the agent beside the container.

    When no URI is given, all fields come from their environment variables. The token file is read at each refresh.
    Hosts other than loopback and the agents' own addresses need https.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
    """

    relative_uri: str | None = None
    """A path on the ECS agent; ``AWS_CONTAINER_CREDENTIALS_RELATIVE_URI``."""
    full_uri: str | None = None
    """A whole URL; ``AWS_CONTAINER_CREDENTIALS_FULL_URI``."""
    authorization_token: str | None = field(default=None, repr=False)
    """Sent as the Authorization header; ``AWS_CONTAINER_AUTHORIZATION_TOKEN``."""
    authorization_token_file: str | None = None
    """A file that holds the token and may be rotated; ``AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE``."""

    def __post_init__(self) -> None:
        if self.relative_uri and self.full_uri:
            raise ConfigurationError("ContainerCredentials takes relative_uri or full_uri, not both")
        if self.authorization_token and self.authorization_token_file:
            raise ConfigurationError(
                "ContainerCredentials takes authorization_token or authorization_token_file, not both"
            )
        if (self.authorization_token or self.authorization_token_file) and not (self.relative_uri or self.full_uri):
            raise ConfigurationError("ContainerCredentials: an authorization token needs relative_uri or full_uri")

    def _load(self) -> Credentials:
        names = {
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": self.relative_uri,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": self.full_uri,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": self.authorization_token,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": self.authorization_token_file,
        }
        if self.relative_uri or self.full_uri:
            settings = {name: value for name, value in names.items() if value}
        else:
            settings = {name: value for name in names if (value := os.environ.get(name))}
        where = "the container credential service"
        remedy = (
            "check AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI and, if the service needs a token, "
            "AWS_CONTAINER_AUTHORIZATION_TOKEN or _TOKEN_FILE"
        )
        provider = _lazy.library("botocore.credentials").ContainerProvider(environ=settings)
        loaded = translated(provider.load, lambda error: explained(error, where, remedy))
        if loaded is None:
            raise NoCredentialsError(
                "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set: "
                "ECS and EKS pod identity set one of them"
            )
        return credentials_from_botocore(loaded, where)
