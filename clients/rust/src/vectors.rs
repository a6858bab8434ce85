//! Tests the crate with the vectors that the grammar and the TypeScript client of the service generate.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::*;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vectors {
    base_url: String,
    secret_key: String,
    base64_secret: String,
    values: Vec<String>,
    accepted: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    urls: Vec<UrlVector>,
}

#[derive(Deserialize)]
struct UrlVector {
    call: String,
    arguments: Value,
    parameters: Value,
    url: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Arguments {
    kind: String,
    id: String,
    hash: String,
    extension: String,
    guild_id: String,
    user_id: String,
    path: String,
    url: String,
    key: String,
    bucket: Option<String>,
    content_type: Option<String>,
    upload_id: Option<String>,
    part_number: Option<u32>,
    signs_parameters: bool,
    now: f64,
    expires_in_seconds: Option<u64>,
    expiry_bucket_seconds: Option<u64>,
    max_bytes: u64,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../../vectors.json")).expect("the vectors")
}

#[test]
fn every_parameter_takes_what_the_service_takes() {
    let vectors = vectors();
    for (family, checks) in [("asset", AssetParameters::CHECKS), ("transformation", Transformation::CHECKS)] {
        let accepted = &vectors.accepted[family];
        assert_eq!(checks.len(), accepted.len(), "{family}");
        for (name, check) in checks {
            for value in &vectors.values {
                assert_eq!(check(value), accepted[*name].contains(value), "{family}: {name}={value:?}");
            }
        }
    }
}

#[test]
fn every_url_is_the_one_of_the_other_clients() {
    let vectors = vectors();
    assert!(vectors.urls.len() >= 300);
    for vector in &vectors.urls {
        let made = made(&vectors, vector);
        assert_eq!(made.clone().ok(), vector.url, "{} of {}: {made:?}", vector.call, vector.arguments);
    }
}

/// Builds the URL of a vector. A value that the types cannot represent counts as rejected.
fn made(vectors: &Vectors, vector: &UrlVector) -> Result<String, Invalid> {
    let given: Arguments = typed(&vector.arguments)?;
    let urls = Urls::new(&vectors.base_url);
    let now = UNIX_EPOCH + Duration::from_secs_f64(given.now);
    match vector.call.as_str() {
        "asset" => {
            let parameters = typed(&vector.parameters)?;
            urls.asset(&given.kind, &given.id, &given.hash, &given.extension, &parameters)
        }
        "memberAsset" => {
            let Arguments { guild_id, user_id, kind, hash, extension, .. } = &given;
            urls.member_asset(guild_id, user_id, kind, hash, extension, &typed(&vector.parameters)?)
        }
        "emoji" => urls.emoji(&given.id, &given.extension, &typed(&vector.parameters)?),
        "sticker" => urls.sticker(&given.id, &given.extension, &typed(&vector.parameters)?),
        "attachment" => urls.attachment(&given.path, &typed(&vector.parameters)?),
        "theme" => urls.theme(&given.id),
        "entranceSound" => urls.entrance_sound(&given.user_id, &given.hash, &given.extension),
        "signAttachment" => {
            let urls = AttachmentUrls::new(&vectors.base_url, &vectors.base64_secret)?;
            urls.sign_at(now, &given.path, &typed(&vector.parameters)?)
        }
        "signAttachmentForDataPackage" => {
            let urls = AttachmentUrls::new(&vectors.base_url, &vectors.base64_secret)?;
            urls.sign_for_data_package_at(now, &given.path)
        }
        "signExternal" => external(vectors, &given, now, &typed(&vector.parameters)?),
        "signUpload" => upload(vectors, given, now),
        call => panic!("there is no call {call}"),
    }
}

fn external(
    vectors: &Vectors,
    given: &Arguments,
    now: SystemTime,
    parameters: &Transformation,
) -> Result<String, Invalid> {
    let plain = ExternalUrls::new(&vectors.base_url, &vectors.secret_key);
    let urls = if given.signs_parameters { plain.signing_parameters() } else { plain };
    let expiry = given.expires_in_seconds.map(|seconds| {
        let hourly = Expiry::within(Duration::from_secs(seconds));
        let bucket = given.expiry_bucket_seconds.map(Duration::from_secs);
        Expiry { bucket: bucket.unwrap_or(hourly.bucket), ..hourly }
    });
    urls.sign_at(now, &given.url, parameters, expiry)
}

fn upload(vectors: &Vectors, given: Arguments, now: SystemTime) -> Result<String, Invalid> {
    let bucket = given.bucket.as_deref().unwrap_or("uploads");
    let urls = UploadUrls::new(&vectors.base_url, &vectors.base64_secret, bucket)?;
    let part = match (given.upload_id, given.part_number) {
        (None, None) => None,
        (Some(upload_id), Some(number)) => Some(Part { upload_id, number }),
        _ => return Err(Invalid::new("half a part")),
    };
    let upload = Upload {
        max_bytes: given.max_bytes,
        expires_in: Duration::from_secs(given.expires_in_seconds.unwrap_or_default()),
        content_type: given.content_type,
        part,
    };
    urls.sign_at(now, &given.key, &upload)
}

fn typed<T: DeserializeOwned>(value: &Value) -> Result<T, Invalid> {
    serde_json::from_value(value.clone()).map_err(|error| Invalid::new(error.to_string()))
}

#[test]
fn numbers_have_no_exponent() {
    let long = Transformation { dpr: Some(2.0), duration: Some(1_000_000.0), ..Transformation::default() };
    let url = Urls::new("https://m").attachment("a", &long);
    assert_eq!(url.as_deref(), Ok("https://m/attachments/a?dpr=2&duration=1000000"));
}

#[test]
fn secrets_are_base64_of_either_alphabet() {
    let sign = |secret: &str| {
        AttachmentUrls::new("https://m", secret)?.sign_at(UNIX_EPOCH, "a", &Transformation::default())
    };
    assert_eq!(sign("+/8="), sign("-_8"));
    assert!(sign("-_8").is_ok_and(|url| url.contains("hm=")));
    for secret in ["", "=", "a", "a b c", "ä"] {
        assert!(sign(secret).is_err(), "{secret:?}");
    }
}

#[test]
fn the_longest_time_overflows_nothing() {
    let urls = ExternalUrls::new("https://m", "s");
    let ever = Expiry::within(Duration::MAX);
    assert!(urls.sign("https://m/a", &Transformation::default(), Some(ever)).is_ok());
}
