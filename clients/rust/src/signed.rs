use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha2::Sha256;
use sha2::digest::Output;

use crate::keys::{base, check_key, encode_component};
use crate::parameters::{Pair, message_of, query_of};
use crate::urls::attachment_path;
use crate::{Invalid, Transformation};

/// Signs URLs of external media. Use it only on servers: the key allows making the service fetch any URL.
#[derive(Clone, Debug)]
pub struct ExternalUrls {
    base: String,
    key: Key,
    signs_parameters: bool,
}

/// Specifies when a URL expires.
#[derive(Clone, Copy, Debug)]
pub struct Expiry {
    /// The minimum lifetime of the URL.
    pub within: Duration,
    /// A number of whole seconds. The expiry time is rounded up to a multiple of it, so that URLs made in one bucket
    /// are identical and caches keep hitting.
    pub bucket: Duration,
}

impl Expiry {
    /// An expiry with buckets of an hour.
    pub fn within(within: Duration) -> Self {
        Self { within, bucket: Duration::from_secs(3600) }
    }

    /// Returns the expiry time in Unix seconds.
    fn at(self, now: SystemTime) -> u64 {
        let end = since_epoch(now).saturating_add(self.within);
        let seconds = end.as_secs().saturating_add(u64::from(end.subsec_nanos() > 0));
        seconds.checked_next_multiple_of(self.bucket.as_secs().max(1)).unwrap_or(seconds)
    }
}

const MAX_URL_LENGTH: usize = 8192;

impl ExternalUrls {
    /// `secret_key` is the `secretKey` of the service, or the first of several. One signature (`v2`) is valid for every
    /// size.
    pub fn new(base_url: &str, secret_key: &str) -> Self {
        Self { base: base(base_url).to_owned(), key: Key(secret_key.into()), signs_parameters: false }
    }

    /// Makes the signature cover the parameters too (`v3`), so that a URL cannot be changed to request another
    /// rendition.
    #[must_use]
    pub fn signing_parameters(self) -> Self {
        Self { signs_parameters: true, ..self }
    }

    /// Returns a signed URL. Without an expiry it never expires. Fails for anything but an absolute http or https URL,
    /// and for parameters that the service would reject.
    pub fn sign(
        &self,
        url: &str,
        parameters: &Transformation,
        expiry: Option<Expiry>,
    ) -> Result<String, Invalid> {
        self.sign_at(SystemTime::now(), url, parameters, expiry)
    }

    /// Like [`ExternalUrls::sign`], at the given time.
    pub fn sign_at(
        &self,
        now: SystemTime,
        url: &str,
        parameters: &Transformation,
        expiry: Option<Expiry>,
    ) -> Result<String, Invalid> {
        check_far_url(url)?;
        let mut pairs: Vec<Pair> = expiry.iter().map(|expiry| ("ex", expiry.at(now).to_string())).collect();
        let expires = pairs.len();
        pairs.extend(parameters.pairs()?);
        let (version, signed) =
            if self.signs_parameters { ("v3", &pairs[..]) } else { ("v2", &pairs[..expires]) };
        let target = format!("{version}/{}", URL_SAFE_NO_PAD.encode(url));
        let covered = message_of(signed);
        let message = if covered.is_empty() { target.clone() } else { format!("{target}?{covered}") };
        let signature = URL_SAFE_NO_PAD.encode(mac(&self.key, &message));
        Ok(format!("{}/external/{signature}/{target}{}", self.base, query_of(&pairs)))
    }
}

fn check_far_url(url: &str) -> Result<(), Invalid> {
    let not_far = || Invalid::new("only absolute http and https URLs can be signed");
    let (scheme, rest) = url.split_once("://").ok_or_else(not_far)?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(not_far());
    }
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let address = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = match address.strip_prefix('[').map(|within| within.split_once(']')) {
        Some(closed) => closed.ok_or_else(not_far)?,
        None => address.split_at(address.find(':').unwrap_or(address.len())),
    };
    let is_of_hosts = if address.starts_with('[') { is_of_addresses } else { is_of_names };
    if host.is_empty() || !host.chars().all(is_of_hosts) || !is_port(port) {
        return Err(not_far());
    }
    // The service encodes each non-ASCII byte as three characters.
    if url.bytes().map(|byte| if byte.is_ascii() { 1 } else { 3 }).sum::<usize>() > MAX_URL_LENGTH {
        return Err(Invalid::new("a URL that is too long"));
    }
    Ok(())
}

fn is_of_addresses(char: char) -> bool {
    char.is_ascii_hexdigit() || matches!(char, ':' | '.')
}

