//! A request's body, whole: bounded in size and in time.

use std::time::Duration;

use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt as _;

use crate::http::error::{OauthError, Problem, ProblemKind};

/// The largest body of an OAuth request, in bytes.
pub const MAX_OAUTH_BYTES: usize = 16 * 1_024;
/// The largest body of any other request, in bytes.
pub const MAX_BYTES: usize = 64 * 1_024;
/// How long a body may take to arrive.
const MAX_TIME: Duration = Duration::from_secs(30);

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFault {
    /// It is longer than this many bytes.
    TooLarge(usize),
    /// It did not arrive in time, or not whole.
    Incomplete,
}

/// Reads a body of at most `limit` bytes.
pub async fn read(mut payload: Payload, limit: usize) -> Result<Bytes, BodyFault> {
    let whole = async {
        let mut body = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| BodyFault::Incomplete)?;
            if body.len() + chunk.len() > limit {
                return Err(BodyFault::TooLarge(limit));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    };
    tokio::time::timeout(MAX_TIME, whole).await.unwrap_or(Err(BodyFault::Incomplete))
}

impl From<BodyFault> for Problem {
    fn from(fault: BodyFault) -> Self {
        match fault {
            BodyFault::TooLarge(limit) => {
                Self::new(ProblemKind::PayloadTooLarge, format!("The body is over {limit} bytes."))
            }
            BodyFault::Incomplete => Self::new(ProblemKind::RequestTimeout, "The body did not arrive whole."),
        }
    }
}

impl From<BodyFault> for OauthError {
    fn from(fault: BodyFault) -> Self {
        match fault {
            BodyFault::TooLarge(limit) => Self::payload_too_large(limit),
            BodyFault::Incomplete => Self::request_timeout(),
        }
    }
}
