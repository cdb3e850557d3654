//! Reports of exams as passports: they are signed, shown and withdrawn, and the limits of their client follow:
//! docs/exam/passport.md.

use std::sync::Arc;
use std::time::Duration;

use boomgate::limits::UnprovenLimits;
use boomgate::time::{Clock as _, ManualClock};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{
    AUDIENCE, Answer, READER, TestServer, WRITER, ZONES, answer, audit_entries, claims, jwt_part,
    with_altered_signature,
};

const DIGEST: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
/// `RateLimit-Policy` without a report, and with one.
const UNPROVEN: &str = "\"second\";q=5;w=5, \"day\";q=500;w=86400";
const PROVEN: &str = "\"second\";q=60;w=2, \"day\";q=9000;w=86400";

/// What a report of this client says, with other members.
fn report(client_id: &str, members: Value) -> Value {
    let mut report = json!({ "sub": client_id, "profile": { "name": "default" }, "verdict": "ready", "commit": "d8a7b22",
        "exam_at": 1_700_000_000, "report_sha256": DIGEST, "boomgate_version": "0.1.0" });
    let Value::Object(members) = members else { panic!("an object") };
    report.as_object_mut().unwrap().extend(members);
    report
}

/// The passport of such a report, signed by this server.
async fn sign(server: &TestServer, report: &Value) -> String {
    let signed = server.post_json("/admin/reports/sign", &server.admin_token().await, report).await;
    assert_eq!((signed.status, signed.header("cache-control")), (201, "no-store"), "{signed:?}");
    signed.json()["passport"].as_str().unwrap().to_owned()
}

/// A client that a report is required of.
struct Partner<'s> {
    server: &'s TestServer,
    client_id: String,
    secret: String,
}

impl<'s> Partner<'s> {
    async fn register(server: &'s TestServer) -> Self {
        let members = json!({ "report_required": true, "requests_per_second": 30, "burst": 60, "daily_quota": 9_000 });
        let (client_id, secret) = server.register(members).await;
        Self { server, client_id, secret }
    }

    async fn token(&self) -> String {
        self.server.token_with(&self.client_id, &self.secret, AUDIENCE, None).await
    }

    /// The limits that a request of it is held to.
    async fn policy(&self) -> String {
        let answer = self.server.get(ZONES, &self.token().await).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.header("ratelimit-policy").to_owned()
    }

    fn path(&self) -> String {
        format!("/admin/clients/{}/report", self.client_id)
    }

    /// Its passport.
    async fn passport(&self) -> String {
        sign(self.server, &report(&self.client_id, json!({}))).await
    }

    async fn present(&self, passport: &str) -> Answer {
        put(self.server, "/oauth2/report", &self.token().await, passport).await
    }

    async fn as_operator(&self, method: Method, passport: Option<&str>) -> Answer {
        let request = self.server.request(method, &self.path()).bearer_auth(self.server.admin_token().await);
        answer(match passport {
            Some(passport) => request.json(&json!({ "passport": passport })),
            None => request,
        })
        .await
    }
}

async fn put(server: &TestServer, path: &str, token: &str, passport: &str) -> Answer {
    let body = json!({ "passport": passport });
    answer(server.request(Method::PUT, path).bearer_auth(token).json(&body)).await
}

