//! Why the body of a request cannot be read, and how that is answered.

use std::io;

use actix_web::error::PayloadError;
use actix_web::http::header::{ACCEPT_ENCODING, HeaderValue};

use super::{OauthError, Problem, ProblemKind as Kind, sentence};
use crate::oauth::error::ErrorCode;

/// Why a body cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::http) enum BodyFault {
    /// It is longer than this many bytes.
    #[error("the body is over {0} bytes")]
    TooLarge(usize),
    /// It did not arrive in time.
    #[error("the body did not arrive in time: send the request again")]
    Late,
    /// It was cut off, or is not framed as HTTP asks for (RFC 9112 section 7.1).
    #[error("the body was cut off, or its chunks are malformed")]
    Malformed,
    /// It is compressed: nothing here inflates a body.
    #[error("send the body without a Content-Encoding")]
    Coded,
}

impl From<PayloadError> for BodyFault {
    fn from(error: PayloadError) -> Self {
        let is_late = matches!(error, PayloadError::Io(cause) if cause.kind() == io::ErrorKind::TimedOut);
        if is_late { Self::Late } else { Self::Malformed }
    }
}

impl From<BodyFault> for Problem {
    fn from(fault: BodyFault) -> Self {
        let problem = Self::new(kind_of(fault), sentence(&fault));
        match fault {
            // RFC 9110 section 12.5.3.
            BodyFault::Coded => problem.with_header(ACCEPT_ENCODING, HeaderValue::from_static("identity")),
            BodyFault::TooLarge(_) | BodyFault::Late | BodyFault::Malformed => problem,
        }
    }
}

impl From<BodyFault> for OauthError {
    fn from(fault: BodyFault) -> Self {
        let error = Self::new(ErrorCode::InvalidRequest, sentence(&fault)).with_kind(kind_of(fault));
        match fault {
            BodyFault::Coded => error.with_header(ACCEPT_ENCODING, HeaderValue::from_static("identity")),
            BodyFault::TooLarge(_) | BodyFault::Late | BodyFault::Malformed => error,
        }
    }
}

const fn kind_of(fault: BodyFault) -> Kind {
    match fault {
        BodyFault::TooLarge(_) => Kind::PayloadTooLarge,
        BodyFault::Late => Kind::RequestTimeout,
        BodyFault::Malformed => Kind::MalformedRequest,
        BodyFault::Coded => Kind::UnsupportedMediaType,
    }
}
