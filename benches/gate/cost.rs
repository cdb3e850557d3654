//! Targets 1 to 3: a guarded request and a token, compared with handlers that do nothing.

use std::fs;
use std::path::Path;

use crate::gate::{Credentials, DAILY_QUOTA, Gate, PUBLIC, bare};
use crate::load::{Compared, Load, Script, Sender, compare};
use crate::options::{Options, STARTS};
use crate::report::{Line, Report};

const GUARDED_AT_MOST: f64 = 1.15;
const TOKEN_AT_MOST: f64 = 1.10;
const HTTP_2_AT_MOST: f64 = 1.20;

pub(crate) async fn measure(options: &Options, work: &Path, report: &mut Report) -> anyhow::Result<()> {
    let data_dir = work.join("small");
    let gate = Gate::start_anew(options, &data_dir).await?;
    let client = gate.register("bench", Some(DAILY_QUOTA)).await?;
    gate.process.stop()?;
    let mut costs = Vec::new();
    for start in 0..STARTS {
        eprintln!("start {} of {STARTS}", start + 1);
        costs = together(costs, of_one_start(options, start, work, &data_dir, &client).await?);
    }
    for cost in &costs {
        report.add(cost.line());
    }
    Ok(())
}

/// The cost of a request relative to another: the target and the measurements.
pub(crate) struct Cost {
    pub(crate) target: u8,
    pub(crate) what: &'static str,
    pub(crate) at_most: f64,
    pub(crate) compared: Compared,
}

impl Cost {
    pub(crate) fn line(&self) -> Line {
        let (base, ours) = self.compared.cpu_us_per_request();
        let line = Line::new(self.target, self.what, self.compared.ratio(), "×").at_most(self.at_most);
        line.rounds(&self.compared.ratios).of(base, ours, "µs")
    }
}

/// The measurements of all starts so far, and those of one more start.
pub(crate) fn together(costs: Vec<Cost>, more: Vec<Cost>) -> Vec<Cost> {
    if costs.is_empty() {
        return more;
    }
    let both = costs.into_iter().zip(more);
    both.map(|(cost, more)| Cost { compared: cost.compared.and(more.compared), ..cost }).collect()
}

async fn of_one_start(
    options: &Options,
    start: usize,
    work: &Path,
    data_dir: &Path,
    client: &Credentials,
) -> anyhow::Result<Vec<Cost>> {
    let gate = Gate::start(options, data_dir).await?;
    let token = gate.token(client).await?;
    let (zone, body) = gate.any_zone(&token).await?;
    let body_file = work.join("zone.json");
    fs::write(&body_file, body)?;
    let mut costs = Vec::new();
    let mut add = |target, what, at_most, base: &Load<'_>, ours: &Load<'_>| -> anyhow::Result<()> {
        costs.push(Cost { target, what, at_most, compared: compare(options, start, base, ours)? });
        Ok(())
    };
    if options.wants(1) || options.wants(3) {
        let server = &bare("zone", work, &[&body_file])?;
        let guarded = Script::get(work, "zone.lua", &token)?;
        let mut guard = |target, what, at_most, sender| {
            let base = Load { server, path: &zone, sender };
            add(target, what, at_most, &base, &Load { server: &gate.process, ..base })
        };
        if options.wants(1) {
            guard(1, "`GET /parking/zones/{id}` with a token", GUARDED_AT_MOST, Sender::Wrk(&guarded))?;
        }
        if options.wants(3) {
            let what = "the same over HTTP/2, 32 connections of 1 stream";
            guard(3, what, HTTP_2_AT_MOST, Sender::H2load(32, 1, &token))?;
            let what = "the same over HTTP/2, 8 connections of 8 streams";
            guard(3, what, HTTP_2_AT_MOST, Sender::H2load(8, 8, &token))?;
        }
    }
    if options.wants(2) {
        let server = &bare("token", work, &[&body_file])?;
        let (form, json) = (client.form(PUBLIC), client.json(PUBLIC).to_string());
        let form = Script::post(work, "form.lua", "application/x-www-form-urlencoded", &form)?;
        let json = Script::post(work, "json.lua", "application/json", &json)?;
        for (what, script) in [("a token, asked for by a form", &form), ("a token, asked for in JSON", &json)] {
            // One bare handler for both: parsing a form and one signature are the lower limit of both.
            let base = Load { server, path: "/shared/access-tokens", sender: Sender::Wrk(&form) };
            let ours = Load { server: &gate.process, sender: Sender::Wrk(script), ..base };
            add(2, what, TOKEN_AT_MOST, &base, &ours)?;
        }
    }
    gate.process.stop()?;
    Ok(costs)
}
