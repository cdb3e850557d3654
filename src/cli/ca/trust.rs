//! The commands that make a machine and its browsers trust a certificate authority, or stop trusting it.
//!
//! The commands are printed, and run only with `--install`. The name of an installed certificate has a part of its
//! digest, so that the authorities of two servers do not replace each other.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{anyhow, bail};
use ring::digest::{SHA256, digest};

use super::Authority;
use crate::cli::output::{self, quoted};
use crate::files;

/// A system's folder of trusted certificates, and the commands to run after a change there.
struct Anchors {
    system: &'static str,
    folder: &'static str,
    added: &'static [&'static str],
    removed: &'static [&'static str],
}

/// The order matters, because some systems have the folders of others too.
const ANCHORS: [Anchors; 4] = [
    Anchors {
        system: "Fedora, RHEL",
        folder: "/etc/pki/ca-trust/source/anchors",
        added: &["update-ca-trust"],
        removed: &["update-ca-trust"],
    },
    Anchors {
        system: "SUSE",
        folder: "/etc/pki/trust/anchors",
        added: &["update-ca-certificates"],
        removed: &["update-ca-certificates"],
    },
    Anchors {
        system: "Arch",
        folder: "/etc/ca-certificates/trust-source/anchors",
        added: &["update-ca-trust"],
        removed: &["update-ca-trust"],
    },
    Anchors {
        system: "Debian, Ubuntu, Alpine",
        folder: "/usr/local/share/ca-certificates",
        added: &["update-ca-certificates"],
        removed: &["update-ca-certificates", "--fresh"],
    },
];

/// The folders of browsers' certificate databases, below the home folder. Firefox has one folder for each profile.
const FIREFOX: [&str; 2] = [".mozilla/firefox", "snap/firefox/common/.mozilla/firefox"];
const CHROMIUM: [&str; 2] = [".pki/nssdb", "snap/chromium/current/.pki/nssdb"];

/// Runs a program, and returns whether it succeeded.
type Run<'m> = dyn FnMut(&[String]) -> io::Result<bool> + 'm;

/// The machine that the commands are for.
pub(super) struct Machine<'m> {
    root: PathBuf,
    home: Option<PathBuf>,
    is_mac: bool,
    run: Box<Run<'m>>,
}

impl Machine<'_> {
    pub(super) fn this() -> Self {
        let run = |words: &[String]| {
            let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
            // Its output goes to standard error, like all messages.
            let status = Command::new(program).args(arguments).stdout(io::stderr()).status()?;
            Ok(status.success())
        };
        Self {
            root: PathBuf::from("/"),
            home: std::env::home_dir(),
            is_mac: cfg!(target_os = "macos"),
            run: Box::new(run),
        }
    }

    fn anchors(&self) -> Option<&'static Anchors> {
        ANCHORS.iter().find(|anchors| self.under_root(anchors.folder).is_dir())
    }

    fn under_root(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// The existing databases of this user's browsers.
    fn browsers(&self) -> Vec<PathBuf> {
        let Some(home) = &self.home else { return Vec::new() };
        let mut found: Vec<PathBuf> = CHROMIUM.iter().map(|path| home.join(path)).collect();
        for profiles in FIREFOX.iter().filter_map(|path| fs::read_dir(home.join(path)).ok()) {
            found.extend(profiles.filter_map(|profile| Some(profile.ok()?.path())));
        }
        found.retain(|folder| folder.join("cert9.db").is_file());
        found.sort();
        found
    }

    /// The database that Chromium will use on Linux, if it does not exist yet: Chromium does not use the system's roots.
    fn first_database(&self) -> Option<PathBuf> {
        let folder = self.home.as_ref()?.join(CHROMIUM.first()?);
        (!self.is_mac && !folder.join("cert9.db").exists()).then_some(folder)
    }
}

/// One step.
struct Step {
    purpose: String,
    /// A file to copy the certificate to, or to remove.
    file: Option<PathBuf>,
    /// The command to run then.
    words: Vec<String>,
}

/// What the commands do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Trust,
    Untrust,
}

