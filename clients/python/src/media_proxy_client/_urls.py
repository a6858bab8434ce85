"""Builds URLs of stored media."""

from typing import Literal, Unpack, get_args

from ._keys import check_asset_hash, check_hash, check_id, check_key, encode_key
from ._parameters import AssetParameters, TransformationParameters, asset_pairs, query_of, transformation_pairs

AssetKind = Literal[
    "avatars",
    "icons",
    "banners",
    "splashes",
    "embed-splashes",
    "discovery-splashes",
    "branding",
]
Extension = Literal["png", "apng", "jpg", "jpeg", "webp", "gif", "avif", "svg", "heic", "jxl"]

_KINDS = get_args(AssetKind)
_EXTENSIONS = get_args(Extension)
_SOUNDS = ("mp3", "ogg", "m4a", "wav")


class MediaUrls:
    """Builds unsigned URLs without sending requests. All methods raise a ValueError for input that the service would
    reject."""

    def __init__(self, base_url: str) -> None:
        """`base_url` is the public URL of the service, with or without a trailing slash."""
        self._base = base_url.rstrip("/")

    def asset(
        self,
        kind: AssetKind,
        id: str,
        hash: str,
        extension: Extension = "webp",
        **parameters: Unpack[AssetParameters],
    ) -> str:
        """Returns `/<kind>/<id>/<hash>.<extension>`, for example `/avatars/<id>/<hash>.<extension>`."""
        if kind not in _KINDS:
            raise ValueError(f"{kind!r} is no kind of asset")
        return self._asset(f"{kind}/{check_id(id)}/{check_asset_hash(hash)}", extension, parameters)

    def member_asset(
        self,
        guild_id: str,
        user_id: str,
        kind: Literal["avatars", "banners"],
        hash: str,
        extension: Extension = "webp",
        **parameters: Unpack[AssetParameters],
    ) -> str:
        """Returns the URL of the avatar or banner of a member in one guild."""
        if kind not in ("avatars", "banners"):
            raise ValueError(f"{kind!r} is no kind of a member's asset")
        folder = f"guilds/{check_id(guild_id)}/users/{check_id(user_id)}/{kind}"
        return self._asset(f"{folder}/{check_asset_hash(hash)}", extension, parameters)

    def emoji(self, id: str, extension: Extension = "webp", **parameters: Unpack[AssetParameters]) -> str:
        return self._asset(f"emojis/{check_id(id)}", extension, parameters)

    def sticker(self, id: str, extension: Extension = "webp", **parameters: Unpack[AssetParameters]) -> str:
        return self._asset(f"stickers/{check_id(id)}", extension, parameters)

    def attachment(self, path: str, **parameters: Unpack[TransformationParameters]) -> str:
        """`path` is the decoded object key below `attachments/`."""
        return self._base + attachment_path(path) + query_of(transformation_pairs(parameters))

    def theme(self, id: str) -> str:
        """`id` has 16 lower-case hexadecimal digits."""
        if len(id) != 16 or not set(id) <= set("0123456789abcdef"):
            raise ValueError("a theme has an id of 16 lower-case hexadecimal digits")
        return f"{self._base}/themes/{id}.css"

    def entrance_sound(self, user_id: str, hash: str, extension: Literal["mp3", "ogg", "m4a", "wav"]) -> str:
        if extension not in _SOUNDS:
            raise ValueError(f"{extension!r} is no extension of a sound")
        return f"{self._base}/entrance-sounds/{check_id(user_id)}/{check_hash(hash)}.{extension}"

    def _asset(self, name: str, extension: str, parameters: AssetParameters) -> str:
        if extension not in _EXTENSIONS:
            raise ValueError(f"{extension!r} is no extension of an asset")
        return f"{self._base}/{name}.{extension}{query_of(asset_pairs(parameters))}"


def attachment_path(path: str) -> str:
    check_key(f"attachments/{path}")
    return f"/attachments/{encode_key(path)}"
