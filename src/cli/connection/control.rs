//! The control of a running sandbox, called with its control token.

use std::fs;
use std::io;

use anyhow::{anyhow, bail};
use clap::Args;
use zeroize::Zeroizing;

use super::{Api, Connection, ConnectionOptions, ServerOptions, TIMEOUT};
use crate::cli::installation::{Installation, InstallationOptions};
use crate::config::Environment;
use crate::sandbox::{CONTROL_TOKEN_FILE, ControlToken};

/// The variable that has the token, for a sandbox whose folder is elsewhere.
const VARIABLE: &str = "BOOMGATE_SANDBOX_TOKEN";

/// How a command calls a sandbox.
#[derive(Args)]
pub(in crate::cli) struct ControlOptions {
    #[command(flatten)]
    server: ServerOptions,
    #[command(flatten)]
    installation: InstallationOptions,
    /// Print JSON
    #[arg(long, global = true)]
    pub(in crate::cli) json: bool,
}

impl ControlOptions {
    /// Finds the sandbox and its token: that of the environment, else that in the data folder.
    pub(in crate::cli) fn open(self, environment: &Environment) -> anyhow::Result<Api> {
        let Self { server, installation, json } = self;
        Api::control(&ConnectionOptions { server, credentials: None, installation, json }, environment)
    }
}

impl Api {
    /// The control of the sandbox that `options` names, with the token of the environment, else that in the data folder.
    pub(in crate::cli) fn control(options: &ConnectionOptions, environment: &Environment) -> anyhow::Result<Self> {
        let installation = Installation::find(&options.installation, environment)?;
        let token = find_token(&installation, environment)?;
        let connection = Connection::with_timeout(TIMEOUT, options, None, environment)?;
        Ok(Self::new(connection, token.expose()))
    }
}

/// The sandbox of this machine, if its folder or the environment has a control token, and no other server is named: that
/// one must not see the token.
pub(in crate::cli) fn open_own_sandbox(
    options: &ConnectionOptions,
    environment: &Environment,
) -> anyhow::Result<Option<Api>> {
    if options.server.server.is_some() {
        return Ok(None);
    }
    let installation = Installation::find(&options.installation, environment)?;
    let Ok(token) = find_token(&installation, environment) else { return Ok(None) };
    let connection = Connection::with_timeout(TIMEOUT, options, None, environment)?;
    Ok(Some(Api::new(connection, token.expose())))
}

fn find_token(installation: &Installation, environment: &Environment) -> anyhow::Result<ControlToken> {
    const FORM: &str = "is no control token, which is bg_sandbox_ and 64 hexadecimal digits";
    if let Some(text) = environment.get(VARIABLE) {
        return ControlToken::parse(text).ok_or_else(|| anyhow!("{VARIABLE} {FORM}"));
    }
    let path = installation.data_dir().join(CONTROL_TOKEN_FILE);
    match fs::read_to_string(&path).map(Zeroizing::new) {
        Ok(text) => ControlToken::parse(&text).ok_or_else(|| anyhow!("the text of {} {FORM}", path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => bail!(
            "no sandbox has its control token in {}: start one with `boomgate sandbox`, name its folder with --data-dir, or \
             set {VARIABLE}",
            path.display()
        ),
        Err(error) => bail!("cannot read {}: {error}", path.display()),
    }
}
