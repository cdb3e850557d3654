//! `conversation.jsonl`: each request of each run as the journal has it, a line each.

use std::io::{self, Write};

use serde::Serialize;

use crate::api::sandbox::request::RecordedRequest;
use crate::counts::Label as _;
use crate::exam::run::Examination;

/// The most that is written, in bytes, before a last line says how many requests are left out.
const MAX_BYTES: usize = 64 * 1_024 * 1_024;

#[derive(Serialize)]
struct Line<'r> {
    scenario: &'r str,
    #[serde(flatten)]
    request: &'r RecordedRequest,
}

/// The last line of a conversation that is not whole.
#[derive(Serialize)]
struct LeftOut {
    left_out: usize,
}

pub(super) fn write(examination: &Examination, out: &mut impl Write) -> io::Result<()> {
    write_within(examination, MAX_BYTES, out)
}

fn write_within(examination: &Examination, mut left: usize, out: &mut impl Write) -> io::Result<()> {
    let mut left_out = 0;
    let mut line = Vec::new();
    for run in &examination.runs {
        let scenario = run.own.as_deref().unwrap_or_else(|| run.scenario.name());
        for exchange in run.conversation.all() {
            line.clear();
            serde_json::to_writer(&mut line, &Line { scenario, request: &exchange.recorded })?;
            line.push(b'\n');
            // Once a line has no room, no later one is written: a conversation has no holes.
            match left.checked_sub(line.len()) {
                Some(rest) if left_out == 0 => left = rest,
                _ => {
                    left_out += 1;
                    continue;
                }
            }
            out.write_all(&line)?;
        }
    }
    if left_out > 0 {
        serde_json::to_writer(&mut *out, &LeftOut { left_out })?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::exam::scenario::ScenarioId;
    use crate::exam::testing::{examination, get, run, token};

    fn lines(max: usize) -> Vec<Value> {
        let own = crate::exam::Run { own: Some("mine".to_owned()), ..run(ScenarioId::Own, [get("/parking/zones")]) };
        let runs = [run(ScenarioId::Baseline, [token("a"), get("/parking/zones")]), own];
        let mut out = Vec::new();
        write_within(&examination(runs), max, &mut out).unwrap();
        std::str::from_utf8(&out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn each_request_is_a_line_with_its_scenario() {
        let scenarios: Vec<_> = lines(MAX_BYTES).iter().map(|line| line["scenario"].clone()).collect();
        assert_eq!(scenarios, ["baseline", "baseline", "mine"]);
        assert!(lines(MAX_BYTES).iter().all(|line| line["request_id"].is_string()));
    }

    #[test]
    fn what_has_no_room_is_counted() {
        let cut = lines(2_000);
        assert!(cut.len() < 4 && cut.last().unwrap()["left_out"].as_u64().unwrap() + cut.len() as u64 == 4, "{cut:?}");
    }
}
