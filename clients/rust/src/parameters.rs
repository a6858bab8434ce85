use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::Invalid;

/// The name and the decoded value of a query parameter.
pub type Pair = (&'static str, String);

type Check = fn(&str) -> bool;

/// Declares the parameters of one family in the order that they have in URLs, each with a check of its values.
macro_rules! parameters {
    (
        $(#[$about:meta])*
        $family:ident { $($(#[$note:meta])* $name:ident: $type:ty => $check:expr;)* }
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default, PartialEq)]
        #[cfg_attr(test, derive(serde::Deserialize), serde(default, deny_unknown_fields))]
        pub struct $family {
            $($(#[$note])* pub $name: Option<$type>,)*
        }

        impl $family {
            #[cfg(test)]
            pub(crate) const CHECKS: &[(&str, Check)] = &[$((stringify!($name), $check)),*];

            /// Returns the parameters that are set, in their order. Fails for values that the service would reject.
            fn given(&self) -> Result<Vec<Pair>, Invalid> {
                let mut pairs = Vec::new();
                $(
                    if let Some(value) = &self.$name {
                        let text = value.to_string();
                        let check: Check = $check;
                        if !check(&text) {
                            let name = stringify!($name);
                            return Err(Invalid(format!("{text:?} is not a valid value of the parameter {name}")));
                        }
                        pairs.push((stringify!($name), text));
                    }
                )*
                Ok(pairs)
            }
        }
    };
}

parameters! {
    /// The parameters of avatars, icons, banners, splashes, emojis and stickers.
    AssetParameters {
        /// The maximum width in pixels (for stickers, of both sides), rounded up to the next listed size.
        size: u32 => is_size;
        /// `png`, `jpg`, `jpeg`, `webp`, `gif`, `avif` or `auto`.
        format: String => is_format;
        /// `high`, `low`, `lossless`, or 1 to 100 on the scale of WebP and JPEG.
        quality: String => is_quality;
        /// Defaults to true if the hash starts with `a_` and the format of the extension can be animated.
        animated: bool => is_flag;
        /// The device pixel ratio: 1, 1.5, 2 or 3.
        dpr: f64 => is_dpr;
        /// The sigma of a Gaussian blur, 1 to 100.
        blur: u32 => is_blur;
        /// `x,y,width,height` in the source after orientation: pixels, or fractions if any has a decimal point.
        crop: String => is_crop;
        /// Removes borders of a uniform colour.
        trim: bool => is_flag;
        /// 90, 180 or 270 degrees clockwise.
        rotate: u32 => is_rotation;
        /// `h` or `v`.
        flip: String => is_flip;
        /// The padding in pixels: one value, or up to four as in CSS, such as `5,20`. Each is at most 1000.
        pad: String => is_pad;
        /// Six hexadecimal digits.
        background: String => is_colour;
        /// 1 to 10.
        sharpen: u32 => is_sharpness;
        /// The maximum size of the response in bytes. The quality is lowered to reach it.
        maxbytes: u32 => is_byte_limit;
        /// The name of a preset in the configuration of the service. Other parameters override it.
        preset: String => is_preset;
        /// Makes browsers save the response as a file.
        download: bool => is_flag;
    }
}

parameters! {
    /// The parameters of attachments and of external media.
    Transformation {
        /// 1 to 16384 pixels. Images are never enlarged.
        width: u32 => is_side;
        /// 1 to 16384 pixels. Images are never enlarged.
        height: u32 => is_side;
        /// `cover`, `contain` or `inside`.
        fit: String => is_fit;
        /// `centre`, `north`, `east`, `south`, `west`, `attention`, `entropy` or `face`.
        gravity: String => is_gravity;
        /// A format of [`AssetParameters`], or `mp4` or `webm` for a clip of a video or an animation.
        format: String => is_format_or_clip;
        /// As in [`AssetParameters`].
        quality: String => is_quality;
        /// Whether the output of an animated source is animated.
        animated: bool => is_flag;
        /// As in [`AssetParameters`].
        dpr: f64 => is_dpr;
        /// As in [`AssetParameters`].
        blur: u32 => is_blur;
        /// As in [`AssetParameters`].
        crop: String => is_crop;
        /// As in [`AssetParameters`].
        trim: bool => is_flag;
        /// As in [`AssetParameters`].
        rotate: u32 => is_rotation;
        /// As in [`AssetParameters`].
        flip: String => is_flip;
        /// As in [`AssetParameters`].
        pad: String => is_pad;
        /// As in [`AssetParameters`].
        background: String => is_colour;
        /// As in [`AssetParameters`].
        sharpen: u32 => is_sharpness;
        /// As in [`AssetParameters`].
        maxbytes: u32 => is_byte_limit;
        /// A position in a video: seconds, a whole percentage such as `50%`, or `best`.
        time: String => is_time;
        /// The maximum duration of a clip, in seconds.
        duration: f64 => is_duration;
        /// 1 to 30.
        fps: u32 => is_frame_rate;
        /// The columns and rows of a sprite sheet, such as `4x3`.
        sprite: String => is_sprite;
        /// Whether a clip contains the audio of its source. The default is true.
        audio: bool => is_flag;
        /// As in [`AssetParameters`].
        preset: String => is_preset;
        /// As in [`AssetParameters`].
        download: bool => is_flag;
    }
}

impl AssetParameters {
    pub(crate) fn pairs(&self) -> Result<Vec<Pair>, Invalid> {
        self.given()
    }
}

impl Transformation {
    pub(crate) fn pairs(&self) -> Result<Vec<Pair>, Invalid> {
        // A clip shows whole frames, and it starts at a given time, not at a frame that the service selects.
        if self.format.as_deref().is_some_and(is_clip) {
            if self.fit.as_deref().is_some_and(|fit| fit != "inside") {
                return Err(Invalid::new("a clip takes fit=inside alone"));
            }
            if self.time.as_deref() == Some("best") {
                return Err(Invalid::new("a clip takes no time=best"));
            }
        }
        self.given()
    }
}

/// Returns a query string with its question mark. Empty without parameters.
pub fn query_of(pairs: &[Pair]) -> String {
    let query = joined(pairs, |text| utf8_percent_encode(text, FORM).to_string().replace("%20", "+"));
    if query.is_empty() { query } else { format!("?{query}") }
}

/// The characters that form encoding escapes, except the space, which becomes a plus.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');

/// Returns the parameters in the form that a signature covers: decoded and sorted by name.
pub fn message_of(pairs: &[Pair]) -> String {
    let mut sorted = pairs.to_vec();
    sorted.sort_by_key(|(name, _)| *name);
    joined(&sorted, str::to_owned)
}

fn joined(pairs: &[Pair], encode: impl Fn(&str) -> String) -> String {
    let each = pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    each.collect::<Vec<_>>().join("&")
}

fn is_size(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    is_digits(whole) && is_digits(fraction)
}

fn is_side(text: &str) -> bool {
    is_integer(text, 1, 16_384)
}

fn is_fit(text: &str) -> bool {
    matches!(text, "cover" | "contain" | "inside")
}

fn is_gravity(text: &str) -> bool {
    matches!(text, "centre" | "north" | "east" | "south" | "west" | "attention" | "entropy" | "face")
}

fn is_format(text: &str) -> bool {
    matches!(text, "png" | "jpg" | "jpeg" | "webp" | "gif" | "avif" | "auto")
}

fn is_clip(text: &str) -> bool {
    matches!(text, "mp4" | "webm")
}

fn is_format_or_clip(text: &str) -> bool {
    is_format(text) || is_clip(text)
}

fn is_quality(text: &str) -> bool {
    matches!(text, "high" | "low" | "lossless") || is_integer(text, 1, 100)
}

fn is_flag(text: &str) -> bool {
    matches!(text, "true" | "false" | "1" | "0")
}

fn is_dpr(text: &str) -> bool {
    matches!(text, "1" | "1.5" | "2" | "3")
}

fn is_blur(text: &str) -> bool {
    is_integer(text, 1, 100)
}

fn is_rotation(text: &str) -> bool {
    matches!(text, "90" | "180" | "270")
}

fn is_flip(text: &str) -> bool {
    matches!(text, "h" | "v")
}

fn is_colour(text: &str) -> bool {
    text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_sharpness(text: &str) -> bool {
    is_integer(text, 1, 10)
}

fn is_byte_limit(text: &str) -> bool {
    is_integer(text, 256, 99_999_999)
}

fn is_preset(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

fn is_frame_rate(text: &str) -> bool {
    is_integer(text, 1, 30)
}

fn is_time(text: &str) -> bool {
    match text.strip_suffix('%') {
        Some(percent) => is_integer(percent, 0, 100),
        None => text == "best" || is_seconds(text),
    }
}

/// At least 10 milliseconds, after rounding to whole milliseconds.
fn is_duration(text: &str) -> bool {
    is_seconds(text) && text.parse().is_ok_and(|seconds: f64| seconds * 1000.0 >= 9.5)
}

fn is_sprite(text: &str) -> bool {
    text.split_once('x').is_some_and(|(columns, rows)| is_integer(columns, 1, 10) && is_integer(rows, 1, 10))
}

fn is_pad(text: &str) -> bool {
    text.split(',').count() <= 4 && text.split(',').all(|side| is_integer(side, 0, 1000))
}

fn is_crop(text: &str) -> bool {
    let is_of_pixels = !text.contains('.');
    let takes = |number: &str| if is_of_pixels { is_integer(number, 0, 99_999) } else { is_fraction(number) };
    let numbers: Option<Vec<f64>> =
        text.split(',').map(|number| takes(number).then(|| number.parse().ok())?).collect();
    match numbers.as_deref() {
        Some(&[x, y, width, height]) => {
            let is_inside = is_of_pixels || x < 1.0 && y < 1.0;
            is_inside && width > 0.0 && height > 0.0
        }
        _ => false,
    }
}

fn is_integer(text: &str, least: u32, most: u32) -> bool {
    let has_one_spelling = text == "0" || !text.starts_with('0');
    is_digits(text) && has_one_spelling && text.parse().is_ok_and(|number| (least..=most).contains(&number))
}

/// Up to seven digits, and up to nine decimal places.
fn is_seconds(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    is_digits(whole) && whole.len() <= 7 && is_digits(fraction) && fraction.len() <= 9
}

/// 0 to 1, with up to four decimal places.
fn is_fraction(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_at_most_one = whole == "0" || whole == "1" && fraction.bytes().all(|digit| digit == b'0');
    is_at_most_one && is_digits(fraction) && fraction.len() <= 4
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
