//! Target 4: the first use of a token, and a flood of forged ones.
//!
//! The unit is one signature check: the difference between a bare handler that makes one and a bare handler that does not,
//! under the same requests. In a loop it would cost less, because the caches would hold nothing else. This check does not
//! parse the token, so the first use is also compared with `jsonwebtoken`, which does.

use std::fs;
use std::path::Path;

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use uuid::Uuid;

use crate::driver::{Call, Driver};
use crate::gate::{DAILY_QUOTA, Gate, PUBLIC, access_token, bare};
use crate::load::median;
use crate::options::Options;
use crate::process::Process;
use crate::report::{Line, Report};

/// Tokens of one round: fewer than the cache holds.
const TOKENS: usize = 4_000;
/// The most that a token may cost that is not remembered: one signature check.
const CHECKS: f64 = 1.0;
/// The most that genuine and forged tokens may cost together, relative to their costs apart.
const TOGETHER_AT_MOST: f64 = 1.05;
/// The most memory that a flood may leave, in MB: a margin for the allocator.
const GROWTH_MB: f64 = 1.0;

pub(crate) async fn measure(options: &Options, work: &Path, report: &mut Report) -> anyhow::Result<()> {
    let data_dir = work.join("tokens");
    let gate = Gate::start_anew(options, &data_dir).await?;
    let client = gate.register("bench", Some(DAILY_QUOTA)).await?;
    let count = options.records(TOKENS).max(1_000);
    let (zone, body) = gate.any_zone(&gate.token(&client).await?).await?;
    let (body_file, jwk_set) = (work.join("checked-zone.json"), work.join("jwk-set.json"));
    fs::write(&body_file, body)?;
    fs::write(&jwk_set, gate.connect().await?.expect(&Call::get("/.well-known/jwks.json"), 200).await?)?;
    gate.process.stop()?;
    let unchecked = bare("zone", work, &[&body_file])?;
    let (read, unread) = (bare("jwt", work, &[&body_file, &jwk_set])?, bare("signature", work, &[&body_file])?);
    let bare_driver = Driver::trusting(&work.join("bare-tls/ca.pem"))?;
    let get = |token: &str| Call::get(zone.clone()).with_token(token);
    let (mut whole, mut signature) = (vec![], vec![]);
    let (mut first, mut remembered, mut forged, mut together, mut grown) = (vec![], vec![], vec![], vec![], vec![]);
    for _ in 0..options.rounds {
        // Anew in each round: in a cache that is full of the last round's tokens, remembered tokens are soon forgotten.
        let gate = Gate::start(options, &data_dir).await?;
        let grants = vec![client.grant(PUBLIC); count];
        let answers = gate.driver.send_each(gate.process.port, grants, 200).await?;
        let tokens: Vec<String> = answers.iter().map(|answer| access_token(answer)).collect::<anyhow::Result<_>>()?;
        let good: Vec<Call> = tokens.iter().map(|token| get(token)).collect();
        let without = cost_us(&unchecked, &bare_driver, &[(&good, 200)]).await?;
        whole.push(cost_us(&read, &bare_driver, &[(&good, 200)]).await? - without);
        signature.push(cost_us(&unread, &bare_driver, &[(&good, 200)]).await? - without);
        first.push(cost_us(&gate.process, &gate.driver, &[(&good, 200)]).await?);
        remembered.push(cost_us(&gate.process, &gate.driver, &[(&good, 200)]).await?);
        let forge =
            || -> anyhow::Result<Vec<Call>> { tokens.iter().map(|token| Ok(get(&forged_from(token)?))).collect() };
        let flood = forge()?;
        forged.push(cost_us(&gate.process, &gate.driver, &[(&flood, 401)]).await?);
        // The first flood allocates buffers: only what the next one adds counts.
        let rss = gate.process.rss()?;
        cost_us(&gate.process, &gate.driver, &[(&forge()?, 401)]).await?;
        grown.push((gate.process.rss()? - rss) / 1e6);
        together.push(cost_us(&gate.process, &gate.driver, &[(&good, 200), (&forge()?, 401)]).await?);
    }
    let remembered_us = median(&remembered);
    let beyond_remembered = |what: &str, costs: &[f64], checks: &[f64]| {
        let check = median(checks);
        let figures: Vec<f64> =
            costs.iter().zip(&remembered).map(|(cost, remembered)| (cost - remembered) / check).collect();
        let what = format!("{what}; beside, both of these");
        Line::new(4, what, median(&figures), "×").rounds(&figures).of(remembered_us + check, median(costs), "µs")
    };
    let what = "first use of a token, beyond a remembered one, in signature checks";
    report.add(beyond_remembered(what, &first, &signature).at_most(CHECKS));
    let what = "first use of a token, beyond a remembered one, in checks by `jsonwebtoken`";
    report.add(beyond_remembered(what, &first, &whole));
    let what = "a forged token, beyond a remembered one, in signature checks";
    report.add(beyond_remembered(what, &forged, &signature).at_most(CHECKS));
    let apart = median(&remembered) + median(&forged);
    // Half of the requests are of each kind: a pair costs twice the average.
    let pairs: Vec<f64> = together.iter().map(|cost| cost * 2.0 / apart).collect();
    let what = "a genuine and a forged request at once, beside one after the other";
    let line = Line::new(4, what, median(&pairs), "×").at_most(TOGETHER_AT_MOST).rounds(&pairs);
    report.add(line.of(apart, median(&together) * 2.0, "µs"));
    let what = format!("memory that {count} more distinct forged tokens take");
    report.add(Line::new(4, what, median(&grown).max(0.0), "MB").at_most(GROWTH_MB).rounds(&grown));
    Ok(())
}

/// The server's CPU time for each of the requests, sent at once, in microseconds.
async fn cost_us(server: &Process, driver: &Driver, kinds: &[(&Vec<Call>, u16)]) -> anyhow::Result<f64> {
    let before = server.cpu()?;
    let sent = kinds.iter().map(|(calls, status)| driver.send_each(server.port, (*calls).clone(), *status));
    let answers = futures_util::future::try_join_all(sent).await?;
    let count: usize = answers.iter().map(Vec::len).sum();
    #[allow(clippy::cast_precision_loss, reason = "some thousands")]
    Ok(server.cpu_since(&before)? * 1e6 / count as f64)
}

/// The token with another `jti` and the old signature.
fn forged_from(token: &str) -> anyhow::Result<String> {
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(signature)) = (parts.next(), parts.next(), parts.next()) else {
        anyhow::bail!("a token has three parts");
    };
    let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?;
    *claims.get_mut("jti").context("a token has a jti")? = Uuid::new_v4().to_string().into();
    Ok(format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims.to_string())))
}
