"""Tests the client against a fake service: each kind of failure has its own code."""

import json
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from media_proxy_client import MediaClient, MediaError

METADATA = {
    "format": "png",
    "content_type": "image/png",
    "content_hash": "00",
    "size": 1,
    "nsfw": False,
    "nsfw_probability": 0,
    "nsfw_predictions": {},
}


class Service:
    """Answers every request with a function, and records the requests."""

    def __init__(self, answer):
        self.asked = []
        self.released = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                service.asked.append((self.path, dict(self.headers), json.loads(body)))
                answer(self, service)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=[0.01], daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


def answering(status, body=b"", **headers):
    def answer(handler, _):
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def saying_nothing(_, service):
    service.released.wait()


def never_ending(handler, service):
    handler.send_response(200)
    handler.end_headers()
    # Sends a byte at short intervals: no read waits for long, but the response never ends.
    while not service.released.wait(0.01):
        try:
            handler.wfile.write(b" ")
        except OSError:
            return


UPLOAD = {"type": "upload", "upload_filename": "a"}


class Client(unittest.TestCase):
    def failure(self, answer, **options):
        with Service(answer) as service:
            with self.assertRaises(MediaError) as caught:
                MediaClient(service.url, "secret", **options).frames(UPLOAD)
        return caught.exception

    def test_asks_what_it_is_told_to(self):
        with Service(answering(200, json.dumps(METADATA).encode())) as service:
            client = MediaClient(f"{service.url}/media/", "a-secret")
            self.assertEqual(client.metadata(UPLOAD, nsfw="allow", extras=["phash"], with_base64=True), METADATA)
            self.assertEqual(client.metadata({"type": "s3", "bucket": "cdn", "key": "a"}), METADATA)
        (path, headers, first), (_, _, second) = service.asked
        self.assertEqual(path, "/media/_metadata")
        self.assertEqual(headers["x-internal-secret"], "a-secret")
        self.assertEqual(
            first, {**UPLOAD, "version": 2, "nsfw": "allow", "extras": ["phash"], "with_base64": True}
        )
        self.assertEqual(second, {"type": "s3", "bucket": "cdn", "key": "a", "version": 2, "nsfw": "flag"})

    def test_names_rejections_by_their_status(self):
        for status, code in [
            (400, "rejected"),
            (401, "unauthorized"),
            (403, "unauthorized"),
            (404, "not-found"),
            (413, "too-large"),
            (418, "unexpected"),
            (429, "rate-limited"),
            (500, "unavailable"),
            (503, "unavailable"),
        ]:
            with self.subTest(status=status):
                error = self.failure(answering(status, b"No", retry_after="7", x_request_id="r"))
                told = (error.code, error.status, error.message, error.retry_after_seconds, error.request_id)
                self.assertEqual(told, (code, status, "No", 7, "r"))

    def test_takes_no_other_answer_for_its_own(self):
        for body in [b"<html>", b"{}", b"[]", b'{"frames":[{}]}', b'{"frames":null}', b"\xff"]:
            with self.subTest(body=body):
                self.assertEqual(self.failure(answering(200, body)).code, "unexpected")

    def test_has_a_time_limit_for_the_whole_answer(self):
        for answer in (saying_nothing, never_ending):
            with self.subTest(answer=answer.__name__):
                self.assertEqual(self.failure(answer, timeout=0.2).code, "timeout")

    def test_carries_the_secret_nowhere_else(self):
        with Service(answering(200)) as elsewhere:
            error = self.failure(answering(307, location=elsewhere.url))
        self.assertEqual((error.code, error.status), ("unreachable", 307))
        self.assertEqual(elsewhere.asked, [])

    def test_tells_of_a_service_that_is_not_there(self):
        with Service(answering(200)) as service:
            pass
        with self.assertRaises(MediaError) as caught:
            MediaClient(service.url, "secret").sniff("a")
        self.assertEqual(caught.exception.code, "unreachable")

    def test_tells_of_an_answer_that_breaks_off(self):
        def break_off(handler, _):
            handler.send_response(200)
            handler.send_header("content-length", "100")
            handler.end_headers()
            handler.wfile.write(b"{")

        self.assertEqual(self.failure(break_off).code, "unreachable")

    def test_needs_an_address(self):
        for url in ("", "media.example.com", "ftp://media.example.com"):
            self.assertRaises(ValueError, MediaClient, url, "secret")


if __name__ == "__main__":
    unittest.main()
