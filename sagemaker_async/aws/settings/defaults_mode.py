"""AWS's modes of defaults: what each changes, and which one ``auto`` is.

The numbers are those of botocore's ``sdk-default-configuration.json``, and a test compares them. Of what that file
lists, only the time limit for connecting differs from this package's own defaults: the retry mode is ``standard`` and
the endpoints of STS and S3 are regional here in every mode. ``legacy`` changes nothing.

Blocking: ``auto`` may ask the metadata service of EC2. Raises nothing but `ConfigurationError`.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-smart-config-defaults.html
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from sagemaker_async import _lazy
from sagemaker_async.config import DefaultsMode
from sagemaker_async.errors import ConfigurationError

from .sources import Sources

__all__ = ["CONNECT_SECONDS", "auto_mode"]

logger: logging.Logger = logging.getLogger(__name__)

CONNECT_SECONDS: Mapping[DefaultsMode, float] = {
    "standard": 3.1,
    "in-region": 1.1,
    "cross-region": 3.1,
    "mobile": 30.0,
}
"""What each mode puts in the place of the default of `Timeouts.connect`, in seconds."""


def auto_mode(region: str, sources: Sources) -> DefaultsMode:
    """Return ``in-region`` or ``cross-region`` by where the program runs, ``standard`` when that is unknown.

    Lambda, ECS and the like say where it runs (``AWS_EXECUTION_ENV`` and the region beside it); otherwise the metadata
    service of EC2 is asked, unless ``AWS_EC2_METADATA_DISABLED`` is true. One that cannot be reached costs a second.

    Args:
        region: the region that is called.
        sources: the environment and the profile.
    """
    here = None
    if sources.variable("AWS_EXECUTION_ENV"):
        here = sources.variable("AWS_REGION", "AWS_DEFAULT_REGION")
    current = here.text if here is not None else _instance_region(sources)
    if not current:
        return "standard"
    return "in-region" if current == region else "cross-region"


def _instance_region(sources: Sources) -> str | None:
    disabled = sources.variable("AWS_EC2_METADATA_DISABLED")
    if disabled is not None and disabled.text.lower() == "true":
        return None
    seconds = sources.find("AWS_METADATA_SERVICE_TIMEOUT", "metadata_service_timeout")
    attempts = sources.find("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "metadata_service_num_attempts")
    endpoint = sources.find("AWS_EC2_METADATA_SERVICE_ENDPOINT", "ec2_metadata_service_endpoint")
    mode = sources.find("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ec2_metadata_service_endpoint_mode")
    version_1_off = sources.find("AWS_EC2_METADATA_V1_DISABLED", "ec2_metadata_v1_disabled")
    config = {
        "ec2_metadata_service_endpoint": endpoint.endpoint_url() if endpoint else None,
        "ec2_metadata_service_endpoint_mode": mode.choice(("ipv4", "ipv6")) if mode else "ipv4",
        "ec2_metadata_v1_disabled": version_1_off.flag() if version_1_off else False,
    }
    timeout = seconds.whole_number() if seconds else 1
    num_attempts = attempts.whole_number() if attempts else 1
    try:
        fetcher = _lazy.library("botocore.utils").InstanceMetadataRegionFetcher(
            timeout=timeout, num_attempts=num_attempts, env=dict(sources.environ), config=config
        )
        region: str = fetcher.retrieve_region()
    except ConfigurationError:
        raise
    except Exception as error:  # noqa: BLE001 - the mode falls back to standard, as AWS prescribes
        logger.debug("the metadata service of EC2 did not give the region: %s", type(error).__name__)
        return None
    return region or None
