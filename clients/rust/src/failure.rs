use std::{error, fmt, time::Duration};

/// Invalid input, which the service would reject. It is detected before a request is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(pub(crate) String);

impl Invalid {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl error::Error for Invalid {}

/// The codes of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Code {
    /// 400: the request is invalid, or the service does not accept the media.
    Rejected,
    /// 401 or 403.
    Unauthorized,
    /// 404.
    NotFound,
    /// 413.
    TooLarge,
    /// 429.
    RateLimited,
    /// 5xx: the service, its store or an upstream failed. A retry may succeed.
    Unavailable,
    /// A redirect. The service sends none, and following one would send the secret to another server.
    Redirected,
    /// The response is not from this service.
    Unexpected,
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Rejected => "rejected",
            Self::Unauthorized => "unauthorized",
            Self::NotFound => "not-found",
            Self::TooLarge => "too-large",
            Self::RateLimited => "rate-limited",
            Self::Unavailable => "unavailable",
            Self::Redirected => "redirected",
            Self::Unexpected => "unexpected",
        })
    }
}

/// Describes why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The kind of failure.
    pub code: Code,
    /// The message of the service, or what is wrong with its response.
    pub message: String,
    /// The status of the response.
    pub status: u16,
    /// The time to wait before a retry, if the service specified it.
    pub retry_after: Option<Duration>,
    /// The id of the request in the logs of the service.
    pub request_id: Option<String>,
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "media proxy: {}: {}", self.code, self.message)
    }
}

impl error::Error for Error {}
