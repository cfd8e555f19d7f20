//! The first line of a comment, by which we find it, and the digest of its plan.

use crate::{plan::Review, render::markdown_escape};

/// The marker of a comment of this kind, about this environment and folder. Nothing in it ends the HTML comment.
pub fn marker(kind: &str, environment: &str, directory: &str) -> String {
    let safe = |text: &str| markdown_escape::comment(text).replace("--", "%2D%2D");
    format!(
        "<!-- pushsync:{kind} environment={} directory={} -->",
        safe(environment),
        safe(directory)
    )
}

/// Whether a comment begins with this marker. We search nothing else of it: it has texts of others.
pub fn is_marked(body: &str, marker: &str) -> bool {
    body.lines().next() == Some(marker)
}

/// The digest of the plan that a comment shows: in its first or second line, in a marker of the plan.
pub fn review(body: &str) -> Option<Review> {
    body.lines().take(2).find_map(|line| {
        let inside = line.strip_prefix("<!-- pushsync:plan ")?.strip_suffix(" -->")?;
        let (before, digest) = inside.rsplit_once(' ')?;
        if before.contains('>') {
            return None;
        }
        digest.strip_prefix("changes=")?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_cannot_be_ended_by_a_name() {
        assert_eq!(
            marker("comment", "eu --> x", "./a b"),
            "<!-- pushsync:comment environment=eu%20%2D%2D%3E%20x directory=.%2Fa%20b -->"
        );
    }

    #[test]
    fn a_comment_is_ours_by_its_first_line_alone() {
        let marker = marker("comment", "default", ".");
        assert!(is_marked(&format!("{marker}\nrest"), &marker));
        assert!(is_marked(&format!("{marker}\r\nrest"), &marker));
        for other in
            [format!("> {marker}\n"), format!("x\n{marker}"), format!("{marker} "), String::new()]
        {
            assert!(!is_marked(&other, &marker), "{other}");
        }
    }

    #[test]
    fn a_digest_counts_in_the_marker_of_the_first_two_lines_alone() {
        let digest = "ab".repeat(32);
        let line = format!("<!-- pushsync:plan environment=default changes={digest} -->");
        let whole = format!("{digest}-{}", "0123456789abcdef");
        for (body, found) in [
            (format!("{line}\n"), Some(&digest)),
            (format!("<!-- x -->\r\n{line}\r\nx"), Some(&digest)),
            (line.replace(&digest, &whole), Some(&whole)),
            (format!("a\nb\n{line}"), None),
            (format!("> {line}"), None),
            (line.replace("changes=", "changed="), None),
            (line.replace(&digest, "abc"), None),
            (line.replace("default", "x --> <b>"), None),
            (String::new(), None),
        ] {
            assert_eq!(review(&body).map(|review| review.to_string()).as_ref(), found, "{body}");
        }
    }
}
