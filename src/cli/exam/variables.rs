//! The environment of the client's command: where the sandbox is, with which credentials, and which certificate to trust.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::command::CommandLine;
use super::sandbox::Sandbox;
use crate::cli::output::quoted;
use crate::config::Environment;
use crate::text::closest_match;

/// Every variable that is set, for the help, with what it has.
pub(super) const NAMES: [(&str, &str); 10] = [
    ("BOOMGATE_URL", "the address of the API, such as https://localhost:40123"),
    ("BOOMGATE_TOKEN_URL", "the address of the token endpoint"),
    ("BOOMGATE_CLIENT_ID", "the client_id"),
    ("BOOMGATE_CLIENT_SECRET", "the client_secret"),
    ("BOOMGATE_AUDIENCE", "the audience of the API"),
    ("SSL_CERT_FILE", "the certificate authority to trust, in PEM: OpenSSL, Go, Rust"),
    ("NODE_EXTRA_CA_CERTS", "the same for Node"),
    ("REQUESTS_CA_BUNDLE", "the same for Python's requests"),
    ("CURL_CA_BUNDLE", "the same for curl"),
    ("NO_PROXY", "with localhost, and no_proxy likewise"),
];
/// Those that replace what the program would trust otherwise.
const BUNDLES: [&str; 3] = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];
const PROXY_EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];
const LOCAL: &str = "localhost,127.0.0.1,::1";
/// What the value of `--env` may hold.
pub(super) const PLACEHOLDERS: [&str; 6] = ["url", "token_url", "client_id", "client_secret", "audience", "ca_file"];

/// A variable of `--env`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mapping {
    pub(super) name: String,
    value: String,
}

impl Mapping {
    /// Parses `NAME=VALUE`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err("must be NAME=VALUE, such as API_BASE={url}".to_owned());
        };
        for placeholder in placeholders(value) {
            if !PLACEHOLDERS.contains(&placeholder) {
                return Err(match closest_match(placeholder, PLACEHOLDERS) {
                    Some(meant) => format!("has {{{placeholder}}} in it: did you mean {{{meant}}}?"),
                    None => continue,
                });
            }
        }
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }

    /// The option again. A value without a placeholder may be a secret.
    pub(super) fn to_option(&self) -> String {
        let is_shown = placeholders(&self.value).any(|name| PLACEHOLDERS.contains(&name));
        let value = if is_shown { self.value.as_str() } else { "…" };
        format!("--env {}", quoted(&format!("{}={value}", self.name)))
    }
}

/// The words in braces.
fn placeholders(value: &str) -> impl Iterator<Item = &str> {
    let is_word = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    value.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(word, _)| word)).filter(is_word)
}

/// What a run sets.
pub(super) struct Variables<'v> {
    pub(super) client: &'v str,
    pub(super) sandbox: &'v Sandbox,
    /// The certificate authority to trust: the sandbox's own, or a foreign one.
    pub(super) ca_file: &'v Path,
    pub(super) mappings: &'v [Mapping],
    /// A private folder of this run, for bundles.
    pub(super) folder: &'v Path,
}

impl Variables<'_> {
    /// The command with its environment.
    pub(super) fn command<'c>(&self, words: &'c [String], caller: &Environment) -> anyhow::Result<CommandLine<'c>> {
        let mut variables: Vec<(OsString, OsString)> = Vec::new();
        let mut set = |name: &str, value: OsString| variables.push((name.into(), value));
        let ready = &self.sandbox.ready;
        set("BOOMGATE_URL", ready.url.clone().into());
        set("BOOMGATE_TOKEN_URL", ready.token_url.clone().into());
        set("BOOMGATE_CLIENT_ID", self.client.into());
        set("BOOMGATE_CLIENT_SECRET", self.sandbox.secret_of(self.client).into());
        set("BOOMGATE_AUDIENCE", ready.audience.clone().into());
        set("NODE_EXTRA_CA_CERTS", self.ca_file.into());
        for name in BUNDLES {
            set(name, self.bundle(name, caller)?.into());
        }
        for name in PROXY_EXCEPTIONS {
            let exceptions = caller.get(name).map_or_else(|| LOCAL.to_owned(), |own| format!("{own},{LOCAL}"));
            set(name, exceptions.into());
        }
        for mapping in self.mappings {
            set(&mapping.name, self.filled(&mapping.value)?.into());
        }
        Ok(CommandLine { words, variables })
    }

    /// What must not be shown of what the command prints.
    pub(super) fn secrets(&self) -> Vec<String> {
        use base64::Engine as _;
        let secret = self.sandbox.secret_of(self.client);
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("{}:{secret}", self.client));
        vec![secret.to_owned(), basic]
    }

    /// The authority alone; or with what the caller trusts by this variable, which a command may need to fetch a package.
    fn bundle(&self, name: &str, caller: &Environment) -> anyhow::Result<PathBuf> {
        let Some(own) = caller.get(name).and_then(|path| fs::read(path).ok()) else { return Ok(self.ca_file.into()) };
        let mut bundle = fs::read(self.ca_file).context("the sandbox's certificate authority cannot be read")?;
        bundle.push(b'\n');
        bundle.extend(own);
        let path = self.folder.join(format!("{name}.pem"));
        fs::write(&path, bundle).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    fn filled(&self, value: &str) -> anyhow::Result<String> {
        let ready = &self.sandbox.ready;
        let Some(ca_file) = self.ca_file.to_str() else { bail!("the path of the certificate authority is not UTF-8") };
        let filled = value
            .replace("{url}", &ready.url)
            .replace("{token_url}", &ready.token_url)
            .replace("{client_id}", self.client)
            .replace("{client_secret}", self.sandbox.secret_of(self.client))
            .replace("{audience}", &ready.audience)
            .replace("{ca_file}", ca_file);
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_may_hold_what_the_sandbox_has() {
        let mapping = Mapping::parse("API_BASE={url}/v3").unwrap();
        assert_eq!((mapping.name.as_str(), mapping.to_option().as_str()), ("API_BASE", "--env 'API_BASE={url}/v3'"));
        assert_eq!(Mapping::parse("KEY=s3cret").unwrap().to_option(), "--env 'KEY=…'");
        assert_eq!(Mapping::parse("X={urll}").unwrap_err(), "has {urll} in it: did you mean {url}?");
        assert!(Mapping::parse("JSON={\"a\": 1}").is_ok(), "braces may mean something else");
        for wrong in ["API_BASE", "={url}"] {
            assert!(Mapping::parse(wrong).unwrap_err().contains("NAME=VALUE"));
        }
    }
}
