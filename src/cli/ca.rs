//! `boomgate ca`: exports the local certificate authority, and makes this machine trust it.

mod trust;

use std::path::PathBuf;

use anyhow::{anyhow, bail};
use clap::{Args, Subcommand};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use self::trust::{Action, Machine};
use super::installation::{Installation, InstallationOptions};
use super::output;
use crate::config::Environment;
use crate::files;
use crate::tls::CertificateFacts;

const EXAMPLES: &str = "Examples:
  boomgate ca export
  boomgate ca export /tmp/boomgate-ca.pem
  boomgate ca trust
  sudo boomgate ca trust --install
`ca trust` prints the commands that make this machine trust it, and with --install it runs them.";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
    /// The certificate authority's PEM file [default: DATA_DIR/tls/ca.pem]
    #[arg(long, global = true, value_name = "FILE")]
    ca: Option<PathBuf>,
    #[command(flatten)]
    installation: InstallationOptions,
}

#[derive(Subcommand)]
enum Command {
    /// Print the certificate, or write it to a file
    Export {
        /// The file, which is overwritten [default: standard output]
        file: Option<PathBuf>,
    },
    /// Print the commands that make this machine and its browsers trust it
    Trust {
        /// Run the commands too; on Linux only
        #[arg(long)]
        install: bool,
    },
    /// Print the commands that undo `ca trust`
    Untrust {
        /// Run the commands too; on Linux only
        #[arg(long)]
        install: bool,
    },
}

/// A certificate authority.
struct Authority {
    path: PathBuf,
    pem: String,
    der: CertificateDer<'static>,
}

pub(super) fn run(options: &Options, environment: &Environment) -> anyhow::Result<()> {
    let installation = Installation::find(&options.installation, environment)?;
    let (path, pem) = installation.read_authority(options.ca.as_deref())?;
    let authority = Authority::parse(path, pem)?;
    match &options.command {
        Command::Export { file: None } => Ok(output::print(authority.pem.trim_end())?),
        Command::Export { file: Some(file) } => {
            files::write_public(file, authority.pem.as_bytes())
                .map_err(|error| anyhow!("cannot write {}: {error}; name another file", file.display()))?;
            output::message(&format!("The certificate is in {}.", file.display()));
            Ok(())
        }
        Command::Trust { install } => {
            if authority.may_sign_for_any_name() {
                output::message(
                    "note: this authority may sign for any name. Someone who gets its key can pose as any site to those \
                     who trust it. If boomgate created it: delete it and start the server again, which creates one for \
                     the server's names only",
                );
            }
            trust::apply(Action::Trust, &authority, *install, &mut Machine::this())
        }
        Command::Untrust { install } => trust::apply(Action::Untrust, &authority, *install, &mut Machine::this()),
    }
}

impl Authority {
    fn may_sign_for_any_name(&self) -> bool {
        CertificateFacts::parse(&self.der).is_ok_and(|facts| facts.may_sign_for_any_name())
    }

    /// Refuses a private key, so that `ca export` never prints one.
    fn parse(path: PathBuf, pem: Vec<u8>) -> anyhow::Result<Self> {
        let shown = path.display();
        if pem.windows(11).any(|window| window == b"PRIVATE KEY") {
            bail!("{shown} holds a private key, which must stay private: name the certificate with --ca");
        }
        let der = CertificateDer::from_pem_slice(&pem)
            .map_err(|_| anyhow!("{shown} has no certificate: name the certificate authority's with --ca"))?;
        let pem = String::from_utf8(pem).map_err(|_| anyhow!("{shown} is not PEM: name the certificate with --ca"))?;
        Ok(Self { path, pem, der })
    }
}
