//! Declared clients, as operators and their pipelines use them: `client sync` and `clients_file`, with a real
//! process.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has failed"
)]

mod program;
#[path = "declared/runs.rs"]
mod runs;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use boomgate::clients::Clients;
use boomgate::oauth::credentials::ClientSecret;
use boomgate::store::{Keyspace, Outcome, SledStore, Store, Txn};
use serde_json::{Value, json};
use tempfile::TempDir;

use self::program::{Server, boomgate, stderr, stdout};

const OWN: &str = "correct-horse-battery-staple-4711";
const ANOTHER: &str = "another-horse-battery-staple-0815";
const THIRD: &str = "third-horse-battery-staple-2342-x";

fn serve(folder: &Path) -> Command {
    let mut command = boomgate(folder, &["serve", "--listen", "127.0.0.1:0"]);
    // Each command fetches a token of its own, and all come from one address.
    command.env("BOOMGATE_TOKEN_ENDPOINT__REQUESTS_PER_SECOND", "0");
    command
}

/// A server, and a folder with a file of clients beside its data.
struct Site {
    _server: Server,
    folder: TempDir,
}

impl Site {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { _server: Server::start(serve(folder.path())), folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn declare(&self, text: &str) {
        fs::write(self.path("clients.toml"), text).unwrap();
    }

    fn sync_with(&self, variables: &[(&str, &str)], options: &[&str]) -> Output {
        let arguments = [&["client", "sync", "clients.toml"], options].concat();
        boomgate(self.folder.path(), &arguments).envs(variables.iter().copied()).output().unwrap()
    }

    /// The output of a sync, which must succeed.
    fn synced(&self, options: &[&str]) -> String {
        let done = self.sync_with(&[], options);
        assert!(done.status.success(), "{}", stderr(&done));
        assert!(!stdout(&done).contains("bg_secret_") && !stderr(&done).contains("bg_secret_"));
        stdout(&done).to_owned()
    }

    fn partners(&self) -> Vec<Value> {
        partners(self.folder.path())
    }

    fn ids(&self) -> Vec<String> {
        clients(self.folder.path()).iter().map(|client| client["client_id"].as_str().unwrap().to_owned()).collect()
    }

    fn takes(&self, client_id: &str, secret: &str) -> bool {
        let mut get = boomgate(self.folder.path(), &["token", "get", "--server", &self.address()]);
        get.env("BOOMGATE_CLIENT_ID", client_id)
            .env("BOOMGATE_CLIENT_SECRET", secret)
            .output()
            .unwrap()
            .status
            .success()
    }

    fn address(&self) -> String {
        let credentials = fs::read(self.path("data/admin-credentials.json")).unwrap();
        serde_json::from_slice::<Value>(&credentials).unwrap()["issuer"].as_str().unwrap().to_owned()
    }
}

fn clients(folder: &Path) -> Vec<Value> {
    let listed = boomgate(folder, &["client", "list", "--json"]).output().unwrap();
    assert!(listed.status.success(), "{}", stderr(&listed));
    serde_json::from_str::<Value>(stdout(&listed)).unwrap().as_array().unwrap().clone()
}

/// All clients but the administrator, whose last use changes with each request.
fn partners(folder: &Path) -> Vec<Value> {
    clients(folder).into_iter().filter(|client| client["client_id"] != "admin").collect()
}

fn client(client_id: &str, more: &str) -> String {
    format!("[[clients]]\nclient_id = '{client_id}'\nclient_name = 'The {client_id}'\nscope = 'read:zones'\n{more}\n\n")
}

/// The file that the page about clients shows.
fn documented() -> &'static str {
    let (_, section) = include_str!("../docs/clients.md").split_once("## Declare clients in a file\n").unwrap();
    let (_, block) = section.split_once("cat > clients.toml <<'EOF'\n").unwrap();
    block.split_once("EOF\n").unwrap().0
}

