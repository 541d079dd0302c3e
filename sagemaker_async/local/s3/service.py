"""S3 on the wire: which requests are for it, what each does, and its XML.

Objects: PUT, also in parts, GET with a range and conditions, HEAD, DELETE. Buckets: PUT and HEAD (every bucket exists),
GET for its list of objects (version 2) and for its location; GET of S3 itself lists those with objects.
Everything else is refused with NotImplemented.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from email.utils import formatdate
from time import gmtime, strftime
from typing import Final
from urllib.parse import quote
from xml.sax.saxutils import escape

from aiohttp import web

from sagemaker_async.local.answers import NOT_ADMITTED, Refusal, xml_answer
from sagemaker_async.local.faults import NO_FAULTS, Plan
from sagemaker_async.local.objects import StoredObject
from sagemaker_async.local.state import Exchange, LocalState

from .access import Access, Upload
from .addresses import Address, address_of
from .checksums import verified_checksums
from .uploads import Uploads

__all__ = ["S3Call", "S3Service"]

BODY_LIMIT: Final = 1 << 30
"""The largest body of one request: what SageMaker takes as the input of an async invocation."""
_NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"
_KEPT_HEADERS: Final = (
    "cache-control", "content-disposition", "content-encoding", "content-language", "expires",
    "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id",
)  # fmt: skip
_CODES: Final = {
    NOT_ADMITTED: "AccessDenied",
    "ExpiredTokenException": "ExpiredToken",
    "IncompleteSignatureException": "AuthorizationHeaderMalformed",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "MissingAuthenticationTokenException": "AccessDenied",
    "UnrecognizedClientException": "InvalidAccessKeyId",
    "InternalFailure": "InternalError",
}
_MAX_KEYS: Final = 1000
_range_of = re.compile(r"bytes=(\d{0,19})-(\d{0,19})").fullmatch
_OF_OBJECTS: Final = frozenset({"uploads", "uploadId", "partNumber", "x-id"})
_OF_BUCKETS: Final = frozenset(
    {"list-type", "prefix", "delimiter", "max-keys", "continuation-token", "start-after", "encoding-type",
     "fetch-owner", "location", "x-id"}
)  # fmt: skip


class S3Service:
    """The part of S3 that the embedded SageMaker implements."""

    signing_name: Final = "s3"

    def __init__(self, state: LocalState) -> None:
        self.state: Final = state
        self.access: Final = Access(state)
        self.uploads: Final = Uploads()
        self.verify: Final = self.access.verify

    def match(self, request: web.BaseRequest, target: str) -> S3Call | None:
        """Return the call for a request, None when it is for another API: S3's are signed for ``s3``."""
        if "/s3/aws4_request" not in request.headers.get("Authorization", ""):
            return None
        return S3Call(self, target)


