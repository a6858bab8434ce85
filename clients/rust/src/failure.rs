use std::{error, fmt, time::Duration};

/// What the service would refuse, refused before it is asked.
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
    /// 400: the request, or media that the service does not take.
    Refused,
    /// 401 or 403.
    Unauthorized,
    /// 404.
    NotFound,
    /// 413.
    TooLarge,
    /// 429.
    RateLimited,
    /// 5xx: the service, its store, or an upstream; worth another try.
    Unavailable,
    /// A redirect: this service makes none, and it would carry the secret to wherever it leads.
    Redirected,
    /// An answer that is none of this service's.
    Unexpected,
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Refused => "refused",
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

/// Tells how a call ended without what it asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What kind of failure it is.
    pub code: Code,
    /// The service's phrase, or what is wrong with its answer.
    pub message: String,
    /// That of the answer.
    pub status: u16,
    /// When another try makes sense, where it is told.
    pub retry_after: Option<Duration>,
    /// The request's name in the logs of the service.
    pub request_id: Option<String>,
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "media proxy: {}: {}", self.code, self.message)
    }
}

impl error::Error for Error {}
