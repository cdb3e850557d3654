//! The chart of several runs: each figure with a target, relative to that target.

use std::fmt::Write as _;
use std::fs;

use crate::load::median;
use crate::report::{self, Line, Report};

const LEFT: f64 = 600.0;
const WIDTH: f64 = 400.0;
const ROW: f64 = 22.0;
const TOP: f64 = 64.0;
/// The right edge, in multiples of the target.
const MOST: f64 = 1.5;

/// Writes the chart of all runs so far.
pub(crate) fn write() -> anyhow::Result<()> {
    let path = report::folder().join("bench.svg");
    fs::write(&path, draw(&report::runs()?))?;
    println!("written: {}", path.display());
    Ok(())
}

/// An SVG with one row for each figure of the last run, and a dot in it for each run.
fn draw(runs: &[Report]) -> String {
    let Some(last) = runs.last() else { return String::new() };
    let rows: Vec<&Line> = last.lines.iter().filter(|line| line.at_most.is_some_and(|limit| limit > 0.0)).collect();
    let at = |share: f64| LEFT + share.clamp(0.0, MOST) / MOST * WIDTH;
    let mut top = TOP;
    let mut drawn = String::new();
    for line in &rows {
        let shares: Vec<f64> = runs.iter().filter_map(|run| share(run, line)).collect();
        let middle = median(&shares);
        let (y, colour) = (top + ROW / 2.0, if middle <= 1.0 { "#2a7d4f" } else { "#c0392b" });
        let (text_y, name) = (y + 4.0, escaped(&format!("{}  {}", line.target, line.what.replace('`', ""))));
        let text_x = LEFT - 10.0;
        let _ = writeln!(drawn, r#"<text x="{text_x}" y="{text_y}" text-anchor="end">{name}</text>"#);
        let (start, length) = (LEFT, at(middle) - LEFT);
        let bar_y = y - 5.0;
        let _ = writeln!(
            drawn,
            r#"<rect x="{start}" y="{bar_y}" width="{length:.1}" height="10" fill="{colour}" opacity="0.3"/>"#
        );
        for share in shares {
            let x = at(share);
            let _ = writeln!(drawn, r#"<circle cx="{x:.1}" cy="{y}" r="3" fill="{colour}"/>"#);
        }
        top += ROW;
    }
    let (mark, height, width) = (at(1.0), top + 16.0, LEFT + WIDTH + 20.0);
    let title = format!("Figures beside their targets, {} runs to {}", runs.len(), last.date);
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12" fill="#222">
<rect width="{width}" height="{height}" fill="#fff"/>
<text x="16" y="24" font-size="15">{title}</text>
<text x="16" y="42" fill="#666">a dot for each run, a bar to their median; left of the line the target is met</text>
{drawn}<line x1="{mark:.1}" x2="{mark:.1}" y1="{line_top}" y2="{top}" stroke="#222"/>
<text x="{mark:.1}" y="{label_y}" text-anchor="middle">target</text>
</svg>
"##,
        line_top = TOP - 4.0,
        label_y = TOP - 8.0,
    )
}

/// A run's figure of the same name, in multiples of the target.
fn share(run: &Report, line: &Line) -> Option<f64> {
    let same = run.lines.iter().find(|other| other.target == line.target && other.what == line.what)?;
    Some(same.figure / same.at_most?)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
