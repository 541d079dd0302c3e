"""`Buckets`: where each bucket is, and the pipeline that leads there."""

from __future__ import annotations

import asyncio
import functools
from collections import OrderedDict

from sagemaker_async.aws.channel import Channel
from sagemaker_async.aws.endpoints import Endpoint
from sagemaker_async.aws.endpoints.s3 import S3Endpoints
from sagemaker_async.aws.pipeline import Pipeline
from sagemaker_async.aws.settings import Settings
from sagemaker_async.aws.signing import encode_segment

from .operations import S3

__all__ = ["Buckets"]

REMEMBERED_BUCKETS = 256
"""Of how many buckets the place is remembered; that of others is worked out again."""


class Buckets:
    """The places of the buckets of one session.

    A bucket counts as being in the session's region until `remember` says where it is. At a custom URL, or one that
    `Config.endpoint_resolver` gives, the bucket is part of the path; else botocore's rules decide.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._pipelines: OrderedDict[str, Pipeline] = OrderedDict()

    async def pipeline(self, bucket: str) -> Pipeline:
        """Return the pipeline to a bucket.

        Raises:
            ConfigurationError: a setting is wrong, or S3 has no such endpoint.
            SessionClosedError, WrongEventLoopError: the session cannot be used here.
        """
        self._channel.check_usable()
        if (pipeline := self._pipelines.get(bucket)) is not None:
            self._pipelines.move_to_end(bucket)
            return pipeline
        pipeline = await self.pipeline_in(bucket, None)
        self.remember(bucket, pipeline)
        return pipeline

    async def pipeline_in(self, bucket: str, region: str | None) -> Pipeline:
        """Return a new pipeline to a bucket in this region; None: in that of the session."""
        settings = await self._channel.settings()
        endpoint = await self._endpoint(settings if region is None else settings._replace(region=region), bucket)
        return await self._channel.pipeline_at(S3, endpoint)

    def remember(self, bucket: str, pipeline: Pipeline) -> None:
        """Take notice that this is the way to a bucket."""
        self._pipelines[bucket] = pipeline
        if len(self._pipelines) > REMEMBERED_BUCKETS:
            self._pipelines.popitem(last=False)

    async def _endpoint(self, settings: Settings, bucket: str) -> Endpoint:
        if settings.config.endpoint_resolver is not None or settings.custom_endpoints.url_for(S3.name) is not None:
            at_url = settings.endpoint_for(S3.endpoint_rules)
            return Endpoint(
                origin=at_url.origin,
                base_path=f"{at_url.base_path}/{encode_segment(bucket)}",
                signing_region=at_url.signing_region,
                signing_name=at_url.signing_name,
            )
        return await asyncio.to_thread(_at_aws, settings, bucket)


def _at_aws(settings: Settings, bucket: str) -> Endpoint:
    return _rules().resolve(
        settings.region,
        bucket,
        use_fips=settings.use_fips_endpoint,
        use_dualstack=settings.use_dualstack_endpoint,
    )


@functools.cache
def _rules() -> S3Endpoints:
    """Return AWS's rules, which take tens of milliseconds to load and never change. Blocks the first time."""
    return S3Endpoints()
