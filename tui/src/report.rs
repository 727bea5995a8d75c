//! Findings in writing: as text for a ticket, and as NDJSON lines.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use crate::diagnosis::{Finding, Severity, Subject};
use crate::text::plural;

#[cfg(test)]
mod tests;

/// What a diagnosis has examined.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// The host's name.
    pub host: String,
    /// For how long, in seconds.
    pub seconds: f64,
    /// The devices that were watched.
    pub devices: Vec<String>,
    /// Packets that were counted.
    pub packets: u64,
    /// Different flows at the end.
    pub flows: usize,
    /// Findings that a filter has left out.
    #[serde(skip_serializing_if = "is_zero")]
    pub left_out: usize,
    /// What could not be examined, and why.
    pub not_looked_at: Vec<String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// A line of NDJSON.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    Problem(Problem<'a>),
    Summary {
        time: String,
        #[serde(flatten)]
        summary: &'a Summary,
        errors: usize,
        warnings: usize,
        infos: usize,
    },
}

/// A finding with times of the wall clock.
#[derive(Serialize)]
struct Problem<'a> {
    id: &'a str,
    severity: Severity,
    kind: &'static str,
    sentence: &'a str,
    since: String,
    last: String,
    count: u64,
    subjects: &'a [Subject],
    evidence: &'a [String],
    not_looked_at: &'a [String],
    advice: &'a str,
    past: bool,
}

/// Writes a `problem` line. `started` is the wall clock at moment 0.
///
/// # Errors
/// The writer's.
pub fn write_problem(
    mut writer: impl Write,
    finding: &Finding,
    started: Timestamp,
) -> io::Result<()> {
    let time = |moment| started.checked_add(moment).unwrap_or(started);
    let line = Line::Problem(Problem {
        id: &finding.id,
        severity: finding.severity,
        kind: finding.kind.slug(),
        sentence: &finding.sentence,
        since: format!("{:.3}", time(finding.since)),
        last: format!("{:.3}", time(finding.last)),
        count: finding.count,
        subjects: &finding.subjects,
        evidence: &finding.evidence,
        not_looked_at: &finding.not_looked_at,
        advice: &finding.advice,
        past: finding.past,
    });
    serde_json::to_writer(&mut writer, &line)?;
    writer.write_all(b"\n")
}

/// Writes a report as NDJSON: a `problem` line for each finding, then a `summary`.
///
/// # Errors
/// The writer's.
pub fn write_json(
    mut writer: impl Write,
    findings: &[Finding],
    summary: &Summary,
    started: Timestamp,
    now: Timestamp,
) -> io::Result<()> {
    for finding in findings {
        write_problem(&mut writer, finding, started)?;
    }
    let of = |severity| findings.iter().filter(|it| it.severity == severity).count();
    let line = Line::Summary {
        time: format!("{now:.3}"),
        summary,
        errors: of(Severity::Error),
        warnings: of(Severity::Warning),
        infos: of(Severity::Info),
    };
    serde_json::to_writer(&mut writer, &line)?;
    writer.write_all(b"\n")
}

/// Writes a report that reads well in a ticket.
///
/// # Errors
/// The writer's.
pub fn write_text(
    mut writer: impl Write,
    findings: &[Finding],
    summary: &Summary,
) -> io::Result<()> {
    for (number, finding) in findings.iter().enumerate() {
        let past = if finding.past { " (past)" } else { "" };
        writeln!(
            writer,
            "{}. {}{past}: {}",
            number + 1,
            finding.severity.name().to_uppercase(),
            finding.sentence
        )?;
        for line in &finding.evidence {
            writeln!(writer, "   Seen: {line}.")?;
        }
        for line in &finding.not_looked_at {
            writeln!(writer, "   Not looked at: {line}.")?;
        }
        if !finding.advice.is_empty() {
            writeln!(writer, "   Check next: {}.", finding.advice)?;
        }
        writeln!(writer)?;
    }
    let found = match findings.len() {
        0 => "No problems found".to_owned(),
        number => plural(number as u64, "finding"),
    };
    writeln!(
        writer,
        "{found} in {:.0} s on {}: {} of {} on {}.",
        summary.seconds,
        summary.host,
        plural(summary.packets, "packet"),
        plural(summary.flows as u64, "flow"),
        match summary.devices.as_slice() {
            [] => "no device".to_owned(),
            devices => devices.join(", "),
        },
    )?;
    if summary.left_out > 0 {
        writeln!(
            writer,
            "The filter leaves out {}.",
            plural(summary.left_out as u64, "finding")
        )?;
    }
    for line in &summary.not_looked_at {
        writeln!(writer, "Not looked at: {line}.")?;
    }
    Ok(())
}
