"""Builds and signs URLs of the media proxy, and calls its internal endpoints."""

from ._answers import Metadata, Preparation, StillFrame
from ._client import FramesSource, MediaClient, MediaError, MetadataSource
from ._parameters import AssetParameters, TransformationParameters
from ._signed_urls import AttachmentUrls, ExternalUrls, UploadUrls
from ._urls import MediaUrls

__all__ = [
    "AssetParameters",
    "AttachmentUrls",
    "ExternalUrls",
    "FramesSource",
    "MediaClient",
    "MediaError",
    "MediaUrls",
    "Metadata",
    "MetadataSource",
    "Preparation",
    "StillFrame",
    "TransformationParameters",
    "UploadUrls",
]
