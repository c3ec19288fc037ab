//! What was found, and the files that tell it.

use std::fs;
use std::path::{Path, PathBuf};

use maud::{Markup, html};
use serde_json::{Value, json};

use super::cell::{Cell, round};
use super::growth::Growth;
use super::sections::{Section, sections};
use crate::cli::bench::formats::{self, Row};
use crate::cli::failure;
use crate::paper::sheet;
use crate::proto::control::Failure;

/// Everything that was measured.
pub(super) struct Evaluation {
    /// Processor and cores.
    pub(super) machine: String,
    /// How servers are held to their shares.
    pub(super) means: &'static str,
    /// Share of a core that each server has, in percent.
    pub(super) share_percent: u16,
    /// Most memory that a server took, in KiB.
    pub(super) memory_kib: u64,
    /// Three servers and one, all sizes and numbers of clients.
    pub(super) cells: Vec<Cell>,
    /// Three servers, the last of which has a third of the others' share.
    pub(super) unlike: Cell,
    /// Three servers that fail on purpose, if that was wanted.
    pub(super) failing: Option<Cell>,
    /// More servers and more users.
    pub(super) growth: Growth,
    /// Encodings beside each other.
    pub(super) formats: Vec<Row>,
}

/// What three servers are worth beside one, for a size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gain {
    /// With so many clients.
    pub(super) clients: u16,
    /// Pictures of three for each of one, with as many clients.
    pub(super) times: f64,
    /// The same beside the most that one does with any number of clients.
    pub(super) beside_best: f64,
}

impl Gain {
    fn json(self) -> Value {
        json!({
            "clients": self.clients,
            "times": round(self.times),
            "beside_best": round(self.beside_best),
        })
    }
}

impl Evaluation {
    /// The cell of a setting.
    pub(super) fn cell(&self, servers: u8, size: &str, clients: u16) -> Option<&Cell> {
        self.cells.iter().find(|cell| {
            let setting = cell.setting;
            (setting.servers, setting.size, setting.clients) == (servers, size, clients)
        })
    }

    /// How many times the work of one server three do, for a size: with as many clients as let the
    /// three do the most. None if nothing was done.
    pub(super) fn gain(&self, size: &str) -> Option<Gain> {
        let of = |servers: u8| {
            let cells = self.cells.iter();
            cells.filter(move |cell| (cell.setting.servers, cell.setting.size) == (servers, size))
        };
        let many = of(super::MANY).max_by(|a, b| a.rate.total_cmp(&b.rate))?;
        let clients = many.setting.clients;
        let one = self.cell(1, size, clients)?.rate;
        let best = of(1).map(|cell| cell.rate).fold(0.0, f64::max);
        (many.rate > 0.0 && one > 0.0).then(|| Gain {
            clients,
            times: many.rate / one,
            beside_best: many.rate / best,
        })
    }

    /// The sizes that were measured.
    pub(super) fn sizes(&self) -> Vec<&'static str> {
        let mut sizes: Vec<&'static str> = Vec::new();
        for cell in &self.cells {
            if !sizes.contains(&cell.setting.size) {
                sizes.push(cell.setting.size);
            }
        }
        sizes
    }

    /// The numbers of clients that were measured.
    pub(super) fn clients(&self) -> Vec<u16> {
        let mut clients: Vec<u16> = self.cells.iter().map(|cell| cell.setting.clients).collect();
        clients.sort_unstable();
        clients.dedup();
        clients
    }

    /// In which build this program is.
    pub(super) const fn build() -> &'static str {
        if cfg!(debug_assertions) {
            "development build (optimised, with its checks on)"
        } else {
            "release build"
        }
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let gains: serde_json::Map<String, Value> = self
            .sizes()
            .into_iter()
            .filter_map(|size| Some((size.to_owned(), self.gain(size)?.json())))
            .collect();
        json!({
            "machine": self.machine,
            "build": Self::build(),
            "means": self.means,
            "share_percent": self.share_percent,
            "memory_kib": self.memory_kib,
            "gain": gains,
            "cells": self.cells.iter().map(Cell::json).collect::<Vec<Value>>(),
            "unlike": self.unlike.json(),
            "failing": self.failing.as_ref().map(Cell::json),
            "growth": self.growth.json(),
            "formats": formats::json(&self.formats),
        })
    }

    fn title(&self) -> String {
        let gains = self.sizes().into_iter().filter_map(|size| {
            let gain = self.gain(size)?;
            let (times, clients) = (gain.times, gain.clients);
            Some(format!(
                "{times:.2} times the work of one at {size} and {clients} clients"
            ))
        });
        format!("Three servers: {}", gains.collect::<Vec<_>>().join(", "))
    }

    fn facts(&self) -> String {
        format!(
            "{}; {}; each server held to {} % of a core by {}; most memory of a server {} MiB",
            self.machine,
            Self::build(),
            self.share_percent,
            self.means,
            self.memory_kib / 1024,
        )
    }
}

/// Writes `eval.json`, `eval.md` and `eval.html` into a folder. Gives their paths.
///
/// # Errors
/// If they cannot be written.
pub(super) fn write(evaluation: &Evaluation, folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    fs::create_dir_all(folder).map_err(|error| failure::file(folder, &error))?;
    let sections = sections(evaluation);
    let files = [
        ("eval.json", format!("{:#}\n", evaluation.json())),
        ("eval.md", markdown(evaluation, &sections)),
        ("eval.html", page(evaluation, &sections)),
    ];
    let write = |(name, text): (&str, String)| {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| failure::file(&path, &error))?;
        Ok(path)
    };
    files.into_iter().map(write).collect()
}

/// For the terminal: the first section and where the rest lies.
pub(super) fn short(evaluation: &Evaluation, files: &[PathBuf]) -> String {
    let first = sections(evaluation).into_iter().next();
    let table = first
        .map(|section| section.table.text())
        .unwrap_or_default();
    let written: Vec<String> = files
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let (title, files) = (evaluation.title(), written.join("\n"));
    format!("{title}\n{}\n\n{table}\n\n{files}", evaluation.facts())
}

fn markdown(evaluation: &Evaluation, sections: &[Section]) -> String {
    let mut text = format!("# {}\n\n{}.\n", evaluation.title(), evaluation.facts());
    for section in sections {
        text += &format!("\n## {}\n\n", section.title);
        if !section.words.is_empty() {
            text += &format!("{}\n\n", section.words);
        }
        text += &section.table.markdown();
    }
    text
}

fn page(evaluation: &Evaluation, sections: &[Section]) -> String {
    let told: Markup = html! {
        header {
            div {
                p.kind { "Evaluation" }
                h1 { (evaluation.title()) }
                p.facts { (evaluation.facts()) }
            }
        }
        @for section in sections {
            section {
                h2 { (section.title) }
                @if let Some(drawing) = &section.drawing { (drawing) }
                @if !section.words.is_empty() { p.note { (section.words) } }
                (section.table.html())
            }
        }
    };
    sheet("Pentimento, evaluation", &told)
}
