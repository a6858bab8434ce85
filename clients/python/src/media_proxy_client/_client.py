"""A client of the internal endpoints, for API servers. Every call has a timeout, and every failure has a code."""

import json
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Literal, NotRequired, TypedDict, cast
from urllib.parse import urlsplit

from ._answers import (
    Metadata,
    Preparation,
    StillFrame,
    is_frames,
    is_metadata,
    is_preparation,
    is_purged,
    is_sniffed,
)

ErrorCode = Literal[
    "rejected",
    "unauthorized",
    "not-found",
    "too-large",
    "rate-limited",
    "unavailable",
    "timeout",
    "unreachable",
    "unexpected",
]

# The longest error message that is kept, in characters. The response of another server may be a whole page.
_MAX_PHRASE = 200
_CODES: dict[int, ErrorCode] = {
    400: "rejected",
    401: "unauthorized",
    403: "unauthorized",
    404: "not-found",
    413: "too-large",
    429: "rate-limited",
}


class MediaError(Exception):
    """Raised when a call fails."""

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        status: int | None = None,
        retry_after_seconds: float | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        """`unavailable`: the service, its store or an upstream failed (5xx). `unexpected`: the response is not from
        this service."""
        self.message = message
        """The message of the service, or the cause if there was no response."""
        self.status = status
        self.retry_after_seconds = retry_after_seconds
        self.request_id = request_id
        """The id of the request in the logs of the service."""


class _Source(TypedDict):
    filename: NotRequired[str]


class ExternalSource(_Source):
    type: Literal["external"]
    url: str


class UploadSource(_Source):
    type: Literal["upload"]
    upload_filename: str


class Base64Source(_Source):
    type: Literal["base64"]
    base64: str


class StoredSource(TypedDict):
    type: Literal["s3"]
    bucket: str
    key: str


MetadataSource = ExternalSource | UploadSource | Base64Source | StoredSource
"""The media for which metadata can be requested."""
FramesSource = UploadSource | StoredSource
Extra = Literal["codecs", "blurhash", "palette", "phash", "waveform"]


