"""The URLs that replace AWS's own hosts, by service: those of `Config`, the environment and the profile.

`CustomEndpoints` looks up and checks the URL of a service when it is asked for that service, so that a wrong setting of
one service fails its own calls and no others. It reads no file: the environment and the shared files were read before.
"""

from __future__ import annotations

from sagemaker_async.aws.endpoints.rules import check_custom_endpoint
from sagemaker_async.config import Config

from .sources import Found, SharedFiles, Sources

__all__ = ["CustomEndpoints"]


class CustomEndpoints:
    """Where the calls of each service go instead of to AWS's own host.

    Args:
        config: what the program asks for; its URLs win over all others.
        sources: the environment and the profile.
        files: the shared files, for the ``services`` section that the profile may name.
    """

    __slots__ = ("_config", "_files", "_sources")

    def __init__(self, config: Config, sources: Sources, files: SharedFiles) -> None:
        self._config = config
        self._sources = sources
        self._files = files

    def url_for(self, service: str) -> str | None:
        """Return the custom URL of a service; None where `Config.endpoint_resolver` or AWS's rules decide.

        Args:
            service: botocore's name of the service, such as ``sagemaker-runtime``.

        Raises:
            ConfigurationError: the URL that counts is malformed, or `Config` combines it with FIPS or dual-stack; or
                the profile's ``services`` section is missing or malformed.
        """
        config = self._config
        found = self._from_config(service) or self._from_surroundings(service)
        if found is None:
            return None
        check_custom_endpoint(
            found.source,
            use_fips=config.use_fips_endpoint is True,
            use_dualstack=config.use_dualstack_endpoint is True,
        )
        return found.endpoint_url()

    def _from_config(self, service: str) -> Found | None:
        config = self._config
        if config.endpoint_urls is not None and service in config.endpoint_urls:
            return Found(config.endpoint_urls[service], f"Config.endpoint_urls[{service!r}]")
        return Found(config.endpoint_url, "Config.endpoint_url") if config.endpoint_url is not None else None

    def _from_surroundings(self, service: str) -> Found | None:
        """Return the URL of the environment or the profile; in each, that of the service wins over that of all."""
        config, sources = self._config, self._sources
        if config.endpoint_resolver is not None or sources.flag(
            config.ignore_configured_endpoint_urls,
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
            "ignore_configured_endpoint_urls",
        ):
            return None
        name = service.replace("-", "_")
        return (
            sources.variable(f"AWS_ENDPOINT_URL_{name.upper()}", "AWS_ENDPOINT_URL")
            or self._files.service_setting(sources.profile, name, "endpoint_url")
            or sources.profile.find("endpoint_url")
        )
