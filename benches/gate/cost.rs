//! Targets 1 to 3: a guarded request and a token beside handlers that do nothing.

use std::fs;
use std::path::Path;

use crate::gate::{DAILY_QUOTA, Gate, PUBLIC, bare};
use crate::load::{Compared, Load, Script, Sender, compare};
use crate::options::Options;
use crate::report::{Line, Report};

const GUARDED_AT_MOST: f64 = 1.15;
const TOKEN_AT_MOST: f64 = 1.10;
const HTTP_2_AT_MOST: f64 = 1.20;

pub(crate) async fn measure(options: &Options, work: &Path, report: &mut Report) -> anyhow::Result<()> {
    let gate = Gate::start_anew(options, &work.join("small")).await?;
    let client = gate.register("bench", Some(DAILY_QUOTA)).await?;
    let token = gate.token(&client).await?;
    let (zone, body) = gate.any_zone(&token).await?;
    let body_file = work.join("zone.json");
    fs::write(&body_file, body)?;
    let bare_zone = bare("zone", work, &body_file)?;
    let guarded = Script::get(work, "zone.lua", &token)?;
    let rounds = options.rounds_of_costs();
    let mut guard = |target, what: &str, limit, sender| -> anyhow::Result<()> {
        let base = Load { server: &bare_zone, path: &zone, sender };
        let ours = Load { server: &gate.process, path: &zone, sender };
        add(report, target, what, limit, &compare(options, rounds, &base, &ours)?);
        Ok(())
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
    if options.wants(2) {
        let bare_token = bare("token", work, &body_file)?;
        let (form, json) = (client.form(PUBLIC), client.json(PUBLIC).to_string());
        let form = Script::post(work, "form.lua", "application/x-www-form-urlencoded", &form)?;
        let json = Script::post(work, "json.lua", "application/json", &json)?;
        for (what, script) in [("a token, asked for by a form", &form), ("a token, asked for in JSON", &json)] {
            // One bare handler for both: a form and one signature are the limit of either.
            let base = Load { server: &bare_token, path: "/shared/access-tokens", sender: Sender::Wrk(&form) };
            let ours = Load { server: &gate.process, sender: Sender::Wrk(script), ..base };
            add(report, 2, what, TOKEN_AT_MOST, &compare(options, rounds, &base, &ours)?);
        }
    }
    Ok(())
}

fn add(report: &mut Report, target: u8, what: &str, limit: f64, compared: &Compared) {
    let Compared { base, ours, ratio, ratios } = compared;
    let line = Line::new(target, what, *ratio, "×").at_most(limit).rounds(ratios);
    report.add(line.of(base.cpu_us_per_request, ours.cpu_us_per_request, "µs"));
}
