"""A client of the internal endpoints, for API servers: every call has a time limit, every failure a name."""

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
    "refused",
    "unauthorized",
    "not-found",
    "too-large",
    "rate-limited",
    "unavailable",
    "timeout",
    "unreachable",
    "unexpected",
]

# Longest phrase that is passed on, in characters: an answer of something else may be a whole page.
_MAX_PHRASE = 200
_CODES: dict[int, ErrorCode] = {
    400: "refused",
    401: "unauthorized",
    403: "unauthorized",
    404: "not-found",
    413: "too-large",
    429: "rate-limited",
}


class MediaError(Exception):
    """A call that ended without what it asked for."""

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
        """`unavailable` is the service, its store or an upstream (5xx), `unexpected` an answer that is none of its."""
        self.message = message
        """The service's phrase, or what went wrong before there was one."""
        self.status = status
        self.retry_after_seconds = retry_after_seconds
        self.request_id = request_id
        """The request's name in the logs of the service."""


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
"""What metadata can be asked of."""
FramesSource = UploadSource | StoredSource
Extra = Literal["codecs", "blurhash", "palette", "phash", "waveform"]


class MediaClient:
    """Every method raises a MediaError. Threads may share a client."""

    def __init__(self, base_url: str, secret_key: str, *, timeout: float = 30) -> None:
        """`secret_key`: one of the service's secrets, which opens everything below. `timeout`: longest wait for a whole
        answer, in seconds; each call may have its own."""
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
        """What a file is: format, size, hash, placeholder, scan. `allow` does not scan; `extras` are answered only where
        they are asked for, and so are the bytes (`with_base64`; not of what was sent as base64)."""
        body: dict[str, object] = {**source, "version": 2, "nsfw": nsfw}
        if extras := list(extras):
            body["extras"] = extras
        if with_base64:
            body["with_base64"] = True
        return cast(Metadata, self._json("/_metadata", body, timeout, is_metadata))

    def thumbnail(self, upload_filename: str, *, timeout: float | None = None) -> bytes:
        """The first frame of an uploaded video that decodes, as JPEG."""
        return self._call("/_thumbnail", {"type": "upload", "upload_filename": upload_filename}, timeout)

    def sniff(self, upload_filename: str, *, timeout: float | None = None) -> str | None:
        """The type of an upload by its first bytes; None for what the service does not accept."""
        body = {"upload_filename": upload_filename}
        answer = self._json("/_sniff", body, timeout, is_sniffed)
        return cast(str | None, answer["content_type"])

    def frames(self, source: FramesSource, *, timeout: float | None = None) -> list[StillFrame]:
        """Three frames of a video or animation, the picture itself for a still one, none for what cannot be read."""
        return cast(list[StillFrame], self._json("/_frames", source, timeout, is_frames)["frames"])

    def prepare(
        self, object_key: str, renditions: Iterable[str], *, timeout: float | None = None
    ) -> Preparation:
        """Has renditions of an object made ahead: `renditions` are their paths with their queries, at most 64."""
        body = {"object": object_key, "renditions": list(renditions)}
        return cast(Preparation, self._json("/_prepare", body, timeout, is_preparation))

    def purge_object(self, key: str, *, timeout: float | None = None) -> int:
        """Forgets every rendition of an object, in all caches; answers how many."""
        return cast(int, self._json("/_purge", {"object": key}, timeout, is_purged)["removed"])

    def purge_external(self, url: str, *, timeout: float | None = None) -> int:
        """Forgets every rendition of an external URL, in all caches; answers how many."""
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
            # A redirect is not followed: it would carry the secret to wherever it leads.
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
            # What was read may end where the connection was cut.
            raise MediaError("timeout", "no whole answer within the time limit")
        if not 200 <= response.status < 300:
            raise _error_of(response, content)
        return content


class _Limit:
    """Cuts a connection after its time, whatever it is waiting for: a socket's own timeout is one of each read."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timer: threading.Timer | None = None
        self.reached = False

    def start(self, connected: socket.socket) -> None:
        # The socket itself: the connection forgets it while an answer is read that ends with it.
        self._timer = threading.Timer(self._seconds, self._cut, [connected])
        self._timer.daemon = True
        self._timer.start()

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _cut(self, connected: socket.socket) -> None:
        self.reached = True
        try:
            # The plain method: that of TLS waits for what the other side says.
            socket.socket.shutdown(connected, socket.SHUT_RDWR)
        except OSError:
            # It has ended by itself.
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
