"""Builds signed URLs. Use it only on servers: the secrets allow making the service fetch, serve and store media."""

import base64
import hashlib
import hmac
import json
import math
import re
import time
from collections.abc import Callable
from typing import Unpack

from ._keys import check_key, encode_component
from ._parameters import TransformationParameters, query_of, transformation_pairs
from ._urls import attachment_path

Clock = Callable[[], float]

_MAX_URL_LENGTH = 8192
_FAR_URL = re.compile(r"https?://(?:[^/?#\\]*@)?(\[[0-9A-Fa-f:.]+\]|[^/?#\\@:\[\]]+)(?::([0-9]{0,5}))?(?:[/?#\\].*)?", re.I | re.S)
_NO_HOST = re.compile(r"[\x00-\x20\x7f\"<>^`{|}%]")


class ExternalUrls:
    """Signs URLs of external media."""

    def __init__(
        self,
        base_url: str,
        secret_key: str,
        *,
        signs_parameters: bool = False,
        now: Clock = time.time,
    ) -> None:
        """`secret_key` is the `secretKey` of the service, or the first of several. With `signs_parameters` (`v3`) the
        signature covers the parameters, so that a URL cannot be changed to request another rendition. Without it
        (`v2`) one signature is valid for every size."""
        self._base = base_url.rstrip("/")
        self._key = secret_key.encode()
        self._signs_parameters = signs_parameters
        self._now = now

    def sign(
        self,
        url: str,
        *,
        expires_in_seconds: float | None = None,
        expiry_bucket_seconds: float = 3600,
        **parameters: Unpack[TransformationParameters],
    ) -> str:
        """Raises a ValueError for anything but an absolute http or https URL, and for parameters that the service would
        reject. The expiry time is rounded up to a multiple of `expiry_bucket_seconds`, so that URLs made in one bucket
        are identical and caches keep hitting. Without `expires_in_seconds` the URL never expires."""
        _check_far_url(url)
        pairs = transformation_pairs(parameters)
        if expires_in_seconds is not None:
            bucket = max(1, math.floor(expiry_bucket_seconds))
            expires_at = math.ceil((self._now() + expires_in_seconds) / bucket) * bucket
            pairs.insert(0, ("ex", str(expires_at)))
        target = f"{'v3' if self._signs_parameters else 'v2'}/{_base64url(url.encode())}"
        signed = pairs if self._signs_parameters else [pair for pair in pairs if pair[0] == "ex"]
        covered = "&".join(f"{name}={value}" for name, value in sorted(signed))
        message = f"{target}?{covered}" if covered else target
        return f"{self._base}/external/{_base64url(_mac(self._key, message))}/{target}{query_of(pairs)}"


def _check_far_url(url: str) -> None:
    match = _FAR_URL.fullmatch(url)
    if match is None or _NO_HOST.search(match[1]) or int(match[2] or 0) > 65_535:
        raise ValueError("only absolute http and https URLs can be signed")
    # The service encodes each non-ASCII byte as three characters.
    if sum(1 if byte < 128 else 3 for byte in url.encode()) > _MAX_URL_LENGTH:
        raise ValueError("a URL that is too long")