#[test]
fn the_file_in_the_docs_is_made_true_and_the_second_plan_is_empty() {
    let site = Site::start();
    site.declare(documented());
    let plan = site.synced(&["--dry-run"]);
    assert!(plan.ends_with("2 to add, 0 to change, 0 to remove, 0 unchanged"), "{plan}");
    assert_eq!((site.ids(), site.path("client-secrets").exists()), (vec!["admin".to_owned()], false));

    assert_eq!(site.synced(&[]), plan, "the run does what the plan says");
    let file = plan.lines().find_map(|line| line.strip_prefix("+ curbside")?.split(" in ").nth(1)).unwrap();
    assert_eq!(file, "client-secrets/curbside.json");
    assert_eq!(fs::metadata(site.path(file)).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(site.path("client-secrets")).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(
        fs::read(site.path("client-secrets/.gitignore")).unwrap(),
        b"*\n",
        "secrets are not checked in by mistake"
    );
    let token = boomgate(site.folder.path(), &["token", "get", "--credentials", file]).output().unwrap();
    assert_eq!(stdout(&token).split('.').count(), 3, "{}", stderr(&token));

    let (before, credentials) = (site.partners(), fs::read(site.path(file)).unwrap());
    assert_eq!(site.synced(&[]), "nothing to do: 2 unchanged");
    let plan: Value = serde_json::from_str(&site.synced(&["--json"])).unwrap();
    assert_eq!((plan["steps"].as_array().unwrap().len(), &plan["summary"]["unchanged"]), (0, &2.into()));
    assert_eq!((site.partners(), fs::read(site.path(file)).unwrap()), (before, credentials));
}

#[test]
fn an_empty_file_deletes_no_client() {
    let site = Site::start();
    site.declare(&client("curbside", ""));
    site.synced(&[]);
    site.declare("clients = []");
    let refused = site.sync_with(&[], &["--prune"]);
    assert!(!refused.status.success());
    let said = stderr(&refused);
    assert!(said.contains("clients.toml declares no client, so --prune would delete all others"), "{said}");
    assert_eq!(site.ids(), ["admin", "curbside"]);
}

#[test]
fn a_changed_file_changes_clients_and_prune_deletes_what_it_does_not_name() {
    let site = Site::start();
    site.declare(&[client("curbside", "burst = 40"), client("quay", ""), client("gone", "")].concat());
    site.synced(&[]);
    site.declare(&[client("curbside", "burst = 41\nenforce = false"), client("quay", "status = 'suspended'")].concat());
    let unpruned = site.sync_with(&[], &["--dry-run"]);
    let says = "Clients that an earlier run registered, and that are not in clients.toml: 1. --prune";
    assert!(stderr(&unpruned).contains(says), "{unpruned:?}");
    let before = site.partners();
    let plan = site.synced(&["--prune", "--dry-run"]);
    assert_eq!(
        plan.lines().collect::<Vec<_>>(),
        [
            "~ curbside  burst 40 → 41, enforce true → false",
            "~ quay  suspend",
            "- gone  remove \"The gone\"",
            "0 to add, 2 to change, 1 to remove, 0 unchanged"
        ]
    );
    assert_eq!(site.partners(), before, "a dry run changes nothing");
    site.synced(&["--prune", "--yes"]);
    assert_eq!(site.ids(), ["admin", "curbside", "quay"], "the client whose credentials are used stays");
    assert_eq!(site.synced(&["--prune"]), "nothing to do: 2 unchanged");

    // An operator may change what the file leaves out.
    let edited = boomgate(site.folder.path(), &["client", "edit", "quay", "--burst", "7"]).output().unwrap();
    assert!(edited.status.success(), "{}", stderr(&edited));
    assert_eq!(site.synced(&[]), "nothing to do: 2 unchanged");
}

#[test]
fn every_fault_is_reported_and_nothing_is_changed() {
    let site = Site::start();
    let wrong = [
        client("curbside", "token_ttl = 60\nsecret = 'hunter2-hunter2-hunter2-hunter2-hunter2'"),
        client("curbside", "bursts = 1"),
        client("quay", "audience = 'elsewhere'\nsecret = { env = 'NOT_SET' }"),
        client("fine", ""),
    ];
    site.declare(&wrong.concat());
    let refused = site.sync_with(&[], &["--prune"]);
    let said = stderr(&refused);
    assert_eq!((refused.status.code(), stdout(&refused)), (Some(1), ""), "{said}");
    for fault in [
        "boomgate: 7 faults, so nothing was changed",
        "clients.toml:5: clients[0].token_ttl must be a whole number from 3600 to 86400",
        "clients.toml:6: clients[0].secret must never be in this file",
        "clients.toml:12: clients[1].bursts is not a member: did you mean burst?",
        "clients.toml:18: clients[2].audience must be one or more of: public.api.passportinc.com, admin.api.boomgate",
        "clients.toml:19: clients[2].secret needs the variable NOT_SET, which is not set",
        "clients.toml:9: clients[1].client_id is \"curbside\", which clients[0] on line 2 already has",
        "clients.toml:10: clients[1].client_name is \"The curbside\", which clients[0] on line 3 already has",
    ] {
        assert!(said.contains(fault), "{fault:?} is not in {said}");
    }
    assert!(!said.contains("hunter2"));
    assert_eq!(site.ids(), ["admin"]);
}

#[test]
fn secrets_come_from_variables_and_files_and_a_changed_one_rotates_in() {
    let site = Site::start();
    fs::write(site.path("quay-secret"), ANOTHER).unwrap();
    fs::set_permissions(site.path("quay-secret"), Permissions::from_mode(0o600)).unwrap();
    site.declare(
        &[client("curbside", "secret = { env = 'CURBSIDE' }"), client("quay", "secret = { file = 'quay-secret' }")]
            .concat(),
    );
    let sync = |secret: &str| site.sync_with(&[("CURBSIDE", secret)], &[]);
    let first = sync(OWN);
    assert!(
        stdout(&first).contains("+ curbside  register \"The curbside\", its secret in the variable CURBSIDE"),
        "{first:?}"
    );
    assert!(site.takes("curbside", OWN) && site.takes("quay", ANOTHER));
    assert!(!site.path("client-secrets").exists(), "nothing was generated");
    assert_eq!(stdout(&sync(OWN)), "nothing to do: 2 unchanged");

    let rotated = sync(THIRD);
    assert!(rotated.status.success() && stdout(&rotated).contains("~ curbside  rotate its secret"), "{rotated:?}");
    assert!(site.takes("curbside", OWN) && site.takes("curbside", THIRD), "both are valid for a while");
    assert_eq!(stdout(&sync(THIRD)), "nothing to do: 2 unchanged");
    let back = sync(OWN);
    assert!(back.status.success() && stdout(&back).starts_with("nothing to do"), "{back:?}");
    assert!(stderr(&back).contains("curbside: the secret in the variable CURBSIDE was rotated out"), "{back:?}");

    // A third secret within the overlap is refused. The same command later does the steps after it.
    site.declare(&[client("curbside", "secret = { env = 'CURBSIDE' }"), client("late", "")].concat());
    let refused = site.sync_with(&[("CURBSIDE", ANOTHER)], &[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("stopped at curbside, after 0 of 2 steps: "), "{refused:?}");
    assert_eq!(site.ids(), ["admin", "curbside", "quay"]);
    assert!(sync(THIRD).status.success());
    assert_eq!(site.ids(), ["admin", "curbside", "late", "quay"]);
    for said in [&first, &rotated, &back, &refused].map(|done| format!("{done:?}")) {
        assert!(![OWN, ANOTHER, THIRD].iter().any(|secret| said.contains(secret)), "{said}");
    }
}

#[test]
fn a_secret_that_must_be_encoded_is_a_note_and_a_weak_one_a_fault() {
    let site = Site::start();
    site.declare(&client("curbside", "secret = { env = 'CURBSIDE' }"));
    let guessable = site.sync_with(&[("CURBSIDE", &"curbside".repeat(5))], &[]);
    assert_eq!(guessable.status.code(), Some(1));
    assert!(stderr(&guessable).contains("in the variable CURBSIDE is easy to guess"), "{guessable:?}");
    assert_eq!((stdout(&guessable), site.ids()), ("", vec!["admin".to_owned()]));
    let cut = "q7Z&d1sX0fUu3kT9yB/4mW2vR8pLhN6e=";
    let warned = site.sync_with(&[("CURBSIDE", cut)], &[]);
    assert!(warned.status.success(), "{warned:?}");
    assert!(stderr(&warned).contains("Note: curbside: client_secret has characters"), "{warned:?}");
    assert!(!format!("{warned:?}").contains(cut) && site.takes("curbside", cut));
    assert_eq!(stdout(&site.sync_with(&[("CURBSIDE", cut)], &[])), "nothing to do: 1 unchanged");
}

/// Gives a client this secret, which the rules for new secrets refuse now.
fn give(folder: &Path, client_id: &str, secret: &str) {
    const CLIENTS: Keyspace<Value> = Keyspace::new("clients");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store: Arc<dyn Store> = Arc::new(SledStore::open(&folder.join("data/db")).unwrap());
        let registered = Clients::open(store.clone()).await.unwrap();
        let (key, secret) = (registered.digest_key(), ClientSecret::new(secret.to_owned().into()));
        let (mut record, _) = CLIENTS.get(&*store, client_id).await.unwrap().unwrap();
        record["secrets"][0]["hmac_sha256"] = json!(key.digest(&secret));
        record["secrets"][0]["fingerprint"] = json!(key.fingerprint(&secret));
        let txn = Txn::new().put(CLIENTS.key(client_id), CLIENTS.encode(&record).unwrap());
        assert!(matches!(store.commit(txn).await.unwrap(), Outcome::Committed(_)));
    });
}