class S3Call:
    """One request."""

    __slots__ = ("_method", "_service", "_target", "body_limit", "plan")

    def __init__(self, service: S3Service, target: str) -> None:
        self._service = service
        self._target = target
        self._method = ""
        self.body_limit: int = BODY_LIMIT
        self.plan: Plan = NO_FAULTS

    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        """Check the request, and do what it says."""
        request = exchange.request
        self._method = method = request.method
        if exchange.body_size > BODY_LIMIT:
            raise Refusal(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
        address = address_of(request.headers.get("Host", ""), self._target)
        upload = self._service.access.upload(address, exchange)
        headers = {**exchange.headers, "x-amz-request-id": exchange.headers["x-amzn-RequestId"]}
        stored = self._service.state.objects.find(address.url) if address.key else None
        self._service.access.check(address, stored is not None)
        known = _OF_OBJECTS if address.key else _OF_BUCKETS
        unknown = [name for name in address.query if name not in known] + ["copy"] * (
            "x-amz-copy-source" in upload.fields
        )
        if unknown or not (address.bucket or method == "GET"):
            raise _not_implemented(f"{method} {' '.join(unknown)}".strip())
        if not address.bucket:
            return self._buckets(headers)
        if not address.key:
            return self._of_bucket(method, address, headers)
        match method:
            case "GET" | "HEAD" if "uploadId" not in address.query:
                return self._get(stored, upload.fields, headers)
            case "PUT":
                return self._put(address, upload, stored, headers)
            case "POST":
                return self._multipart(address, upload, headers)
            case "DELETE":
                return self._delete(address, headers)
        raise _not_implemented(method)

    def refused(self, refusal: Refusal, headers: dict[str, str]) -> web.StreamResponse:
        """Return a refusal in the form of S3."""
        headers = {**headers, "x-amz-request-id": headers["x-amzn-RequestId"]}
        if "Region" in refusal.fields:
            headers["x-amz-bucket-region"] = refusal.fields["Region"]
        if self._method == "HEAD" or refusal.status == 304:
            return web.Response(status=refusal.status, headers=headers)
        members = {
            "Code": _CODES.get(refusal.code, refusal.code),
            "Message": refusal.message,
            **refusal.fields,
            "RequestId": headers["x-amz-request-id"],
        }
        inside = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in members.items())
        return _xml(f"<Error>{inside}</Error>", headers, refusal.status)

    # --- objects ------------------------------------------------------------------------------------------------------

    def _get(self, stored: StoredObject | None, fields: Mapping[str, str], headers: dict[str, str]) -> web.Response:
        if stored is None:
            raise Refusal(404, "NoSuchKey", "The specified key does not exist.")
        if (wanted := fields.get("if-match")) is not None and wanted not in (stored.etag, "*"):
            raise _precondition_failed()
        if fields.get("if-none-match") in (stored.etag, "*"):
            raise Refusal(304, "NotModified", "Not Modified")
        headers = {
            **headers,
            **stored.headers,
            "Content-Type": stored.content_type,
            "ETag": stored.etag,
            "Last-Modified": formatdate(stored.modified, usegmt=True),
            "Accept-Ranges": "bytes",
        }
        size = len(stored.body)
        part = _range_of(fields.get("range", ""))
        if part is None or part[1] == part[2] == "":
            if fields.get("x-amz-checksum-mode", "").upper() == "ENABLED":
                headers |= stored.checksums
            return web.Response(body=stored.body, headers=headers)
        if part[1]:
            first, last = int(part[1]), min(int(part[2] or size), size - 1)
        else:
            first, last = max(size - int(part[2]), 0), size - 1
        if first > last:
            raise Refusal(
                416, "InvalidRange", "The requested range is not satisfiable", fields={"ActualObjectSize": size}
            )
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        return web.Response(status=206, body=stored.body[first : last + 1], headers=headers)

    def _put(
        self, address: Address, upload: Upload, stored: StoredObject | None, headers: dict[str, str]
    ) -> web.Response:
        checksums = verified_checksums(upload.body, upload.fields)
        if "uploadId" in address.query:
            multipart = self._service.uploads.get(address.query["uploadId"], address.url)
            headers["ETag"] = multipart.put(address.query.get("partNumber", ""), upload.body)
            return web.Response(headers=headers | checksums)
        if "uploads" in address.query:
            raise _not_implemented("PUT uploads")
        if upload.fields.get("if-none-match") == "*" and stored is not None:
            raise _precondition_failed()
        content_type, kept = _kept(upload.fields)
        made = self._service.state.objects.put(
            address.url, upload.body, content_type, headers=kept, checksums=checksums
        )
        headers["ETag"] = made.etag
        return web.Response(headers=headers | checksums)

    def _multipart(self, address: Address, upload: Upload, headers: dict[str, str]) -> web.Response:
        names = f"<Bucket>{escape(address.bucket)}</Bucket><Key>{escape(address.key)}</Key>"
        uploads = self._service.uploads
        if "uploads" in address.query:
            name = uploads.begin(address.url, *_kept(upload.fields))
            content = f"{names}<UploadId>{name}</UploadId>"
            return _xml(_element("InitiateMultipartUploadResult", content), headers)
        if "uploadId" not in address.query:
            raise _not_implemented("POST")
        name = address.query["uploadId"]
        multipart = uploads.get(name, address.url)
        body, etag = multipart.completed(upload.body.decode("utf-8", "replace"))
        self._service.state.objects.put(address.url, body, multipart.content_type, etag=etag, headers=multipart.headers)
        uploads.end(name)
        return _xml(_element("CompleteMultipartUploadResult", f"{names}<ETag>{escape(etag)}</ETag>"), headers)

    def _delete(self, address: Address, headers: dict[str, str]) -> web.Response:
        if "uploadId" in address.query:
            self._service.uploads.get(address.query["uploadId"], address.url)
            self._service.uploads.end(address.query["uploadId"])
        else:
            self._service.state.objects.pop(address.url, None)
        return web.Response(status=204, headers=headers)

    # --- buckets ------------------------------------------------------------------------------------------------------

    def _buckets(self, headers: dict[str, str]) -> web.Response:
        """List the buckets that have objects."""
        names = sorted({url.split("/")[2] for url in self._service.state.objects})
        date = _iso(self._service.state.clock())
        listed = "".join(
            f"<Bucket><Name>{escape(name)}</Name><CreationDate>{date}</CreationDate></Bucket>" for name in names
        )
        return _xml(_element("ListAllMyBucketsResult", f"<Buckets>{listed}</Buckets>"), headers)

    def _of_bucket(self, method: str, address: Address, headers: dict[str, str]) -> web.Response:
        region = self._service.access.region_of(address.bucket)
        match method:
            case "HEAD":
                return web.Response(headers={**headers, "x-amz-bucket-region": region})
            case "PUT":
                return web.Response(headers={**headers, "Location": f"/{address.bucket}"})
            case "GET" if "location" in address.query:
                place = "" if region == "us-east-1" else region
                return _xml(_element("LocationConstraint", place), headers)
            case "GET" if address.query.get("list-type") == "2":
                return self._list(address, headers)
        raise _not_implemented(f"{method} of a bucket")

    def _list(self, address: Address, headers: dict[str, str]) -> web.Response:
        query = address.query
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        given = query.get("max-keys") or str(_MAX_KEYS)
        if not (given.isascii() and given.isdigit() and len(given) < 10):
            raise Refusal(400, "InvalidArgument", "Provided max-keys not an integer or within integer range")
        limit = min(int(given), _MAX_KEYS)
        token = query.get("continuation-token")
        after = query.get("start-after", "") if token is None else _after(token)

        def text(value: str) -> str:
            return escape(quote(value, safe="/") if query.get("encoding-type") == "url" else value)

        listed: dict[str, str] = {}
        truncated = False
        for url, stored in self._service.state.objects.below(f"s3://{address.bucket}/{prefix}"):
            key = url.removeprefix(f"s3://{address.bucket}/")
            head, found, _ = key.removeprefix(prefix).partition(delimiter) if delimiter else ("", "", "")
            name = prefix + head + delimiter if found else key
            if name in listed or key.encode() <= after.encode() or (found and after == name):
                continue
            if len(listed) == limit:
                truncated = True
                break
            listed[name] = (
                f"<CommonPrefixes><Prefix>{text(name)}</Prefix></CommonPrefixes>"
                if found
                else f"<Contents><Key>{text(key)}</Key><LastModified>{_iso(stored.modified)}</LastModified>"
                f"<ETag>{escape(stored.etag)}</ETag><Size>{len(stored.body)}</Size>"
                "<StorageClass>STANDARD</StorageClass></Contents>"
            )
        more = base64.urlsafe_b64encode([*listed][-1].encode()).decode() if truncated and listed else ""
        content = (
            f"<Name>{escape(address.bucket)}</Name><Prefix>{text(prefix)}</Prefix><KeyCount>{len(listed)}</KeyCount>"
            f"<MaxKeys>{limit}</MaxKeys><IsTruncated>{'true' if more else 'false'}</IsTruncated>"
            + (f"<Delimiter>{text(delimiter)}</Delimiter>" if delimiter else "")
            + ("<EncodingType>url</EncodingType>" if query.get("encoding-type") == "url" else "")
            + (f"<NextContinuationToken>{more}</NextContinuationToken>" if more else "")
            + "".join(listed.values())
        )
        return _xml(_element("ListBucketResult", content), headers)


