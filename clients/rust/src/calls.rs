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

/// Makes the requests of the internal endpoints, for API servers, and reads their answers. It sends nothing: any HTTP
/// client does, blocking or not. Have that client follow no redirect, and give the whole answer a time limit.
#[derive(Clone, Debug)]
pub struct Service {
    base: String,
    secret: HeaderValue,
}

const SECRET: HeaderName = HeaderName::from_static("x-internal-secret");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request, and the reader of its answer.
#[derive(Debug)]
#[must_use]
pub struct Call<T> {
    /// What to send.
    pub request: Request<Vec<u8>>,
    /// What to give the answer to.
    pub answer: Answer<T>,
}

/// Reads the answer of one call.
#[derive(Debug)]
pub struct Answer<T> {
    read: fn(&[u8]) -> Option<T>,
}

impl<T> Answer<T> {
    /// Fails for every answer that is not what the call asked for.
    pub fn read(&self, response: &Response<impl AsRef<[u8]>>) -> Result<T, Error> {
        let content = response.body().as_ref();
        if !response.status().is_success() {
            return Err(refusal(response.status(), response.headers(), content));
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

/// What metadata and frames can be asked of.
#[derive(Clone, Debug)]
pub struct Source(Value);

impl Source {
    /// Media elsewhere.
    pub fn external(url: &str) -> Self {
        Self(json!({ "type": "external", "url": url }))
    }

    /// An object in the bucket of uploads.
    pub fn upload(key: &str) -> Self {
        Self(json!({ "type": "upload", "upload_filename": key }))
    }

    /// Media that are sent along.
    pub fn bytes(media: impl AsRef<[u8]>) -> Self {
        Self(json!({ "type": "base64", "base64": STANDARD.encode(media) }))
    }

    /// An object in one of the configured buckets.
    pub fn stored(bucket: &str, key: &str) -> Self {
        Self(json!({ "type": "s3", "bucket": bucket, "key": key }))
    }

    /// A name that tells types apart that bytes cannot tell apart.
    #[must_use]
    pub fn named(self, filename: &str) -> Self {
        self.with("filename", filename)
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0[name] = value.into();
        self
    }
}

/// What is done about a scan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nsfw {
    /// Scans, and refuses what is not safe for work.
    Block,
    /// Scans, and tells.
    #[default]
    Flag,
    /// Does not scan.
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

/// What is asked for beside the plain metadata.
#[derive(Clone, Debug, Default)]
pub struct MetadataOptions {
    /// What is done about a scan.
    pub nsfw: Nsfw,
    /// Answered only where they are asked for: `codecs`, `blurhash`, `palette`, `phash`, `waveform`.
    pub extras: Vec<String>,
    /// Answers the bytes too; not of what was sent along.
    pub with_bytes: bool,
}

/// What a file is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Metadata {
    /// Such as `png`.
    pub format: String,
    /// Such as `image/png`.
    pub content_type: String,
    /// The lower-case hexadecimal SHA-256 of the bytes.
    pub content_hash: String,
    /// In bytes.
    pub size: u64,
    /// Pixels of one frame, upright; not of what only sounds.
    pub width: Option<u32>,
    /// Pixels of one frame, upright; not of what only sounds.
    pub height: Option<u32>,
    /// In whole seconds, rounded up; of what plays.
    pub duration: Option<u64>,
    /// A `ThumbHash`.
    #[serde(default, deserialize_with = "base64_or_none")]
    pub placeholder: Option<Vec<u8>>,
    /// Whether it moves; of pictures.
    pub animated: Option<bool>,
    /// Where it was asked for.
    pub codecs: Option<Codecs>,
    /// Where it was asked for.
    pub blurhash: Option<String>,
    /// Up to five colours as `#rrggbb`, the most frequent first; where it was asked for.
    pub palette: Option<Vec<String>>,
    /// 64 bits as 16 hexadecimal digits, where it was asked for: pictures that look alike differ in few of them.
    pub phash: Option<String>,
    /// The peak of each 1/256 of the duration, where it was asked for.
    #[serde(default, deserialize_with = "base64_or_none")]
    pub waveform: Option<Vec<u8>>,
    /// The verdict of the scan.
    pub nsfw: bool,
    /// 0 to 1.
    pub nsfw_probability: f64,
    /// Empty where nothing was scanned.
    pub nsfw_predictions: BTreeMap<String, f64>,
    /// The file, where it was asked for.
    #[serde(default, rename = "base64", deserialize_with = "base64_or_none")]
    pub bytes: Option<Vec<u8>>,
}

/// How a film or a recording is coded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Codecs {
    /// Such as `h264`.
    pub video: Option<String>,
    /// Such as `aac`.
    pub audio: Option<String>,
}

/// One of a video or an animation.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct StillFrame {
    /// In seconds from the start.
    pub timestamp: f64,
    /// Of the bytes.
    pub mime_type: String,
    /// The encoded picture.
    #[serde(rename = "base64", deserialize_with = "from_base64")]
    pub bytes: Vec<u8>,
}

/// What became of the renditions that were to be made ahead, each by its path.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Preparation {
    /// Those that are there.
    pub ready: Vec<String>,
    /// Those that will be made.
    pub queued: Vec<String>,
    /// Those for which too many are waiting: ask again.
    pub refused: Vec<String>,
}

impl Service {
    /// `base_url` is where the service is reached, with or without a slash at its end; `secret_key` is one of its
    /// secrets, which opens everything below. Fails where a request cannot have them.
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

    /// What a file is: format, size, hash, placeholder, scan.
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

    /// The first frame of an uploaded video that decodes, as JPEG.
    pub fn thumbnail(&self, upload_filename: &str) -> Call<Vec<u8>> {
        self.call("/_thumbnail", &Source::upload(upload_filename).0, |content| Some(content.to_vec()))
    }

    /// The type of an upload by its first bytes; none for what the service does not accept.
    pub fn sniff(&self, upload_filename: &str) -> Call<Option<String>> {
        self.call("/_sniff", &json!({ "upload_filename": upload_filename }), |content| {
            from_json(content).map(|Sniffed { content_type }| content_type)
        })
    }

    /// Three frames of a video or animation, the picture itself of a still one, none of what cannot be read.
    pub fn frames(&self, source: &Source) -> Call<Vec<StillFrame>> {
        self.call("/_frames", &source.0, |content| from_json(content).map(|Frames { frames }| frames))
    }

    /// Has renditions of an object made ahead: paths with their queries, at most 64.
    pub fn prepare(&self, object: &str, renditions: &[&str]) -> Call<Preparation> {
        self.call("/_prepare", &json!({ "object": object, "renditions": renditions }), from_json)
    }

    /// Forgets every rendition of an object, in all caches, and tells how many.
    pub fn purge_object(&self, key: &str) -> Call<u64> {
        self.purge(&json!({ "object": key }))
    }

    /// Forgets every rendition of an external URL, in all caches, and tells how many.
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
    /// Null, but there.
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

/// The longest phrase that is passed on, in bytes: an answer of something else may be a whole page.
const MAX_PHRASE: usize = 200;

fn refusal(status: StatusCode, headers: &HeaderMap, content: &[u8]) -> Error {
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
        400 => Code::Refused,
        401 | 403 => Code::Unauthorized,
        404 => Code::NotFound,
        413 => Code::TooLarge,
        429 => Code::RateLimited,
        300..=399 => Code::Redirected,
        500..=599 => Code::Unavailable,
        _ => Code::Unexpected,
    }
}
