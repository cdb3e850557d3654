//! The names of the pages, their order, and their files.

use include_dir::{Dir, include_dir};

pub(super) static DOCS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/docs");
/// The extensions of pictures, with the media type of each.
const PICTURES: [(&str, &str); 3] = [("svg", "image/svg+xml"), ("png", "image/png"), ("webp", "image/webp")];
const README: &str = include_str!("../../../../README.md");

/// The pages by their names, which are their paths below `/guide`. The README is the first one and has none.
pub(super) const CHAPTERS: [(&str, &[&str]); 5] = [
    ("Start", &["", "getting-started", "pages", "endpoints", "errors", "limits", "tokens-and-keys"]),
    (
        "Sandbox",
        &[
            "sandbox",
            "sandbox/clock",
            "sandbox/faults",
            "sandbox/troubles",
            "sandbox/wrong-tokens",
            "sandbox/journal",
            "sandbox/snapshots",
            "sandbox/test-library",
        ],
    ),
    ("Exam", &["exam", "exam/ci", "exam/checks", "exam/profile", "exam/report", "exam/passport"]),
    ("Operation", &["self-hosting", "settings", "clients", "cli", "observability", "security-model", "performance"]),
    (
        "Design",
        &[
            "architecture",
            "decisions",
            "decisions/one-crate",
            "decisions/ring-alone",
            "decisions/hmac-for-secrets",
            "decisions/lease-blocks",
            "decisions/sled-with-fdatasync",
            "decisions/own-http-dispatchers",
            "decisions/reading-bodies",
            "decisions/own-log-queue",
            "decisions/own-metrics-exposition",
            "decisions/written-by-hand",
        ],
    ),
];

/// The address of the page with this name.
pub(super) fn href(name: &str) -> String {
    if name.is_empty() { "/guide".to_owned() } else { format!("/guide/{name}") }
}

/// The name of the page that a Markdown file of the repository is.
pub(super) fn name_of(path: &str) -> Option<&'static str> {
    let name = match path {
        "README.md" => "",
        _ => path.strip_prefix("docs/")?.strip_suffix(".md")?,
    };
    let name = name.strip_suffix("/README").unwrap_or(name);
    CHAPTERS.iter().flat_map(|(_, names)| names.iter()).copied().find(|known| *known == name)
}

/// A picture of a page: its media type and its bytes.
pub(super) fn picture(path: &str) -> Option<(&'static str, &'static [u8])> {
    let (_, extension) = path.rsplit_once('.')?;
    let (_, media_type) = PICTURES.iter().find(|(known, _)| *known == extension)?;
    Some((media_type, file(path)?))
}

/// A file of `docs/`.
pub(super) fn file(path: &str) -> Option<&'static [u8]> {
    DOCS.get_file(path).map(include_dir::File::contents)
}

/// The Markdown of a page, and its path in the repository.
pub(super) fn source(name: &str) -> Option<(&'static str, String)> {
    if name.is_empty() {
        return Some((README, "README.md".to_owned()));
    }
    let path = [format!("{name}.md"), format!("{name}/README.md")].into_iter().find(|path| file(path).is_some())?;
    let text = std::str::from_utf8(file(&path)?).ok()?;
    Some((text, format!("docs/{path}")))
}
