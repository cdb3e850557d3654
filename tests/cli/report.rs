//! Reports are signed and verified from the command line: docs/exam/passport.md.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use super::manual::repository;
use super::{Running, stderr, stdout};

/// A sandbox with a report and its passport beside it.
struct Signed {
    sandbox: Running,
    passport: PathBuf,
    report: PathBuf,
}

impl Signed {
    fn new() -> Self {
        let sandbox = Running::start("sandbox");
        let (report, passport) =
            (sandbox.folder.path().join("report.json"), sandbox.folder.path().join("passport.jwt"));
        fs::copy(repository().join("examples/exam/report.json"), &report).unwrap();
        let signed = sandbox.call(&["report", "sign", text(&report)]);
        assert!(signed.status.success(), "{}", stderr(&signed));
        assert_eq!(stdout(&signed).lines().count(), 1, "the passport and nothing else");
        assert!(stderr(&signed).starts_with("The passport is valid until "), "{}", stderr(&signed));
        fs::write(&passport, &signed.stdout).unwrap();
        Self { sandbox, passport, report }
    }

    fn verify(&self, arguments: &[&str]) -> Output {
        self.sandbox.call(&[&["report", "verify", text(&self.passport)], arguments].concat())
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The one line of a refusal.
fn refusal(output: &Output) -> String {
    assert_eq!((output.status.code(), stdout(output)), (Some(1), ""), "{}", stderr(output));
    assert_eq!(stderr(output).lines().count(), 1, "{}", stderr(output));
    stderr(output).trim_start_matches("boomgate: ").to_owned()
}

#[test]
fn a_passport_is_verified_by_the_keys_of_the_server_or_of_a_file() {
    let signed = Signed::new();
    let verified = signed.verify(&[]);
    assert!(verified.status.success(), "{}", stderr(&verified));
    for line in ["client       demo-writer", "verdict      ready", "commit       d8a7b22"] {
        assert!(stdout(&verified).lines().any(|printed| printed == line), "{}", stdout(&verified));
    }
    let claims: Value = serde_json::from_str(stdout(&signed.verify(&["--json"]))).unwrap();
    assert_eq!((&claims["sub"], &claims["iss"]), (&"demo-writer".into(), &signed.sandbox.address.as_str().into()));

    let key_set = signed.sandbox.folder.path().join("jwks.json");
    let ca = signed.sandbox.folder.path().join("data/tls/ca.pem");
    let fetched = std::process::Command::new("curl")
        .args(["-sS", "--cacert", text(&ca), "-o", text(&key_set)])
        .arg(format!("{}/.well-known/jwks.json", signed.sandbox.address))
        .status()
        .unwrap();
    assert!(fetched.success(), "{fetched}");
    let elsewhere = tempfile::tempdir().unwrap();
    let offline = super::boomgate(
        elsewhere.path(),
        &["report", "verify", text(&signed.passport), "--report", text(&signed.report), "--jwks", text(&key_set)],
    );
    let offline = { offline }.output().unwrap();
    assert!(offline.status.success(), "no server is called: {}", stderr(&offline));
    fs::write(&key_set, "{}").unwrap();
    assert!(refusal(&signed.verify(&["--jwks", text(&key_set)])).contains("is no JWK Set"));
}

#[test]
fn a_passport_or_a_report_with_another_byte_is_refused_in_one_line() {
    let signed = Signed::new();
    let [passport, report] = [&signed.passport, &signed.report].map(|path| fs::read(path).unwrap());
    // Each part of the passport, and its line end.
    let dots: Vec<usize> = (0..passport.len()).filter(|place| passport[*place] == b'.').collect();
    let last = passport.len() - 1;
    for place in [0, dots[0] - 2, dots[0], dots[0] + 9, dots[1], dots[1] + 1, last - 1, last] {
        let mut altered = passport.clone();
        altered[place] ^= 1;
        fs::write(&signed.passport, altered).unwrap();
        let refused = refusal(&signed.verify(&[]));
        assert!(refused.starts_with("the passport is "), "byte {place}: {refused}");
    }
    fs::write(&signed.passport, &passport).unwrap();
    for place in [0, report.len() / 2, report.len() - 1] {
        let mut altered = report.clone();
        altered[place] ^= 1;
        fs::write(&signed.report, altered).unwrap();
        let refused = refusal(&signed.verify(&[]));
        assert!(
            refused.ends_with("is not the report of the passport: it was altered, or it is another report"),
            "{refused}"
        );
    }
    fs::write(&signed.report, &report).unwrap();
    assert!(signed.verify(&[]).status.success());
    fs::remove_file(&signed.report).unwrap();
    assert!(refusal(&signed.verify(&[])).contains("name the report of the passport with --report"));
}

#[test]
fn a_passport_of_another_server_is_refused() {
    let (signed, other) = (Signed::new(), Signed::new());
    let verified = other.sandbox.call(&["report", "verify", text(&signed.passport)]);
    assert!(refusal(&verified).starts_with("the passport is signed with a key that the JWK Set does not have"));
    let token = other.sandbox.call(&["token", "get", "--client", "demo-writer"]);
    fs::write(&other.passport, &token.stdout).unwrap();
    assert!(refusal(&other.verify(&[])).contains("its typ must be boomgate-report+jwt"));
}

#[test]
fn what_is_no_report_is_not_signed() {
    let sandbox = Running::start("sandbox");
    let path = sandbox.folder.path().join("report.json");
    assert!(refusal(&sandbox.call(&["report", "sign", text(&path)])).contains("name the report.json"));
    let sample = fs::read_to_string(repository().join("examples/exam/report.json")).unwrap();
    for (text_of_file, why) in [
        ("{}".to_owned(), "is no report"),
        (sample.replace("\"format\": 1", "\"format\": 2"), "has the format 2"),
        (sample.replace("\"demo-writer\"", "\"a b\""), "is of the client \"a b\""),
        (
            sample.replace("\"passed\": 2", "\"passed\": 3"),
            "contradicts itself: its counts are not those of its checks",
        ),
        (
            sample.replace("\"verdict\": \"ready\"", "\"verdict\": \"x\\n::error::y\""),
            "is no report: unknown variant `x ::error::y`",
        ),
    ] {
        fs::write(&path, text_of_file).unwrap();
        let refused = refusal(&sandbox.call(&["report", "sign", text(&path)]));
        assert!(refused.contains(why), "{refused}");
    }
    fs::write(&path, sample).unwrap();
    let signed = sandbox.call(&["report", "sign", text(&path), "--for", "curbside", "--json"]);
    assert!(signed.status.success(), "{}", stderr(&signed));
    let answer: Value = serde_json::from_str(stdout(&signed)).unwrap();
    fs::write(sandbox.folder.path().join("passport.jwt"), answer["passport"].as_str().unwrap()).unwrap();
    let verified = sandbox.call(&["report", "verify", text(&sandbox.folder.path().join("passport.jwt"))]);
    assert!(stdout(&verified).starts_with("client       curbside\n"), "{}{}", stdout(&verified), stderr(&verified));
}

#[test]
fn a_passport_is_valid_whatever_it_says_and_a_gate_can_demand_that_it_says_ready() {
    let signed = Signed::new();
    assert!(signed.verify(&["--ready"]).status.success());
    let report = fs::read_to_string(&signed.report).unwrap();
    fs::write(&signed.report, report.replace("\"verdict\": \"ready\"", "\"verdict\": \"not ready\"")).unwrap();
    let again = signed.sandbox.call(&["report", "sign", text(&signed.report)]);
    fs::write(&signed.passport, &again.stdout).unwrap();
    let verified = signed.verify(&[]);
    assert!(stdout(&verified).contains("verdict      not ready"), "{}{}", stdout(&verified), stderr(&verified));
    let refused = refusal(&signed.verify(&["--ready"]));
    assert_eq!(refused, "the passport is genuine and valid, and its verdict is not ready");
}

#[test]
fn a_client_is_registered_with_a_report_that_is_required_of_it() {
    let server = Running::start("serve");
    let added = server.call(&["client", "add", "--name", "Curbside", "--report-required", "--json"]);
    let client: Value = serde_json::from_str(stdout(&added)).unwrap();
    let id = client["client_id"].as_str().unwrap();
    let shown = || stdout(&server.call(&["client", "show", id])).to_owned();
    let line = |name: &str| shown().lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
    assert_eq!(line("throttle        ").as_deref(), Some("10/s, 20 at once"));
    assert_eq!(line("limits now      ").as_deref(), Some("1/s, 5 at once, 500 a day, for want of a report"));
    assert_eq!(line("report          ").as_deref(), Some("required, and none is shown"));
    let listed = server.call(&["client", "list", "--search", "curbside"]);
    assert!(stdout(&listed).contains("1/s, 5 at once  500"), "{}", stdout(&listed));
    assert!(server.call(&["client", "edit", id, "--report-required", "false"]).status.success());
    assert_eq!((line("limits now"), line("report")), (None, None));

    let file = server.folder.path().join("clients.toml");
    let declared =
        "[[clients]]\nclient_id = \"quay\"\nclient_name = \"Quay\"\nscope = \"read:zones\"\nreport_required = ";
    fs::write(&file, format!("{declared}true\n")).unwrap();
    assert!(server.call(&["client", "sync", text(&file)]).status.success());
    let again = server.call(&["client", "sync", text(&file)]);
    assert_eq!(stdout(&again), "nothing to do: 1 unchanged");
    fs::write(&file, format!("{declared}false\n")).unwrap();
    let plan = server.call(&["client", "sync", text(&file), "--dry-run"]);
    assert!(stdout(&plan).contains("report_required"), "{}", stdout(&plan));
}

#[test]
fn trusted_keys_that_cannot_be_used_are_found_before_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    let check = || {
        let mut command = super::boomgate(folder.path(), &["config", "check", "--listen", "127.0.0.1:0"]);
        command.env("BOOMGATE_REPORTS__TRUSTED_KEYS", &file).output().unwrap()
    };
    let missing = check();
    assert_eq!(missing.status.code(), Some(1));
    assert!(format!("{}{}", stdout(&missing), stderr(&missing)).contains("cannot read the keys in"), "{missing:?}");
    fs::write(&file, "{\"keys\": []}").unwrap();
    let unusable = check();
    assert!(format!("{}{}", stdout(&unusable), stderr(&unusable)).contains("has no key of use"), "{unusable:?}");
}
