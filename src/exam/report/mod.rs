//! The files of a report: for people `report.html` and `report.md`, for programs `report.json`, `junit.xml` and
//! `conversation.jsonl`, and what GitHub shows of a job.
//!
//! All of them show what a client sent and what a command printed, so every text is hostile: [`plain`] takes control characters
//! out of it and cuts it, and each form escapes it. Each form is made of the [`Report`] alone, but for the conversation.

mod conversation;
pub mod github;
mod html;
mod junit;
mod markdown;
mod plain;
mod prose;
mod sections;
#[cfg(test)]
mod specimen;
mod words;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use uuid::Uuid;

pub use self::html::html;
pub(crate) use self::html::policy as page_policy;
pub use self::junit::junit;
pub use self::markdown::markdown;
use super::run::Examination;
use crate::api::exam::Report;

/// What the name of a file in the folder starts with that shows whether files can be made there.
const TRIAL: &str = ".boomgate-trial-";

/// Why the report cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The folder cannot be made.
    #[error("the report folder {} cannot be made: {source}; name another one with --report", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file in it cannot be written.
    #[error("the report cannot be written to {}: {source}; name another folder with --report", path.display())]
    File {
        /// The file or the folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be made; no fault of the folder.
    #[error("{name} cannot be made: {why}")]
    Form {
        /// The name of the file.
        name: &'static str,
        /// What went wrong.
        why: String,
    },
}

/// Makes the folder and tries whether files can be written there, so that a fault is found before an exam has run.
///
/// The report of an earlier exam stays until [`write_all`] replaces it.
pub fn prepare(folder: &Path) -> Result<(), WriteError> {
    fs::create_dir_all(folder).map_err(|source| WriteError::Folder { path: folder.to_owned(), source })?;
    // A link of this name leads to no other file: the name is new.
    let trial = folder.join(format!("{TRIAL}{}", Uuid::new_v4()));
    let tried = File::create_new(&trial).and_then(|_| fs::remove_file(&trial));
    tried.map_err(|source| WriteError::File { path: folder.to_owned(), source })
}

/// Writes every file of the report into the folder. Each file is whole or is what it was before.
pub fn write_all(report: &Report, examination: &Examination, folder: &Path) -> Result<(), WriteError> {
    prepare(folder)?;
    let form = |name: &'static str, why: &dyn ToString| WriteError::Form { name, why: why.to_string() };
    let json = json(report).map_err(|why| form("report.json", &why))?;
    let html = html(report).map_err(|why| form("report.html", &why))?;
    let junit = junit(report).map_err(|why| form("junit.xml", &why))?;
    write(folder, "report.json", |out| out.write_all(json.as_bytes()))?;
    write(folder, "report.html", |out| out.write_all(html.as_bytes()))?;
    write(folder, "report.md", |out| out.write_all(markdown(report).as_bytes()))?;
    write(folder, "junit.xml", |out| out.write_all(junit.as_bytes()))?;
    write(folder, "conversation.jsonl", |out| conversation::write(examination, out))
}

/// `report.json`.
pub fn json(report: &Report) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string_pretty(report)? + "\n")
}

/// Writes one more file into the folder, as a whole or not at all.
pub fn write_file(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), WriteError> {
    write(folder, name, |out| out.write_all(bytes))
}

/// Writes a file under another name first, and then gives it its own.
fn write(
    folder: &Path,
    name: &str,
    content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), WriteError> {
    let path = folder.join(name);
    let draft = folder.join(format!("{name}.new"));
    let written = (|| {
        // What an ended exam left there, or a link.
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => (),
        }
        let mut out = BufWriter::new(OpenOptions::new().write(true).create_new(true).open(&draft)?);
        content(&mut out)?;
        out.flush()?;
        fs::rename(&draft, &path)
    })();
    written.map_err(|source| {
        let _absent = fs::remove_file(&draft);
        WriteError::File { path, source }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_has_each_file_and_no_draft() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("a/report");
        write_all(&specimen::report(), &Examination::default(), &folder).unwrap();
        let mut names: Vec<_> =
            fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["conversation.jsonl", "junit.xml", "report.html", "report.json", "report.md"]);
        let json = fs::read_to_string(folder.join("report.json")).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), specimen::report());
    }

    #[test]
    fn a_link_in_the_folder_leads_to_no_other_file() {
        let folder = tempfile::tempdir().unwrap();
        let precious = folder.path().join("precious");
        let report = folder.path().join("report");
        fs::write(&precious, "precious").unwrap();
        fs::create_dir(&report).unwrap();
        for name in ["passport.jwt", "passport.jwt.new", "report.md", ".boomgate-trial"] {
            std::os::unix::fs::symlink(&precious, report.join(name)).unwrap();
        }
        write_all(&specimen::report(), &Examination::default(), &report).unwrap();
        write_file(&report, "passport.jwt", b"signed").unwrap();
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
        assert_eq!(fs::read_to_string(report.join("passport.jwt")).unwrap(), "signed");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_found_before_the_exam() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = prepare(&file.join("report")).unwrap_err().to_string();
        assert!(error.contains("cannot be made") && error.contains("--report"), "{error}");
        let error = prepare(&file).unwrap_err().to_string();
        assert!(error.contains("cannot be made") && error.lines().count() == 1, "{error}");
        prepare(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the trial is gone");
    }
}
