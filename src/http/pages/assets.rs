//! The files that pages load: scripts, the style sheet, images, from `static/`.
//!
//! They are in the binary. Their path has a digest of all of them in it, so a browser may keep each for ever, and modules
//! name each other by relative paths. While one works on them, `static_dir` reads them from disk instead.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use include_dir::{Dir, include_dir};

use super::Pages;
use super::encoded::Encoded;
use super::modules::imported;
use crate::http::error::Problem;

static STATIC: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/static");

/// The folders of `static/` that are served, and the extensions in them, with the media type of each.
const SERVED: [&str; 3] = ["js", "vendor", "images"];
const MEDIA_TYPES: [(&str, &str); 4] = [
    ("css", "text/css; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("svg", "image/svg+xml"),
];
/// The script of each page, by the first segment of its path.
const SCRIPTS: [(&str, &str); 5] = [
    ("", "js/start.js"),
    ("console", "js/console.js"),
    ("docs", "js/reference.js"),
    ("guide", "js/reading.js"),
    ("why", "js/why.js"),
];
/// How much of the digest is in the path.
const DIGEST_BYTES: usize = 9;
/// In place of the digest, for files that are read from disk.
const FROM_DISK: &str = "disk";

/// The files, by their paths below `static/`.
pub(crate) enum Assets {
    /// As they are in the binary.
    Embedded,
    /// As they are in this folder.
    OnDisk(PathBuf),
}

/// The files of the binary, read once.
struct Embedded {
    digest: String,
    files: BTreeMap<&'static str, Arc<Encoded>>,
}

fn embedded() -> &'static Embedded {
    static EMBEDDED: OnceLock<Embedded> = OnceLock::new();
    EMBEDDED.get_or_init(|| {
        let mut files = BTreeMap::new();
        collect(&STATIC, &mut files);
        let mut all = Vec::new();
        for (path, contents) in &files {
            all.extend_from_slice(path.as_bytes());
            all.extend_from_slice(contents);
        }
        let digest = ring::digest::digest(&ring::digest::SHA256, &all);
        let digest = BASE64URL.encode(digest.as_ref().get(..DIGEST_BYTES).unwrap_or_default());
        let files = files.into_iter().map(|(path, contents)| (path, Arc::new(Encoded::new(contents)))).collect();
        Embedded { digest, files }
    })
}

fn collect(dir: &'static Dir<'static>, files: &mut BTreeMap<&'static str, &'static [u8]>) {
    for file in dir.files() {
        if let Some(path) = file.path().to_str().filter(|path| media_type(path).is_some()) {
            files.insert(path, file.contents());
        }
    }
    dir.dirs().for_each(|dir| collect(dir, files));
}

/// The media type of a file that is served.
fn media_type(path: &str) -> Option<&'static str> {
    let is_served = path.split_once('/').map_or(path == "style.css", |(folder, _)| SERVED.contains(&folder));
    let (_, extension) = path.rsplit_once('.')?;
    MEDIA_TYPES.iter().find(|(known, _)| is_served && *known == extension).map(|(_, media_type)| *media_type)
}

impl Assets {
    /// The path under which they are served.
    pub(super) fn path(&self) -> String {
        match self {
            Self::Embedded => format!("/static/{}", embedded().digest),
            Self::OnDisk(_) => format!("/static/{FROM_DISK}"),
        }
    }

    async fn find(&self, digest: &str, path: String) -> Option<Arc<Encoded>> {
        match self {
            Self::Embedded if digest == embedded().digest => embedded().files.get(path.as_str()).cloned(),
            Self::OnDisk(folder) if digest == FROM_DISK => {
                let folder = folder.clone();
                let contents = web::block(move || read(&folder, &path)).await.ok()??;
                Some(Arc::new(Encoded::new(contents)))
            }
            Self::Embedded | Self::OnDisk(_) => None,
        }
    }

    /// The modules that the page of this section loads at once, beside its own script. From disk they change, so then none is
    /// named.
    pub(super) fn modules(&self, section: &str) -> &'static [String] {
        static MODULES: OnceLock<BTreeMap<&str, Vec<String>>> = OnceLock::new();
        if matches!(self, Self::OnDisk(_)) {
            return &[];
        }
        let text = |path: &str| STATIC.get_file(path)?.contents_utf8();
        let modules = MODULES.get_or_init(|| SCRIPTS.map(|(section, script)| (section, imported(script, text))).into());
        modules.get(section).map_or(&[], Vec::as_slice)
    }

    async fn icon(&self) -> Option<Arc<Encoded>> {
        let digest = match self {
            Self::Embedded => &embedded().digest,
            Self::OnDisk(_) => FROM_DISK,
        };
        self.find(digest, "images/boomgate.svg".to_owned()).await
    }

    const fn cache_control(&self) -> &'static str {
        match self {
            Self::Embedded => "public, max-age=31536000, immutable",
            Self::OnDisk(_) => "no-store",
        }
    }
}

/// A file of the folder, and of no other: a link may lead out of it.
fn read(folder: &Path, path: &str) -> Option<Vec<u8>> {
    let folder = folder.canonicalize().ok()?;
    let file = folder.join(path).canonicalize().ok()?;
    // A pipe would never end.
    (file.starts_with(&folder) && file.is_file()).then(|| std::fs::read(file).ok())?
}

/// `GET /static/{digest}/{path}`.
pub(in crate::http) async fn show(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    pages: Data<Pages>,
) -> Result<HttpResponse, Problem> {
    let (digest, path) = path.into_inner();
    let media_type = media_type(&path).ok_or_else(Problem::not_found)?;
    let asset = pages.assets.find(&digest, path).await.ok_or_else(Problem::not_found)?;
    let mut response = Encoded::answer(&asset, &request).await?;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(pages.assets.cache_control()));
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin"));
    Ok(response)
}

/// `GET /favicon.ico`, which a browser asks for beside an answer of JSON.
pub(in crate::http) async fn icon(request: HttpRequest, pages: Data<Pages>) -> Result<HttpResponse, Problem> {
    let asset = pages.assets.icon().await.ok_or_else(Problem::not_found)?;
    let mut response = Encoded::answer(&asset, &request).await?;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));
    Ok(response)
}
