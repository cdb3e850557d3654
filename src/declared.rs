//! Clients that a file declares: how the file is read, where the secrets are, and the plan that registers the clients.
//!
//! The file is TOML or JSON. Its members have the names and the rules of a registration, and every fault is reported at
//! once. A member that the file leaves out is not managed: a new client gets the server's default, and a registered
//! client stays as it is, so that the next run does not undo a suspension in an emergency. The file never holds a secret.
//!
//! Nothing here calls a server or a store: [`Plan::new`] is a pure function, and its caller applies the plan.

mod document;
mod plan;
mod secret;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;
use zeroize::Zeroizing;

use self::document::Entry;
pub(crate) use self::plan::{Counts, Plan, Prune, Registered, Step, grouped};
pub(crate) use self::secret::{DeclaredSecret, SecretError, SecretToSend, remove_secret_file};
use crate::api::policy::RegistrationPolicy;
use crate::api::problem::FieldFault;
use crate::clients::Status;
use crate::clients::registration::{MAX_NAME_CHARS, MEMBERS, Registration, read_client_id, read_status};
use crate::files::{self, Exposure, Reader, names_a_descriptor};
use crate::json::Reader as MemberReader;
use crate::oauth::credentials::ClientId;
use crate::text;
use crate::text::precis::prepare;

/// The folder of generated secrets, beside the file that declares the clients.
pub(crate) const SECRETS_FOLDER: &str = "client-secrets";
/// The largest file, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;
/// The most clients of one file.
const MAX_CLIENTS: usize = 100_000;
/// The most faults that are listed; the others are counted.
const MAX_LISTED: usize = 100;
/// The members that only a declaration has, not a registration.
const OWN_MEMBERS: [&str; 3] = ["client_id", "status", "secret"];

/// A declared client.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) client_id: ClientId,
    /// Its registration, with the server's default for everything that the file leaves out.
    pub(crate) registration: Registration,
    /// The members of [`MEMBERS`] that the file has.
    pub(crate) named: Vec<&'static str>,
    /// Whether it is to be suspended, if the file says so.
    pub(crate) suspended: Option<bool>,
    pub(crate) secret: DeclaredSecret,
}

/// What reading a file needs beside its text.
pub(crate) struct ReadContext<'s> {
    /// The folder of generated secrets; `None` if there is none, and then a file that needs one is refused.
    pub(crate) secrets_dir: Option<&'s Path>,
    /// What the server offers to clients.
    pub(crate) policy: &'s RegistrationPolicy,
    /// The value of an environment variable; `None` if it is not set, empty or not UTF-8.
    pub(crate) variable: &'s dyn Fn(&str) -> Option<Zeroizing<String>>,
}

/// A fault of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, if the parser has it.
    line: Option<usize>,
    /// The place, such as `clients[3].token_ttl`; empty for the whole file.
    place: String,
    /// What is wrong with it and what would be right.
    detail: String,
}

/// Why a file is refused.
#[derive(Debug, thiserror::Error)]
pub enum DeclarationError {
    /// It does not exist, or may not be read.
    #[error("cannot read the clients in {}: {source}", path.display())]
    Unreadable {
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Other users could change it, and so become administrators.
    #[error("the clients in {} cannot be trusted: the file {exposure}", path.display())]
    Exposed {
        path: PathBuf,
        /// Who could change it, and how to fix that.
        exposure: Exposure,
    },
    /// It has faults.
    #[error("{}", Lines(path, faults))]
    Faults {
        path: PathBuf,
        /// All of them.
        faults: Vec<Fault>,
    },
}

struct Lines<'f>(&'f Path, &'f [Fault]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(path, faults) = self;
        let one = |out: &mut fmt::Formatter<'_>, fault: &Fault| {
            write!(out, "{}:", path.display())?;
            if let Some(line) = fault.line {
                write!(out, "{line}:")?;
            }
            write!(out, " {}{}", fault.place, if fault.place.is_empty() { "" } else { " " })?;
            out.write_str(&fault.detail)
        };
        if let [only] = faults {
            return one(out, only);
        }
        write!(out, "{} faults, so nothing was changed", faults.len())?;
        for fault in faults.iter().take(MAX_LISTED) {
            out.write_str("\n  ")?;
            one(out, fault)?;
        }
        match faults.len().saturating_sub(MAX_LISTED) {
            0 => Ok(()),
            more => write!(out, "\n  and {more} more"),
        }
    }
}