/// Prints the commands, or runs them if `install`.
pub(super) fn apply(
    action: Action,
    authority: &Authority,
    install: bool,
    machine: &mut Machine<'_>,
) -> anyhow::Result<()> {
    let steps = steps(action, authority, machine);
    if !install {
        for step in &steps {
            show(&step.purpose, &step.shell_command(action, authority))?;
        }
        if let Some(folder) = machine.first_database().filter(|_| action == Action::Trust) {
            let step = browser(action, authority, &folder, &name(authority));
            let folder = quoted(&folder.display().to_string());
            show(
                "Chromium, which does not use the system's roots",
                &format!("mkdir -p {folder} && {}", step.command()),
            )?;
        }
        return Ok(());
    }
    if machine.is_mac {
        bail!("--install is for Linux only: run the commands that `boomgate ca trust` prints");
    }
    let mut failed = 0;
    for step in &steps {
        match step.perform(action, authority, machine) {
            Ok(()) => {
                // A closed standard output must not stop the other steps.
                let _unprinted = output::print(&format!("done: {}", step.purpose));
            }
            Err(error) => {
                failed += 1;
                output::message(&format!("not done: {}: {error}", step.purpose));
            }
        }
    }
    if failed > 0 {
        bail!("{failed} of {} steps failed: the system's needs root, and those of browsers certutil", steps.len());
    }
    Ok(())
}

/// Prints a command to paste. Its purpose goes to standard error, because zsh would run a comment as a command.
fn show(purpose: &str, command: &str) -> anyhow::Result<()> {
    output::message(&format!("{}:", output::printable(purpose)));
    Ok(output::print(command)?)
}

/// The name under which the authority is installed.
fn name(authority: &Authority) -> String {
    let digest = digest(&SHA256, &authority.der);
    let short = digest.as_ref().first_chunk().map_or(0, |chunk| u32::from_be_bytes(*chunk));
    format!("boomgate-{short:08x}")
}

fn steps(action: Action, authority: &Authority, machine: &Machine<'_>) -> Vec<Step> {
    let name = name(authority);
    let mut steps = vec![system(action, authority, machine, &name)];
    steps.extend(machine.browsers().iter().map(|folder| browser(action, authority, folder, &name)));
    steps
}

fn browser(action: Action, authority: &Authority, folder: &Path, name: &str) -> Step {
    let database = format!("sql:{}", folder.display());
    let words = ["certutil", "-d", &database];
    let ca = authority.path.display().to_string();
    let rest: &[&str] =
        if action == Action::Trust { &["-A", "-t", "C,,", "-n", name, "-i", &ca] } else { &["-D", "-n", name] };
    Step {
        purpose: format!("the browser of {}", folder.display()),
        file: None,
        words: words.iter().chain(rest).map(|word| (*word).to_owned()).collect(),
    }
}

fn system(action: Action, authority: &Authority, machine: &Machine<'_>, name: &str) -> Step {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    if machine.is_mac {
        let ca = authority.path.display().to_string();
        let keychain = "/Library/Keychains/System.keychain";
        let words = match action {
            Action::Trust => words(&["security", "add-trusted-cert", "-d", "-r", "trustRoot", "-k", keychain, &ca]),
            Action::Untrust => words(&["security", "remove-trusted-cert", "-d", &ca]),
        };
        return Step { purpose: "macOS, with Safari and Chrome".to_owned(), file: None, words };
    }
    match machine.anchors() {
        Some(anchors) => Step {
            purpose: format!("this system ({})", anchors.system),
            file: Some(machine.under_root(anchors.folder).join(format!("{name}.crt"))),
            words: words(if action == Action::Trust { anchors.added } else { anchors.removed }),
        },
        None => Step {
            purpose: "this system, which boomgate does not know: see its manual for `trust anchor`".to_owned(),
            file: None,
            words: words(&["trust", "anchor", if action == Action::Trust { "--store" } else { "--remove" }])
                .into_iter()
                .chain([authority.path.display().to_string()])
                .collect(),
        },
    }
}

impl Step {
    /// The whole step as a shell command.
    fn shell_command(&self, action: Action, authority: &Authority) -> String {
        let is_for_browser = self.words.first().is_some_and(|program| program == "certutil");
        let sudo = if is_for_browser { "" } else { "sudo " };
        let command = format!("{sudo}{}", self.command());
        let shown = |path: &Path| quoted(&path.display().to_string());
        match (&self.file, action) {
            (Some(file), Action::Trust) => {
                format!("sudo install -m 644 {} {} && {command}", shown(&authority.path), shown(file))
            }
            (Some(file), Action::Untrust) => format!("sudo rm {} && {command}", shown(file)),
            (None, _) => command,
        }
    }

    /// The command after the change, for a shell.
    fn command(&self) -> String {
        self.words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
    }

