//! Reads a text from a file or from standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{anyhow, bail};
use zeroize::Zeroizing;

use crate::text::decode;

/// Whether a path is `-`, which stands for standard input.
pub(super) fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

/// The text of a file or of standard input, which may be a secret, of at most `max_bytes`. An error ends with `wanted`:
/// what to name instead.
pub(super) fn read(path: &Path, max_bytes: u64, wanted: &str) -> anyhow::Result<Zeroizing<String>> {
    let is_standard_input = is_standard_input(path);
    let name = if is_standard_input { "standard input".to_owned() } else { path.display().to_string() };
    let unreadable = |error: io::Error| anyhow!("cannot read {name}: {error}; name {wanted}");
    let source: Box<dyn Read> =
        if is_standard_input { Box::new(io::stdin().lock()) } else { Box::new(File::open(path).map_err(unreadable)?) };
    let mut bytes = Zeroizing::new(Vec::new());
    source.take(max_bytes + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > max_bytes {
        bail!("{name} is over {max_bytes} bytes; name {wanted}");
    }
    let text = decode(&bytes).map_err(|fault| anyhow!("cannot read {name}: it {fault}"))?;
    Ok(Zeroizing::new(text.to_owned()))
}
