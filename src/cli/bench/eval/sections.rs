//! The sections of a report: what was found, as tables and drawings.

use maud::{Markup, html};

use super::MANY;
use super::cell::{Cell, PHASES};
use super::growth;
use super::published::{PUBLISHED, PUBLISHED_RATES};
use super::report::Evaluation;
use crate::cli::bench::formats;
use crate::cli::bench::table::Table;
use crate::paper::phases::stacks;
use crate::paper::plot::{Plot, Series};
use crate::paper::scale::{Scale, duration};

/// See the module.
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) words: String,
    pub(super) table: Table,
    pub(super) drawing: Option<Markup>,
}

/// All of them, in order.
pub(super) fn sections(evaluation: &Evaluation) -> Vec<Section> {
    let mut all = vec![
        work(evaluation),
        phases(evaluation),
        servers(evaluation),
        unlike(evaluation),
    ];
    all.extend(evaluation.failing.as_ref().map(failing));
    all.push(others());
    all.push(growth::clusters(&evaluation.growth));
    all.push(growth::users(&evaluation.growth));
    let told = formats::tables(&evaluation.formats).into_iter();
    all.extend(told.map(|(title, table)| Section {
        title,
        words: "Of our messages, in each encoding; in brackets: in how many times ours.".to_owned(),
        table,
        drawing: None,
    }));
    all
}

fn work(evaluation: &Evaluation) -> Section {
    let mut rows = Vec::new();
    let mut plots = Vec::new();
    for size in evaluation.sizes() {
        for clients in evaluation.clients() {
            let both = [MANY, 1].map(|servers| evaluation.cell(servers, size, clients));
            if let [Some(many), Some(one)] = both {
                rows.push(work_row(many, one));
            }
        }
        plots.push(by_clients(
            evaluation,
            size,
            "pictures a second",
            false,
            |cell| cell.rate,
        ));
        plots.push(by_clients(
            evaluation,
            size,
            "response of half, ms",
            true,
            |cell| cell.times_ms[0],
        ));
    }
    let best = evaluation.sizes().into_iter().filter_map(|size| {
        let gain = evaluation.gain(size)?;
        Some(format!("{:.2} at {size}", gain.beside_best))
    });
    let best = best.collect::<Vec<_>>().join(", ");
    Section {
        title: "With balancing and without",
        words: format!(
            "Each client has one request under way at a time. With balancing three servers share \
             the work; without, one does it alone. Answered: of all requests that were made, in \
             percent; the rest was refused for want of a place, or not heard of in time. The most \
             that three do, beside the most that one does with any number of clients: {best}."
        ),
        table: Table {
            head: vec![
                "image",
                "clients",
                "3: a second",
                "1: a second",
                "gain",
                "3: half, 95 %",
                "1: half, 95 %",
                "3: answered",
                "1: answered",
                "3: timed out",
                "1: timed out",
            ],
            rows,
        },
        drawing: Some(html! { div.plots { @for plot in &plots { (plot.lines()) } } }),
    }
}

fn work_row(many: &Cell, one: &Cell) -> Vec<String> {
    let gain = if one.rate > 0.0 {
        format!("{:.2}", many.rate / one.rate)
    } else {
        "-".to_owned()
    };
    let times = |cell: &Cell| {
        let [half, most, ..] = cell.times_ms;
        format!("{}, {}", duration(half), duration(most))
    };
    let timed_out = |cell: &Cell| {
        format!(
            "{:.2} %",
            cell.timed_out as f64 * 100.0 / cell.made().max(1) as f64
        )
    };
    vec![
        many.setting.size.to_owned(),
        many.setting.clients.to_string(),
        format!("{:.2}", many.rate),
        format!("{:.2}", one.rate),
        gain,
        times(many),
        times(one),
        format!("{:.2} %", many.answered_percent()),
        format!("{:.2} %", one.answered_percent()),
        timed_out(many),
        timed_out(one),
    ]
}

