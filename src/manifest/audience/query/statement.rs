//! The text of a query, as far as it must be understood before the database sees it.

use std::ops::Range;

/// The words that a statement which reads rows begins with.
const READING: [&str; 4] = ["select", "with", "values", "table"];

/// Why a text is not taken for a query, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) range: Range<usize>,
    pub(super) message: String,
    pub(super) help: &'static str,
}

const ONE_SELECT: &str = "write one SELECT; it may begin with WITH, and it reads only";

/// Refuses everything that does not begin as a SELECT does. Whether the rest is one statement, the database says.
pub(super) fn check(sql: &str) -> Result<(), Refusal> {
    let refusal = |range: Range<usize>, message: String, help| Refusal { range, message, help };
    if let Some(at) = sql.find('\0') {
        let message = "this file has a NUL character, which no SQL has".to_owned();
        return Err(refusal(at..at + 1, message, "remove it"));
    }
    let first = first_word(sql);
    let word = &sql[first.clone()];
    if READING.iter().any(|reading| reading.eq_ignore_ascii_case(word)) {
        return Ok(());
    }
    if !word.is_empty() {
        let help = match word.to_ascii_lowercase().as_str() {
            "set" | "begin" | "start" => {
                "leave it out: the query has a read-only transaction of its own; name tables as schema.table"
            }
            "explain" | "copy" => "leave it out, and keep the SELECT",
            _ => ONE_SELECT,
        };
        let message = format!(
            "this is {} {} statement, not a SELECT",
            if word.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']) {
                "an"
            } else {
                "a"
            },
            word.to_uppercase()
        );
        // A long word is no statement that anybody knows.
        let message = match word.len() {
            0..=20 => message,
            _ => "this is not a SELECT".to_owned(),
        };
        return Err(refusal(first, message, help));
    }
    match sql[first.start..].chars().next() {
        None => Err(refusal(0..0, "there is no query in this file".to_owned(), ONE_SELECT)),
        Some('\\') => Err(refusal(
            first.start..first.start + 1,
            "this is a command of psql, not a SELECT".to_owned(),
            "only psql knows commands with a backslash: write SQL alone",
        )),
        Some(c) => Err(refusal(
            first.start..first.start + c.len_utf8(),
            "this is not a SELECT".to_owned(),
            ONE_SELECT,
        )),
    }
}

/// Where the first word of the first statement is; empty if there is none.
pub(super) fn first_word(sql: &str) -> Range<usize> {
    let mut lexer = Lexer { sql, at: 0 };
    loop {
        match lexer.next_token() {
            Some(Token::Blank | Token::Comment) => {}
            Some(Token::Other) if sql[..lexer.at].ends_with(['(', ';']) => {}
            Some(Token::Word(range)) => return range,
            Some(Token::Literal(range)) => return range.start..range.start,
            Some(Token::Other) => {
                let before = sql[..lexer.at].char_indices().next_back();
                let at = before.map_or(0, |(at, _)| at);
                return at..at;
            }
            None => return sql.len()..sql.len(),
        }
    }
}

/// What is written between quotes, without them.
pub(super) fn literals(sql: &str) -> Vec<Range<usize>> {
    let mut lexer = Lexer { sql, at: 0 };
    let mut found = Vec::new();
    while let Some(token) = lexer.next_token() {
        if let Token::Literal(range) = token {
            found.push(range);
        }
    }
    found
}

/// Line and column of a character, each from 1, by its number from 1.
pub(super) fn position(sql: &str, character: u32) -> (u32, u32) {
    let before = sql.chars().take(character.saturating_sub(1) as usize);
    before.fold((1, 1), |(line, column), c| match c {
        '\n' => (line + 1, 1),
        _ => (line, column + 1),
    })
}

/// Line and column of a byte.
pub(super) fn position_of_byte(sql: &str, at: usize) -> (u32, u32) {
    let characters = sql.get(..at).unwrap_or_default().chars().count();
    position(sql, u32::try_from(characters).unwrap_or(u32::MAX).saturating_add(1))
}

enum Token {
    Blank,
    Comment,
    /// Letters, digits and `_`.
    Word(Range<usize>),
    /// The inside of a text in quotes.
    Literal(Range<usize>),
    Other,
}

/// Finds comments and texts as PostgreSQL does.
struct Lexer<'s> {
    sql: &'s str,
    at: usize,
}

impl Lexer<'_> {
    fn next_token(&mut self) -> Option<Token> {
        let start = self.at;
        let rest = &self.sql[start..];
        let c = rest.chars().next()?;
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        if c.is_whitespace() || c == '\u{feff}' {
            self.at += c.len_utf8();
            return Some(Token::Blank);
        }
        if rest.starts_with("--") {
            self.at += rest.find('\n').unwrap_or(rest.len());
            return Some(Token::Comment);
        }
        if rest.starts_with("/*") {
            self.at += comment(rest);
            return Some(Token::Comment);
        }
        if c == '\'' {
            let (length, inside) = quoted(rest, false);
            self.at += length;
            return Some(Token::Literal(start + 1..start + inside));
        }
        if c == '"' {
            let end = rest[1..].find('"').map_or(rest.len(), |end| end + 2);
            self.at += end;
            return Some(Token::Other);
        }
        if c == '$'
            && let Some(tag) = dollar_tag(rest)
        {
            let inside = start + tag;
            let end = rest[tag..].find(&rest[..tag]).map_or(self.sql.len(), |end| inside + end);
            self.at = (end + tag).min(self.sql.len());
            return Some(Token::Literal(inside..end));
        }
        if is_word(c) {
            let length = rest.find(|c: char| !is_word(c) && c != '$').unwrap_or(rest.len());
            let word = &rest[..length];
            self.at += length;
            // `E'…'` has backslashes that mean something.
            if word.eq_ignore_ascii_case("e") && rest[length..].starts_with('\'') {
                let start = self.at;
                let (length, inside) = quoted(&rest[length..], true);
                self.at += length;
                return Some(Token::Literal(start + 1..start + inside));
            }
            return Some(Token::Word(start..start + length));
        }
        self.at += c.len_utf8();
        Some(Token::Other)
    }
}

