//! Escapes for Markdown: nothing in a text of others is taken for Markdown or HTML.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::escape;
use crate::model::one_line;

/// A name in a comment keeps its letters, digits, `.`, `_` and `-`.
const IN_COMMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'_').remove(b'-');

/// A code span: one line, and nothing in it is Markdown.
pub fn code(text: &str) -> String {
    let text = one_line(text);
    let ticks = "`".repeat(longest_run(&text) + 1);
    // Markdown drops one space at each end, and does not know an empty span.
    let pad = text.is_empty() || text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']);
    let pad = if pad { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

/// A fenced block of lines that end in a line break, and an empty line.
pub fn fence(language: &str, lines: &str) -> String {
    let ticks = "`".repeat((longest_run(lines) + 1).max(3));
    format!("{ticks}{language}\n{lines}{ticks}\n\n")
}

/// A text on one line inside HTML.
pub fn html(text: &str) -> String {
    escape::html(&one_line(text))
}

/// A name inside a comment that ends in ` -->`, as programs look for it.
pub fn comment(name: &str) -> String {
    utf8_percent_encode(name, IN_COMMENT).to_string()
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_span_has_longer_delimiters_than_its_text() {
        assert_eq!(code("a"), "`a`");
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code(""), "` `".replace("` `", "`  `"));
        assert_eq!(code("a\n\n# b"), "`a\\n\\n# b`");
    }

    #[test]
    fn a_fence_is_longer_than_all_in_it() {
        assert_eq!(fence("diff", "+ ````\n"), "`````diff\n+ ````\n`````\n\n");
        assert_eq!(fence("", "x\n"), "```\nx\n```\n\n");
    }

    #[test]
    fn a_name_cannot_end_the_comment_that_it_is_in() {
        assert_eq!(comment("eu-west_1.a"), "eu-west_1.a");
        assert_eq!(comment("x--> <b>"), "x--%3E%20%3Cb%3E");
    }
}
