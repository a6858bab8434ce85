"""Tests the client against the running service that the variables below name. Skipped without one."""

import base64
import os
import unittest
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from media_proxy_client import AttachmentUrls, ExternalUrls, MediaClient, MediaError, MediaUrls, UploadUrls

BASE = os.environ.get("MEDIA_PROXY_CLIENT_TEST_URL", "")
SECRET_KEY = os.environ.get("MEDIA_PROXY_CLIENT_TEST_SECRET_KEY", "")
ATTACHMENT_SECRET = os.environ.get("MEDIA_PROXY_CLIENT_TEST_ATTACHMENT_SECRET", "")
RELAY_SECRET = os.environ.get("MEDIA_PROXY_CLIENT_TEST_RELAY_SECRET", "")
# The URL of an external image of 60x40 pixels.
FAR_URL = os.environ.get("MEDIA_PROXY_CLIENT_TEST_FAR_URL", "")

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg=="
)


def status_of(url, method="GET", body=None):
    try:
        with urlopen(Request(url, data=body, method=method)) as answer:
            answer.read()
            return answer.status
    except HTTPError as error:
        with error:
            return error.code


@unittest.skipUnless(BASE, "MEDIA_PROXY_CLIENT_TEST_URL names no service")
class RunningService(unittest.TestCase):
    def setUp(self):
        self.client = MediaClient(BASE, SECRET_KEY)
        self.uploads = UploadUrls(BASE, RELAY_SECRET)
        self.key = f"python/{self._testMethodName} ä.png"

    def upload(self, body=PNG, max_bytes=1000):
        url = self.uploads.sign(
            self.key, max_bytes=max_bytes, expires_in_seconds=600, content_type="image/png"
        )
        return status_of(url, "PUT", body)

    def test_signs_external_urls(self):
        for signs_parameters in (False, True):
            urls = ExternalUrls(BASE, SECRET_KEY, signs_parameters=signs_parameters)
            # Not percent-encoded, as users write URLs. The service parses a URL like any standard parser.
            for far in (FAR_URL, f"{FAR_URL}?a=ä b#c"):
                url = urls.sign(far, width=20, format="webp", expires_in_seconds=600)
                with self.subTest(url=url), urlopen(url) as answer:
                    self.assertEqual(answer.headers["content-type"], "image/webp")
                self.assertEqual(status_of(url.replace("width=20", "width=30")), 401 if signs_parameters else 200)
        self.assertEqual(status_of(ExternalUrls(BASE, "another").sign(FAR_URL)), 401)

    def test_signs_attachments(self):
        path = "1/ä b.png"
        urls = AttachmentUrls(BASE, ATTACHMENT_SECRET)
        self.assertEqual(status_of(urls.sign(path)), 200)
        self.assertEqual(status_of(urls.sign(path, width=20, format="webp")), 200)
        self.assertEqual(status_of(urls.sign_for_data_package(path)), 200)
        self.assertEqual(status_of(MediaUrls(BASE).attachment(path)), 404)

    def test_spells_assets(self):
        urls = MediaUrls(BASE)
        self.assertEqual(status_of(urls.asset("avatars", "1", "a_abc", size=64, format="png")), 200)
        self.assertEqual(status_of(urls.asset("avatars", "1", "missing")), 404)

    def test_uploads_and_asks_what_was_uploaded(self):
        self.assertEqual(self.upload(max_bytes=len(PNG) - 1), 413)
        self.assertEqual(self.upload(), 200)
        self.assertEqual(self.client.sniff(self.key), "image/png")
        metadata = self.client.metadata(
            {"type": "upload", "upload_filename": self.key}, extras=["palette"], with_base64=True
        )
        told = {name: metadata.get(name) for name in ("format", "size", "width", "height", "animated")}
        self.assertEqual(told, {"format": "png", "size": len(PNG), "width": 1, "height": 1, "animated": False})
        self.assertEqual(base64.b64decode(metadata["base64"]), PNG)
        self.assertEqual(len(metadata["palette"]), 1)
        (frame,) = self.client.frames({"type": "upload", "upload_filename": self.key})
        self.assertEqual(base64.b64decode(frame["base64"]), PNG)
        with self.assertRaises(MediaError) as caught:
            self.client.thumbnail(self.key)
        self.assertEqual((caught.exception.code, caught.exception.status), ("not-found", 404))
        self.assertIsNotNone(caught.exception.request_id)

    def test_prepares_and_purges(self):
        path = "/avatars/1/abc.webp?size=32"
        told = self.client.prepare("avatars/1/abc", [path])
        self.assertEqual([path], told["ready"] + told["queued"])
        self.assertGreaterEqual(self.client.purge_object("avatars/1/abc"), 0)
        self.assertGreaterEqual(self.client.purge_external(FAR_URL), 0)

    def test_is_rejected_by_name(self):
        with self.assertRaises(MediaError) as caught:
            self.client.metadata({"type": "base64", "base64": "AAAA"})
        self.assertEqual((caught.exception.code, caught.exception.message), ("rejected", "Unsupported file format"))
        with self.assertRaises(MediaError) as caught:
            MediaClient(BASE, "wrong").sniff("a")
        self.assertEqual(caught.exception.code, "unauthorized")


if __name__ == "__main__":
    unittest.main()