fn is_of_names(char: char) -> bool {
    char > ' ' && !"\"<>^`{|}%[]\u{7f}".contains(char)
}

/// Whether the text is a colon with a valid port, a colon alone, or empty.
fn is_port(text: &str) -> bool {
    match text.strip_prefix(':') {
        None => text.is_empty(),
        Some("") => true,
        Some(digits) => {
            digits.len() <= 5
                && digits.bytes().all(|byte| byte.is_ascii_digit())
                && digits.parse::<u16>().is_ok()
        }
    }
}

/// Signs URLs of attachments. Use it only on servers.
#[derive(Clone, Debug)]
pub struct AttachmentUrls {
    base: String,
    key: Key,
}

const LIFETIME_SECONDS: u64 = 86_400;
/// URLs issued in one interval of this grid are identical, so that browsers can use their caches.
const GRID_SECONDS: u64 = 43_200;
/// The epoch of attachment ids. The bits above the lowest 22 of an id count milliseconds since this time.
const SNOWFLAKE_EPOCH_SECONDS: u64 = 1_420_070_400;

impl AttachmentUrls {
    /// `secret` is the `attachmentSecrets` of the service in base64, or the first of several. Fails if it is not
    /// base64.
    pub fn new(base_url: &str, secret: &str) -> Result<Self, Invalid> {
        Ok(Self { base: base(base_url).to_owned(), key: decode_secret(secret)? })
    }

    /// Returns a URL that is valid for 12 to 24 hours. The path is the decoded object key below `attachments/`.
    pub fn sign(&self, path: &str, parameters: &Transformation) -> Result<String, Invalid> {
        self.sign_at(SystemTime::now(), path, parameters)
    }

    /// Like [`AttachmentUrls::sign`], at the given time.
    pub fn sign_at(
        &self,
        now: SystemTime,
        path: &str,
        parameters: &Transformation,
    ) -> Result<String, Invalid> {
        let issued = issue_time(path, since_epoch(now).as_secs());
        let expires = hex_seconds(issued + LIFETIME_SECONDS);
        self.spell(path, parameters, &expires, &hex_seconds(issued), None)
    }

    /// Returns a URL that never expires.
    pub fn sign_for_data_package(&self, path: &str) -> Result<String, Invalid> {
        self.sign_for_data_package_at(SystemTime::now(), path)
    }

    /// Like [`AttachmentUrls::sign_for_data_package`], at the given time.
    pub fn sign_for_data_package_at(&self, now: SystemTime, path: &str) -> Result<String, Invalid> {
        let issued = hex_seconds(since_epoch(now).as_secs());
        self.spell(path, &Transformation::default(), &hex_seconds(0), &issued, Some("dp"))
    }

    fn spell(
        &self,
        path: &str,
        parameters: &Transformation,
        expires: &str,
        issued: &str,
        usage: Option<&str>,
    ) -> Result<String, Invalid> {
        let encoded = attachment_path(path)?;
        let key = format!("attachments/{path}");
        let lines = ["fluxer-attachment-url-v1", expires, issued, usage.unwrap_or_default(), &key];
        let bytes = mac(&self.key, &lines.join("\n"));
        let signature = bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let expires = if usage.is_some() { "0" } else { expires };
        let mut pairs: Vec<Pair> =
            vec![("ex", expires.to_owned()), ("is", issued.to_owned()), ("hm", signature)];
        pairs.extend(usage.map(|usage| ("uc", usage.to_owned())));
        pairs.extend(parameters.pairs()?);
        Ok(format!("{}{encoded}{}", self.base, query_of(&pairs)))
    }
}

/// Returns the last grid point that is not in the future. The grid starts at the creation time in the id of the
/// attachment.
fn issue_time(path: &str, now: u64) -> u64 {
    let start = path.rsplit('/').nth(1).and_then(snowflake_seconds).unwrap_or(0);
    start + now.saturating_sub(start) / GRID_SECONDS * GRID_SECONDS
}

/// Returns the creation time of an id in Unix seconds. An id has 15 to 20 digits and fits into 64 bits.
fn snowflake_seconds(id: &str) -> Option<u64> {
    let is_id = (15..=20).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = is_id.then(|| id.parse().ok())??;
    Some((number >> 22) / 1000 + SNOWFLAKE_EPOCH_SECONDS)
}

fn hex_seconds(seconds: u64) -> String {
    format!("{seconds:08x}")
}

/// Signs URLs for the upload relay. A client may `PUT` one object to each. Use it only on servers.
#[derive(Clone, Debug)]
pub struct UploadUrls {
    base: String,
    key: Key,
    bucket: String,
}