/// Why a passport was refused.
fn refusal(answer: &Answer) -> String {
    assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid-fields"), "{answer:?}");
    let problem = answer.json();
    assert_eq!(problem["errors"][0]["pointer"], "/passport");
    problem["errors"][0]["detail"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_client_has_low_limits_until_it_shows_the_report_that_is_required_of_it() {
    let server = TestServer::start().await;
    let partner = Partner::register(&server).await;
    assert_eq!(partner.policy().await, UNPROVEN);
    let usage = server.get("/oauth2/usage", &partner.token().await).await.json();
    assert_eq!(usage["second"], json!({ "requests_per_second": 1, "burst": 5, "remaining": 4 }));
    assert_eq!((&usage["day"]["quota"], &usage["day"]["remaining"]), (&json!(500), &json!(499)));
    let own = server.get("/oauth2/report", &partner.token().await).await;
    let none = json!({ "client_id": partner.client_id, "report": null, "report_required": true });
    assert_eq!((own.status, own.json(), own.header("ratelimit")), (200, none, ""));

    let shown = partner.present(&partner.passport().await).await;
    assert_eq!(shown.status, 200, "{shown:?}");
    let state = shown.json();
    assert_eq!((&state["report_required"], &state["report"]["report_sha256"]), (&json!(true), &json!(DIGEST)));
    assert_eq!((&state["report"]["commit"], &state["report"]["issuer"]), (&json!("d8a7b22"), &json!(server.base)));
    assert_eq!(partner.policy().await, PROVEN);
    assert_eq!(server.get("/oauth2/report", &partner.token().await).await.json(), state);
    assert_eq!(partner.as_operator(Method::GET, None).await.json(), state);
    let usage = server.get("/oauth2/usage", &partner.token().await).await.json();
    assert_eq!(
        (&usage["second"]["burst"], &usage["day"]["remaining"]),
        (&json!(60), &json!(8_997)),
        "a day is one day"
    );
}

#[tokio::test]
async fn the_low_limits_are_kept_as_any_others() {
    let server = TestServer::start_with(|config| {
        config.client_defaults.unproven =
            UnprovenLimits { requests_per_second: 1.into(), burst: 1, daily_quota: Some(2) };
    })
    .await;
    let partner = Partner::register(&server).await;
    let token = partner.token().await;
    for status in [200, 429] {
        assert_eq!(server.get(ZONES, &token).await.status, status);
    }
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(server.get(ZONES, &token).await.status, 200);
    server.clock.advance(Duration::from_secs(1));
    let spent = server.get(ZONES, &token).await;
    assert_eq!((spent.status, &spent.json()["violated-policies"]), (429, &json!(["day"])));
    // Its quota is used up, and the operator still can.
    assert_eq!(partner.present(&partner.passport().await).await.status, 429);
    let shown = partner.as_operator(Method::PUT, Some(&partner.passport().await)).await;
    assert_eq!(shown.status, 200, "{shown:?}");
    assert_eq!(server.get(ZONES, &token).await.status, 200);
}

#[tokio::test]
async fn an_operator_sees_both_limits_of_a_client() {
    let server = TestServer::start().await;
    let partner = Partner::register(&server).await;
    let path = format!("/admin/clients/{}", partner.client_id);
    let admin = server.admin_token().await;
    let shown = server.get(&path, &admin).await.json();
    assert_eq!(
        (&shown["burst"], &shown["daily_quota"], &shown["report_required"]),
        (&json!(60), &json!(9_000), &json!(true))
    );
    let in_effect = json!({ "requests_per_second": 1, "burst": 5, "daily_quota": 500, "enforce": true });
    assert_eq!((&shown["limits_in_effect"], shown.get("report")), (&in_effect, None));

    let change = async |body: &Value| {
        let answer = answer(server.request(Method::PATCH, &path).bearer_auth(&admin).json(body)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    };
    assert_eq!(change(&shown).await["updated_at"], shown["updated_at"], "what was read may be sent back");
    let lower = change(&json!({ "burst": 3 })).await;
    assert_eq!((&lower["burst"], &lower["limits_in_effect"]["burst"]), (&json!(3), &json!(3)));
    let free = change(&json!({ "report_required": false, "burst": 60 })).await;
    assert_eq!((&free["burst"], free.get("limits_in_effect")), (&json!(60), None));
    assert_eq!(partner.policy().await, PROVEN);
    change(&json!({ "report_required": true })).await;
    assert_eq!(partner.policy().await, UNPROVEN, "it counts from the next request on");
    partner.as_operator(Method::PUT, Some(&partner.passport().await)).await;
    let proven = server.get(&path, &admin).await.json();
    assert_eq!((&proven["report"]["profile"]["name"], proven.get("limits_in_effect")), (&json!("default"), None));
}

#[tokio::test]
async fn a_report_that_is_shown_before_it_is_required_keeps_the_limits() {
    let server = TestServer::start().await;
    let partner = Partner::register(&server).await;
    let path = format!("/admin/clients/{}", partner.client_id);
    let admin = server.admin_token().await;
    for (required, policy) in [(false, PROVEN), (true, PROVEN)] {
        let body = json!({ "report_required": required });
        let changed = answer(server.request(Method::PATCH, &path).bearer_auth(&admin).json(&body)).await;
        assert_eq!(changed.status, 200, "{changed:?}");
        assert_eq!(partner.policy().await, policy);
        partner.as_operator(Method::PUT, Some(&partner.passport().await)).await;
    }
}

#[tokio::test]
async fn the_low_limits_come_back_when_the_passport_expires() {
    let server = TestServer::start_with(|config| config.reports.passport_days = 30).await;
    let partner = Partner::register(&server).await;
    let passport = partner.passport().await;
    assert_eq!(partner.present(&passport).await.status, 200);
    let advance = async |by: &str| {
        let moved = server.control(Method::POST, "/sandbox/clock/advance", Some(&json!({ "by": by }))).await;
        assert_eq!(moved.status, 200, "{moved:?}");
    };
    advance("29d").await;
    assert_eq!(partner.policy().await, PROVEN);
    advance("1d").await;
    assert_eq!(partner.policy().await, UNPROVEN);
    assert_eq!(server.get("/oauth2/report", &partner.token().await).await.json()["report"], Value::Null);
    assert!(refusal(&partner.present(&passport).await).starts_with("expired at "));
    assert_eq!(partner.present(&partner.passport().await).await.status, 200);
    assert_eq!(partner.policy().await, PROVEN, "a later one counts");
}

#[tokio::test]
async fn a_report_that_was_withdrawn_does_not_count_again() {
    let server = TestServer::start().await;
    let partner = Partner::register(&server).await;
    assert_eq!(partner.as_operator(Method::DELETE, None).await.status, 404);
    let passport = partner.passport().await;
    assert_eq!(partner.present(&passport).await.status, 200);
    assert_eq!(partner.as_operator(Method::DELETE, None).await.status, 204);
    assert_eq!(partner.policy().await, UNPROVEN);
    for refused in [partner.present(&passport).await, partner.as_operator(Method::PUT, Some(&passport)).await] {
        let why = refusal(&refused);
        assert!(why.starts_with("was signed before a report of the client was withdrawn, at "), "{why}");
    }
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(partner.present(&partner.passport().await).await.status, 200);
    assert_eq!(partner.policy().await, PROVEN);
}

#[tokio::test]
async fn a_passport_is_no_access_token_and_an_access_token_is_no_passport() {
    let server = TestServer::start().await;
    let partner = Partner::register(&server).await;
    let (passport, token) = (partner.passport().await, partner.token().await);
    assert_eq!(jwt_part(&passport, 0)["typ"], "boomgate-report+jwt");
    assert_eq!(jwt_part(&passport, 0)["kid"], jwt_part(&token, 0)["kid"], "the same key signs both");
    for path in [ZONES, "/oauth2/usage", "/admin/clients"] {
        let refused = server.get(path, &passport).await;
        assert_eq!((refused.status, refused.problem().as_str()), (401, "token-invalid"), "{path}");
    }
    for endpoint in ["/oauth2/introspect", "/oauth2/revoke"] {
        let asked = server.about_token(endpoint, WRITER, &passport).await;
        assert_eq!(asked.status, 200);
        assert!(endpoint != "/oauth2/introspect" || asked.json() == json!({ "active": false }), "{asked:?}");
    }
    // Not even in the place of a passport's header.
    let with_other_header =
        |one: &str, other: &str| format!("{}.{}", other.split_once('.').unwrap().0, one.split_once('.').unwrap().1);
    assert_eq!(server.get(ZONES, &with_other_header(&passport, &token)).await.status, 401);
    assert!(refusal(&partner.present(&token).await).contains("typ must be boomgate-report+jwt"));
    assert!(refusal(&partner.present(&with_other_header(&token, &passport)).await).starts_with("is not genuine"));
    assert_eq!(partner.present(&passport).await.status, 200, "neither was revoked by that");
}

#[tokio::test]
async fn a_passport_that_does_not_count_is_refused_in_words_and_changes_nothing() {
    let server = TestServer::start().await;
    let other_server = TestServer::start().await;
    let partner = Partner::register(&server).await;
    let genuine = partner.passport().await;
    let (header, rest) = genuine.split_once('.').unwrap();
    let none = format!("eyJhbGciOiJub25lIiwidHlwIjoiYm9vbWdhdGUtcmVwb3J0K2p3dCJ9.{rest}");
    for (passport, why) in [
        (sign(&server, &report(READER, json!({}))).await, "is of the client demo-reader"),
        (
            sign(&server, &report(&partner.client_id, json!({ "verdict": "not ready" }))).await,
            "says that the client is not ready",
        ),
        (
            sign(&server, &report(&partner.client_id, json!({ "verdict": "undecided" }))).await,
            "says that the client is undecided",
        ),
        (sign(&other_server, &report(&partner.client_id, json!({}))).await, "is signed with a key that is not trusted"),
        (with_altered_signature(&genuine), "is not genuine"),
        (format!("{header}.e30.{}", genuine.rsplit_once('.').unwrap().1), "is not genuine"),
        (none, "is signed with a key that is not trusted"),
        ("passport".to_owned(), "is no passport"),
        (String::new(), "is no passport"),
    ] {
        for refused in [partner.present(&passport).await, partner.as_operator(Method::PUT, Some(&passport)).await] {
            let got = refusal(&refused);
            assert!(got.starts_with(why), "{got}");
        }
        // What it presents counts against its limits.
        server.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(partner.policy().await, UNPROVEN);
    assert_eq!(partner.as_operator(Method::GET, None).await.json()["report"], Value::Null);
}

#[tokio::test]
async fn only_the_keys_that_the_operator_lists_count_and_the_file_is_read_again() {
    let signer = TestServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    let key_set = answer(signer.request(Method::GET, "/.well-known/jwks.json")).await;
    std::fs::write(&file, &key_set.body).unwrap();
    let server = TestServer::start_with(|config| {
        (config.reports.trusted_keys, config.reports.trust_own_keys) = (Some(file.clone()), false);
    })
    .await;
    let partner = Partner::register(&server).await;
    let of_signer = sign(&signer, &report(&partner.client_id, json!({}))).await;
    assert!(refusal(&partner.present(&partner.passport().await).await).starts_with("is signed with a key that is not"));
    assert_eq!(partner.present(&of_signer).await.status, 200);
    assert_eq!(partner.policy().await, PROVEN);

    let own = answer(server.request(Method::GET, "/.well-known/jwks.json")).await;
    std::fs::write(&file, &own.body).unwrap();
    let again = sign(&signer, &report(&partner.client_id, json!({}))).await;
    assert!(
        refusal(&partner.as_operator(Method::PUT, Some(&again)).await).starts_with("is signed with a key that is not")
    );
    assert_eq!(partner.policy().await, PROVEN, "what was accepted stays");
    for text in ["", "{\"keys\": []}"] {
        std::fs::write(&file, text).unwrap();
        let refused = partner.as_operator(Method::PUT, Some(&again)).await;
        assert_eq!((refused.status, refused.problem().as_str()), (503, "unavailable"), "{refused:?}");
    }

    let trusts_nobody = TestServer::start_with(|config| config.reports.trust_own_keys = false).await;
    let partner = Partner::register(&trusts_nobody).await;
    let why = refusal(&partner.present(&partner.passport().await).await);
    assert!(why.starts_with("cannot be accepted: this server trusts no key that signs reports"), "{why}");
}

#[tokio::test]
async fn a_passport_says_what_the_administrator_says_of_the_report() {
    let server = TestServer::start().await;
    let members = json!({ "profile": { "name": "strict", "digest": DIGEST }, "verdict": "not ready" });
    let passport = sign(&server, &report("of-another-server", members)).await;
    let now = server.clock.now().get();
    let said = claims(&passport);
    assert_eq!(
        said,
        json!({ "iss": server.base, "iat": now, "exp": now + 365 * 86_400, "jti": said["jti"], "sub": "of-another-server",
            "profile": { "name": "strict", "digest": DIGEST }, "verdict": "not ready", "commit": "d8a7b22",
            "exam_at": 1_700_000_000, "report_sha256": DIGEST, "boomgate_version": "0.1.0" })
    );
    let reader = server.token_for("demo-admin", "admin.api.boomgate", Some("read:admin")).await;
    assert_eq!(server.post_json("/admin/reports/sign", &reader, &report(READER, json!({}))).await.status, 403);
    let hostile = report("a b", json!({ "report_sha256": "abc", "iss": "https://elsewhere.example" }));
    let refused = server.post_json("/admin/reports/sign", &server.admin_token().await, &hostile).await;
    assert_eq!((refused.status, refused.json()["errors"].as_array().unwrap().len()), (422, 3));
}

#[tokio::test]
async fn every_change_of_a_report_has_its_audit_entry() {
    let server = TestServer::start().await;
    let partner = Partner::register(&server).await;
    let passport = partner.passport().await;
    for _ in 0..2 {
        assert_eq!(partner.present(&passport).await.status, 200, "the same again changes nothing");
    }
    partner.as_operator(Method::DELETE, None).await;
    server.clock.advance(Duration::from_secs(1));
    partner.as_operator(Method::PUT, Some(&partner.passport().await)).await;
    let moved = server.control(Method::POST, "/sandbox/clock/advance", Some(&json!({ "by": "366d" }))).await;
    assert_eq!(moved.status, 200, "{moved:?}");
    let client_id = partner.client_id.clone();
    let folder = server.stop().await.unwrap();
    let entries = audit_entries(&folder).await;
    let of_client = entries.iter().filter(|entry| entry["subject"] == client_id.as_str());
    let got: Vec<_> = of_client.map(|entry| (entry["action"].as_str().unwrap(), entry["actor"].as_str())).collect();
    assert_eq!(
        got,
        [
            ("client_registered", Some("demo-admin")),
            ("report_signed", Some("demo-admin")),
            ("report_presented", Some(client_id.as_str())),
            ("report_withdrawn", Some("demo-admin")),
            ("report_signed", Some("demo-admin")),
            ("report_presented", Some("demo-admin")),
            ("report_expired", None),
        ]
    );
}

#[tokio::test]
async fn reports_outlive_a_restart_and_other_settings_count_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(boomgate::time::UnixSeconds::new(1_900_000_000)));
    let first = TestServer::start_in(folder.path(), clock.clone(), |_| ()).await;
    let (proven, unproven) = (Partner::register(&first).await, Partner::register(&first).await);
    assert_eq!(proven.present(&proven.passport().await).await.status, 200);
    let [proven, unproven] = [proven, unproven].map(|Partner { client_id, secret, .. }| (client_id, secret));
    first.stop().await;

    let second = TestServer::start_in(folder.path(), clock, |config| config.client_defaults.unproven.burst = 2).await;
    // The upkeep does what is due by the clock; a jump of it waits for that.
    second.control(Method::POST, "/sandbox/clock/advance", Some(&json!({ "by": "1s" }))).await;
    let server = &second;
    let [proven, unproven] = [proven, unproven].map(|(client_id, secret)| Partner { server, client_id, secret });
    assert_eq!(proven.policy().await, PROVEN);
    assert_eq!(unproven.policy().await, UNPROVEN.replace("q=5;w=5", "q=2;w=2"));
}
