"""AWS credentials: where they come from, and how they are kept fresh.

A *source* is any object with ``async def get() -> Credentials`` (`sagemaker_async.config.CredentialSource`). The
sources here fetch anew at each `get` and keep nothing (except that a Cognito pool keeps the guest's identity), so one
source can serve several sessions, event loops and forked processes, and can be the `source` of another:

    AssumeRole("arn:aws:iam::123456789012:role/caller", source=Process("/opt/bin/credentials --json"))

=========================  =============================================================================
`DefaultChain`             environment, profile, container, instance metadata: the default of a session
`EnvironmentCredentials`   ``AWS_ACCESS_KEY_ID`` and its companions
`ProfileCredentials`       one profile of the shared files, whatever it is made of
`Process`                  a program that prints credentials
`ContainerCredentials`     ECS and EKS pod identity
`InstanceMetadata`         EC2, by IMDSv2
`AssumeRole`               STS, in exchange for other credentials
`WebIdentity`              STS, in exchange for a token file
`SSO`                      IAM Identity Center, in exchange for the token that ``aws sso login`` left
`CognitoIdentityProvider`  a Cognito identity pool, in exchange for logins (or for nothing)
=========================  =============================================================================

`CredentialCache` keeps the credentials that a source gave and renews them; its module's docstring is the refresh
policy. A session makes one with `credential_source`. Fixed and environment credentials never import botocore; all other
sources run botocore's own providers in a thread, never on the event loop, and are imported when one is wanted.

Endpoints. `Config.endpoint_url` and `Config.endpoint_urls` say where *requests* go and do not affect the sources.
``AWS_ENDPOINT_URL``, ``AWS_ENDPOINT_URL_STS``, ``AWS_ENDPOINT_URL_SSO`` and the same settings of the profile are meant
for every SDK, so the calls that fetch credentials obey them, as botocore's do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_async import _lazy

from .cache import CredentialCache
from .source import credential_source

if TYPE_CHECKING:
    from .chain import DefaultChain, ProfileCredentials
    from .exchange import SSO, AssumeRole, CognitoIdentityProvider, WebIdentity
    from .machine import ContainerCredentials, EnvironmentCredentials, InstanceMetadata, Process
else:
    __getattr__, __dir__ = _lazy.names(
        __name__,
        {
            "AssumeRole": "aws.credentials.exchange",
            "CognitoIdentityProvider": "aws.credentials.exchange",
            "ContainerCredentials": "aws.credentials.machine",
            "DefaultChain": "aws.credentials.chain",
            "EnvironmentCredentials": "aws.credentials.machine",
            "InstanceMetadata": "aws.credentials.machine",
            "Process": "aws.credentials.machine",
            "ProfileCredentials": "aws.credentials.chain",
            "SSO": "aws.credentials.exchange",
            "WebIdentity": "aws.credentials.exchange",
        },
    )

__all__ = [
    "SSO",
    "AssumeRole",
    "CognitoIdentityProvider",
    "ContainerCredentials",
    "CredentialCache",
    "DefaultChain",
    "EnvironmentCredentials",
    "InstanceMetadata",
    "Process",
    "ProfileCredentials",
    "WebIdentity",
    "credential_source",
]
