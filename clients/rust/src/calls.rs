use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::keys::base;
use crate::{Code, Error, Invalid};

/// Builds the requests to the internal endpoints, for API servers, and parses their responses. It sends nothing itself:
/// use any HTTP client, blocking or asynchronous. Configure that client to follow no redirects, and to have a timeout
/// for the whole response.
#[derive(Clone, Debug)]
pub struct Service {
    base: String,
    secret: HeaderValue,
}

const SECRET: HeaderName = HeaderName::from_static("x-internal-secret");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request, and the parser of its response.
#[derive(Debug)]
#[must_use]
pub struct Call<T> {
    /// The request to send.
    pub request: Request<Vec<u8>>,
    /// The parser of the response.
    pub answer: Answer<T>,
}

/// Parses the response of one call.
#[derive(Debug)]
pub struct Answer<T> {
    read: fn(&[u8]) -> Option<T>,
}

impl<T> Answer<T> {
    /// Parses a response. Fails for every response that is not a success with the expected body.
    pub fn read(&self, response: &Response<impl AsRef<[u8]>>) -> Result<T, Error> {
        let content = response.body().as_ref();
        if !response.status().is_success() {
            return Err(rejection(response.status(), response.headers(), content));
        }
        (self.read)(content).ok_or_else(|| Error {
            code: Code::Unexpected,
            message: "the answer has not the form of this endpoint".to_owned(),
            status: response.status().as_u16(),
            retry_after: None,
            request_id: text_of(response.headers(), &REQUEST_ID),
        })
    }
}

/// The media for which metadata or frames are requested.
#[derive(Clone, Debug)]
pub struct Source(Value);

impl Source {
    /// External media.
    pub fn external(url: &str) -> Self {
        Self(json!({ "type": "external", "url": url }))
    }

    /// An object in the upload bucket.
    pub fn upload(key: &str) -> Self {
        Self(json!({ "type": "upload", "upload_filename": key }))
    }

    /// Media in the request body.
    pub fn bytes(media: impl AsRef<[u8]>) -> Self {
        Self(json!({ "type": "base64", "base64": STANDARD.encode(media) }))
    }

    /// An object in one of the configured buckets.
    pub fn stored(bucket: &str, key: &str) -> Self {
        Self(json!({ "type": "s3", "bucket": bucket, "key": key }))
    }

    /// Adds a file name, which distinguishes types that the bytes do not distinguish.
    #[must_use]
    pub fn named(self, filename: &str) -> Self {
        self.with("filename", filename)
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0[name] = value.into();
        self
    }
}

/// The NSFW policy of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nsfw {
    /// Scans, and rejects media that is not safe for work.
    Block,
    /// Scans, and reports the result.
    #[default]
    Flag,
    /// Skips the scan.
    Allow,
}

impl fmt::Display for Nsfw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Block => "block",
            Self::Flag => "flag",
            Self::Allow => "allow",
        })
    }
}

/// The options of a metadata request.
#[derive(Clone, Debug, Default)]
pub struct MetadataOptions {
    /// The NSFW policy.
    pub nsfw: Nsfw,
    /// Additional fields of the response: `codecs`, `blurhash`, `palette`, `phash`, `waveform`.
    pub extras: Vec<String>,
    /// Adds the bytes to the response, except for [`Source::bytes`].
    pub with_bytes: bool,
}

/// The metadata of a file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Metadata {
    /// For example `png`.
    pub format: String,
    /// For example `image/png`.
    pub content_type: String,
    /// The lower-case hexadecimal SHA-256 of the bytes.
    pub content_hash: String,
    /// In bytes.
    pub size: u64,
    /// The size of one frame in pixels, after orientation. Absent for audio.
    pub width: Option<u32>,
    /// The size of one frame in pixels, after orientation. Absent for audio.
    pub height: Option<u32>,
    /// In whole seconds, rounded up. Present only for media with a duration.
    pub duration: Option<u64>,
    /// A `ThumbHash`.
    #[serde(default, deserialize_with = "base64_or_none")]
    pub placeholder: Option<Vec<u8>>,
    /// Whether the image is animated. Present only for images.
    pub animated: Option<bool>,
    /// Present only if requested.
    pub codecs: Option<Codecs>,
    /// Present only if requested.
    pub blurhash: Option<String>,
    /// Up to five colours as `#rrggbb`, the most frequent first. Present only if requested.
    pub palette: Option<Vec<String>>,
    /// A perceptual hash: 64 bits as 16 hexadecimal digits. Similar images differ in few bits. Present only if
    /// requested.
    pub phash: Option<String>,
    /// The peak level of each 1/256 of the duration. Present only if requested.
    #[serde(default, deserialize_with = "base64_or_none")]
    pub waveform: Option<Vec<u8>>,
    /// Whether the scan found the media not safe for work.
    pub nsfw: bool,
    /// 0 to 1.
    pub nsfw_probability: f64,
    /// Empty if nothing was scanned.
    pub nsfw_predictions: BTreeMap<String, f64>,
    /// The bytes of the file. Present only if requested.
    #[serde(default, rename = "base64", deserialize_with = "base64_or_none")]
    pub bytes: Option<Vec<u8>>,
}

/// The codecs of a video or an audio file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Codecs {
    /// For example `h264`.
    pub video: Option<String>,
    /// For example `aac`.
    pub audio: Option<String>,
}

/// One frame of a video or an animation.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct StillFrame {
    /// In seconds from the start.
    pub timestamp: f64,
    /// The type of the bytes.
    pub mime_type: String,
    /// The encoded image.
    #[serde(rename = "base64", deserialize_with = "from_base64")]
    pub bytes: Vec<u8>,
}

