//! The words that all comments and summaries have.

use super::{Inputs, Job};
use crate::render::markdown_escape::{code, fence};

/// The heading of a comment or summary.
pub(super) fn heading(command: &str, inputs: &Inputs, more: &str) -> String {
    let within = match inputs.directory.as_str() {
        "." => String::new(),
        directory => format!(" in {}", code(directory)),
    };
    format!("### pushsync {command} for {}{within}{more}\n\n", code(&inputs.environment))
}

/// The last line of a comment or summary.
pub(super) fn foot(job: &Job) -> String {
    let commit: String = job.commit.as_str().chars().take(12).collect();
    format!("\n<sub>[This job]({}), commit {}.</sub>\n", job.link, code(&commit))
}

/// Text of others as a fenced block of at most this number of characters.
pub(super) fn fenced(text: &str, most: usize) -> String {
    let mut lines: String = text
        .trim_end_matches('\n')
        .chars()
        .take(most)
        .map(|c| match c {
            '\n' => c,
            c if crate::model::is_hostile(c) => '\u{fffd}',
            c => c,
        })
        .collect();
    if text.chars().nth(most).is_some() {
        lines.push_str("\n… (cut; the log has all)");
    }
    lines.push('\n');
    fence("text", &lines)
}

/// Markdown of a plan in at most this number of characters, if the head and the foot of a comment leave it too little
/// room: folded entries go, from the end. Lines of texts are never `</details>` alone: they have a sign before them.
pub(super) fn fit(markdown: &str, most: usize) -> String {
    const END: &str = "\n</details>\n";
    const TOLD: &str =
        "\n**Left out, for want of room:** what comes after this. The counts above are complete.\n";
    if markdown.chars().count() <= most {
        return markdown.to_owned();
    }
    let room = most.saturating_sub(TOLD.len() + 20);
    let start: String = markdown.chars().take(room).collect();
    match start.rfind(END) {
        Some(at) => format!("{}{END}{TOLD}", &start[..at]),
        None => format!("Too long to be shown; it begins so:\n\n{}", fenced(&start, 1000)),
    }
}

/// A URL without what a shell, Markdown or another output could take for something else.
pub(super) fn is_plain_url(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty()
            && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"._~:/?#=&%-".contains(&b))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_others_cannot_end_its_block() {
        let shown = fenced("a\r\n```\n# b\u{202e}\n````\n\n", 100);
        assert_eq!(shown, "`````text\na\u{fffd}\n```\n# b\u{fffd}\n````\n`````\n\n");
        assert!(fenced(&"x".repeat(20), 10).contains("xxxxxxxxxx\n… (cut; the log has all)\n"));
    }

    #[test]
    fn a_plan_without_room_loses_whole_entries_from_its_end() {
        let entry =
            "<details>\n<summary>one</summary>\n\n````diff\n+ </details>\n````\n\n</details>\n";
        let plan = format!("head\n\n{}", entry.repeat(50));
        assert_eq!(fit(&plan, 100_000), plan);
        let cut = fit(&plan, 1000);
        assert!(cut.chars().count() <= 1000 && cut.contains("Left out"), "{cut}");
        assert_eq!(cut.matches("<details>").count(), cut.matches("\n</details>").count());
        assert!(fit(&"# x `".repeat(500), 1000).starts_with("Too long to be shown"));
    }

    #[test]
    fn only_a_plain_url_becomes_an_output() {
        assert!(is_plain_url("https://github.example/a/b/pull/7#issuecomment-5"));
        for url in
            ["x", "https://", "https://x/\nstatus=1", "https://x/$(y)", "https://x/`y`", "ftp://x"]
        {
            assert!(!is_plain_url(url), "{url}");
        }
    }
}
