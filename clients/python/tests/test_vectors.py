"""Tests the client with the vectors that the grammar and the TypeScript client of the service generate."""

import json
import unittest
from pathlib import Path

from media_proxy_client import AttachmentUrls, ExternalUrls, MediaUrls, UploadUrls
from media_proxy_client._parameters import ASSET_CHECKS, TRANSFORMATION_CHECKS

VECTORS = json.loads((Path(__file__).parents[2] / "vectors.json").read_text(encoding="utf-8"))
BASE = VECTORS["baseUrl"]
SECRET = VECTORS["base64Secret"]
URLS = MediaUrls(BASE)


def sign_external(url, now, signsParameters, expiresInSeconds=None, expiryBucketSeconds=3600, **parameters):
    urls = ExternalUrls(BASE, VECTORS["secretKey"], signs_parameters=signsParameters, now=lambda: now)
    return urls.sign(
        url,
        expires_in_seconds=expiresInSeconds,
        expiry_bucket_seconds=expiryBucketSeconds,
        **parameters,
    )


def sign_upload(
    key, now, maxBytes, expiresInSeconds, contentType=None, uploadId=None, partNumber=None, bucket="uploads"
):
    return UploadUrls(BASE, SECRET, bucket=bucket, now=lambda: now).sign(
        key,
        max_bytes=maxBytes,
        expires_in_seconds=expiresInSeconds,
        content_type=contentType,
        upload_id=uploadId,
        part_number=partNumber,
    )


CALLS = {
    "asset": URLS.asset,
    "memberAsset": lambda guildId, userId, **rest: URLS.member_asset(guildId, userId, **rest),
    "emoji": URLS.emoji,
    "sticker": URLS.sticker,
    "attachment": URLS.attachment,
    "theme": URLS.theme,
    "entranceSound": lambda userId, **rest: URLS.entrance_sound(userId, **rest),
    "signAttachment": lambda path, now, **rest: AttachmentUrls(BASE, SECRET, now=lambda: now).sign(path, **rest),
    "signAttachmentForDataPackage": lambda path, now: AttachmentUrls(
        BASE, SECRET, now=lambda: now
    ).sign_for_data_package(path),
    "signExternal": sign_external,
    "signUpload": sign_upload,
}


class Vectors(unittest.TestCase):
    def test_every_parameter_takes_what_the_service_takes(self):
        for family, checks in [("asset", ASSET_CHECKS), ("transformation", TRANSFORMATION_CHECKS)]:
            accepted = VECTORS["accepted"][family]
            self.assertEqual(set(checks), set(accepted))
            for name, values in accepted.items():
                for value in VECTORS["values"]:
                    with self.subTest(family=family, name=name, value=value):
                        self.assertEqual(checks[name](value), value in values)

    def test_every_url_is_the_one_of_the_other_clients(self):
        self.assertGreater(len(VECTORS["urls"]), 300)
        for vector in VECTORS["urls"]:
            call, arguments, parameters = vector["call"], vector["arguments"], vector["parameters"]
            with self.subTest(call=call, **arguments, **{f"?{name}": value for name, value in parameters.items()}):
                if vector["url"] is None:
                    with self.assertRaises(ValueError):
                        CALLS[call](**arguments, **parameters)
                else:
                    self.assertEqual(CALLS[call](**arguments, **parameters), vector["url"])


class Values(unittest.TestCase):
    def test_numbers_have_neither_exponent_nor_needless_fraction(self):
        url = URLS.attachment("a", time=0.00001, dpr=2.0, duration=10.0)
        self.assertEqual(url, f"{BASE}/attachments/a?time=0.00001&dpr=2&duration=10")

    def test_sides_can_be_tuples(self):
        url = URLS.attachment("a", crop=(0, 0, 0.5, 1), pad=(5, 20))
        self.assertEqual(url, f"{BASE}/attachments/a?crop=0%2C0%2C0.5%2C1&pad=5%2C20")

    def test_none_is_not_given(self):
        self.assertEqual(URLS.attachment("a", width=None), f"{BASE}/attachments/a")

    def test_unknown_parameters_are_rejected(self):
        with self.assertRaises(TypeError):
            URLS.emoji("1", width=100)

    def test_half_a_surrogate_pair_is_rejected(self):
        for call in [
            lambda: URLS.attachment("a\ud800"),
            lambda: ExternalUrls(BASE, "secret").sign("https://example.com/\ud800"),
            lambda: UploadUrls(BASE, SECRET).sign("\udc00", max_bytes=1, expires_in_seconds=1),
        ]:
            self.assertRaises(ValueError, call)

    def test_secrets_are_base64_of_either_alphabet(self):
        plain, of_urls = (AttachmentUrls(BASE, text, now=lambda: 0) for text in ("+/8=", "-_8"))
        self.assertEqual(plain.sign("a"), of_urls.sign("a"))
        for bad in ("", "=", "a", "a b c", "ä"):
            self.assertRaises(ValueError, AttachmentUrls, BASE, bad)


if __name__ == "__main__":
    unittest.main()
