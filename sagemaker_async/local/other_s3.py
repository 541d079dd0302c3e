"""`OtherS3`: an S3 by its URL, from which asynchronous invocations read and to which they write."""

from __future__ import annotations

from sagemaker_async.aws.s3.uris import parse_s3_uri
from sagemaker_async.config import ConfigFields
from sagemaker_async.errors import SageMakerAsyncError
from sagemaker_async.session import Session

from .models import ModelFailure

__all__ = ["OtherS3"]


class OtherS3:
    """Another S3, such as moto's or MinIO's; see `ObjectPlace`.

    Args:
        options: the options of the session that calls it.
    """

    def __init__(self, options: ConfigFields) -> None:
        self._session = Session(**options)

    async def read(self, url: str) -> bytes:
        """Return an object; raises `ModelFailure` when it cannot be had."""
        try:
            bucket, key = parse_s3_uri(url)
            async with await self._session.s3.get_object(bucket=bucket, key=key) as found:
                return await found.read()
        except SageMakerAsyncError as error:
            raise ModelFailure(404, f"the object at {url} cannot be read: {error}") from error

    async def write(self, url: str, body: bytes, content_type: str) -> None:
        """Write an object."""
        bucket, key = parse_s3_uri(url)
        await self._session.s3.put_object(bucket=bucket, key=key, body=body, content_type=content_type)

    async def close(self) -> None:
        """Close the session; idempotent."""
        await self._session.close()
