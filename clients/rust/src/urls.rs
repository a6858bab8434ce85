use crate::keys::{base, check_asset_hash, check_hash, check_id, check_key, encode_key};
use crate::parameters::query_of;
use crate::{AssetParameters, Invalid, Transformation};

/// Builds unsigned URLs of stored media without sending requests. All methods fail for input that the service would
/// reject.
#[derive(Clone, Debug)]
pub struct Urls {
    base: String,
}

impl Urls {
    /// `base_url` is the public URL of the service, with or without a trailing slash.
    pub fn new(base_url: &str) -> Self {
        Self { base: base(base_url).to_owned() }
    }

    /// Returns `/<kind>/<id>/<hash>.<extension>`. The kind is `avatars`, `icons`, `banners`, `splashes`,
    /// `embed-splashes`, `discovery-splashes` or `branding`.
    pub fn asset(
        &self,
        kind: &str,
        id: &str,
        hash: &str,
        extension: &str,
        parameters: &AssetParameters,
    ) -> Result<String, Invalid> {
        if !ASSET_KINDS.contains(&kind) {
            return Err(Invalid::new(format!("{kind:?} is no kind of asset")));
        }
        check_id(id)?;
        check_asset_hash(hash)?;
        self.image(&format!("{kind}/{id}/{hash}"), extension, parameters)
    }

    /// Returns the URL of an avatar or banner of a member in one guild. The kind is `avatars` or `banners`.
    pub fn member_asset(
        &self,
        guild_id: &str,
        user_id: &str,
        kind: &str,
        hash: &str,
        extension: &str,
        parameters: &AssetParameters,
    ) -> Result<String, Invalid> {
        if !matches!(kind, "avatars" | "banners") {
            return Err(Invalid::new(format!("{kind:?} is no kind of a member's asset")));
        }
        check_id(guild_id)?;
        check_id(user_id)?;
        check_asset_hash(hash)?;
        let name = format!("guilds/{guild_id}/users/{user_id}/{kind}/{hash}");
        self.image(&name, extension, parameters)
    }

    /// Returns `/emojis/<id>.<extension>`.
    pub fn emoji(&self, id: &str, extension: &str, parameters: &AssetParameters) -> Result<String, Invalid> {
        check_id(id)?;
        self.image(&format!("emojis/{id}"), extension, parameters)
    }

    /// Returns `/stickers/<id>.<extension>`.
    pub fn sticker(
        &self,
        id: &str,
        extension: &str,
        parameters: &AssetParameters,
    ) -> Result<String, Invalid> {
        check_id(id)?;
        self.image(&format!("stickers/{id}"), extension, parameters)
    }

    /// Returns the URL of an attachment. The path is the decoded object key below `attachments/`.
    pub fn attachment(&self, path: &str, parameters: &Transformation) -> Result<String, Invalid> {
        Ok(format!("{}{}{}", self.base, attachment_path(path)?, query_of(&parameters.pairs()?)))
    }

    /// Returns the URL of a theme. Its id has 16 lower-case hexadecimal digits.
    pub fn theme(&self, id: &str) -> Result<String, Invalid> {
        if id.len() != 16 || !id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(Invalid::new("a theme has an id of 16 lower-case hexadecimal digits"));
        }
        Ok(format!("{}/themes/{id}.css", self.base))
    }

    /// Returns the URL of an entrance sound. The extension is `mp3`, `ogg`, `m4a` or `wav`.
    pub fn entrance_sound(&self, user_id: &str, hash: &str, extension: &str) -> Result<String, Invalid> {
        if !matches!(extension, "mp3" | "ogg" | "m4a" | "wav") {
            return Err(Invalid::new(format!("{extension:?} is no extension of a sound")));
        }
        check_id(user_id)?;
        check_hash(hash)?;
        Ok(format!("{}/entrance-sounds/{user_id}/{hash}.{extension}", self.base))
    }

    fn image(&self, name: &str, extension: &str, parameters: &AssetParameters) -> Result<String, Invalid> {
        if !EXTENSIONS.contains(&extension) {
            return Err(Invalid::new(format!("{extension:?} is no extension of an asset")));
        }
        Ok(format!("{}/{name}.{extension}{}", self.base, query_of(&parameters.pairs()?)))
    }
}

const ASSET_KINDS: [&str; 7] =
    ["avatars", "icons", "banners", "splashes", "embed-splashes", "discovery-splashes", "branding"];
const EXTENSIONS: [&str; 10] = ["png", "apng", "jpg", "jpeg", "webp", "gif", "avif", "svg", "heic", "jxl"];

pub fn attachment_path(path: &str) -> Result<String, Invalid> {
    check_key(&format!("attachments/{path}"))?;
    Ok(format!("/attachments/{}", encode_key(path)))
}