#[test]
fn an_old_weak_secret_stays_valid_and_a_new_one_stops_only_its_client() {
    let folder = tempfile::tempdir().unwrap();
    let easy = "Password1!Password2!Password3!Password4!";
    let declare = |text: &str| fs::write(folder.path().join("clients.toml"), text).unwrap();
    let start = |secret: &str| {
        let mut command = serve(folder.path());
        command.env("BOOMGATE_CLIENTS_FILE", "clients.toml").env("CURBSIDE", secret).env("QUAY", easy);
        Server::start(command)
    };
    let curbside = client("curbside", "secret = { env = 'CURBSIDE' }");
    let quay = client("quay", "secret = { env = 'QUAY' }\nstatus = 'active'");
    let fine = client("fine", "");
    declare(&curbside);
    start(OWN).stop();
    give(folder.path(), "curbside", easy);

    declare(&[&*curbside, &quay, &fine].concat());
    let site = Site { _server: start(easy), folder };
    assert_eq!(site.ids(), ["admin", "curbside", "fine"], "the other clients are registered");
    assert!(site.takes("curbside", easy), "it was valid before the upgrade");

    for command in [["config", "check"].as_slice(), &["doctor"]] {
        let mut check = boomgate(site.folder.path(), &[command, &["--listen", "127.0.0.1:0"]].concat());
        check.env("BOOMGATE_CLIENTS_FILE", "clients.toml").env("CURBSIDE", easy).env("QUAY", easy);
        let checked = check.output().unwrap();
        let said = format!("{}{}", stdout(&checked), stderr(&checked));
        for variable in ["CURBSIDE", "QUAY"] {
            assert!(said.contains(&format!("the variable {variable} is easy to guess")), "{command:?}: {said}");
        }
        assert!(!said.contains(easy), "{said}");
        assert!(checked.status.success() || command == ["doctor"], "{said}");
    }

    let sync = || site.sync_with(&[("CURBSIDE", easy), ("QUAY", easy)], &[]);
    let refused = sync();
    let said = stderr(&refused);
    assert_eq!((refused.status.code(), stdout(&refused)), (Some(1), ""), "{said}");
    assert!(said.contains("quay: the secret in the variable QUAY is easy to guess"), "{said}");
    assert!(said.contains("Nothing was changed"), "{said}");
    site.declare(&curbside);
    let warned = sync();
    assert_eq!((warned.status.code(), stdout(&warned)), (Some(0), "nothing to do: 1 unchanged"), "{warned:?}");
    let note = "Note: curbside: the secret in the variable CURBSIDE is easy to guess";
    assert!(stderr(&warned).contains(note), "{warned:?}");

    let Site { _server: mut server, folder: _folder } = site;
    let log = server.stop();
    for variable in ["CURBSIDE", "QUAY"] {
        let line = log.lines().find(|line| line.contains(&format!("the variable {variable} is easy to guess")));
        assert!(line.is_some_and(|line| line.contains("WARN")), "{variable}: {log}");
    }
    for text in [&log, said, stderr(&warned)] {
        assert!(!text.contains(easy), "{text}");
    }
}

