"""The query parameters: their types, and the values that the service accepts for each."""

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Literal, TypedDict
from urllib.parse import quote_plus

OutputFormat = Literal["png", "jpg", "jpeg", "webp", "gif", "avif", "auto"]
ClipFormat = Literal["mp4", "webm"]
OutputQuality = Literal["high", "low", "lossless"] | int


class _CommonParameters(TypedDict, total=False):
    quality: OutputQuality
    """1 to 100 on the scale of WebP and JPEG. `high` is 80, `low` is 20."""
    animated: bool
    dpr: float
    """Device pixel ratio: 1, 1.5, 2 or 3."""
    blur: int
    """The sigma of a Gaussian blur, 1 to 100."""
    crop: str | tuple[float, float, float, float]
    """x, y, width and height in the source after orientation: pixels, or fractions if any has a decimal point."""
    trim: bool
    rotate: Literal[90, 180, 270]
    flip: Literal["h", "v"]
    pad: int | str | tuple[int, ...]
    """Padding in pixels: one value, or up to four as in CSS, each at most 1000."""
    background: str
    """Six hexadecimal digits."""
    sharpen: int
    """1 to 10."""
    maxbytes: int
    preset: str
    """The name of a preset in the configuration of the service. Other parameters override it."""
    download: bool


class AssetParameters(_CommonParameters, total=False):
    """The parameters of avatars, icons, banners, splashes, emojis and stickers."""

    size: int
    """The maximum width in pixels (for stickers, of both sides), rounded up to the next listed size."""
    format: OutputFormat


class TransformationParameters(_CommonParameters, total=False):
    """The parameters of attachments and of external media."""

    width: int
    """1 to 16384 pixels. Images are never enlarged."""
    height: int
    fit: Literal["cover", "contain", "inside"]
    gravity: Literal["centre", "north", "east", "south", "west", "attention", "entropy", "face"]
    format: OutputFormat | ClipFormat
    """`mp4` and `webm` make a clip of a video or an animation."""
    time: float | str
    """A position in a video: seconds, a whole percentage such as `50%`, or `best`."""
    duration: float
    """The maximum duration of a clip, in seconds."""
    fps: int
    sprite: str
    """The columns and rows of a sprite sheet, such as `4x3`."""
    audio: bool


Check = Callable[[str], bool]


def _matches(pattern: str) -> Check:
    compiled = re.compile(pattern)
    return lambda text: compiled.fullmatch(text) is not None


def _one_of(*values: str) -> Check:
    return lambda text: text in values


_is_integer = _matches(r"0|[1-9][0-9]{0,7}")


def _integer(minimum: int, maximum: int) -> Check:
    return lambda text: _is_integer(text) and minimum <= int(text) <= maximum


_is_seconds = _matches(r"[0-9]{1,7}(\.[0-9]{1,9})?")


def _is_time(text: str) -> bool:
    if text.endswith("%"):
        return _integer(0, 100)(text[:-1])
    return text == "best" or _is_seconds(text)


def _is_duration(text: str) -> bool:
    # At least 10 milliseconds, after rounding to whole milliseconds.
    return _is_seconds(text) and float(text) * 1000 >= 9.5


_is_fraction = _matches(r"0(\.[0-9]{1,4})?|1(\.0{1,4})?")


def _is_crop(text: str) -> bool:
    numbers = text.split(",")
    if len(numbers) != 4:
        return False
    fractions = "." in text
    if not all(map(_is_fraction if fractions else _integer(0, 99_999), numbers)):
        return False
    x, y, width, height = map(float, numbers)
    return width > 0 and height > 0 and (not fractions or (x < 1 and y < 1))


def _is_pad(text: str) -> bool:
    sides = text.split(",")
    return len(sides) <= 4 and all(map(_integer(0, 1000), sides))


_is_flag = _one_of("true", "false", "1", "0")
_is_quality = _integer(1, 100)

_COMMON: Mapping[str, Check] = {
    "format": _one_of("png", "jpg", "jpeg", "webp", "gif", "avif", "auto"),
    "quality": lambda text: text in ("high", "low", "lossless") or _is_quality(text),
    "animated": _is_flag,
    "dpr": _one_of("1", "1.5", "2", "3"),
    "blur": _integer(1, 100),
    "crop": _is_crop,
    "trim": _is_flag,
    "rotate": _one_of("90", "180", "270"),
    "flip": _one_of("h", "v"),
    "pad": _is_pad,
    "background": _matches(r"[0-9a-fA-F]{6}"),
    "sharpen": _integer(1, 10),
    "maxbytes": _integer(256, 99_999_999),
    "preset": _matches(r"[A-Za-z0-9_-]{1,40}"),
    "download": _is_flag,
}

ASSET_CHECKS: Mapping[str, Check] = {**_COMMON, "size": _matches(r"[0-9]+(\.[0-9]+)?")}

TRANSFORMATION_CHECKS: Mapping[str, Check] = {
    **_COMMON,
    "width": _integer(1, 16_384),
    "height": _integer(1, 16_384),
    "fit": _one_of("cover", "contain", "inside"),
    "gravity": _one_of("centre", "north", "east", "south", "west", "attention", "entropy", "face"),
    "format": lambda text: text in ("mp4", "webm") or _COMMON["format"](text),
    "time": _is_time,
    "duration": _is_duration,
    "fps": _integer(1, 30),
    "sprite": _matches(r"([1-9]|10)x([1-9]|10)"),
    "audio": _is_flag,
}

Pairs = list[tuple[str, str]]


def asset_pairs(parameters: Mapping[str, object]) -> Pairs:
    return _pairs(parameters, ASSET_CHECKS)


def transformation_pairs(parameters: Mapping[str, object]) -> Pairs:
    pairs = _pairs(parameters, TRANSFORMATION_CHECKS)
    given = dict(pairs)
    # A clip shows whole frames, and it starts at a given time, not at a frame that the service selects.
    if given.get("format") in ("mp4", "webm"):
        if given.get("fit", "inside") != "inside":
            raise ValueError("a clip supports only fit=inside")
        if given.get("time") == "best":
            raise ValueError("a clip takes no time=best")
    return pairs


def _pairs(parameters: Mapping[str, object], checks: Mapping[str, Check]) -> Pairs:
    """Returns the given parameters as query pairs, in the given order."""
    pairs: Pairs = []
    for name, value in parameters.items():
        if name not in checks:
            raise TypeError(f"there is no parameter {name!r} of such a URL")
        if value is None:
            continue
        text = text_of(value)
        if not checks[name](text):
            raise ValueError(f"{text!r} is not a valid value of the parameter {name}")
        pairs.append((name, text))
    return pairs


def text_of(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _decimal(value)
    if isinstance(value, (tuple, list)):
        return ",".join(map(text_of, value))
    return str(value)


def _decimal(value: float) -> str:
    """Formats a number without an exponent, and without a fraction if it is whole."""
    text = format(Decimal(repr(value)), "f")
    return text.removesuffix(".0")


def query_of(pairs: Iterable[tuple[str, str]]) -> str:
    """Returns a query string with its question mark. Empty without parameters."""
    text = "&".join(f"{_form_encoded(name)}={_form_encoded(value)}" for name, value in pairs)
    return f"?{text}" if text else ""


def _form_encoded(text: str) -> str:
    return quote_plus(text, safe="*").replace("~", "%7E")
