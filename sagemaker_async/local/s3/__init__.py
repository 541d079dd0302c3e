"""The way to the embedded SageMaker's objects: as much of Amazon S3's protocol as programs around inference use.

Any S3 client can put, get and list what is in `LocalSageMaker.objects`, the inputs and results of InvokeEndpointAsync.
Every bucket exists, in the server's own region unless `LocalSageMaker.place_bucket` says otherwise.
"""

from __future__ import annotations

from .service import S3Service

__all__ = ["S3Service"]