#[test]
fn a_crash_after_a_secret_was_generated_loses_nothing() {
    let site = Site::start();
    // The crashed run has left this file.
    let file = site.path("client-secrets/curbside.json");
    fs::create_dir(site.path("client-secrets")).unwrap();
    fs::write(&file, format!(r#"{{ "client_id": "curbside", "client_secret": "{OWN}" }}"#)).unwrap();
    site.declare(&client("curbside", "secret = 'generate'"));
    let exposed = site.sync_with(&[], &[]);
    assert!(
        stderr(&exposed).contains("client-secrets, which is open to other users (mode 0755): chmod 700 "),
        "{exposed:?}"
    );
    fs::set_permissions(site.path("client-secrets"), Permissions::from_mode(0o700)).unwrap();
    let exposed = site.sync_with(&[], &[]);
    assert!(
        stderr(&exposed).contains("curbside.json, which is open to other users (mode 0644): chmod 600 "),
        "{exposed:?}"
    );
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    site.synced(&[]);
    assert!(site.takes("curbside", OWN));
    assert_eq!(site.synced(&[]), "nothing to do: 1 unchanged");

    // Without the file, --yes generates a new secret and rotates to it.
    fs::remove_file(&file).unwrap();
    assert!(
        site.synced(&["--yes"]).contains("~ curbside  rotate its secret to the one in client-secrets/curbside.json")
    );
    let credentials: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert!(site.takes("curbside", credentials["client_secret"].as_str().unwrap()));
}

#[test]
fn a_start_applies_the_clients_file_and_the_next_start_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (path, log) = (folder.path(), |name: &str| fs::File::create(folder.path().join(name)).unwrap());
    let start = |secret: &str| {
        let mut command = serve(path);
        command.env("BOOMGATE_CLIENTS_FILE", "clients.json").env("CURBSIDE", secret);
        command
    };
    let declared = r#"{ "clients": [
        { "client_id": "curbside", "client_name": "Curbside", "scope": "read:zones", "secret": { "env": "CURBSIDE" } },
        { "client_id": "quay", "client_name": "Quay", "scope": "read:zones", "status": "suspended" } ] }"#;
    fs::write(path.join("clients.json"), declared.replace("read:zones", "read:all")).unwrap();
    let refused = start(OWN).stderr(log("refused")).status().unwrap();
    let said = fs::read_to_string(path.join("refused")).unwrap();
    assert_eq!(refused.code(), Some(1));
    assert!(
        said.contains("2 faults") && said.contains("clients.json: clients[1].scope read:all is not offered"),
        "{said}"
    );
    assert!(!path.join("data").exists(), "a refused start creates nothing");

    fs::write(path.join("clients.json"), declared).unwrap();
    let mut server = Server::start(start(OWN));
    let first = clients(path);
    let member = |index: usize, member: &str| first[index][member].as_str().unwrap().to_owned();
    assert_eq!([member(0, "client_id"), member(1, "client_id"), member(2, "client_id")], ["admin", "curbside", "quay"]);
    assert_eq!(member(2, "status"), "suspended");
    let file = path.join("data/client-secrets/quay.json");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let added = boomgate(path, &["client", "add", "--name", "By hand"]).output().unwrap();
    assert!(added.status.success(), "{}", stderr(&added));
    let before = partners(path);
    server.stop();

    let mut server = Server::start(start(OWN));
    assert_eq!(partners(path), before, "nothing is changed, and nothing is deleted");
    server.stop();

    // A changed secret is rotated in. The next one within the overlap is refused, and the server starts anyway.
    for (secret, secrets) in [(ANOTHER, 2), (THIRD, 2)] {
        let mut server = Server::start(start(secret));
        let curbside = clients(path).into_iter().find(|client| client["client_id"] == "curbside").unwrap();
        assert_eq!(curbside["secrets"].as_array().unwrap().len(), secrets);
        server.stop();
    }
}
