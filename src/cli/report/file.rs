//! A `report.json`: its bytes, which a passport has the digest of, and what they say.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use anyhow::{anyhow, bail};

use crate::api::exam::{REPORT_FORMAT, Report};

/// Far more than any report has.
const MAX_BYTES: u64 = 64 * 1_024 * 1_024;

/// The bytes of the file. An error ends with `wanted`: what to name instead.
pub(super) fn read(path: &Path, wanted: &str) -> anyhow::Result<Vec<u8>> {
    let unreadable = |error: io::Error| anyhow!("cannot read {}: {error}; name {wanted}", path.display());
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        bail!("{} is over {} MiB, so it is no report; name {wanted}", path.display(), MAX_BYTES / 1_024 / 1_024);
    }
    Ok(bytes)
}

/// What is wrong, which may repeat what the file has: as one line, so that nobody's CI takes a second one as a command.
fn in_a_line(why: &str) -> String {
    const MAX_CHARS: usize = 200;
    let line = why.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// The report that these bytes are; `name` is what they are called in an error.
pub(super) fn parse(bytes: &[u8], name: &str) -> anyhow::Result<Report> {
    let report: Report = serde_json::from_slice(bytes).map_err(|error| {
        anyhow!(
            "{name} is no report: {}; name the report.json that `boomgate exam` writes",
            in_a_line(&error.to_string())
        )
    })?;
    if report.format != REPORT_FORMAT {
        let format = report.format;
        bail!(
            "{name} has the format {format}, and this version of boomgate reads {REPORT_FORMAT}: use the version that wrote it"
        );
    }
    Ok(report)
}