def _kept(fields: Mapping[str, str]) -> tuple[str | None, dict[str, str]]:
    """Return the content type of an upload, and the header fields that are kept with it."""
    kept = {name: fields[name] for name in _KEPT_HEADERS if name in fields}
    if "content-encoding" in kept:
        codings = [coding.strip() for coding in kept.pop("content-encoding").split(",")]
        if others := ", ".join(coding for coding in codings if coding != "aws-chunked"):
            kept["content-encoding"] = others
    metadata = {name: value for name, value in fields.items() if name.startswith("x-amz-meta-")}
    return fields.get("content-type"), kept | metadata


def _after(token: str) -> str:
    try:
        return base64.b64decode(token.encode(), b"-_", validate=True).decode()
    except ValueError:
        raise Refusal(400, "InvalidArgument", "The continuation token provided is incorrect") from None


def _iso(seconds: float) -> str:
    return strftime("%Y-%m-%dT%H:%M:%S.000Z", gmtime(seconds))


def _element(name: str, content: str) -> str:
    return f'<{name} xmlns="{_NAMESPACE}">{content}</{name}>'


def _xml(content: str, headers: dict[str, str], status: int = 200) -> web.Response:
    document = f'<?xml version="1.0" encoding="UTF-8"?>\n{content}'
    return xml_answer(document, headers, status=status, content_type="application/xml")


def _not_implemented(what: str) -> Refusal:
    return Refusal(501, "NotImplemented", f"The embedded SageMaker's S3 does not implement this: {what[:100]}")


def _precondition_failed() -> Refusal:
    return Refusal(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