/// How long a comment is: such comments nest.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    let bytes = text.as_bytes();
    while at < bytes.len() {
        match &bytes[at..bytes.len().min(at + 2)] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" if depth == 1 => return at + 2,
            b"*/" => (depth, at) = (depth.saturating_sub(1), at + 2),
            _ => at += 1,
        }
    }
    bytes.len()
}

/// How long a text in single quotes is, with its quotes, and where its inside ends. One that is never closed goes on to the
/// end.
fn quoted(text: &str, escapes: bool) -> (usize, usize) {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' if escapes => _ = characters.next(),
            '\'' if characters.peek().is_some_and(|(_, next)| *next == '\'') => {
                _ = characters.next();
            }
            '\'' => return (at + 1, at),
            _ => {}
        }
    }
    (text.len(), text.len())
}

/// How long `$tag$` is, if the text begins with one.
fn dollar_tag(text: &str) -> Option<usize> {
    let end = text[1..].find('$')? + 1;
    let tag = &text[1..end];
    let is_tag = tag.chars().all(|c| c.is_alphanumeric() || c == '_')
        && !tag.starts_with(|c: char| c.is_ascii_digit());
    is_tag.then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_that_reads_is_taken_however_it_is_commented() {
        for sql in [
            "SELECT 1",
            "  select 1;",
            "-- who; DELETE\nselect 1;\n-- end",
            "/* a /* nested */ INSERT */ SELECT 1 /* open",
            "((select 1) union (select 2))",
            "with x as (select 1) select * from x",
            "VALUES (1)",
            "TABLE users",
            "\u{feff}SELECT $$a; DROP TABLE users$$",
            "SELECT'x'",
            "-- a\r\nSELECT 1",
        ] {
            assert_eq!(check(sql), Ok(()), "{sql}");
        }
    }

    #[test]
    fn a_statement_that_may_do_something_else_is_refused_with_its_word() {
        for (sql, says) in [
            ("INSERT INTO a VALUES (1)", "this is an INSERT statement"),
            ("-- SELECT\nDELETE FROM a", "this is a DELETE statement"),
            ("/* SELECT */ update a set b = 1", "this is an UPDATE statement"),
            ("COPY a TO PROGRAM 'x'", "this is a COPY statement"),
            ("call f()", "this is a CALL statement"),
            ("DO $$ SELECT $$", "this is a DO statement"),
            ("EXPLAIN ANALYZE SELECT 1", "this is an EXPLAIN statement"),
            ("COMMIT; SELECT 1", "this is a COMMIT statement"),
            ("set search_path = x; select 1", "this is a SET statement"),
            ("selects 1", "this is a SELECTS statement"),
            ("\\copy a to 'x'", "this is a command of psql"),
            ("", "there is no query"),
            (" -- nothing\n;", "there is no query"),
            ("'SELECT 1'", "this is not a SELECT"),
            ("$$SELECT 1$$", "this is not a SELECT"),
            ("é", "this is a É statement"),
            ("{{ x }}", "this is not a SELECT"),
            ("SELECT 1\0", "NUL"),
        ] {
            let refusal = check(sql).expect_err(sql);
            assert!(refusal.message.contains(says), "{sql}: {}", refusal.message);
        }
    }

    #[test]
    fn texts_are_found_in_all_their_quotes() {
        let sql = "SELECT 'a''b', E'c\\'d', $$e$$, $x$f $$ g$x$, \"no\" -- 'no'\n, /* 'no' */ 'h";
        let found: Vec<&str> = literals(sql).into_iter().map(|range| &sql[range]).collect();
        assert_eq!(found, ["a''b", "c\\'d", "e", "f $$ g", "h"]);
    }

    #[test]
    fn no_text_makes_the_lexer_panic_or_hang() {
        let parts = [
            "'", "E'", "$$", "$é$", "\"", "--", "/*", "*/", "\\", "é", "€", "\n", "a", ";", "(",
            " ", "\u{feff}",
        ];
        for first in parts {
            for second in parts {
                for third in parts {
                    for sql in
                        [first.to_owned() + second + third, [third, first, second, first].concat()]
                    {
                        let _refused = check(&sql);
                        for range in literals(&sql) {
                            assert!(sql.get(range.clone()).is_some(), "{sql:?} {range:?}");
                        }
                        let (line, column) = position_of_byte(&sql, first_word(&sql).start);
                        assert!(line > 0 && column > 0);
                    }
                }
            }
        }
    }

    #[test]
    fn positions_are_counted_in_characters() {
        let sql = "SELECT 'é',\n  x";
        assert_eq!(position(sql, 1), (1, 1));
        assert_eq!(position(sql, 12), (1, 12));
        assert_eq!(position(sql, 15), (2, 3));
        assert_eq!(position(sql, 999), (2, 4));
        assert_eq!(position_of_byte(sql, sql.len() - 1), (2, 3));
    }
}
