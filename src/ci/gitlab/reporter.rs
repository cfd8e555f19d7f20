//! The log of a job. GitLab has no summaries, no annotations and no commands in it; sections can be folded.

use crate::{
    ci::{Log, Reporter},
    model::printable,
};

/// What a job says in its log.
pub struct GitLabReporter<'a> {
    log: Log<'a>,
}

impl<'a> GitLabReporter<'a> {
    /// Writes by `log`.
    pub fn new(log: Log<'a>) -> Self {
        Self { log }
    }

    fn line(&self, level: &str, title: &str, text: &str) {
        (self.log)(&format!("{level}: {}: {}\n", printable(title), printable(text)));
    }
}

impl Reporter for GitLabReporter<'_> {
    fn notice(&self, title: &str, text: &str) {
        self.line("notice", title, text);
    }

    fn warning(&self, title: &str, text: &str) {
        self.line("warning", title, text);
    }

    fn error(&self, title: &str, text: &str) {
        self.line("error", title, text);
    }

    fn ignore(&self) {}

    fn hear(&self) {}

    fn annotate(&self, _commands: &str) {}

    /// In a section. What begins and ends one is made of control characters: words of others have none left. It takes
    /// no time, so its times are any.
    fn summarise(&self, markdown: &str) {
        let markdown = printable(markdown);
        (self.log)(&format!(
            "\x1b[0Ksection_start:0:pushsync_summary\r\x1b[0Kpushsync: the summary\n\
             {}\n\
             \x1b[0Ksection_end:0:pushsync_summary\r\x1b[0K\n",
            markdown.trim_end(),
        ));
    }

    /// A job of GitLab has no outputs.
    fn output(&self, _name: &str, _value: &str) {}

    /// Inputs are variables, of the pipeline or the job.
    fn input(&self, name: &str, value: &str) -> String {
        format!("PUSHSYNC_CI_{}={value}", name.to_ascii_uppercase().replace('-', "_"))
    }

    fn elsewhere(&self) -> &'static str {
        "in the job's log"
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn said(say: impl FnOnce(&GitLabReporter<'_>)) -> String {
        let log = RefCell::new(String::new());
        let write = |text: &str| log.borrow_mut().push_str(text);
        say(&GitLabReporter::new(&write));
        log.into_inner()
    }

    #[test]
    fn words_of_others_begin_and_end_no_section_and_steer_no_terminal() {
        let hostile = "x\x1b[0Ksection_end:1:pushsync_summary\r\x1b[0K\u{202e}\x1b[2J\n::error::y";
        let log = said(|log| {
            log.notice("a title", hostile);
            log.warning("a title", hostile);
            log.error("a title", hostile);
            log.summarise(hostile);
        });
        assert_eq!(log.matches('\r').count(), 2, "{log:?}");
        assert_eq!(log.matches('\x1b').count(), 4, "{log:?}");
        assert!(!log.contains('\u{202e}') && log.contains("\\u{1b}[2J"), "{log:?}");
    }

    #[test]
    fn a_summary_is_a_section_that_ends() {
        let log = said(|log| log.summarise("### pushsync plan\n\n+ one\n\n"));
        let (start, rest) = log.split_once("the summary\n").expect("a header");
        assert_eq!(start, "\x1b[0Ksection_start:0:pushsync_summary\r\x1b[0Kpushsync: ");
        let end = "\x1b[0Ksection_end:0:pushsync_summary\r\x1b[0K\n";
        assert_eq!(rest, format!("### pushsync plan\n\n+ one\n{end}"));
    }

    #[test]
    fn an_input_is_named_by_its_variable() {
        let log = GitLabReporter::new(&|_| {});
        assert_eq!(log.input("fail-on-stop", "true"), "PUSHSYNC_CI_FAIL_ON_STOP=true");
    }

    #[test]
    fn outputs_and_annotations_are_left_out() {
        let log = said(|log| {
            log.output("digest", "x");
            log.annotate("::error file=a::b\n");
            log.ignore();
            log.hear();
        });
        assert_eq!(log, "");
    }
}
