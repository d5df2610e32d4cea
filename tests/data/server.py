"""A web server on this machine with one file, and the archives that it may serve."""

import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np

CONTENT = np.random.default_rng(0).bytes(300_000)


@dataclass
class Source:
    """One file on a server, and how the server behaves."""

    content: bytes = CONTENT
    etag: str = '"first"'
    ranges: bool = True  # answers Range requests
    length: bool = True  # announces Content-Length; otherwise in chunks
    breaks_after: int | None = None  # bytes of a reply after which the line goes dead
    lies_about_start: bool = False  # a 206 that starts elsewhere
    heeds_etag: bool = True  # honours If-Range
    short_length: bool = False  # announces, and sends, half of what is left
    unasked: bool = False  # answers 206 to whoever asks for everything
    requests: list = field(default_factory=list)  # (Range header, status)
    url: str = ""


@contextmanager
def served():
    """A Source on this machine while it is needed."""
    source = Source()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_GET(self):
            if self.path != "/file":
                self.send_error(404)
                return
            wanted, start, status = self.headers.get("Range"), 0, 200
            same = self.headers.get("If-Range", source.etag) == source.etag or not source.heeds_etag
            if wanted and source.ranges and same:
                start, status = int(wanted.removeprefix("bytes=").rstrip("-")), 206
            if start >= len(source.content):
                status = 416
            if source.unasked:
                start, status = 7, 206
            source.requests.append((wanted, status))
            self.send_response(status)
            self.send_header("ETag", source.etag)
            if status == 416:
                self.send_header("Content-Range", f"bytes */{len(source.content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if status == 206:
                start = 7 if source.lies_about_start else start
                self.send_header("Content-Range", f"bytes {start}-{len(source.content) - 1}/{len(source.content)}")
            body = source.content[start:]
            if source.short_length:
                body = body[: len(body) // 2]
            if source.length:
                self.send_header("Content-Length", str(len(body)))
            else:
                self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            sent = body[: source.breaks_after]
            if source.length:
                self.wfile.write(sent)
            else:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(sent), sent))
                if source.breaks_after is None:
                    self.wfile.write(b"0\r\n\r\n")
            if source.breaks_after is not None:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    source.url = f"http://127.0.0.1:{server.server_port}/file"
    try:
        yield source
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def make_zip(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as pack:
        pack.mkdir("repo")
        for name, content in files.items():
            pack.writestr(name, content)
    return path
