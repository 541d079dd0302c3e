"""Amazon S3, as much of it as inference needs: objects in and out, of any size.

`client.S3Client` is the client, `objects.S3Object` an object while it is read, `uris.parse_s3_uri` the way from
``s3://bucket/key`` to bucket and key. GUIDE.md beside this file shows them.
"""
