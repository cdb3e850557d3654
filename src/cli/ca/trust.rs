//! How machines and browsers come to trust a certificate authority: the commands, printed or done.
//!
//! Nothing is started unless it is asked for. A certificate is known by a part of its digest, so that two
//! servers' authorities do not take each other's place, and the right one is taken out again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{anyhow, bail};
use ring::digest::{SHA256, digest};

use super::super::output::{self, quoted};
use super::Authority;
use crate::files;

/// A system's folder of certificates that its administrator trusts, and what makes a change there count.
struct Anchors {
    system: &'static str,
    folder: &'static str,
    added: &'static [&'static str],
    removed: &'static [&'static str],
}

/// In this order, for some systems have the folders of others as well.
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

/// Where browsers keep what they trust, below the user's own folder; the part in the middle may be any.
const FIREFOX: [&str; 2] = [".mozilla/firefox", "snap/firefox/common/.mozilla/firefox"];
const CHROMIUM: [&str; 2] = [".pki/nssdb", "snap/chromium/current/.pki/nssdb"];

/// Starts a program, and says whether it did what it should.
type Run<'m> = dyn FnMut(&[String]) -> io::Result<bool> + 'm;

/// The machine that is to trust.
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
            // What it says goes where talk goes.
            let done = Command::new(program).args(arguments).stdout(io::stderr()).status()?;
            Ok(done.success())
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

    /// The databases of this user's browsers that there are.
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

    /// Where Chromium will look on Linux, if there is nothing yet: it does not ask the system.
    fn first_database(&self) -> Option<PathBuf> {
        let folder = self.home.as_ref()?.join(CHROMIUM.first()?);
        (!self.is_mac && !folder.join("cert9.db").exists()).then_some(folder)
    }
}

/// One thing to do.
struct Step {
    for_whom: String,
    /// A file to copy the certificate to, or to remove.
    file: Option<PathBuf>,
    /// What then makes it count.
    words: Vec<String>,
}

/// What is to happen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Trust,
    Untrust,
}

pub(super) fn trust(authority: &Authority, install: bool, machine: &mut Machine<'_>) -> anyhow::Result<()> {
    fulfil(Wish::Trust, authority, install, machine)
}

pub(super) fn untrust(authority: &Authority, install: bool, machine: &mut Machine<'_>) -> anyhow::Result<()> {
    fulfil(Wish::Untrust, authority, install, machine)
}

fn fulfil(wish: Wish, authority: &Authority, install: bool, machine: &mut Machine<'_>) -> anyhow::Result<()> {
    let steps = steps(wish, authority, machine);
    if !install {
        for step in &steps {
            show(&step.for_whom, &step.told(wish, authority))?;
        }
        if let Some(folder) = machine.first_database().filter(|_| wish == Wish::Trust) {
            let step = browser(wish, authority, &folder, &name(authority));
            let folder = quoted(&folder.display().to_string());
            show("Chromium, which does not ask the system", &format!("mkdir -p {folder} && {}", step.command()))?;
        }
        return Ok(());
    }
    if machine.is_mac {
        bail!("--install is for Linux: run the commands of `boomgate ca trust` yourself");
    }
    let mut left = 0;
    for step in &steps {
        match step.perform(wish, authority, machine) {
            Ok(()) => {
                // The other steps are to be done, whether somebody reads of this one or not.
                let _unread = output::print(&format!("done: {}", step.for_whom));
            }
            Err(error) => {
                left += 1;
                output::message(&format!("not done: {}: {error}", step.for_whom));
            }
        }
    }
    if left > 0 {
        bail!("{left} of {} steps are left: the system's needs root, and those of browsers certutil", steps.len());
    }
    Ok(())
}

/// A command to paste. For whom it is goes to standard error and is no comment in between: zsh reads those as commands.
fn show(for_whom: &str, command: &str) -> anyhow::Result<()> {
    output::message(&format!("{}:", output::printable(for_whom)));
    Ok(output::print(command)?)
}

/// A name of its own for each authority.
fn name(authority: &Authority) -> String {
    let digest = digest(&SHA256, &authority.der);
    let mark = digest.as_ref().first_chunk().map_or(0, |chunk| u32::from_be_bytes(*chunk));
    format!("boomgate-{mark:08x}")
}

fn steps(wish: Wish, authority: &Authority, machine: &Machine<'_>) -> Vec<Step> {
    let name = name(authority);
    let mut steps = vec![system(wish, authority, machine, &name)];
    steps.extend(machine.browsers().iter().map(|folder| browser(wish, authority, folder, &name)));
    steps
}

fn browser(wish: Wish, authority: &Authority, folder: &Path, name: &str) -> Step {
    let database = format!("sql:{}", folder.display());
    let words = ["certutil", "-d", &database];
    let ca = authority.path.display().to_string();
    let rest: &[&str] =
        if wish == Wish::Trust { &["-A", "-t", "C,,", "-n", name, "-i", &ca] } else { &["-D", "-n", name] };
    Step {
        for_whom: format!("the browser of {}", folder.display()),
        file: None,
        words: words.iter().chain(rest).map(|word| (*word).to_owned()).collect(),
    }
}

