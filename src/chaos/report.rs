//! A run as it is told: summary, JSON and page.

mod lanes;
pub(super) mod page;
pub(super) mod summary;

use std::process::{Command, Stdio};

use serde::Deserialize;

use super::judge::Verdict;
use super::record::Record;
use super::scenario::{Mode, Scenario};

/// Name of the report for programs.
pub(super) const JSON_FILE: &str = "report.json";
/// Name of the report for people.
pub(super) const PAGE_FILE: &str = "report.html";

/// A run, played and judged.
pub(super) struct Report {
    /// Name of the scenario.
    pub(super) name: String,
    /// The file.
    pub(super) scenario: String,
    /// The seed.
    pub(super) seed: u64,
    /// How it was played.
    pub(super) mode: Mode,
    /// The commit of the tree of the program when the run began, if it can be told.
    pub(super) commit: Option<String>,
    /// Digest over everything that happened, in virtual time.
    pub(super) trace: Option<String>,
    /// What happened.
    pub(super) record: Record,
    /// What it is worth.
    pub(super) verdict: Verdict,
}

impl Report {
    /// Puts a report together.
    pub(super) fn new(
        scenario: &Scenario,
        mode: Mode,
        commit: Option<String>,
        record: Record,
        verdict: Verdict,
        trace: Option<String>,
    ) -> Self {
        Self {
            name: scenario.name.clone(),
            scenario: scenario.text.clone(),
            seed: scenario.seed,
            mode,
            commit,
            trace,
            record,
            verdict,
        }
    }

    /// The report for programs.
    pub(super) fn to_json(&self) -> String {
        let metrics: serde_json::Map<String, serde_json::Value> = self
            .verdict
            .metrics
            .iter()
            .map(|(name, value)| ((*name).to_owned(), serde_json::json!(value)))
            .collect();
        let (floor, answered) = self.verdict.floor;
        let value = serde_json::json!({
            "schema": 1,
            "kind": "chaos_report",
            "name": self.name,
            "seed": self.seed,
            "mode": self.mode,
            "version": env!("CARGO_PKG_VERSION"),
            "commit": self.commit,
            "trace": self.trace,
            "passed": self.verdict.passed,
            "invariants": self.verdict.invariants,
            "thresholds": self.verdict.thresholds,
            "floor": { "least": floor, "answered": answered },
            "metrics": metrics,
            "run": self.record,
            "scenario": self.scenario,
        });
        format!("{value:#}\n")
    }
}

/// What a replay needs of a report.
#[derive(Debug, Deserialize)]
pub(super) struct Former {
    schema: u32,
    kind: String,
    /// The scenario file.
    pub(super) scenario: String,
    /// The seed.
    pub(super) seed: u64,
    /// How it was played.
    pub(super) mode: Mode,
    /// The commit, if it was known.
    pub(super) commit: Option<String>,
    /// The digest, in virtual time.
    pub(super) trace: Option<String>,
}

impl Former {
    /// Reads a report.
    ///
    /// # Errors
    /// If it is none, in words.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let former: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if former.schema != 1 || former.kind != "chaos_report" {
            return Err("it is no report of a chaos run of schema 1".into());
        }
        Ok(former)
    }
}

/// The first digits of a digest.
pub(super) fn short(trace: &str) -> &str {
    trace.get(..16).unwrap_or(trace)
}

/// Why a trace may differ.
pub(super) fn built_otherwise(before: Option<&str>, now: Option<&str>) -> String {
    match (before, now) {
        (Some(before), Some(now)) if before != now => {
            format!(" (the program was at {before} then and is at {now} now)")
        }
        _ => String::new(),
    }
}

/// The commit of the folder that the program was built in, if that is there.
pub(super) fn commit() -> Option<String> {
    let output = Command::new("git")
        .args([
            "-C",
            env!("CARGO_MANIFEST_DIR"),
            "rev-parse",
            "--short=12",
            "HEAD",
        ])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}