class MediaClient:
    """Calls the internal endpoints. Every method raises a MediaError on failure. Threads may share a client."""

    def __init__(self, base_url: str, secret_key: str, *, timeout: float = 30) -> None:
        """`secret_key` is one of the secrets of the service, and gives access to all methods below. `timeout` is the
        timeout for a whole response, in seconds. Each call can override it."""
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or parts.hostname is None:
            raise ValueError("the service is reached by an absolute http or https URL")
        self._connection = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._host = parts.hostname
        self._port = parts.port
        self._path = parts.path.rstrip("/")
        self._secret_key = secret_key
        self._timeout = timeout

    def metadata(
        self,
        source: MetadataSource,
        *,
        nsfw: Literal["block", "flag", "allow"] = "flag",
        extras: Iterable[Extra] = (),
        with_base64: bool = False,
        timeout: float | None = None,
    ) -> Metadata:
        """Returns the metadata of a file: format, size, hash, placeholder and scan result. `nsfw="allow"` skips the
        scan. The response contains only the requested `extras`, and contains the bytes only with `with_base64` (never
        for a base64 source)."""
        body: dict[str, object] = {**source, "version": 2, "nsfw": nsfw}
        if extras := list(extras):
            body["extras"] = extras
        if with_base64:
            body["with_base64"] = True
        return cast(Metadata, self._json("/_metadata", body, timeout, is_metadata))

    def thumbnail(self, upload_filename: str, *, timeout: float | None = None) -> bytes:
        """Returns the first decodable frame of an uploaded video as JPEG."""
        return self._call("/_thumbnail", {"type": "upload", "upload_filename": upload_filename}, timeout)

    def sniff(self, upload_filename: str, *, timeout: float | None = None) -> str | None:
        """Detects the content type of an upload from its first bytes. None if the service does not accept it."""
        body = {"upload_filename": upload_filename}
        answer = self._json("/_sniff", body, timeout, is_sniffed)
        return cast(str | None, answer["content_type"])

    def frames(self, source: FramesSource, *, timeout: float | None = None) -> list[StillFrame]:
        """Returns three frames of a video or animation, a still image itself, or no frames for an unreadable file."""
        return cast(list[StillFrame], self._json("/_frames", source, timeout, is_frames)["frames"])

    def prepare(
        self, object_key: str, renditions: Iterable[str], *, timeout: float | None = None
    ) -> Preparation:
        """Requests that renditions of an object are rendered in advance. `renditions` are at most 64 paths with their
        queries."""
        body = {"object": object_key, "renditions": list(renditions)}
        return cast(Preparation, self._json("/_prepare", body, timeout, is_preparation))

    def purge_object(self, key: str, *, timeout: float | None = None) -> int:
        """Removes all renditions of an object from all caches. Returns their number."""
        return cast(int, self._json("/_purge", {"object": key}, timeout, is_purged)["removed"])

    def purge_external(self, url: str, *, timeout: float | None = None) -> int:
        """Removes all renditions of an external URL from all caches. Returns their number."""
        return cast(int, self._json("/_purge", {"external": url}, timeout, is_purged)["removed"])

    def _json(
        self,
        path: str,
        body: Mapping[str, object],
        timeout: float | None,
        has_form: Callable[[object], bool],
    ) -> dict[str, object]:
        answer = self._call(path, body, timeout)
        try:
            value = json.loads(answer)
        except ValueError as error:
            raise MediaError("unexpected", "the answer is not JSON") from error
        if not has_form(value):
            raise MediaError("unexpected", "the answer has not the form of this endpoint")
        return cast(dict[str, object], value)

    def _call(self, path: str, body: Mapping[str, object], timeout: float | None) -> bytes:
        seconds = self._timeout if timeout is None else timeout
        connection = self._connection(self._host, self._port, timeout=seconds)
        limit = _Limit(seconds)
        headers = {"content-type": "application/json", "x-internal-secret": self._secret_key}
        try:
            connection.connect()
            limit.start(connection.sock)
            # http.client follows no redirects. A redirect would send the secret to another server.
            connection.request("POST", self._path + path, json.dumps(body), headers)
            response = connection.getresponse()
            content = response.read()
        except TimeoutError as error:
            raise MediaError("timeout", "no whole answer within the time limit") from error
        except (OSError, HTTPException, ValueError) as error:
            if limit.reached:
                raise MediaError("timeout", "no whole answer within the time limit") from error
            raise MediaError("unreachable", str(error) or type(error).__name__) from error
        finally:
            limit.cancel()
            connection.close()
        if limit.reached:
            # The body may be truncated at the point where the connection was cut.
            raise MediaError("timeout", "no whole answer within the time limit")
        if not 200 <= response.status < 300:
            raise _error_of(response, content)
        return content


class _Limit:
    """Shuts a connection down after a time limit. The timeout of a socket applies to each read separately."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timer: threading.Timer | None = None
        self.reached = False

    def start(self, connected: socket.socket) -> None:
        # Keeps the socket itself, because the connection drops it while it reads a response that ends at the close of
        # the connection.
        self._timer = threading.Timer(self._seconds, self._cut, [connected])
        self._timer.daemon = True
        self._timer.start()

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _cut(self, connected: socket.socket) -> None:
        self.reached = True
        try:
            # The method of the plain socket, because that of a TLS socket waits for the peer.
            socket.socket.shutdown(connected, socket.SHUT_RDWR)
        except OSError:
            # The connection has already ended.
            pass


def _error_of(response: HTTPResponse, content: bytes) -> MediaError:
    status = response.status
    if 300 <= status < 400:
        return MediaError("unreachable", "a redirect", status=status)
    retry_after = response.getheader("retry-after", "")
    return MediaError(
        "unavailable" if status >= 500 else _CODES.get(status, "unexpected"),
        content.decode(errors="replace")[:_MAX_PHRASE],
        status=status,
        retry_after_seconds=float(retry_after) if retry_after.isdigit() else None,
        request_id=response.getheader("x-request-id"),
    )