fn system(wish: Wish, authority: &Authority, machine: &Machine<'_>, name: &str) -> Step {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    if machine.is_mac {
        let ca = authority.path.display().to_string();
        let keychain = "/Library/Keychains/System.keychain";
        let words = match wish {
            Wish::Trust => words(&["security", "add-trusted-cert", "-d", "-r", "trustRoot", "-k", keychain, &ca]),
            Wish::Untrust => words(&["security", "remove-trusted-cert", "-d", &ca]),
        };
        return Step { for_whom: "macOS, with Safari and Chrome".to_owned(), file: None, words };
    }
    match machine.anchors() {
        Some(anchors) => Step {
            for_whom: format!("this system ({})", anchors.system),
            file: Some(machine.under_root(anchors.folder).join(format!("{name}.crt"))),
            words: words(if wish == Wish::Trust { anchors.added } else { anchors.removed }),
        },
        None => Step {
            for_whom: "this system, which is none that is known here: see its manual for `trust anchor`".to_owned(),
            file: None,
            words: words(&["trust", "anchor", if wish == Wish::Trust { "--store" } else { "--remove" }])
                .into_iter()
                .chain([authority.path.display().to_string()])
                .collect(),
        },
    }
}

impl Step {
    /// As lines for a shell.
    fn told(&self, wish: Wish, authority: &Authority) -> String {
        let is_for_browser = self.words.first().is_some_and(|program| program == "certutil");
        let sudo = if is_for_browser { "" } else { "sudo " };
        let command = format!("{sudo}{}", self.command());
        let shown = |path: &Path| quoted(&path.display().to_string());
        match (&self.file, wish) {
            (Some(file), Wish::Trust) => {
                format!("sudo install -m 644 {} {} && {command}", shown(&authority.path), shown(file))
            }
            (Some(file), Wish::Untrust) => format!("sudo rm {} && {command}", shown(file)),
            (None, _) => command,
        }
    }

    /// What makes it count, for a shell.
    fn command(&self) -> String {
        self.words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
    }

    fn perform(&self, wish: Wish, authority: &Authority, machine: &mut Machine<'_>) -> anyhow::Result<()> {
        if let Some(file) = &self.file {
            let changed = match wish {
                Wish::Trust => files::write_public(file, authority.pem.as_bytes()),
                Wish::Untrust => match fs::remove_file(file) {
                    // It is as it should be.
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
            Err(error) if error.kind() == io::ErrorKind::NotFound => bail!("there is no {program} here: install it"),
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

    /// A machine below a folder, which notes what it is told to run.
    fn machine<'m>(root: &Path, ran: &'m RefCell<Vec<String>>) -> Machine<'m> {
        let run = |words: &[String]| {
            ran.borrow_mut().push(words.join(" "));
            Ok(true)
        };
        Machine { root: root.to_owned(), home: Some(root.join("home")), is_mac: false, run: Box::new(run) }
    }

    #[test]
    fn each_system_is_told_its_own_commands() {
        let (ran, authority) = (RefCell::default(), authority());
        for (folder, command) in [
            ("etc/pki/ca-trust/source/anchors", "sudo update-ca-trust"),
            ("etc/pki/trust/anchors", "sudo update-ca-certificates"),
            ("etc/ca-certificates/trust-source/anchors", "sudo update-ca-trust"),
            ("usr/local/share/ca-certificates", "sudo update-ca-certificates"),
        ] {
            let root = tempfile::tempdir().unwrap();
            fs::create_dir_all(root.path().join(folder)).unwrap();
            let machine = machine(root.path(), &ran);
            let told = steps(Wish::Trust, &authority, &machine).remove(0).told(Wish::Trust, &authority);
            assert!(told.starts_with("sudo install -m 644 'my data/ca.pem' "), "{told}");
            assert!(told.contains(folder) && told.ends_with(command), "{told}");
        }
        let root = tempfile::tempdir().unwrap();
        let mac = Machine { is_mac: true, ..machine(root.path(), &ran) };
        let told = steps(Wish::Trust, &authority, &mac).remove(0).told(Wish::Trust, &authority);
        assert!(told.contains("sudo security add-trusted-cert -d -r trustRoot"), "{told}");
        let unknown = steps(Wish::Untrust, &authority, &machine(root.path(), &ran)).remove(0);
        assert!(unknown.told(Wish::Untrust, &authority).ends_with("sudo trust anchor --remove 'my data/ca.pem'"));
        assert!(ran.borrow().is_empty(), "nothing is run that was not asked for");
    }

    #[test]
    fn what_is_installed_is_taken_out_again() {
        let (ran, authority, root) = (RefCell::default(), authority(), tempfile::tempdir().unwrap());
        let anchors = root.path().join("usr/local/share/ca-certificates");
        let browser = root.path().join("home/.mozilla/firefox/a.default");
        fs::create_dir_all(&anchors).unwrap();
        fs::create_dir_all(&browser).unwrap();
        fs::write(browser.join("cert9.db"), "").unwrap();
        let name = name(&authority);
        let file = anchors.join(format!("{name}.crt"));

        trust(&authority, true, &mut machine(root.path(), &ran)).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), authority.pem);
        let browser = format!("certutil -d sql:{}", browser.display());
        let added = format!("{browser} -A -t C,, -n {name} -i my data/ca.pem");
        assert_eq!(ran.take(), ["update-ca-certificates".to_owned(), added]);

        for _ in 0..2 {
            untrust(&authority, true, &mut machine(root.path(), &ran)).unwrap();
            assert!(!file.exists());
            assert_eq!(ran.take(), ["update-ca-certificates --fresh".to_owned(), format!("{browser} -D -n {name}")]);
        }
    }

    #[test]
    fn what_cannot_be_done_is_a_failure() {
        let (ran, authority, root) = (RefCell::default(), authority(), tempfile::tempdir().unwrap());
        let without_tools = |_: &[String]| Err(io::ErrorKind::NotFound.into());
        let mut machine = Machine { run: Box::new(without_tools), ..machine(root.path(), &ran) };
        let error = trust(&authority, true, &mut machine).unwrap_err();
        assert!(error.to_string().starts_with("1 of 1 steps are left"), "{error}");
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
