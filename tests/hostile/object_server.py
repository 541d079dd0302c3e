"""A server that plays S3 on loopback, compares every checksum, and cuts connections; in a thread or a process.

It keeps one bucket in memory. Of each upload every `cut_every`-th part is cut when half of it has come, the first time;
of each object no more than `cut_after` bytes are sent on one connection.
"""

from __future__ import annotations

import argparse
import base64
import re
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote

from .processes import tell

__all__ = ["ObjectServer"]

MAX_PIECE = 1 << 20


def crc32(body: bytes) -> str:
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


class ObjectServer:
    """See the module's docstring.

    Attributes:
        url: where it is.
        objects: what it has, by target.
        uploads: the parts of uploads that are neither completed nor aborted, by their ids.
        tally: how many requests came, were cut, and had a wrong checksum.
    """

    def __init__(self, cut_every: int = 0, cut_after: int = 0) -> None:
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.tally = {"requests": 0, "parts": 0, "uploads_cut": 0, "downloads_cut": 0, "wrong": 0, "begun": 0}
        self.seen: set[tuple[str, int]] = set()
        self.lock = threading.Lock()
        self.cut_every, self.cut_after = cut_every, cut_after
        outer = self

        class Handler(_Handler):
            server_of_objects = outer

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator[ObjectServer]:
        thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            self._http.server_close()
            thread.join()

    def cuts(self, upload: str, number: int) -> bool:
        """Whether this request for a part is cut."""
        with self.lock:
            is_first = (upload, number) not in self.seen
            self.seen.add((upload, number))
            return is_first and self.cut_every > 0 and number % self.cut_every == 0

    def count(self, name: str) -> int:
        with self.lock:
            self.tally[name] += 1
            return self.tally[name]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_of_objects: ObjectServer

    def log_message(self, *arguments: Any) -> None:
        pass

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status: int, code: str) -> None:
        self.answer(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode())

    def cut(self) -> None:
        self.close_connection = True
        self.connection.close()

    @property
    def asked(self) -> tuple[str, dict[str, str]]:
        target, _, query = self.path.partition("?")
        pairs = parse_qs(query, keep_blank_values=True)
        return unquote(target), {name: values[0] for name, values in pairs.items()}

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:  # the peer is gone
            self.close_connection = True

    def do_PUT(self) -> None:
        server = self.server_of_objects
        server.count("requests")
        target, query = self.asked
        length = int(self.headers["Content-Length"])
        if "partNumber" in query:
            server.count("parts")
            if server.cuts(query["uploadId"], int(query["partNumber"])):
                self.rfile.read(length // 2)
                server.count("uploads_cut")
                self.cut()
                return
        body = self.rfile.read(length)
        if self.headers.get("x-amz-checksum-crc32") != crc32(body):
            server.count("wrong")
            self.refuse(400, "BadDigest")
        elif "uploadId" not in query:
            server.objects[target] = body
            self.answer(200, ETag='"e"')
        elif query["uploadId"] not in server.uploads:
            self.refuse(404, "NoSuchUpload")
        else:
            server.uploads[query["uploadId"]][int(query["partNumber"])] = body
            self.answer(200, ETag=f'"{query["partNumber"]}"')

    def do_POST(self) -> None:
        server = self.server_of_objects
        server.count("requests")
        target, query = self.asked
        self.rfile.read(int(self.headers["Content-Length"]))
        if "uploads" in query:
            name = f"upload-{server.count('begun')}"
            server.uploads[name] = {}
            self.answer(200, f"<R><UploadId>{name}</UploadId></R>".encode())
            return
        parts = server.uploads.get(query["uploadId"], {})
        body = b"".join(part for _, part in sorted(parts.items()))
        if self.headers.get("x-amz-checksum-crc32") != crc32(body):
            server.count("wrong")
            self.refuse(400, "BadDigest")
            return
        del server.uploads[query["uploadId"]]
        server.objects[target] = body
        self.answer(200, b"<R><ETag>&quot;e&quot;</ETag></R>")

    def do_DELETE(self) -> None:
        server = self.server_of_objects
        server.count("requests")
        target, query = self.asked
        if "uploadId" in query:
            server.uploads.pop(query["uploadId"], None)
        else:
            server.objects.pop(target, None)
        self.answer(204)

    def do_HEAD(self) -> None:
        self.server_of_objects.count("requests")
        body = self.server_of_objects.objects.get(self.asked[0])
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()

    def do_GET(self) -> None:
        server = self.server_of_objects
        server.count("requests")
        body = server.objects.get(self.asked[0])
        if body is None:
            self.refuse(404, "NoSuchKey")
            return
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        first, last = (int(asked[1]), int(asked[2])) if asked else (0, len(body) - 1)
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("ETag", '"e"')
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(body)}")
        else:
            self.send_header("x-amz-checksum-crc32", crc32(body))
        self.end_headers()
        end = last + 1
        is_cut = 0 < server.cut_after < end - first
        if is_cut:
            end = first + server.cut_after
        for start in range(first, end, MAX_PIECE):
            self.wfile.write(memoryview(body)[start : min(start + MAX_PIECE, end)])
        if is_cut:
            server.count("downloads_cut")
            self.cut()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cut-every", type=int, default=0)
    parser.add_argument("--cut-after", type=int, default=0)
    arguments = parser.parse_args()
    server = ObjectServer(arguments.cut_every, arguments.cut_after)
    with server.running():
        tell({"url": server.url})
        sys.stdin.read()
        tell({**server.tally, "left": len(server.uploads)})


if __name__ == "__main__":
    main()
