#![doc = include_str!("../README.md")]

mod calls;
mod failure;
mod keys;
mod parameters;
mod signed;
mod urls;

pub use calls::{
    Answer, Call, Codecs, Metadata, MetadataOptions, Nsfw, Preparation, Service, Source, StillFrame,
};
pub use failure::{Code, Error, Invalid};
pub use parameters::{AssetParameters, Transformation};
pub use signed::{AttachmentUrls, Expiry, ExternalUrls, Part, Upload, UploadUrls};
pub use urls::Urls;

#[cfg(test)]
mod vectors;