/// Specifies what an upload URL allows.
#[derive(Clone, Debug)]
pub struct Upload {
    /// The maximum size of the body. The limit of the service applies too.
    pub max_bytes: u64,
    /// The lifetime of the URL.
    pub expires_in: Duration,
    /// The type that the object is stored with, regardless of the type that the client sends.
    pub content_type: Option<String>,
    /// One part of a multipart upload that exists in the store.
    pub part: Option<Part>,
}

/// A part of a multipart upload.
#[derive(Clone, Debug)]
pub struct Part {
    /// 1 to 1024 characters.
    pub upload_id: String,
    /// 1 to 10000.
    pub number: u32,
}

const MAX_PART_NUMBER: u32 = 10_000;
const MAX_UPLOAD_ID_LENGTH: usize = 1024;

/// The claims of a token. All clients serialise them in this order.
#[derive(Serialize)]
struct Claims<'a> {
    #[serde(rename = "b")]
    bucket: &'a str,
    #[serde(rename = "k")]
    key: &'a str,
    #[serde(rename = "m")]
    method: &'static str,
    #[serde(rename = "u", skip_serializing_if = "Option::is_none")]
    upload_id: Option<&'a str>,
    #[serde(rename = "p", skip_serializing_if = "Option::is_none")]
    part_number: Option<u32>,
    #[serde(rename = "ct", skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    #[serde(rename = "mb")]
    max_bytes: u64,
    #[serde(rename = "e")]
    expires_at: u64,
}

impl UploadUrls {
    /// `secret` is the `uploadRelaySecret` of the service in base64, or the first of several. Fails if it is not
    /// base64. `bucket` is the `s3.bucketUploads` of the service, by default `uploads`.
    pub fn new(base_url: &str, secret: &str, bucket: &str) -> Result<Self, Invalid> {
        Ok(Self { base: base(base_url).to_owned(), key: decode_secret(secret)?, bucket: bucket.to_owned() })
    }

    /// Returns the upload URL of an object. The key is decoded.
    pub fn sign(&self, key: &str, upload: &Upload) -> Result<String, Invalid> {
        self.sign_at(SystemTime::now(), key, upload)
    }

    /// Like [`UploadUrls::sign`], at the given time.
    pub fn sign_at(&self, now: SystemTime, key: &str, upload: &Upload) -> Result<String, Invalid> {
        check_key(key)?;
        let part = upload.part.as_ref();
        if part.is_some_and(|part| !(1..=MAX_UPLOAD_ID_LENGTH).contains(&part.upload_id.chars().count())) {
            return Err(Invalid::new("the id of an upload has 1 to 1024 characters"));
        }
        if part.is_some_and(|part| !(1..=MAX_PART_NUMBER).contains(&part.number)) {
            return Err(Invalid::new("a part has a number from 1 to 10000"));
        }
        let claims = serde_json::to_vec(&Claims {
            bucket: &self.bucket,
            key,
            method: "put",
            upload_id: part.map(|part| part.upload_id.as_str()),
            part_number: part.map(|part| part.number),
            content_type: upload.content_type.as_deref(),
            max_bytes: upload.max_bytes,
            expires_at: since_epoch(now).saturating_add(upload.expires_in).as_secs(),
        });
        let text = URL_SAFE_NO_PAD.encode(claims.map_err(|error| Invalid::new(error.to_string()))?);
        let signature = URL_SAFE_NO_PAD.encode(mac(&self.key, &text));
        let mut pairs: Vec<Pair> = vec![("t", format!("{text}.{signature}"))];
        if let Some(part) = part {
            pairs.push(("uploadId", part.upload_id.clone()));
            pairs.push(("partNumber", part.number.to_string()));
        }
        Ok(format!("{}/v1/relay/{}{}", self.base, encode_component(key), query_of(&pairs)))
    }
}

/// A key that `Debug` output hides.
#[derive(Clone)]
struct Key(Vec<u8>);

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(..)")
    }
}

/// Returns the time since the Unix epoch. Zero for an earlier time.
fn since_epoch(moment: SystemTime) -> Duration {
    moment.duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn mac(Key(key): &Key, message: &str) -> Output<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes()
}

/// Decodes standard or URL-safe base64, with or without padding.
fn decode_secret(secret: &str) -> Result<Key, Invalid> {
    let text = secret.trim_end_matches('=').replace('+', "-").replace('/', "_");
    match URL_SAFE_NO_PAD.decode(text) {
        Ok(key) if !key.is_empty() => Ok(Key(key)),
        _ => Err(Invalid::new("a secret that is empty or no base64")),
    }
}
