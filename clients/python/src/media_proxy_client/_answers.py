"""The responses of the internal endpoints, and the checks of their structure."""

import math
from collections.abc import Callable, Mapping
from typing import Literal, NotRequired, TypedDict

NsfwClass = Literal["drawing", "hentai", "neutral", "porn", "sexy"]


class Codecs(TypedDict, total=False):
    video: str
    audio: str


class Metadata(TypedDict):
    """The metadata of a file. Fields that do not apply are absent."""

    format: str
    content_type: str
    content_hash: str
    """Lower-case hexadecimal SHA-256 of the bytes."""
    size: int
    """In bytes."""
    width: NotRequired[int]
    """The width of one frame in pixels, after orientation."""
    height: NotRequired[int]
    duration: NotRequired[int]
    """In whole seconds, rounded up."""
    placeholder: NotRequired[str]
    """A ThumbHash in standard base64."""
    animated: NotRequired[bool]
    codecs: NotRequired[Codecs]
    """Present only if requested with `extras`, like the next four fields."""
    blurhash: NotRequired[str]
    palette: NotRequired[list[str]]
    """Up to five colours as `#rrggbb`, the most frequent first."""
    phash: NotRequired[str]
    """A perceptual hash: 64 bits as 16 hexadecimal digits. Similar images differ in few bits."""
    waveform: NotRequired[str]
    """256 bytes in base64: the peak level of each 1/256 of the duration."""
    nsfw: bool
    nsfw_probability: float
    nsfw_predictions: dict[NsfwClass, float]
    """Empty if nothing was scanned."""
    base64: NotRequired[str]


class StillFrame(TypedDict):
    timestamp: float
    """In seconds from the start."""
    mime_type: str
    base64: str


class Preparation(TypedDict):
    """The result of a request to render renditions in advance: their paths by status."""

    ready: list[str]
    queued: list[str]
    rejected: list[str]
    """Rejected because too many renditions are waiting. Request them again later."""


Check = Callable[[object], bool]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _is_dict_of(check: Check) -> Check:
    return lambda value: isinstance(value, dict) and all(map(check, value.values()))


_METADATA: Mapping[str, Check] = {
    "format": _is_text,
    "content_type": _is_text,
    "content_hash": _is_text,
    "size": _is_number,
    "width": _is_number,
    "height": _is_number,
    "duration": _is_number,
    "placeholder": _is_text,
    "animated": _is_flag,
    "codecs": _is_dict_of(_is_text),
    "blurhash": _is_text,
    "palette": _is_list_of(_is_text),
    "phash": _is_text,
    "waveform": _is_text,
    "nsfw": _is_flag,
    "nsfw_probability": _is_number,
    "nsfw_predictions": _is_dict_of(_is_number),
    "base64": _is_text,
}
_FRAME: Mapping[str, Check] = {"timestamp": _is_number, "mime_type": _is_text, "base64": _is_text}
_TEXTS = _is_list_of(_is_text)
_PREPARATION: Mapping[str, Check] = {"ready": _TEXTS, "queued": _TEXTS, "rejected": _TEXTS}


def _has(value: object, checks: Mapping[str, Check], required: frozenset[str]) -> bool:
    return (
        isinstance(value, dict)
        and required <= value.keys()
        and all(check(value[name]) for name, check in checks.items() if name in value)
    )


def is_metadata(value: object) -> bool:
    return _has(value, _METADATA, Metadata.__required_keys__)


def is_frames(value: object) -> bool:
    frames = value.get("frames") if isinstance(value, dict) else None
    return _is_list_of(lambda frame: _has(frame, _FRAME, StillFrame.__required_keys__))(frames)


def is_preparation(value: object) -> bool:
    return _has(value, _PREPARATION, Preparation.__required_keys__)


def is_sniffed(value: object) -> bool:
    if not isinstance(value, dict) or "content_type" not in value:
        return False
    return value["content_type"] is None or _is_text(value["content_type"])


def is_purged(value: object) -> bool:
    return isinstance(value, dict) and _is_number(value.get("removed"))
