//! A body that is the same for everybody, compressed when it is first asked for so, and never again.

use std::io::{self, Write as _};
use std::sync::{Arc, OnceLock};

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, HeaderMap, HeaderValue, VARY};
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::http::conditional;
use crate::http::error::Problem;
use crate::precondition::{EntityTag, Read};

/// Brotli's quality, the best: each body is compressed once.
const QUALITY: u32 = 11;
/// The window of brotli, as a power of two: no body here is much larger.
const WINDOW: u32 = 18;
/// How much brotli takes at a time, in bytes.
const BUFFER: usize = 4_096;
/// What is not smaller in any coding, in bytes.
const SHORT: usize = 200;

/// How a body is sent (RFC 9110 section 8.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Plain,
    Brotli,
    Gzip,
}

impl Coding {
    const fn name(self) -> &'static str {
        match self {
            Self::Plain => "identity",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// The smallest of those that a request accepts (RFC 9110 section 12.5.3).
    fn accepted(headers: &HeaderMap) -> Self {
        let fields = headers.get_all(ACCEPT_ENCODING).filter_map(|value| value.to_str().ok());
        let mut accepted = Self::Plain;
        for coding in fields.flat_map(|field| field.split(',')) {
            let mut parts = coding.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let refused = parts.any(|part| {
                let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
                weight.is_some_and(|weight| weight.trim().parse::<f32>().is_ok_and(|weight| weight <= 0.0))
            });
            match name {
                _ if refused => {}
                name if name.eq_ignore_ascii_case("br") => return Self::Brotli,
                name if name.eq_ignore_ascii_case("gzip") => accepted = Self::Gzip,
                _ => {}
            }
        }
        accepted
    }
}

/// A body in each coding.
#[derive(Debug)]
pub(super) struct Encoded {
    plain: Bytes,
    etag: EntityTag,
    brotli: OnceLock<Bytes>,
    gzip: OnceLock<Bytes>,
}

impl Encoded {
    pub(super) fn new(body: impl Into<Bytes>) -> Self {
        let plain = body.into();
        Self { etag: EntityTag::of(&plain), plain, brotli: OnceLock::new(), gzip: OnceLock::new() }
    }

    /// Answers a request with it: 200 in the coding that the request likes, or 304.
    pub(super) async fn answer(body: &Arc<Self>, request: &HttpRequest) -> Result<HttpResponse, Problem> {
        let coding = if body.plain.len() < SHORT { Coding::Plain } else { Coding::accepted(request.headers()) };
        // A tag is of one coding (RFC 9110 section 8.8.3.3).
        let etag = match coding {
            Coding::Plain => body.etag.clone(),
            Coding::Brotli | Coding::Gzip => body.etag.with_part(coding.name().as_bytes()),
        };
        let mut response = match conditional::condition(request).read(&etag) {
            Read::NotModified => HttpResponse::new(StatusCode::NOT_MODIFIED),
            Read::Send | Read::PreconditionFailed => {
                HttpResponse::with_body(StatusCode::OK, Self::coded(body, coding).await?).map_into_boxed_body()
            }
        };
        let headers = response.headers_mut();
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        if coding != Coding::Plain {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        }
        if let Ok(value) = HeaderValue::from_maybe_shared(etag.into_bytes()) {
            headers.insert(ETAG, value);
        }
        Ok(response)
    }

    async fn coded(body: &Arc<Self>, coding: Coding) -> Result<Bytes, Problem> {
        match coding {
            Coding::Plain => Ok(body.plain.clone()),
            Coding::Brotli => compressed(&body.brotli, &body.plain, brotli).await,
            Coding::Gzip => compressed(&body.gzip, &body.plain, gzip).await,
        }
    }
}

/// What is in `kept`, which is filled when it is empty.
async fn compressed(
    kept: &OnceLock<Bytes>,
    plain: &Bytes,
    compress: fn(&[u8]) -> io::Result<Vec<u8>>,
) -> Result<Bytes, Problem> {
    if let Some(coded) = kept.get() {
        return Ok(coded.clone());
    }
    let failed = || Problem::unavailable("The page could not be compressed.");
    let plain = plain.clone();
    // It takes some milliseconds: too long for a thread that answers others.
    let coded = web::block(move || compress(&plain)).await.map_err(|_| failed())?.map_err(|_| failed())?;
    Ok(kept.get_or_init(|| coded.into()).clone())
}

fn brotli(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut writer = brotli::CompressorWriter::new(Vec::new(), BUFFER, QUALITY, WINDOW);
    writer.write_all(plain)?;
    writer.flush()?;
    Ok(writer.into_inner())
}

fn gzip(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::best());
    writer.write_all(plain)?;
    writer.finish()
}
