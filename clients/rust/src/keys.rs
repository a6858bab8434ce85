use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::Invalid;

/// The limit of S3 for the length of a key, in UTF-8 bytes.
const MAX_KEY_BYTES: usize = 1024;
const MAX_ID_LENGTH: usize = 64;
const MAX_HASH_LENGTH: usize = 100;

/// The characters that `encodeURIComponent` of JavaScript encodes.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Fails for an object key that the service would reject.
pub fn check_key(key: &str) -> Result<(), Invalid> {
    if key.chars().any(|char| char.is_control() || char == '\\') {
        return Err(Invalid::new("a key with a control character or a backslash"));
    }
    if key.len() > MAX_KEY_BYTES {
        return Err(Invalid::new(format!("a key of more than {MAX_KEY_BYTES} bytes")));
    }
    if key.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Err(Invalid::new("a key with an empty segment, or one of dots"));
    }
    Ok(())
}

pub fn check_id(id: &str) -> Result<(), Invalid> {
    let is_of_ids = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if id.is_empty() || id.len() > MAX_ID_LENGTH || !id.bytes().all(is_of_ids) {
        return Err(Invalid::new(format!("{id:?} is no id: 1 to 64 letters, digits, _ or -")));
    }
    Ok(())
}

pub fn check_hash(hash: &str) -> Result<(), Invalid> {
    let is_of_hashes = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if hash.is_empty() || hash.len() > MAX_HASH_LENGTH || !hash.bytes().all(is_of_hashes) {
        return Err(Invalid::new(format!("{hash:?} is no hash: 1 to 100 letters, digits or _")));
    }
    Ok(())
}

/// Rejects a hash that is only the prefix of an animated one: the prefix is not part of the object key.
pub fn check_asset_hash(hash: &str) -> Result<(), Invalid> {
    if hash == "a_" {
        return Err(Invalid::new("a hash that is nothing but the mark of an animated one"));
    }
    check_hash(hash)
}

pub fn encode_component(text: &str) -> String {
    utf8_percent_encode(text, COMPONENT).to_string()
}

pub fn encode_key(key: &str) -> String {
    key.split('/').map(encode_component).collect::<Vec<_>>().join("/")
}

/// Returns the URL of a service without trailing slashes.
pub fn base(url: &str) -> &str {
    url.trim_end_matches('/')
}