class AttachmentUrls:
    """Signs URLs of attachments."""

    _LIFETIME_SECONDS = 86_400
    # URLs issued in one interval of this grid are identical, so that browsers can use their caches.
    _GRID_SECONDS = 43_200
    # The epoch of attachment ids. The bits above the lowest 22 of an id count milliseconds since this time.
    _SNOWFLAKE_EPOCH_SECONDS = 1_420_070_400

    def __init__(self, base_url: str, secret: str, *, now: Clock = time.time) -> None:
        """`secret` is the `attachmentSecrets` of the service in base64, or the first of several."""
        self._base = base_url.rstrip("/")
        self._key = _decoded(secret)
        self._now = now

    def sign(self, path: str, **parameters: Unpack[TransformationParameters]) -> str:
        """Returns a URL that is valid for 12 to 24 hours. `path` is the decoded object key below `attachments/`."""
        issued = self._issue_time(path)
        expires = f"{issued + self._LIFETIME_SECONDS:08x}"
        return self._signed(path, (expires, f"{issued:08x}", ""), parameters)

    def sign_for_data_package(self, path: str) -> str:
        """Returns a URL that never expires."""
        return self._signed(path, ("00000000", f"{math.floor(self._now()):08x}", "dp"), {})

    def _signed(self, path: str, times: tuple[str, str, str], parameters: TransformationParameters) -> str:
        expires, issued, use = times
        encoded = attachment_path(path)
        message = "\n".join(["fluxer-attachment-url-v1", *times, f"attachments/{path}"])
        pairs = [("ex", "0" if use else expires), ("is", issued), ("hm", _mac(self._key, message).hex())]
        if use:
            pairs.append(("uc", use))
        return self._base + encoded + query_of(pairs + transformation_pairs(parameters))

    def _issue_time(self, path: str) -> int:
        """Returns the last grid point that is not in the future. The grid starts at the creation time in the id of the
        attachment."""
        segments = path.split("/")
        id = segments[-2] if len(segments) > 1 else ""
        start = 0
        if re.fullmatch(r"[0-9]{15,20}", id):
            start = (int(id) >> 22) // 1000 + self._SNOWFLAKE_EPOCH_SECONDS
        cell = math.floor((self._now() - start) / self._GRID_SECONDS)
        return start + max(0, cell) * self._GRID_SECONDS


class UploadUrls:
    """Signs URLs for the upload relay. A client may `PUT` one object to each."""

    _MAX_PART_NUMBER = 10_000
    _MAX_UPLOAD_ID_LENGTH = 1024

    def __init__(self, base_url: str, secret: str, *, bucket: str = "uploads", now: Clock = time.time) -> None:
        """`secret` is the `uploadRelaySecret` of the service in base64, or the first of several. `bucket` is its
        `s3.bucketUploads`."""
        self._base = base_url.rstrip("/")
        self._key = _decoded(secret)
        self._bucket = bucket
        self._now = now

    def sign(
        self,
        key: str,
        *,
        max_bytes: int,
        expires_in_seconds: float,
        content_type: str | None = None,
        upload_id: str | None = None,
        part_number: int | None = None,
    ) -> str:
        """`key` is the decoded object key. The object is stored with `content_type`, regardless of the type that the
        client sends. `upload_id` and `part_number` (1 to 10000) select one part of a multipart upload that exists in
        the store; give both or neither."""
        check_key(key)
        if not 0 <= max_bytes < 2**53:
            raise ValueError("no number of bytes")
        claims: dict[str, object] = {"b": self._bucket, "k": key, "m": "put"}
        part: list[tuple[str, str]] = []
        if upload_id is not None or part_number is not None:
            self._check_part(upload_id, part_number)
            claims |= {"u": upload_id, "p": part_number}
            part = [("uploadId", str(upload_id)), ("partNumber", str(part_number))]
        if content_type is not None:
            claims["ct"] = content_type
        claims |= {"mb": max_bytes, "e": math.floor(self._now() + expires_in_seconds)}
        text = _base64url(json.dumps(claims, separators=(",", ":"), ensure_ascii=False).encode())
        token = f"{text}.{_base64url(_mac(self._key, text))}"
        return f"{self._base}/v1/relay/{encode_component(key)}{query_of([('t', token), *part])}"

    def _check_part(self, upload_id: str | None, part_number: int | None) -> None:
        if not upload_id or len(upload_id) > self._MAX_UPLOAD_ID_LENGTH:
            raise ValueError("a part belongs to an upload: its id has 1 to 1024 characters")
        if part_number is None or not 1 <= part_number <= self._MAX_PART_NUMBER:
            raise ValueError("a part has a number from 1 to 10000")


def _mac(key: bytes, message: str) -> bytes:
    return hmac.digest(key, message.encode(), hashlib.sha256)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decoded(secret: str) -> bytes:
    """Decodes standard or URL-safe base64, with or without padding."""
    text = secret.replace("+", "-").replace("/", "_").rstrip("=")
    key = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if not key:
        raise ValueError("an empty secret")
    return key
