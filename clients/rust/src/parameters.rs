use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::Invalid;

/// A parameter as it is written in a query, decoded.
pub type Pair = (&'static str, String);

type Check = fn(&str) -> bool;

/// Declares the parameters of one family in the order in which URLs have them, each with what the service takes.
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

            /// Those that are given, in their order. Fails for what the service would refuse.
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
    /// Those of avatars, icons, banners, splashes, emojis and stickers.
    AssetParameters {
        /// Bounds the width in pixels (of stickers both sides); another than the listed ones counts as the next larger.
        size: u32 => is_size;
        /// `png`, `jpg`, `jpeg`, `webp`, `gif`, `avif` or `auto`.
        format: String => is_format;
        /// `high`, `low`, `lossless`, or 1 to 100 on the scale of WebP and JPEG.
        quality: String => is_quality;
        /// True by itself where a hash starts with `a_` and its extension can move.
        animated: bool => is_flag;
        /// Device pixel ratio: 1, 1.5, 2 or 3.
        dpr: f64 => is_dpr;
        /// A Gaussian sigma, 1 to 100.
        blur: u32 => is_blur;
        /// `x,y,width,height` of the upright source: pixels, or fractions where one has a point.
        crop: String => is_crop;
        /// Cuts off borders of one colour.
        trim: bool => is_flag;
        /// 90, 180 or 270 degrees clockwise.
        rotate: u32 => is_rotation;
        /// `h` or `v`.
        flip: String => is_flip;
        /// Pixels around the picture, or several as in CSS, such as `5,20`; each at most 1000.
        pad: String => is_pad;
        /// Six hexadecimal digits.
        background: String => is_colour;
        /// 1 to 10.
        sharpen: u32 => is_sharpness;
        /// Lowers the quality until the answer has no more bytes.
        maxbytes: u32 => is_byte_limit;
        /// A name of the service's configuration; parameters beside it precede.
        preset: String => is_preset;
        /// Answers a file to keep.
        download: bool => is_flag;
    }
}

parameters! {
    /// Those of attachments and of external media.
    Transformation {
        /// 1 to 16384 pixels; nothing is enlarged.
        width: u32 => is_side;
        /// 1 to 16384 pixels; nothing is enlarged.
        height: u32 => is_side;
        /// `cover`, `contain` or `inside`.
        fit: String => is_fit;
        /// `centre`, `north`, `east`, `south`, `west`, `attention`, `entropy` or `face`.
        gravity: String => is_gravity;
        /// One of [`AssetParameters`], or `mp4` or `webm`: a clip of what moves.
        format: String => is_format_or_clip;
        /// As of [`AssetParameters`].
        quality: String => is_quality;
        /// Whether what moves goes on moving.
        animated: bool => is_flag;
        /// As of [`AssetParameters`].
        dpr: f64 => is_dpr;
        /// As of [`AssetParameters`].
        blur: u32 => is_blur;
        /// As of [`AssetParameters`].
        crop: String => is_crop;
        /// As of [`AssetParameters`].
        trim: bool => is_flag;
        /// As of [`AssetParameters`].
        rotate: u32 => is_rotation;
        /// As of [`AssetParameters`].
        flip: String => is_flip;
        /// As of [`AssetParameters`].
        pad: String => is_pad;
        /// As of [`AssetParameters`].
        background: String => is_colour;
        /// As of [`AssetParameters`].
        sharpen: u32 => is_sharpness;
        /// As of [`AssetParameters`].
        maxbytes: u32 => is_byte_limit;
        /// A moment of a video: seconds, a whole percentage such as `50%`, or `best`.
        time: String => is_time;
        /// The longest of a clip, in seconds.
        duration: f64 => is_duration;
        /// 1 to 30.
        fps: u32 => is_frame_rate;
        /// A sheet of frames, such as `4x3`.
        sprite: String => is_sprite;
        /// Whether a clip has the sound of its source; true by itself.
        audio: bool => is_flag;
        /// As of [`AssetParameters`].
        preset: String => is_preset;
        /// As of [`AssetParameters`].
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
        // Only a whole picture becomes a clip, and where one begins is no matter of taste.
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

/// A query with its question mark; empty for none.
pub fn query_of(pairs: &[Pair]) -> String {
    let query = joined(pairs, |text| utf8_percent_encode(text, FORM).to_string().replace("%20", "+"));
    if query.is_empty() { query } else { format!("?{query}") }
}

/// What a form encodes, but for the space, which becomes a plus.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');

/// The parameters as a signature covers them: decoded, sorted by name.
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

/// A hundredth of a second at least, in whole milliseconds.
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

/// Up to seven digits, and up to nine behind a point.
fn is_seconds(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    is_digits(whole) && whole.len() <= 7 && is_digits(fraction) && fraction.len() <= 9
}

/// 0 to 1, with up to four digits behind a point.
fn is_fraction(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_at_most_one = whole == "0" || whole == "1" && fraction.bytes().all(|digit| digit == b'0');
    is_at_most_one && is_digits(fraction) && fraction.len() <= 4
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
