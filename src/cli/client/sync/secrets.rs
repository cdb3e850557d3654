//! The secrets of declared clients on their way to the server: what is kept here is what is registered.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{anyhow, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::super::connection::{Administration, Refused, changed_nothing};
use super::super::super::output;
use crate::clients::SecretStanding;
use crate::declared::{Declared, Plan, Registered, Taken, grouped};
use crate::oauth::credentials::{ClientId, ClientSecret};

/// How many secrets one request asks after.
const SECRETS_AT_ONCE: usize = 50;

/// What the server says to a client that has as many secrets as it may have.
const TWO_SECRETS: &str = "has two valid secrets";

/// Asks what the declared secrets are to the registered clients.
pub(super) fn add_standings(
    server: &Administration,
    declared: &[Declared],
    registered: &mut BTreeMap<ClientId, Registered>,
) -> anyhow::Result<()> {
    let known = declared.iter().filter(|client| registered.contains_key(&client.client_id));
    let known = known.filter_map(|client| Some((&client.client_id, client.secret.known()?)));
    for (client_id, standing) in standings(server, known)? {
        if let Some(client) = registered.get_mut(&client_id) {
            client.declared_secret = standing;
        }
    }
    Ok(())
}

/// What secrets are to their clients: only the server can tell.
fn standings<'s>(
    server: &Administration,
    secrets: impl IntoIterator<Item = (&'s ClientId, &'s ClientSecret)>,
) -> anyhow::Result<BTreeMap<ClientId, SecretStanding>> {
    #[derive(Deserialize)]
    struct Checked {
        client_id: ClientId,
        standing: SecretStanding,
    }

    let asked = secrets.into_iter();
    let asked = asked.map(|(client_id, secret)| json!({ "client_id": client_id, "client_secret": secret.expose() }));
    let asked: Vec<Value> = asked.collect();
    let mut standings = BTreeMap::new();
    for secrets in asked.chunks(SECRETS_AT_ONCE) {
        let answer = server.post("/admin/secrets/check", &json!({ "secrets": secrets }))?;
        let checked = answer.get("data").map(Vec::<Checked>::deserialize);
        let checked = checked.transpose().ok().flatten();
        let checked = checked
            .ok_or_else(|| anyhow!("{} speaks of secrets in another way; is it of this version?", server.server()))?;
        standings.extend(checked.into_iter().map(|checked| (checked.client_id, checked.standing)));
    }
    Ok(standings)
}

/// Sends a client's secret, which is on disk before that. When this returns, the secret that is kept is the one that
/// the client has.
pub(super) fn send(
    server: &Administration,
    client: &Declared,
    send: impl FnOnce(&ClientSecret) -> anyhow::Result<Value>,
) -> anyhow::Result<()> {
    let client_id = &client.client_id;
    let taken = client.secret.take(client_id, server.server())?;
    match send(&taken.secret) {
        Ok(answer) => tell_warnings(client_id, &answer),
        Err(error) if changed_nothing(&error) => settle(server, client, &taken, error)?,
        // A server that broke off may have taken it: it stays on disk, and the next run sends it again.
        Err(error) => return Err(error),
    }
    if !client.secret.holds(client_id, &taken.secret) {
        bail!("{} was changed while this ran, and does not hold the secret that the client has", client.secret.place());
    }
    Ok(())
}

/// A refused secret may be the client's all the same, when another run has sent it from the same file meanwhile. If
/// it is not, a file that was made for it is removed: what is kept works.
fn settle(server: &Administration, client: &Declared, taken: &Taken, refused: anyhow::Error) -> anyhow::Result<()> {
    let (client_id, place) = (&client.client_id, client.secret.place());
    let Ok(standings) = standings(server, [(client_id, &taken.secret)]) else { return Err(refused) };
    if standings.get(client_id) == Some(&SecretStanding::Current) {
        return Ok(());
    }
    let is_removed = client.secret.discard(client_id, taken);
    let is_removed = is_removed.map_err(|error| anyhow!("{refused}. {place} does not work, and stays: {error}"))?;
    // A client of two secrets refuses a third: that is no sign of another run.
    let is_taken = refused.downcast_ref::<Refused>().is_some_and(|refused| refused.status == 409)
        && !refused.to_string().contains(TWO_SECRETS);
    match (is_removed, is_taken) {
        (true, true) => bail!(
            "another run, perhaps on another machine, was first: {refused}. The secret that was made here is not the \
             client's, so {place} is removed again: copy the one from there"
        ),
        (true, false) => bail!("{refused}. {place} is removed again"),
        (false, _) => Err(refused),
    }
}

/// What the server says that its partner should know of a secret.
fn tell_warnings(client_id: &ClientId, answer: &Value) {
    for warning in answer.get("warnings").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        output::message(&format!("Note: {client_id}: {}", output::printable(warning)));
    }
}

/// Fails unless every secret that is kept works, once the plan is carried out. What another run has done meanwhile counts
/// as well: of two that rotate one secret, the first may have lost. `read_again` reads what is declared as it is now.
pub(super) fn expect_all(
    server: &Administration,
    plan: &Plan<'_>,
    read_again: impl FnOnce() -> anyhow::Result<Vec<Declared>>,
) -> anyhow::Result<()> {
    let sent: BTreeSet<&ClientId> = plan.secrets().map(|client| &client.client_id).collect();
    let mut astray: Vec<String> = plan.astray.iter().map(|(_, what)| what.clone()).collect();
    if !sent.is_empty() {
        let mut declared = read_again()?;
        declared.retain(|client| sent.contains(&client.client_id));
        let known = declared.iter().filter_map(|client| Some((&client.client_id, client.secret.known()?)));
        let standings = standings(server, known)?;
        let lost = |client: &&Declared| standings.get(&client.client_id) != Some(&SecretStanding::Current);
        astray.extend(declared.iter().filter(lost).map(|client| {
            let (client_id, place) = (&client.client_id, client.secret.place());
            format!("{client_id}: another run was here meanwhile, and the secret in {place} is not one that it has; run this again")
        }));
    }
    match &astray[..] {
        [] => Ok(()),
        [one] => bail!("a secret that is kept does not work: {one}"),
        several => bail!("{} secrets that are kept do not work:\n  {}", grouped(several.len()), several.join("\n  ")),
    }
}