/// The result of [`Service::prepare`]: the paths of the renditions by status.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Preparation {
    /// Renditions that exist.
    pub ready: Vec<String>,
    /// Renditions that will be rendered.
    pub queued: Vec<String>,
    /// Renditions that were rejected because too many are waiting. Request them again later.
    pub rejected: Vec<String>,
}

impl Service {
    /// `base_url` is the URL of the service, with or without a trailing slash. `secret_key` is one of its secrets, and
    /// gives access to all calls below. Fails if either is not valid in a request.
    pub fn new(base_url: &str, secret_key: &str) -> Result<Self, Invalid> {
        let base = base(base_url).to_owned();
        let address: Uri = base.parse().map_err(|_| Invalid::new("an address that is no URL"))?;
        if address.scheme().is_none() || base.contains(['?', '#']) {
            return Err(Invalid::new("an address that is no absolute URL, or more than one"));
        }
        let mut secret: HeaderValue =
            secret_key.parse().map_err(|_| Invalid::new("a secret that no header can have"))?;
        secret.set_sensitive(true);
        Ok(Self { base, secret })
    }

    /// Requests the metadata of a file: format, size, hash, placeholder and scan result.
    pub fn metadata(&self, source: &Source, options: &MetadataOptions) -> Call<Metadata> {
        let mut body = source.clone().with("version", 2).with("nsfw", options.nsfw.to_string());
        if !options.extras.is_empty() {
            body = body.with("extras", options.extras.clone());
        }
        if options.with_bytes {
            body = body.with("with_base64", true);
        }
        self.call("/_metadata", &body.0, from_json)
    }

    /// Requests the first decodable frame of an uploaded video as JPEG.
    pub fn thumbnail(&self, upload_filename: &str) -> Call<Vec<u8>> {
        self.call("/_thumbnail", &Source::upload(upload_filename).0, |content| Some(content.to_vec()))
    }

    /// Detects the content type of an upload from its first bytes. `None` if the service does not accept it.
    pub fn sniff(&self, upload_filename: &str) -> Call<Option<String>> {
        self.call("/_sniff", &json!({ "upload_filename": upload_filename }), |content| {
            from_json(content).map(|Sniffed { content_type }| content_type)
        })
    }

    /// Requests three frames of a video or animation, a still image itself, or no frames for an unreadable file.
    pub fn frames(&self, source: &Source) -> Call<Vec<StillFrame>> {
        self.call("/_frames", &source.0, |content| from_json(content).map(|Frames { frames }| frames))
    }

    /// Requests that renditions of an object are rendered in advance. They are at most 64 paths with their queries.
    pub fn prepare(&self, object: &str, renditions: &[&str]) -> Call<Preparation> {
        self.call("/_prepare", &json!({ "object": object, "renditions": renditions }), from_json)
    }

    /// Removes all renditions of an object from all caches. The response is their number.
    pub fn purge_object(&self, key: &str) -> Call<u64> {
        self.purge(&json!({ "object": key }))
    }

    /// Removes all renditions of an external URL from all caches. The response is their number.
    pub fn purge_external(&self, url: &str) -> Call<u64> {
        self.purge(&json!({ "external": url }))
    }

    fn purge(&self, body: &Value) -> Call<u64> {
        self.call("/_purge", body, |content| from_json(content).map(|Purged { removed }| removed))
    }

    fn call<T>(&self, path: &str, body: &Value, read: fn(&[u8]) -> Option<T>) -> Call<T> {
        let request = Request::post(format!("{}{path}", self.base))
            .header(CONTENT_TYPE, "application/json")
            .header(SECRET, self.secret.clone())
            .body(body.to_string().into_bytes())
            .expect("the address and the secret were looked at when they were given");
        Call { request, answer: Answer { read } }
    }
}

#[derive(Deserialize)]
struct Sniffed {
    /// Must be present, but may be null.
    #[serde(deserialize_with = "Deserialize::deserialize")]
    content_type: Option<String>,
}

#[derive(Deserialize)]
struct Frames {
    frames: Vec<StillFrame>,
}

#[derive(Deserialize)]
struct Purged {
    removed: u64,
}

fn from_json<T: DeserializeOwned>(content: &[u8]) -> Option<T> {
    serde_json::from_slice(content).ok()
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(serde::de::Error::custom)
}

fn base64_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| STANDARD.decode(text).map_err(serde::de::Error::custom)).transpose()
}

/// The longest error message that is kept, in bytes. The response of another server may be a whole page.
const MAX_PHRASE: usize = 200;

fn rejection(status: StatusCode, headers: &HeaderMap, content: &[u8]) -> Error {
    let code = code_of(status);
    let phrase = &content[..content.len().min(MAX_PHRASE)];
    let message = match code {
        Code::Redirected => format!("a redirect ({status})"),
        _ => String::from_utf8_lossy(phrase).trim_end_matches('\u{fffd}').to_owned(),
    };
    let seconds = text_of(headers, &RETRY_AFTER).and_then(|text| text.parse().ok());
    Error {
        code,
        message,
        status: status.as_u16(),
        retry_after: seconds.map(Duration::from_secs),
        request_id: text_of(headers, &REQUEST_ID),
    }
}

fn text_of(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn code_of(status: StatusCode) -> Code {
    match status.as_u16() {
        400 => Code::Rejected,
        401 | 403 => Code::Unauthorized,
        404 => Code::NotFound,
        413 => Code::TooLarge,
        429 => Code::RateLimited,
        300..=399 => Code::Redirected,
        500..=599 => Code::Unavailable,
        _ => Code::Unexpected,
    }
}
