//! One table of everything, as text, Markdown or JSON.

use std::fmt::Write as _;

use clap::ValueEnum;
use serde::Serialize;

use crate::child::Usage;

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Text,
    Markdown,
    Json,
}

#[derive(Default, Serialize)]
pub(crate) struct Table {
    pub(crate) rows: Vec<Row>,
    /// What the API's limit costs.
    pub(crate) hours: Vec<Hours>,
    /// What could not be measured, and why.
    pub(crate) left_out: Vec<String>,
}

#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) scenario: String,
    /// Deliveries in the manifest, or in the state before an apply.
    pub(crate) size: usize,
    pub(crate) wall_ms: f64,
    pub(crate) processor_ms: f64,
    pub(crate) peak_mb: f64,
    pub(crate) requests: Option<u64>,
    pub(crate) state_bytes_per_delivery: Option<f64>,
    pub(crate) floors: Vec<Floor>,
    pub(crate) note: Option<String>,
}

/// The bare work, measured alone.
#[derive(Serialize)]
pub(crate) struct Floor {
    pub(crate) what: String,
    pub(crate) wall_ms: f64,
    pub(crate) processor_ms: f64,
}

#[derive(Serialize)]
pub(crate) struct Hours {
    pub(crate) limit: u64,
    pub(crate) deliveries: u64,
    /// The run never ends early.
    pub(crate) one_run: u64,
    /// A run each hour, which stops when the budget is spent.
    pub(crate) hourly_runs: u64,
    /// As before, and every tenth run is killed half way.
    pub(crate) with_deaths: u64,
    /// The same, but the next run starts at once.
    pub(crate) at_once: u64,
    /// Requests that the API refused.
    pub(crate) refused: u64,
}

impl Row {
    pub(crate) fn of(size: usize, usage: Usage) -> Self {
        let Usage { wall_ms, processor_ms, peak_mb, .. } = usage;
        Self {
            scenario: String::new(),
            size,
            wall_ms,
            processor_ms,
            peak_mb,
            requests: None,
            state_bytes_per_delivery: None,
            floors: Vec::new(),
            note: None,
        }
    }

    fn cells(&self) -> Vec<String> {
        let floors: Vec<String> = self
            .floors
            .iter()
            .map(|floor| {
                let Floor { what, wall_ms, processor_ms } = floor;
                format!(
                    "{what}: {} ms, {} ms of processor",
                    digits(*wall_ms),
                    digits(*processor_ms)
                )
            })
            .chain(self.note.clone())
            .collect();
        vec![
            self.scenario.clone(),
            grouped(self.size as u64),
            digits(self.wall_ms),
            digits(self.processor_ms),
            digits(self.peak_mb),
            self.requests.map(grouped).unwrap_or_default(),
            self.state_bytes_per_delivery.map(digits).unwrap_or_default(),
            floors.join("; "),
        ]
    }
}

const HEAD: [&str; 8] = [
    "scenario",
    "size",
    "wall ms",
    "processor ms",
    "peak MB",
    "requests",
    "state B/delivery",
    "the floor, and notes",
];

const HOURS: [&str; 7] = [
    "requests an hour",
    "deliveries",
    "hours, one run",
    "hours, a run each hour",
    "hours, every tenth killed",
    "hours, those started anew at once",
    "refused",
];

impl Table {
    pub(crate) fn show(&self, format: Format) -> String {
        if let Format::Json = format {
            return serde_json::to_string_pretty(self).expect("numbers and words");
        }
        let rows: Vec<_> = self.rows.iter().map(Row::cells).collect();
        let hours: Vec<_> = self.hours.iter().map(Hours::cells).collect();
        let mut text = String::new();
        for (head, rows) in [(&HEAD[..], rows), (&HOURS[..], hours)] {
            if !rows.is_empty() {
                text += &aligned(head, &rows, matches!(format, Format::Markdown));
                text.push('\n');
            }
        }
        for line in &self.left_out {
            let _ = writeln!(text, "left out: {line}");
        }
        text.truncate(text.trim_end().len());
        text
    }
}

impl Hours {
    fn cells(&self) -> Vec<String> {
        let hours =
            |hours: u64| format!("{} ({} days)", grouped(hours), digits(hours as f64 / 24.0));
        vec![
            grouped(self.limit),
            grouped(self.deliveries),
            hours(self.one_run),
            hours(self.hourly_runs),
            hours(self.with_deaths),
            hours(self.at_once),
            grouped(self.refused),
        ]
    }
}

/// Columns as wide as their widest cell; the last one is not padded in text.
fn aligned(head: &[&str], rows: &[Vec<String>], markdown: bool) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(n, (cell, &width))| match (markdown, n) {
                (true, _) => (*cell).to_owned(),
                (false, 0) => format!("{cell:<width$}"),
                (false, n) if n + 1 == cells.len() && n > 6 => (*cell).to_owned(),
                (false, _) => format!("{cell:>width$}"),
            })
            .collect();
        if markdown {
            format!("| {} |\n", padded.join(" | "))
        } else {
            format!("{}\n", padded.join("  ").trim_end())
        }
    };
    let mut text = line(head.to_vec());
    if markdown {
        let rules = (0..head.len()).map(|n| if n == 0 || n == 7 { "---" } else { "--:" });
        text += &line(rules.collect());
    }
    for row in rows {
        text += &line(row.iter().map(String::as_str).collect());
    }
    text
}

/// Three digits that matter.
fn digits(number: f64) -> String {
    match number {
        ..10.0 => format!("{number:.1}"),
        _ => grouped(number.round() as u64),
    }
}

/// 1,234,567
pub(crate) fn grouped(number: u64) -> String {
    let text = number.to_string();
    let mut grouped = String::new();
    for (n, digit) in text.chars().enumerate() {
        if n > 0 && (text.len() - n).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