/// The text of a file that declares clients. It is read once, because a pipe cannot be read again.
pub(crate) struct Declaration {
    name: PathBuf,
    text: String,
    /// The folder of the file; `None` for a pipe.
    folder: Option<PathBuf>,
    /// Which other users could change it.
    exposure: Option<Exposure>,
}

impl Declaration {
    /// Reads the file at `path`.
    pub(crate) fn read(path: &Path, reader: Reader) -> Result<Self, DeclarationError> {
        let unreadable = |source| DeclarationError::Unreadable { path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        let found = file.metadata().map_err(unreadable)?;
        let has_folder = found.is_file() && !names_a_descriptor(path);
        let folder = has_folder.then(|| path.parent().unwrap_or(Path::new("")).to_owned());
        let exposure = files::distrust_of(path, &found, reader);
        Ok(Self { exposure, ..Self::of(path, file, folder)? })
    }

    /// Reads standard input.
    pub(crate) fn read_standard_input() -> Result<Self, DeclarationError> {
        Self::of(Path::new("standard input"), io::stdin().lock(), None)
    }

    fn of(name: &Path, source: impl Read, folder: Option<PathBuf>) -> Result<Self, DeclarationError> {
        let unreadable = |source| DeclarationError::Unreadable { path: name.to_owned(), source };
        let mut bytes = Vec::new();
        source.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(of_file(name, format!("has more than {} MiB: divide it", MAX_FILE_BYTES / 1024 / 1024)));
        }
        let text = text::decode(&bytes).map_err(|fault| of_file(name, fault.to_string()))?;
        Ok(Self { name: name.to_owned(), text: text.to_owned(), folder, exposure: None })
    }

    /// Its path, or `standard input`.
    pub(crate) fn name(&self) -> &Path {
        &self.name
    }

    /// Which other users could change it, and how to fix that.
    pub(crate) fn exposure(&self) -> Option<&Exposure> {
        self.exposure.as_ref()
    }

    /// The folder of secrets beside the file; a pipe has none.
    pub(crate) fn secrets_dir(&self) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join(SECRETS_FOLDER))
    }

    /// Reads the clients, and their secrets as they are now; every fault at once. A relative path in a file starts in the
    /// file's folder, one in a pipe in the current folder.
    pub(crate) fn clients(&self, context: &ReadContext<'_>) -> Result<Vec<Declared>, DeclarationError> {
        // A missing folder is created when there is a secret to write into it.
        if let Some(dir) = context.secrets_dir
            && let Ok(Some(exposure)) = files::exposure(dir, Reader::Server)
        {
            return Err(of_file(&self.name, format!("has its secrets in {}, which {exposure}", dir.display())));
        }
        let folder = self.folder.as_deref().unwrap_or(Path::new(""));
        let declared = parse(&self.name, &self.text, folder, context);
        declared.map_err(|faults| DeclarationError::Faults { path: self.name.clone(), faults })
    }
}

/// Reads the clients of a file for a server, which trusts the file; see [`Declaration::clients`].
pub(crate) fn read(path: &Path, context: &ReadContext<'_>) -> Result<Vec<Declared>, DeclarationError> {
    let declaration = Declaration::read(path, Reader::Server)?;
    if let Some(exposure) = declaration.exposure {
        return Err(DeclarationError::Exposed { path: path.to_owned(), exposure });
    }
    declaration.clients(context)
}