    fn perform(&self, action: Action, authority: &Authority, machine: &mut Machine<'_>) -> anyhow::Result<()> {
        if let Some(file) = &self.file {
            let changed = match action {
                Action::Trust => files::write_public(file, authority.pem.as_bytes()),
                Action::Untrust => match fs::remove_file(file) {
                    // It is removed already.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                    removed => removed,
                },
            };
            changed.map_err(|error| anyhow!("{}: {error}", file.display()))?;
        }
        let program = self.words.first().map_or("", String::as_str);
        match (machine.run)(&self.words) {
            Ok(true) => Ok(()),
            Ok(false) => bail!("{program} failed"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => bail!("{program} is not installed: install it"),
            Err(error) => bail!("{program}: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn authority() -> Authority {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let pem = rcgen::CertificateParams::default().self_signed(&key).unwrap().pem();
        Authority::parse(PathBuf::from("my data/ca.pem"), pem.into_bytes()).unwrap()
    }

    /// A machine below a folder, which records the commands instead of running them.
    fn machine<'m>(root: &Path, ran: &'m RefCell<Vec<String>>) -> Machine<'m> {
        let run = |words: &[String]| {
            ran.borrow_mut().push(words.join(" "));
            Ok(true)
        };
        Machine { root: root.to_owned(), home: Some(root.join("home")), is_mac: false, run: Box::new(run) }
    }

    #[test]
    fn each_system_gets_its_own_commands() {
        let (ran, authority) = (RefCell::default(), authority());
        for (folder, last_command) in [
            ("etc/pki/ca-trust/source/anchors", "sudo update-ca-trust"),
            ("etc/pki/trust/anchors", "sudo update-ca-certificates"),
            ("etc/ca-certificates/trust-source/anchors", "sudo update-ca-trust"),
            ("usr/local/share/ca-certificates", "sudo update-ca-certificates"),
        ] {
            let root = tempfile::tempdir().unwrap();
            fs::create_dir_all(root.path().join(folder)).unwrap();
            let machine = machine(root.path(), &ran);
            let command = steps(Action::Trust, &authority, &machine).remove(0).shell_command(Action::Trust, &authority);
            assert!(command.starts_with("sudo install -m 644 'my data/ca.pem' "), "{command}");
            assert!(command.contains(folder) && command.ends_with(last_command), "{command}");
        }
        let root = tempfile::tempdir().unwrap();
        let mac = Machine { is_mac: true, ..machine(root.path(), &ran) };
        let command = steps(Action::Trust, &authority, &mac).remove(0).shell_command(Action::Trust, &authority);
        assert!(command.contains("sudo security add-trusted-cert -d -r trustRoot"), "{command}");
        let unknown = steps(Action::Untrust, &authority, &machine(root.path(), &ran)).remove(0);
        assert!(
            unknown.shell_command(Action::Untrust, &authority).ends_with("sudo trust anchor --remove 'my data/ca.pem'")
        );
        assert!(ran.borrow().is_empty(), "no command is run without --install");
    }

    #[test]
    fn an_installed_certificate_is_removed_again() {
        let (ran, authority, root) = (RefCell::default(), authority(), tempfile::tempdir().unwrap());
        let anchors = root.path().join("usr/local/share/ca-certificates");
        let browser = root.path().join("home/.mozilla/firefox/a.default");
        fs::create_dir_all(&anchors).unwrap();
        fs::create_dir_all(&browser).unwrap();
        fs::write(browser.join("cert9.db"), "").unwrap();
        let name = name(&authority);
        let file = anchors.join(format!("{name}.crt"));

        apply(Action::Trust, &authority, true, &mut machine(root.path(), &ran)).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), authority.pem);
        let browser = format!("certutil -d sql:{}", browser.display());
        let added = format!("{browser} -A -t C,, -n {name} -i my data/ca.pem");
        assert_eq!(ran.take(), ["update-ca-certificates".to_owned(), added]);

        for _ in 0..2 {
            apply(Action::Untrust, &authority, true, &mut machine(root.path(), &ran)).unwrap();
            assert!(!file.exists());
            assert_eq!(ran.take(), ["update-ca-certificates --fresh".to_owned(), format!("{browser} -D -n {name}")]);
        }
    }

    #[test]
    fn a_step_that_fails_is_an_error() {
        let (ran, authority, root) = (RefCell::default(), authority(), tempfile::tempdir().unwrap());
        let without_tools = |_: &[String]| Err(io::ErrorKind::NotFound.into());
        let mut machine = Machine { run: Box::new(without_tools), ..machine(root.path(), &ran) };
        let error = apply(Action::Trust, &authority, true, &mut machine).unwrap_err();
        assert!(error.to_string().starts_with("1 of 1 steps failed"), "{error}");
    }

    #[test]
    fn a_private_key_is_never_an_authority() {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let both = format!("{}{}", authority().pem, key.serialize_pem());
        for wrong in [both.as_bytes(), b"", b"\xff"] {
            assert!(Authority::parse(PathBuf::from("x.pem"), wrong.to_vec()).is_err());
        }
    }
}
