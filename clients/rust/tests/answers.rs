//! Tests the requests and the parsing of responses, without a service.

use std::time::Duration;

use http::Response;
use media_proxy_client::{Answer, Code, Error, MetadataOptions, Nsfw, Service, Source};
use serde_json::{Value, json};

fn service() -> Service {
    Service::new("https://example.com/media/", "a-secret").expect("a service")
}

fn failure<T: std::fmt::Debug>(answer: &Answer<T>, status: u16, body: &str) -> Error {
    let response = Response::builder()
        .status(status)
        .header("retry-after", "7")
        .header("x-request-id", "r")
        .body(body.as_bytes().to_vec())
        .expect("an answer");
    answer.read(&response).expect_err("a failure")
}

#[test]
fn asks_what_it_is_told_to() {
    let options = MetadataOptions { nsfw: Nsfw::Allow, extras: vec!["phash".to_owned()], with_bytes: true };
    let call = service().metadata(&Source::upload("a").named("a.svg"), &options);
    assert_eq!(call.request.method(), "POST");
    assert_eq!(call.request.uri(), "https://example.com/media/_metadata");
    assert_eq!(call.request.headers()["x-internal-secret"], "a-secret");
    let body: Value = serde_json::from_slice(call.request.body()).expect("JSON");
    assert_eq!(
        body,
        json!({
            "type": "upload", "upload_filename": "a", "filename": "a.svg", "version": 2, "nsfw": "allow",
            "extras": ["phash"], "with_base64": true,
        })
    );
    let plain = service().metadata(&Source::stored("cdn", "a"), &MetadataOptions::default());
    let body: Value = serde_json::from_slice(plain.request.body()).expect("JSON");
    assert_eq!(body, json!({ "type": "s3", "bucket": "cdn", "key": "a", "version": 2, "nsfw": "flag" }));
}

#[test]
fn reads_what_is_told() {
    let answer = service().metadata(&Source::bytes([0]), &MetadataOptions::default()).answer;
    let body = r#"{"format":"png","content_type":"image/png","content_hash":"00","size":3,"base64":"AAEC",
        "nsfw":false,"nsfw_probability":0,"nsfw_predictions":{"drawing":1},"later":[]}"#;
    let metadata = answer.read(&Response::new(body)).expect("metadata");
    assert_eq!((metadata.format.as_str(), metadata.size, metadata.width), ("png", 3, None));
    assert_eq!(metadata.bytes.as_deref(), Some(&[0, 1, 2][..]));
    assert!((metadata.nsfw_predictions["drawing"] - 1.0).abs() < f64::EPSILON);
}

#[test]
fn rejections_are_named_by_their_status() {
    let answer = service().frames(&Source::upload("a")).answer;
    for (status, code) in [
        (400, Code::Rejected),
        (401, Code::Unauthorized),
        (403, Code::Unauthorized),
        (404, Code::NotFound),
        (413, Code::TooLarge),
        (418, Code::Unexpected),
        (429, Code::RateLimited),
        (500, Code::Unavailable),
        (503, Code::Unavailable),
    ] {
        let wanted = Error {
            code,
            message: "No".to_owned(),
            status,
            retry_after: Some(Duration::from_secs(7)),
            request_id: Some("r".to_owned()),
        };
        assert_eq!(failure(&answer, status, "No"), wanted);
    }
    assert_eq!(failure(&answer, 307, "").code, Code::Redirected);
    assert_eq!(failure(&answer, 500, &"ä".repeat(150)).message, "ä".repeat(100));
}

#[test]
fn no_other_answer_is_taken_for_the_services_own() {
    for body in ["<html>", "{}", "[]", r#"{"frames":[{}]}"#, r#"{"frames":null}"#, r#"{"frames":3}"#] {
        let answer = service().frames(&Source::upload("a")).answer;
        assert_eq!(failure(&answer, 200, body).code, Code::Unexpected, "{body}");
    }
    let sniff = service().sniff("a").answer;
    assert_eq!(failure(&sniff, 200, "{}").code, Code::Unexpected);
    assert_eq!(sniff.read(&Response::new(r#"{"content_type":null}"#)), Ok(None));
}

#[test]
fn what_no_request_can_have_is_rejected_at_once() {
    for (address, secret) in [
        ("", "s"),
        ("example.com", "s"),
        ("https://a b", "s"),
        ("https://a/?b", "s"),
        ("https://a/#b", "s"),
        ("https://a", "s\n"),
    ] {
        assert!(Service::new(address, secret).is_err(), "{address} {secret:?}");
    }
}

#[test]
fn what_is_shown_of_them_has_no_secret() {
    let options = MetadataOptions::default();
    let external = media_proxy_client::ExternalUrls::new("https://a", "a-secret");
    let uploads = media_proxy_client::UploadUrls::new("https://a", "YS1zZWNyZXQ", "uploads");
    let shown = format!(
        "{:?} {:?} {external:?} {uploads:?}",
        service(),
        service().metadata(&Source::upload("a"), &options)
    );
    assert!(shown.contains("https://example.com/media"), "{shown}");
    assert!(!shown.contains("a-secret") && !shown.contains("[97, 45, 115"), "{shown}");
}