/// A fault of the file as a whole.
fn of_file(path: &Path, detail: String) -> DeclarationError {
    DeclarationError::Faults { path: path.to_owned(), faults: vec![Fault { line: None, place: String::new(), detail }] }
}

fn parse(path: &Path, text: &str, folder: &Path, context: &ReadContext<'_>) -> Result<Vec<Declared>, Vec<Fault>> {
    let entries = document::entries(path, text)?;
    if entries.len() > MAX_CLIENTS {
        let detail = format!("has {} clients, of at most {MAX_CLIENTS}: divide the file", entries.len());
        return Err(vec![Fault { line: None, place: "clients".to_owned(), detail }]);
    }
    let is_generated =
        |entry: &Entry| secret::parse(entry.members.get("secret")).is_ok_and(|source| source.is_generated());
    if context.secrets_dir.is_none() && entries.iter().any(is_generated) {
        let detail = "has no folder beside it for generated secrets: name one with --keep-in DIR";
        return Err(vec![Fault { line: None, place: String::new(), detail: detail.to_owned() }]);
    }
    let (mut declared, mut faults) = (Vec::with_capacity(entries.len()), Vec::new());
    for (index, entry) in entries.iter().enumerate() {
        match client(entry, folder, context) {
            Ok(client) => declared.push(client),
            Err(of_members) => {
                faults.extend(of_members.into_iter().map(|fault| entry.fault(index, &fault)));
            }
        }
    }
    for member in ["client_id", "client_name"] {
        faults.extend(repeated(&entries, member));
    }
    if faults.is_empty() { Ok(declared) } else { Err(faults) }
}

fn client(entry: &Entry, folder: &Path, context: &ReadContext<'_>) -> Result<Declared, Vec<FieldFault>> {
    let members = &entry.members;
    let mut reader = MemberReader::new(members);
    // A secret must not be in the file, and this is its usual name.
    reader.refuse("client_secret", secret::NEVER_HERE);
    reader.refuse_unknown(&[&MEMBERS[..], &OWN_MEMBERS].concat());
    reader.require("client_id", "is required: it identifies the client in every run");
    let client_id = reader.optional("client_id", read_client_id);
    let registration = Registration::read(&mut reader, context.policy);
    let status = reader.optional("status", read_status);
    let secret = secret::parse(members.get("secret")).and_then(|source| match &client_id {
        Some(client_id) => source.load(client_id, folder, context).map(Some),
        // Without a client_id, whose fault is reported, its file has no name.
        None => Ok(None),
    });
    let secret = secret.unwrap_or_else(|detail| {
        reader.fault("secret", detail);
        None
    });
    let named = MEMBERS.into_iter().filter(|name| members.contains_key(*name)).collect();
    let suspended = status.map(|status| status == Status::Suspended);
    let declared =
        || Some(Declared { client_id: client_id?, registration: registration?, named, suspended, secret: secret? });
    reader.finish(declared())
}

