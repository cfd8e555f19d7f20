//! The lines of a SQL file, as messages show them.

use std::{ops::Range, sync::Arc};

use super::statement;
use crate::diagnostics::{Excerpts, Names, Secrets};

/// Texts that are shorter name a plan or a language, not a visitor.
const LONG: usize = 16;
/// The same, if there are letters and digits in it.
const LONG_IF_MIXED: usize = 8;

fn may_be_id(text: &str) -> bool {
    let length = text.chars().count();
    let mixed = text.contains('@')
        || (text.contains(char::is_alphabetic) && text.contains(|c: char| c.is_ascii_digit()));
    !text.contains(char::is_whitespace)
        && !is_of_words(text)
        && (length >= LONG || (mixed && length >= LONG_IF_MIXED))
}

/// Whether it is a name such as `transaction_read_only`: small words, with `_` between them.
fn is_of_words(text: &str) -> bool {
    let is_word = |word: &str| {
        (2..=12).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase())
    };
    text.split(['_', '.']).all(is_word)
}

/// The lines of a SQL file. Ids may stand in it as texts.
pub(crate) struct SqlLines {
    sql: Arc<str>,
    literals: Vec<Range<usize>>,
}

impl SqlLines {
    pub(crate) fn new(sql: Arc<str>) -> Self {
        let mut literals = statement::literals(&sql);
        literals.retain(|range| may_be_id(&sql[range.clone()]));
        Self { sql, literals }
    }

    /// Where a line is, without its end.
    fn span(&self, number: u32) -> Option<Range<usize>> {
        let index = (number as usize).checked_sub(1)?;
        let mut start = 0;
        for (at, line) in self.sql.split('\n').enumerate() {
            if at == index {
                return Some(start..start + line.trim_end_matches('\r').len());
            }
            start += line.len() + 1;
        }
        None
    }
}

impl Excerpts for SqlLines {
    fn line(&self, number: u32) -> Option<String> {
        let line = &self.sql[self.span(number)?];
        (line.len() <= crate::manifest::source_file::MOST_SHOWN).then(|| line.to_owned())
    }

    fn secrets(&self, number: u32, line: &str, _: &Names) -> Secrets {
        let Some(span) = self.span(number) else { return Secrets::Line };
        if line.contains(|c: char| c.is_control() && c != '\t') {
            return Secrets::Line;
        }
        let characters = |at: usize| self.sql[span.start..at].chars().count();
        let within = |range: &Range<usize>| {
            let (start, end) = (range.start.max(span.start), range.end.min(span.end));
            (start < end).then(|| characters(start)..characters(end))
        };
        Secrets::Ids(self.literals.iter().filter_map(within).collect())
    }

    fn ids(&self, _: &Names, found: &mut dyn FnMut(&str)) {
        self.literals.iter().for_each(|range| found(&self.sql[range.clone()]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_quotes_are_shown_and_ids_are_not() {
        for name in ["transaction_read_only", "pg_catalog.pg_stat_activity", "enterprise"] {
            assert!(!may_be_id(name), "{name}");
        }
        for id in ["kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg", "kzmvwhfxnpauhhqqdwwhhvnh", "member-20931"] {
            assert!(may_be_id(id), "{id}");
        }
        let sql: Arc<str> = "SELECT current_setting('transaction_read_only') -- x".into();
        let lines = SqlLines::new(sql.clone());
        assert_eq!(lines.secrets(1, &sql, &Names::new()), Secrets::Ids(Vec::new()));
    }
}
