//! Passports: a passport is what a server signed about the report of an exam, as a JWS (RFC 7515).
//!
//! `docs/exam/passport.md` has the claims. A passport is no secret: it says what its client may show to everybody, and it is
//! of no use to another client.

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::exam::{Readiness, Report};
use crate::oauth::credentials::ClientId;
use crate::text::hex::hex;
use crate::time::UnixSeconds;

/// The media type in the header's `typ` (RFC 8725 section 3.11): no access token passes for a passport.
pub(crate) const PASSPORT_TYPE: &str = "boomgate-report+jwt";

/// `POST /admin/reports/sign`: what the passport says of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportToSign {
    /// The client that the report is of.
    pub sub: ClientId,
    /// What was demanded of the client.
    pub profile: PassportProfile,
    /// The verdict of the report.
    pub verdict: Readiness,
    /// The commit of the client, if the report says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub commit: Option<String>,
    /// When the exam began, in seconds since 1970.
    pub exam_at: u64,
    /// SHA-256 of the bytes of `report.json`, in hexadecimal.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub report_sha256: String,
    /// The version of Boomgate that examined the client.
    #[schema(min_length = 1, max_length = 50)]
    pub boomgate_version: String,
}

/// What was demanded of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PassportProfile {
    /// The name of the profile.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// SHA-256 of its file, in hexadecimal; the built-in profile has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub digest: Option<String>,
}

/// The claims of a passport. Times are `NumericDate`: whole seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassportClaims {
    /// The server that signed it.
    pub iss: String,
    /// When it was signed.
    pub iat: u64,
    /// The first second at which it is no longer valid.
    pub exp: u64,
    /// Its identifier.
    pub jti: Uuid,
    /// What it says of the report.
    #[serde(flatten)]
    pub report: ReportToSign,
}

/// The answer to `POST /admin/reports/sign`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignedReport {
    /// The first moment at which the passport is no longer valid.
    pub expires_at: UnixSeconds,
    /// The identifier of the passport.
    pub jti: Uuid,
    /// The passport: a JWS in compact form.
    pub passport: String,
}

/// `PUT /admin/clients/{client_id}/report` and `PUT /oauth2/report`: presents a passport.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PassportToPresent {
    /// The passport: a JWS in compact form.
    #[schema(max_length = 8192)]
    pub passport: String,
}

/// Whether a client has to show a report, and which one it has shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportStanding {
    /// The client.
    pub client_id: ClientId,
    /// The report that it has shown; `null` if there is none, or none that is still valid.
    pub report: Option<PresentedReport>,
    /// Whether it has its own limits only while there is such a report.
    pub report_required: bool,
}

/// A report that a client has shown by its passport, and that was accepted. The store has it in the same form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PresentedReport {
    /// The version of Boomgate that examined the client.
    pub boomgate_version: String,
    /// The commit of the client, if the report says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub commit: Option<String>,
    /// When the exam began.
    pub exam_at: UnixSeconds,
    /// The first moment at which the passport is no longer valid.
    pub expires_at: UnixSeconds,
    /// When the passport was signed.
    pub issued_at: UnixSeconds,
    /// The server that signed the passport.
    pub issuer: String,
    /// The identifier of the passport.
    pub jti: Uuid,
    /// The key that signed the passport.
    pub kid: String,
    /// When the passport was presented here.
    pub presented_at: UnixSeconds,
    /// What was demanded of the client.
    pub profile: PassportProfile,
    /// SHA-256 of the bytes of `report.json`, in hexadecimal.
    pub report_sha256: String,
}

impl ReportToSign {
    /// What a passport says of this report, whose file has these `bytes`, for the client `sub`.
    #[must_use]
    pub fn of(report: &Report, bytes: &[u8], sub: ClientId) -> Self {
        Self {
            sub,
            profile: PassportProfile { name: report.profile.name.clone(), digest: report.profile.digest.clone() },
            verdict: report.verdict,
            commit: report.commit.clone(),
            exam_at: report.at.get() / 1_000,
            report_sha256: sha256_of(bytes),
            boomgate_version: report.boomgate_version.clone().into_owned(),
        }
    }
}

/// SHA-256 in hexadecimal, as `sha256sum` prints it.
#[must_use]
pub fn sha256_of(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_what_sha256sum_prints() {
        assert_eq!(sha256_of(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn the_members_of_the_report_are_claims_of_the_passport_themselves() {
        let report = ReportToSign {
            sub: ClientId::parse("curbside").unwrap(),
            profile: PassportProfile { name: "built-in".to_owned(), digest: None },
            verdict: Readiness::NotReady,
            commit: None,
            exam_at: 1_769_354_001,
            report_sha256: sha256_of(b""),
            boomgate_version: "0.18.0".to_owned(),
        };
        let (iss, jti) = ("https://localhost:8443".to_owned(), Uuid::nil());
        let claims = PassportClaims { iss, iat: 1_769_354_001, exp: 1_800_890_001, jti, report };
        let json = serde_json::to_string(&claims).unwrap();
        assert_eq!(serde_json::from_str::<PassportClaims>(&json).unwrap(), claims);
        assert!(json.contains(r#""sub":"curbside","profile":{"name":"built-in"},"verdict":"not ready","#), "{json}");
    }
}