/// Three servers and one, over the numbers of clients.
fn by_clients(
    evaluation: &Evaluation,
    size: &'static str,
    what: &str,
    powers: bool,
    figure: fn(&Cell) -> f64,
) -> Plot {
    let clients = evaluation.clients();
    let series = |servers: u8, name: &str| Series {
        name: name.to_owned(),
        values: clients
            .iter()
            .map(|clients| evaluation.cell(servers, size, *clients).map(figure))
            .collect(),
    };
    let mut all = vec![series(MANY, "three servers"), series(1, "one server")];
    let published = PUBLISHED_RATES.iter().any(|(of, _)| clients.contains(of));
    if size == super::SMALL.name && !powers && published {
        let rate = |clients: &u16| {
            let mut known = PUBLISHED_RATES.iter();
            known.find(|(of, _)| of == clients).map(|(_, rate)| *rate)
        };
        all.push(Series {
            name: "another program, whole cores".to_owned(),
            values: clients.iter().map(rate).collect(),
        });
    }
    Plot {
        title: format!("{size}: {what}"),
        points_are: "clients".to_owned(),
        points: clients.iter().map(u16::to_string).collect(),
        series: all,
        powers,
    }
}

fn phases(evaluation: &Evaluation) -> Section {
    let cells: Vec<&Cell> = evaluation
        .cells
        .iter()
        .filter(|cell| cell.answered > 0)
        .collect();
    let name = |cell: &Cell| {
        let setting = cell.setting;
        format!(
            "{}, {} to {}",
            setting.size, setting.clients, setting.servers
        )
    };
    let row = |cell: &&Cell| {
        let figures = cell.phases_ms.iter().map(|ms| duration(*ms));
        let whole: f64 = cell.phases_ms.iter().sum();
        [name(cell)]
            .into_iter()
            .chain(figures)
            .chain([duration(whole)])
            .collect()
    };
    Section {
        title: "Where the time goes",
        words: "Means. Election: from the first question to the word of the server that takes it. \
                Upload: until that server has the body. Hiding: until the first piece of the \
                picture is here; the wait for a place is part of it. Download: until all of it is. \
                The images are named with their clients and servers."
            .to_owned(),
        table: Table {
            head: ["image, clients to servers"]
                .into_iter()
                .chain(PHASES)
                .chain(["whole"])
                .collect(),
            rows: cells.iter().map(row).collect(),
        },
        drawing: Some(html! {
            @for size in evaluation.sizes() { (bars_of(&cells, size)) }
        }),
    }
}

/// Bars for few clients: with a crowd nearly all is waiting.
fn bars_of(cells: &[&Cell], size: &str) -> Markup {
    let few = cells
        .iter()
        .filter(|cell| cell.setting.size == size && cell.setting.clients <= super::FEW);
    let rows: Vec<(String, usize, [f64; 5])> = few
        .map(|cell| {
            let [election, upload, hiding, download] = cell.phases_ms;
            let name = format!("{} to {}", cell.setting.clients, cell.setting.servers);
            (
                name,
                cell.answered,
                [0.0, election, upload, hiding, download],
            )
        })
        .collect();
    let most = rows
        .iter()
        .map(|(.., parts)| parts.iter().sum())
        .fold(1.0, f64::max);
    let named: Vec<(&str, usize, [f64; 5])> = rows
        .iter()
        .map(|(name, count, parts)| (name.as_str(), *count, *parts))
        .collect();
    html! {
        h3 { (size) }
        (stacks(&named, &Scale::new(0.0, most, 128.0, 960.0)))
    }
}

fn servers(evaluation: &Evaluation) -> Section {
    let cells: Vec<&Cell> = evaluation
        .cells
        .iter()
        .filter(|cell| cell.setting.servers == MANY)
        .collect();
    Section {
        title: "What each server did",
        words:
            "Part of the pictures, and processor time in percent of a core; what clients sent and \
                received, without the headers of IP and UDP."
                .to_owned(),
        table: Table {
            head: vec!["image", "clients", "parts", "processor", "sent", "received"],
            rows: cells.iter().map(|cell| server_row(cell)).collect(),
        },
        drawing: Some(html! {
            div.plots { @for size in evaluation.sizes() { (parts(&cells, size).bars()) } }
        }),
    }
}

fn server_row(cell: &Cell) -> Vec<String> {
    let percents = |all: &[f64]| {
        let each = all.iter().map(|of| format!("{of:.1}"));
        format!("{} %", each.collect::<Vec<_>>().join(", "))
    };
    let rate = |bytes: f64| format!("{:.2} MB/s", bytes / 1e6);
    vec![
        cell.setting.size.to_owned(),
        cell.setting.clients.to_string(),
        percents(&cell.parts),
        percents(&cell.processor),
        rate(cell.traffic[0]),
        rate(cell.traffic[1]),
    ]
}

