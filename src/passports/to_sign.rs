//! The request to sign a report, read: its members, and all that is wrong with them.

use serde_json::{Map, Value};

use crate::api::exam::Readiness;
use crate::api::passport::{PassportProfile, ReportToSign};
use crate::api::problem::FieldFault;
use crate::json::{Reader, whole_number};
use crate::oauth::credentials::ClientId;
use crate::text::precis::is_printable;
use crate::time::UnixSeconds;

const MEMBERS: [&str; 7] = ["sub", "profile", "verdict", "commit", "exam_at", "report_sha256", "boomgate_version"];
/// The longest name of a profile, and the longest commit, in characters.
const MAX_NAME_CHARS: usize = 200;
const MAX_VERSION_CHARS: usize = 50;
const SHA256: &str = "must be 64 hexadecimal digits in lower case, as sha256sum prints them";

impl ReportToSign {
    /// Reads the members of a request; all faults at once. A `commit` or a `digest` of `null` counts as absent.
    pub(crate) fn parse(members: &Map<String, Value>) -> Result<Self, Vec<FieldFault>> {
        let mut reader = Reader::new(members).ignoring_nulls();
        reader.refuse_unknown(&MEMBERS);
        let sub = reader.required("sub", |value| {
            let client_id = value.as_str().and_then(|text| ClientId::parse(text).ok());
            client_id.ok_or("must be the client_id of the client that was examined")
        });
        reader.require("profile", "is required: an object with the name of the profile");
        let profile = reader.object("profile", |reader| {
            reader.refuse_unknown(&["name", "digest"]);
            let name = reader.required("name", |value| line(value, MAX_NAME_CHARS));
            let digest = reader.optional("digest", sha256);
            Some(PassportProfile { name: name?, digest })
        });
        let verdict = reader.required("verdict", read_verdict);
        let commit = reader.optional("commit", |value| line(value, MAX_NAME_CHARS));
        let latest = UnixSeconds::new(u64::MAX).get();
        let exam_at = reader.required("exam_at", |value| whole_number(value, &(0..=latest)));
        let report_sha256 = reader.required("report_sha256", sha256);
        let boomgate_version = reader.required("boomgate_version", |value| line(value, MAX_VERSION_CHARS));
        let read = || {
            let (sub, profile, verdict) = (sub?, profile??, verdict?);
            let (exam_at, report_sha256, boomgate_version) = (exam_at?, report_sha256?, boomgate_version?);
            Some(Self { sub, profile, verdict, commit, exam_at, report_sha256, boomgate_version })
        };
        reader.finish(read())
    }
}

fn read_verdict(value: &Value) -> Result<Readiness, &'static str> {
    let all = [Readiness::Ready, Readiness::NotReady, Readiness::Undecided];
    let verdict = all.into_iter().find(|verdict| value.as_str() == Some(verdict.name()));
    verdict.ok_or("must be ready, not ready or undecided")
}

fn line(value: &Value, most: usize) -> Result<String, String> {
    let text = value.as_str().filter(|text| (1..=most).contains(&text.chars().count()));
    let text = text.filter(|text| text.chars().all(is_printable));
    text.map(str::to_owned).ok_or_else(|| format!("must be one line of 1 to {most} characters"))
}

fn sha256(value: &Value) -> Result<String, &'static str> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let digest = value.as_str().filter(|text| text.len() == 64 && text.bytes().all(is_digit));
    digest.map(str::to_owned).ok_or(SHA256)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::passport::sha256_of;

    fn parse(body: &Value) -> Result<ReportToSign, Vec<String>> {
        let faults = |faults: Vec<FieldFault>| faults.into_iter().map(|fault| fault.pointer).collect();
        ReportToSign::parse(body.as_object().unwrap()).map_err(faults)
    }

    #[test]
    fn every_member_is_read_as_it_is_written() {
        let digest = sha256_of(b"");
        let whole = json!({ "sub": "curbside", "profile": { "name": "Straße", "digest": digest }, "verdict": "not ready",
            "commit": "d8a7b22", "exam_at": 1_769_354_001, "report_sha256": digest, "boomgate_version": "0.1.0" });
        assert_eq!(serde_json::to_value(parse(&whole).unwrap()).unwrap(), whole);
        let mut without = whole.clone();
        (without["commit"], without["profile"]["digest"]) = (Value::Null, Value::Null);
        let read = parse(&without).unwrap();
        assert_eq!((read.commit, read.profile.digest), (None, None));
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let required = ["/sub", "/profile", "/verdict", "/exam_at", "/report_sha256", "/boomgate_version"];
        assert_eq!(parse(&json!({})).unwrap_err(), required);
        let hostile = json!({ "sub": "a b", "profile": { "name": "a\nb", "digest": "A".repeat(64), "x": 1 },
            "verdict": "READY", "commit": "", "exam_at": -1, "report_sha256": "0", "boomgate_version": "v".repeat(51),
            "iss": "https://elsewhere.example" });
        let expected = [
            "/iss",
            "/sub",
            "/profile/x",
            "/profile/name",
            "/profile/digest",
            "/verdict",
            "/commit",
            "/exam_at",
            "/report_sha256",
            "/boomgate_version",
        ];
        assert_eq!(parse(&hostile).unwrap_err(), expected);
    }
}
