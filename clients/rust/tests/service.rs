//! Tests against the running service that `MEDIA_PROXY_CLIENT_TEST_URL` names. Without it they pass, and print that
//! they are skipped.

use std::env;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use media_proxy_client::{
    AssetParameters, AttachmentUrls, Call, Code, Error, Expiry, ExternalUrls, MetadataOptions, Nsfw, Service,
    Source, Transformation, Upload, UploadUrls, Urls,
};
use ureq::Agent;

const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==";

struct Running {
    url: String,
    secret_key: String,
    attachment_secret: String,
    relay_secret: String,
    /// The URL of an external image of 60x40 pixels.
    far_url: String,
    agent: Agent,
}

fn running() -> Option<Running> {
    let told = |name: &str| env::var(format!("MEDIA_PROXY_CLIENT_TEST_{name}")).unwrap_or_default();
    if told("URL").is_empty() {
        eprintln!("skipped: MEDIA_PROXY_CLIENT_TEST_URL names no service");
        return None;
    }
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(Duration::from_secs(30)));
    Some(Running {
        url: told("URL"),
        secret_key: told("SECRET_KEY"),
        attachment_secret: told("ATTACHMENT_SECRET"),
        relay_secret: told("RELAY_SECRET"),
        far_url: told("FAR_URL"),
        agent: config.build().into(),
    })
}

impl Running {
    fn service(&self) -> Service {
        Service::new(&self.url, &self.secret_key).expect("a service")
    }

    fn send<T>(&self, Call { request, answer }: Call<T>) -> Result<T, Error> {
        let (parts, mut body) = self.agent.run(request).expect("an answer").into_parts();
        let content = body.read_to_vec().expect("a whole answer");
        answer.read(&http::Response::from_parts(parts, content))
    }

    /// Requests a URL, and returns the status and the content type of the response.
    fn get(&self, url: &str) -> (u16, String) {
        let response = self.agent.get(url).call().expect("an answer");
        let media_type = response.headers().get("content-type").and_then(|value| value.to_str().ok());
        (response.status().as_u16(), media_type.unwrap_or_default().to_owned())
    }

    fn put(&self, key: &str, media: &[u8], max_bytes: usize) -> u16 {
        let urls = UploadUrls::new(&self.url, &self.relay_secret, "uploads").expect("a secret");
        let upload = Upload {
            max_bytes: max_bytes as u64,
            expires_in: Duration::from_secs(3600),
            content_type: Some("image/png".to_owned()),
            part: None,
        };
        let request = Request::put(urls.sign(key, &upload).expect("a URL")).body(media.to_vec());
        self.agent.run(request.expect("a request")).expect("an answer").status().as_u16()
    }
}

fn small() -> Transformation {
    Transformation { width: Some(20), format: Some("webp".to_owned()), ..Transformation::default() }
}

#[test]
fn takes_external_urls() {
    let Some(running) = running() else { return };
    let plain = ExternalUrls::new(&running.url, &running.secret_key);
    let expiry = Some(Expiry::within(Duration::from_secs(3600)));
    for (urls, other_size) in [(plain.clone(), 200), (plain.signing_parameters(), 401)] {
        // Not percent-encoded, as users write URLs. The service parses a URL like any standard parser.
        for far in [running.far_url.clone(), format!("{}?a=ä b#c", running.far_url)] {
            let url = urls.sign(&far, &small(), expiry).expect("a URL");
            assert_eq!(running.get(&url), (200, "image/webp".to_owned()), "{url}");
            assert_eq!(running.get(&url.replace("width=20", "width=30")).0, other_size, "{url}");
        }
    }
    let forged = ExternalUrls::new(&running.url, "another").sign(&running.far_url, &small(), None);
    assert_eq!(running.get(&forged.expect("a URL")).0, 401);
}

#[test]
fn takes_attachment_urls() {
    let Some(running) = running() else { return };
    let path = "1/ä b.png";
    let urls = AttachmentUrls::new(&running.url, &running.attachment_secret).expect("a secret");
    for url in [
        urls.sign(path, &Transformation::default()),
        urls.sign(path, &small()),
        urls.sign_for_data_package(path),
    ] {
        assert_eq!(running.get(&url.expect("a URL")).0, 200);
    }
    let unsigned = Urls::new(&running.url).attachment(path, &Transformation::default());
    assert_eq!(running.get(&unsigned.expect("a URL")).0, 404);
}

#[test]
fn takes_asset_urls() {
    let Some(running) = running() else { return };
    let still =
        AssetParameters { size: Some(64), format: Some("png".to_owned()), ..AssetParameters::default() };
    for (hash, status) in [("a_abc", 200), ("missing", 404)] {
        let url = Urls::new(&running.url).asset("avatars", "1", hash, "webp", &still);
        assert_eq!(running.get(&url.expect("a URL")).0, status);
    }
}

#[test]
fn takes_uploads_and_tells_of_them() {
    let Some(running) = running() else { return };
    let service = running.service();
    let png = STANDARD.decode(PNG).expect("a picture");
    let key = "rust/ä b.png";
    assert_eq!(running.put(key, &png, png.len() - 1), 413);
    assert_eq!(running.put(key, &png, png.len()), 200);
    assert_eq!(running.send(service.sniff(key)), Ok(Some("image/png".to_owned())));
    let options = MetadataOptions {
        extras: vec!["palette".to_owned()],
        with_bytes: true,
        ..MetadataOptions::default()
    };
    let metadata = running.send(service.metadata(&Source::upload(key), &options)).expect("metadata");
    assert_eq!((metadata.format.as_str(), metadata.width, metadata.height), ("png", Some(1), Some(1)));
    assert_eq!((metadata.size, metadata.palette.map(|colours| colours.len())), (png.len() as u64, Some(1)));
    assert_eq!(metadata.bytes.as_ref(), Some(&png));
    let frames = running.send(service.frames(&Source::upload(key))).expect("frames");
    assert_eq!(frames.iter().map(|frame| &frame.bytes).collect::<Vec<_>>(), [&png]);
    let failure = running.send(service.thumbnail(key)).expect_err("no video");
    assert!(failure.code == Code::NotFound && failure.request_id.is_some(), "{failure:?}");
    let unscanned = MetadataOptions { nsfw: Nsfw::Allow, ..MetadataOptions::default() };
    let sent = running.send(service.metadata(&Source::bytes(&png), &unscanned)).expect("metadata");
    assert_eq!(sent.size, png.len() as u64);
}

#[test]
fn prepares_and_purges() {
    let Some(running) = running() else { return };
    let service = running.service();
    let path = "/avatars/1/abc.webp?size=64";
    let told = running.send(service.prepare("avatars/1/abc", &[path])).expect("a preparation");
    assert_eq!([told.ready, told.queued].concat(), [path]);
    assert!(running.send(service.purge_object("avatars/1/abc")).is_ok());
    assert!(running.send(service.purge_external(&running.far_url)).is_ok());
}

#[test]
fn rejects_by_name() {
    let Some(running) = running() else { return };
    let unknown = running.service().metadata(&Source::bytes("abc"), &MetadataOptions::default());
    let failure = running.send(unknown).expect_err("no media");
    assert_eq!((failure.code, failure.message.as_str()), (Code::Rejected, "Unsupported file format"));
    let stranger = Service::new(&running.url, "wrong").expect("a service");
    assert_eq!(running.send(stranger.sniff("a")).expect_err("a rejection").code, Code::Unauthorized);
}