fn parts(cells: &[&Cell], size: &str) -> Plot {
    let of_size: Vec<&&Cell> = cells
        .iter()
        .filter(|cell| cell.setting.size == size)
        .collect();
    let series = |server: usize| Series {
        name: format!("server {}", server + 1),
        values: of_size
            .iter()
            .map(|cell| cell.parts.get(server).copied())
            .collect(),
    };
    Plot {
        title: format!("{size}: pictures of each server, %"),
        points_are: "clients".to_owned(),
        points: of_size
            .iter()
            .map(|cell| cell.setting.clients.to_string())
            .collect(),
        series: (0..usize::from(MANY)).map(series).collect(),
        powers: false,
    }
}

fn unlike(evaluation: &Evaluation) -> Section {
    Section {
        title: "Servers that are unlike",
        words:
            "The third server has a third of the share of the others. The servers do not know it: \
                they know how much waits with whom."
                .to_owned(),
        table: Table {
            head: vec!["image", "clients", "parts", "processor", "sent", "received"],
            rows: vec![server_row(&evaluation.unlike)],
        },
        drawing: None,
    }
}

fn failing(cell: &Cell) -> Section {
    let [half, most, nearly, all] = cell.times_ms;
    Section {
        title: "While servers fail on purpose",
        words:
            "One server after the other falls silent without a word, for 5 to 20 s each; what it \
                had taken is done by another."
                .to_owned(),
        table: Table {
            head: vec![
                "seconds", "requests", "answered", "half", "95 %", "99 %", "slowest",
            ],
            rows: vec![vec![
                format!("{:.0}", cell.seconds),
                cell.made().to_string(),
                format!("{:.3} %", cell.answered_percent()),
                duration(half),
                duration(most),
                duration(nearly),
                duration(all),
            ]],
        },
        drawing: None,
    }
}

fn others() -> Section {
    Section {
        title: "What others have published",
        words: "Programs for the same task, with three servers and one client. Their machines and \
                builds are not ours, and they had whole cores where a server above has a part of \
                one."
            .to_owned(),
        table: Table {
            head: vec![
                "program",
                "4.8 kB, s",
                "of it election",
                "1.9 MB, s",
                "answered",
                "source",
            ],
            rows: PUBLISHED
                .iter()
                .map(|of| {
                    [
                        of.program,
                        of.small_s,
                        of.election_s,
                        of.large_s,
                        of.answered,
                        of.source,
                    ]
                    .map(str::to_owned)
                    .to_vec()
                })
                .collect(),
        },
        drawing: None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::cell::Setting;
    use super::super::cell::tests::cell;
    use super::super::growth::{Crowded, Growth};
    use super::*;
    use crate::sim::growth::Grown;

    #[test]
    fn every_measured_figure_has_its_place() {
        let setting = |servers, clients| Setting {
            servers,
            size: "4.8 kB",
            clients,
        };
        let evaluation = Evaluation {
            machine: "a machine".to_owned(),
            means: "pauses",
            share_percent: 20,
            memory_kib: 100_000,
            cells: vec![
                cell(setting(3, 1), 10.0),
                cell(setting(3, 6), 30.0),
                cell(setting(1, 1), 10.5),
                cell(setting(1, 6), 10.0),
            ],
            unlike: cell(setting(3, 6), 20.0),
            failing: Some(cell(setting(3, 6), 20.0)),
            growth: Growth {
                clusters: vec![Grown::default()],
                users: vec![Crowded {
                    users: 1_000,
                    user_bytes: 900.0,
                    errand_us: 80.0,
                    state_bytes: 1 << 30,
                }],
            },
            formats: Vec::new(),
        };
        let gain = evaluation.gain("4.8 kB").expect("both were measured");
        assert_eq!(gain.clients, 6);
        assert!((gain.times - 3.0).abs() < 1e-9);
        assert!((gain.beside_best - 30.0 / 10.5).abs() < 1e-9);
        assert!(evaluation.gain("1.9 MB").is_none());
        let sections = sections(&evaluation);
        assert_eq!(sections.len(), 11);
        assert_eq!(
            sections[0].table.rows[1][..5],
            ["4.8 kB", "6", "30.00", "10.00", "3.00"]
        );
        for section in &sections {
            for row in &section.table.rows {
                assert_eq!(row.len(), section.table.head.len(), "{}", section.title);
            }
        }
    }
}