/// A fault for each client that has the same `member` as one before it.
fn repeated(entries: &[Entry], member: &str) -> Vec<Fault> {
    let mut seen: HashMap<Cow<'_, str>, usize> = HashMap::new();
    let mut faults = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let Some(text) = entry.members.get(member).and_then(Value::as_str) else { continue };
        // Two Unicode forms of a name are the same name.
        let normalized = prepare(text, MAX_NAME_CHARS).unwrap_or(Cow::Borrowed(text));
        if let Some(first) = seen.get(&normalized) {
            let line = entries.get(*first).and_then(|first| first.line_of(member));
            let on_line = line.map_or_else(String::new, |line| format!(" on line {line}"));
            let detail = format!("is {text:?}, which clients[{first}]{on_line} already has");
            faults.push(entry.fault(index, &FieldFault::of_member("", member, detail)));
        } else {
            seen.insert(normalized, index);
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::files::write_private;

    /// The clients of a file with this name and text in `folder`.
    fn read_as(folder: &Path, name: &str, text: &str) -> Result<Vec<Declared>, String> {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        let variable = |name: &str| match name {
            "STRONG" => Some("correct-horse-battery-staple-4711".to_owned().into()),
            "WEAK" => Some("hunter2".to_owned().into()),
            "GUESSABLE" => Some("hunter2".repeat(5).into()),
            _ => None,
        };
        let context = ReadContext {
            secrets_dir: Some(&folder.join("secrets")),
            policy: &RegistrationPolicy::example(),
            variable: &variable,
        };
        read(&path, &context).map_err(|error| error.to_string().replace(&format!("{}/", folder.display()), ""))
    }

    fn read_once(name: &str, text: &str) -> Result<Vec<Declared>, String> {
        read_as(tempfile::tempdir().unwrap().path(), name, text)
    }

    #[test]
    fn toml_and_json_declare_the_same() {
        let toml = "
            [[clients]]
            client_id = 'curbside'
            client_name = 'Curbside'
            scope = 'write:zones read:zones'
            audience = ['public', 'other']
            token_ttl = 7_200
            report_required = true
            requests_per_second = 0x0A
            burst = 40
            daily_quota = 'unlimited'
            enforce = false
            status = 'suspended'
            secret = { env = 'STRONG' }
            [[clients]]
            client_id = 'quay'
            client_name = 'Quay'
            scope = 'read:zones'
        ";
        let json = r#"{ "clients": [
            { "client_id": "curbside", "client_name": "Curbside", "scope": "write:zones read:zones",
              "audience": ["public", "other"], "token_ttl": 7200, "report_required": true, "requests_per_second": 10, "burst": 40,
              "daily_quota": null, "enforce": false, "status": "suspended", "secret": { "env": "STRONG" } },
            { "client_id": "quay", "client_name": "Quay", "scope": "read:zones" } ] }"#;
        let read = |(name, text)| {
            let all = read_once(name, text).unwrap().into_iter();
            let members = |client: Declared| {
                (
                    client.client_id,
                    client.registration,
                    client.named,
                    client.suspended,
                    client.secret.loaded().map(|secret| secret.expose().to_owned()),
                )
            };
            all.map(members).collect::<Vec<_>>()
        };
        let all = [("clients.toml", toml), ("clients.json", json), ("clients", json), ("clients", toml)].map(read);
        assert!(all.iter().all(|other| *other == all[0]), "{all:#?}");
        let declared = read_once("clients.toml", toml).unwrap();
        assert_eq!(declared[0].named, MEMBERS);
        assert_eq!(declared[0].registration.limits.daily_quota, None);
        assert_eq!((declared[1].named.len(), declared[1].suspended), (2, None));
        assert_eq!(declared[1].registration.limits, RegistrationPolicy::example().client_defaults.limits);
        assert!(read_once("clients.toml", "clients = []").unwrap().is_empty());
    }

    #[test]
    fn every_fault_is_reported_at_once_with_its_line() {
        let text = "
[[clients]]
client_id = 'curbside'
client_name = 'Curbside'
scope = 'read:everything'
token_ttl = 60
dayly_quota = 5
secret = 'hunter2'

[[clients]]
client_id = 'curb side'
client_name = 'Curbside'
status = 'gone'
burst = 2026-01-01
daily_quota = nan

[[clients]]
client_id = 'curbside'
client_name = 'Quay'
scope = 'read:zones'
client_secret = 'hunter2'
secret = { env = 'MISSING' }
";
        let said = read_once("clients.toml", text).unwrap_err();
        let expected = [
            "13 faults, so nothing was changed",
            "clients.toml:7: clients[0].dayly_quota is not a member: did you mean daily_quota?",
            "clients.toml:5: clients[0].scope read:everything is not offered here; offered are: read:zones write:zones",
            "clients.toml:6: clients[0].token_ttl must be a whole number from 3600 to 86400",
            &format!("clients.toml:8: clients[0].secret {}", secret::NEVER_HERE),
            "clients.toml:11: clients[1].client_id must be 1 to 64 letters, digits, dots, underscores, tildes or hyphens, not . or ..",
            "clients.toml:10: clients[1].scope is required: a string of scope tokens with one space between, from: read:zones write:zones",
            "clients.toml:14: clients[1].burst must be a whole number from 1 to 1000000",
            "clients.toml:15: clients[1].daily_quota must be a whole number from 1 to 100000000000, or \"unlimited\"",
            "clients.toml:13: clients[1].status must be active or suspended",
            &format!("clients.toml:21: clients[2].client_secret {}", secret::NEVER_HERE),
            "clients.toml:22: clients[2].secret needs the variable MISSING, which is not set",
            "clients.toml:18: clients[2].client_id is \"curbside\", which clients[0] on line 3 already has",
            "clients.toml:12: clients[1].client_name is \"Curbside\", which clients[0] on line 4 already has",
        ];
        assert_eq!(said.lines().map(str::trim).collect::<Vec<_>>(), expected);
        assert!(!said.contains("hunter2"), "a secret in the file is not printed");
    }

    #[test]
    fn a_file_of_another_shape_is_refused_in_one_line() {
        for (name, text, says) in [
            ("a.toml", "", "a.toml: clients is required: a list of clients, in TOML each under [[clients]]"),
            ("a.toml", "\n[client]\n", "is not a member: did you mean clients?"),
            ("a.toml", "clients = 1", "a.toml:1: clients must be a list of clients: in TOML, each under [[clients]]"),
            ("a.toml", "clients = [\n{}, 1]", "a.toml:2: clients[1] must be a client: members with names"),
            ("a.toml", "\n\nclients = = 1", "a.toml:3: is not TOML: extra `=`, expected nothing"),
            ("a.json", "[]", "a.json: must be one JSON object, with the member clients"),
            ("a.json", "", "a.json: is not JSON: it is empty"),
            ("a.json", "{\n\"clients\": [}", "a.json: is not JSON: expected value at line 2 column 13"),
            ("a.json", "{\"clients\": {}}", "a.json: clients must be a list of clients"),
            ("a.json", "{\"clients\": [1]}", "a.json: clients[0] must be a client"),
            (
                "a",
                "{\"clients\": [{\"client_id\": \"a\", \"client_id\": \"b\"}]}",
                "the member \"client_id\" is there twice",
            ),
            ("a.toml", &"[".repeat(100_000), "is not TOML"),
            ("a.json", &"{\"clients\":".repeat(100_000), "recursion limit exceeded"),
        ] {
            let said = read_once(name, text).unwrap_err();
            assert!(said.contains(says), "{said:?} should contain {says:?}");
        }
        let path = Path::new("/nowhere/clients.toml");
        let context =
            ReadContext { secrets_dir: Some(path), policy: &RegistrationPolicy::example(), variable: &|_| None };
        let said = read(path, &context).unwrap_err().to_string();
        assert!(said.starts_with("cannot read the clients in /nowhere/clients.toml: No such file"), "{said}");
        let many = format!("clients = [{}]", "{},".repeat(MAX_CLIENTS + 1));
        assert!(read_once("a.toml", &many).unwrap_err().contains("divide the file"));
    }

    #[test]
    fn a_secret_is_read_from_its_place_unless_other_users_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = folder.path().join("secrets");
        files::make_folder(&secrets).unwrap();
        let strong = "correct-horse-battery-staple-4711";
        write_private(&folder.path().join("own"), format!("{strong}\r\n").as_bytes()).unwrap();
        write_private(&folder.path().join("weak"), b"hunter2\n").unwrap();
        write_private(&folder.path().join("large"), &[b'x'; 5_000]).unwrap();
        std::fs::write(folder.path().join("open"), strong).unwrap();
        std::fs::set_permissions(folder.path().join("open"), std::fs::Permissions::from_mode(0o604)).unwrap();
        let of = |secret: &str| {
            let text =
                format!("[[clients]]\nclient_id = 'a'\nclient_name = 'a'\nscope = 'read:zones'\nsecret = {secret}\n");
            read_as(folder.path(), "clients.toml", &text)
        };
        let loaded = |secret: &str| of(secret).unwrap()[0].secret.loaded().map(|secret| secret.expose().to_owned());
        assert_eq!(loaded("{ env = 'STRONG' }").as_deref(), Some(strong));
        assert_eq!(loaded("{ file = 'own' }").as_deref(), Some(strong), "without its line end");
        assert!(loaded("{ env = 'GUESSABLE' }").is_some(), "the plan decides whether the client may have it");
        for (secret, says) in [
            ("{ env = 'WEAK' }", "in the variable WEAK must be 32 to 256 visible ASCII characters"),
            ("{ env = 'WEAK' }", "or say secret = \"generate\""),
            ("{ env = 'NONE' }", "needs the variable NONE, which is not set"),
            ("{ env = '' }", "must be \"generate\""),
            ("{ env = 'STRONG', file = 'own' }", "must be \"generate\""),
            ("{ vault = 'x' }", "must be \"generate\""),
            ("1", "must be \"generate\""),
            ("{ file = 'weak' }", "must be 32 to 256 visible ASCII characters"),
            ("{ file = 'open' }", "open, which is open to other users (mode 0604): chmod 600 "),
            ("{ file = 'large' }", "is too large for a secret"),
            ("{ file = 'none' }", "none, which does not exist"),
            ("{ file = '.' }", "cannot be read: is a directory"),
            ("{ file = '/dev/null' }", "it is not an ordinary file, so leave it as it is"),
            ("{ file = '~/own' }", "begins with ~, which only a shell reads as a home folder: write the path in full"),
            ("{ file = '$HOME/own' }", "has a variable in it"),
            ("{ file = 'file:///run/own' }", "is a URL"),
        ] {
            let said = of(secret).unwrap_err();
            assert!(said.contains(says), "{secret}: {said:?} should contain {says:?}");
            assert!(!said.contains("hunter2"), "{said}");
        }

        let declared = of("'generate'").unwrap();
        assert_eq!(
            (declared[0].secret.loaded().is_none(), secrets.join("a.json").exists()),
            (true, false),
            "reading writes nothing"
        );
        let made = declared[0].secret.load_or_generate(&declared[0].client_id, "https://localhost").unwrap();
        let permissions = std::fs::metadata(secrets.join("a.json")).unwrap().permissions();
        assert_eq!((permissions.mode() & 0o777, made.secret.is_well_formed(), made.is_new), (0o600, true, true));
        assert_eq!(loaded("'generate'").as_deref(), Some(made.secret.expose()));
        // This run read the folder before the file existed.
        let again = declared[0].secret.load_or_generate(&declared[0].client_id, "https://localhost").unwrap();
        assert_eq!((again.secret.expose(), again.is_new), (made.secret.expose(), false), "both have the same secret");
        assert!(declared[0].secret.is_on_disk(&declared[0].client_id, &made.secret));
        assert!(
            !declared[0].secret.remove_unused(&declared[0].client_id, &again).unwrap(),
            "a secret that was on disk may be registered"
        );
        assert!(declared[0].secret.remove_unused(&declared[0].client_id, &made).unwrap());
        assert!(!declared[0].secret.is_on_disk(&declared[0].client_id, &made.secret), "the file is gone");
        write_private(&secrets.join("a.json"), b"{\"client_id\": \"b\", \"client_secret\": \"hunter2\"}").unwrap();
        assert!(of("'generate'").unwrap_err().contains("move it away for a new secret"));
        std::fs::set_permissions(&secrets, std::fs::Permissions::from_mode(0o705)).unwrap();
        let said = of("'generate'").unwrap_err();
        assert!(said.contains("secrets, which is open to other users (mode 0705): chmod 700 "), "{said}");
    }
}
