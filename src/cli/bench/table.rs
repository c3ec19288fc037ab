//! A table that is told on the terminal, in Markdown and on a page.

use std::fmt::Write;

use maud::{Markup, html};

use crate::terminal::text;

/// Rows below a head, all of the same length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) head: Vec<&'static str>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn text(&self) -> String {
        text::table(&self.head, &self.rows)
    }

    pub(super) fn markdown(&self) -> String {
        let mut text = format!(
            "| {} |\n|{}\n",
            self.head.join(" | "),
            "---|".repeat(self.head.len())
        );
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
            // Writing to a string cannot fail.
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
        text
    }

    pub(super) fn html(&self) -> Markup {
        html! {
            div.scroll {
                table.figures {
                    thead { tr { @for name in &self.head { th { (name) } } } }
                    tbody {
                        @for row in &self.rows {
                            tr {
                                @for cell in row {
                                    td class=(class(cell)) { (cell) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Words break lines, numbers do not.
const fn class(cell: &str) -> &'static str {
    if cell.len() > 24 { "words" } else { "number" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_the_same_in_all_forms() {
        let table = Table {
            head: vec!["clients", "rate"],
            rows: vec![vec!["1".to_owned(), "a|b".to_owned()]],
        };
        assert_eq!(
            table.markdown(),
            "| clients | rate |\n|---|---|\n| 1 | a\\|b |\n"
        );
        assert!(table.text().contains("a|b"));
        assert!(
            table
                .html()
                .into_string()
                .contains("<td class=\"number\">a|b</td>")
        );
    }
}
