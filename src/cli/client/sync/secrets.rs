//! Registers the secrets of declared clients. The secret in a file here must be the one that the client has.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{anyhow, bail};

use crate::api::secret::{CheckedSecrets, SecretStanding, SecretToCheck, SecretsToCheck};
use crate::cli::connection::{AdminApi, Refused, changed_nothing};
use crate::cli::output;
use crate::declared::{Declared, Plan, Registered, SecretToSend, grouped};
use crate::oauth::credentials::{ClientId, ClientSecret};

/// How many secrets one request asks about.
const SECRETS_AT_ONCE: usize = 50;

/// What the server says about a client that has as many secrets as it may have.
const TWO_SECRETS: &str = "has two valid secrets";

/// Asks the server what the declared secrets are to the registered clients.
pub(super) fn add_standings(
    server: &AdminApi,
    declared: &[Declared],
    registered: &mut BTreeMap<ClientId, Registered>,
) -> anyhow::Result<()> {
    let secrets = declared.iter().filter(|client| registered.contains_key(&client.client_id));
    let secrets = secrets.filter_map(|client| Some((&client.client_id, client.secret.loaded()?)));
    for (client_id, standing) in standings(server, secrets)? {
        if let Some(client) = registered.get_mut(client_id.as_str()) {
            client.declared_secret = standing;
        }
    }
    Ok(())
}

/// What secrets are to their clients.
fn standings<'s>(
    server: &AdminApi,
    secrets: impl IntoIterator<Item = (&'s ClientId, &'s ClientSecret)>,
) -> anyhow::Result<BTreeMap<String, SecretStanding>> {
    let mut secrets = secrets.into_iter().map(|(client_id, secret)| SecretToCheck {
        client_id: client_id.to_string(),
        client_secret: secret.expose().to_owned(),
    });
    let mut standings = BTreeMap::new();
    loop {
        let secrets: Vec<SecretToCheck> = secrets.by_ref().take(SECRETS_AT_ONCE).collect();
        if secrets.is_empty() {
            return Ok(standings);
        }
        let checked: CheckedSecrets = server.post("/admin/secrets/check", &SecretsToCheck { secrets })?;
        standings.extend(checked.data.into_iter().map(|checked| (checked.client_id, checked.standing)));
    }
}

/// Sends a client's secret, which is on disk before that; `send` returns the server's warnings. When this returns, the
/// client has the secret that is on disk.
pub(super) fn send(
    server: &AdminApi,
    client: &Declared,
    send: impl FnOnce(&ClientSecret) -> anyhow::Result<Vec<String>>,
) -> anyhow::Result<()> {
    let client_id = &client.client_id;
    let to_send = client.secret.load_or_generate(client_id, server.server())?;
    match send(&to_send.secret) {
        Ok(warnings) => {
            for warning in warnings {
                output::message(&format!("Note: {client_id}: {}", output::printable(&warning)));
            }
        }
        Err(error) if changed_nothing(&error) => resolve_refusal(server, client, &to_send, error)?,
        // A server that broke off may have registered it: it stays on disk, and the next run sends it again.
        Err(error) => return Err(error),
    }
    if !client.secret.is_on_disk(client_id, &to_send.secret) {
        bail!(
            "{} was changed during this run, and does not hold the secret that the client has",
            client.secret.place()
        );
    }
    Ok(())
}

/// After a refusal: if the client has the secret, another run has sent it from the same file, and all is well. If not,
/// the file of a generated secret is removed, and the refusal is returned.
fn resolve_refusal(
    server: &AdminApi,
    client: &Declared,
    sent: &SecretToSend,
    refusal: anyhow::Error,
) -> anyhow::Result<()> {
    let (client_id, place) = (&client.client_id, client.secret.place());
    let Ok(standings) = standings(server, [(client_id, &sent.secret)]) else { return Err(refusal) };
    if standings.get(client_id.as_str()) == Some(&SecretStanding::Current) {
        return Ok(());
    }
    let is_removed = client.secret.remove_unused(client_id, sent);
    let is_removed = is_removed.map_err(|error| anyhow!("{refusal}. {place} does not work, and stays: {error}"))?;
    // A client with two secrets refuses a third one: that is no sign of another run.
    let has_other_run = refusal.downcast_ref::<Refused>().is_some_and(|refused| refused.status == 409)
        && !refusal.to_string().contains(TWO_SECRETS);
    match (is_removed, has_other_run) {
        (true, true) => bail!(
            "another run, perhaps on another machine, was first: {refusal}. The client does not have the secret that was \
             created here, so {place} was removed: copy the file from the other machine"
        ),
        (true, false) => bail!("{refusal}. {place} was removed"),
        (false, _) => Err(refusal),
    }
}

/// Fails unless every secret on disk works, once the plan is applied. This finds what another run did at the same time:
/// if both rotate one secret, the first one may have lost. `read_again` reads what is declared now.
pub(super) fn verify_all(
    server: &AdminApi,
    plan: &Plan<'_>,
    read_again: impl FnOnce() -> anyhow::Result<Vec<Declared>>,
) -> anyhow::Result<()> {
    let sent: BTreeSet<&ClientId> = plan.secrets().map(|client| &client.client_id).collect();
    let mut faults: Vec<String> = plan.broken_secrets.iter().map(|(_, fault)| fault.clone()).collect();
    if !sent.is_empty() {
        let mut declared = read_again()?;
        declared.retain(|client| sent.contains(&client.client_id));
        let secrets = declared.iter().filter_map(|client| Some((&client.client_id, client.secret.loaded()?)));
        let standings = standings(server, secrets)?;
        let is_lost = |client: &&Declared| standings.get(client.client_id.as_str()) != Some(&SecretStanding::Current);
        faults.extend(declared.iter().filter(is_lost).map(|client| {
            let (client_id, place) = (&client.client_id, client.secret.place());
            format!("{client_id}: another run replaced the secret in {place} at the same time; run this again")
        }));
    }
    match &faults[..] {
        [] => Ok(()),
        [one] => bail!("a stored secret does not work: {one}"),
        several => bail!("{} stored secrets do not work:\n  {}", grouped(several.len()), several.join("\n  ")),
    }
}
