"""Checks object keys and path segments by the rules of the service."""

import re
from urllib.parse import quote

# The limit of S3, in UTF-8 bytes.
_MAX_KEY_BYTES = 1024
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HASH = re.compile(r"[A-Za-z0-9_]{1,100}")


def check_key(key: str) -> str:
    """Returns the key. Raises a ValueError if the service would reject it."""
    if _FORBIDDEN.search(key):
        raise ValueError("a key with a control character or a backslash")
    # A lone surrogate cannot be encoded and raises a UnicodeEncodeError, which is a ValueError.
    if len(key.encode()) > _MAX_KEY_BYTES:
        raise ValueError(f"a key of more than {_MAX_KEY_BYTES} bytes")
    if any(segment in ("", ".", "..") for segment in key.split("/")):
        raise ValueError("a key with an empty segment, or one of dots")
    return key


def check_id(text: str) -> str:
    if _ID.fullmatch(text) is None:
        raise ValueError(f"{text!r} is no id: 1 to 64 letters, digits, _ or -")
    return text


def check_hash(text: str) -> str:
    if _HASH.fullmatch(text) is None:
        raise ValueError(f"{text!r} is no hash: 1 to 100 letters, digits or _")
    return text


def check_asset_hash(text: str) -> str:
    # The prefix of an animated hash is not part of the object key.
    if text == "a_":
        raise ValueError("a hash that is nothing but the mark of an animated one")
    return check_hash(text)


def encode_component(text: str) -> str:
    """Encodes text like encodeURIComponent of JavaScript."""
    return quote(text, safe="!~*'()")


def encode_key(key: str) -> str:
    return "/".join(encode_component(segment) for segment in key.split("/"))
