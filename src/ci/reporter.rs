//! How a job says things: in its log, its summary and its outputs.

/// Writes text to the log, as it is.
pub type Log<'a> = &'a dyn Fn(&str);

/// The log, the summary and the outputs of a job. Titles are ours; texts may come from anywhere.
pub trait Reporter {
    /// Something that people may want to know.
    fn notice(&self, title: &str, text: &str);

    /// Something that people should look at.
    fn warning(&self, title: &str, text: &str);

    /// Why the job fails.
    fn error(&self, title: &str, text: &str);

    /// From now on, nothing in the log is a command, until [`Reporter::hear`].
    fn ignore(&self);

    /// From now on, commands count again.
    fn hear(&self);

    /// Annotations of files: commands of a workflow at GitHub, which another forge leaves out.
    fn annotate(&self, commands: &str);

    /// Shows Markdown of ours on the page of the job.
    fn summarise(&self, markdown: &str);

    /// Sets an output of the step.
    fn output(&self, name: &str, value: &str);

    /// How an input is set, as people write it there.
    fn input(&self, name: &str, value: &str) -> String;

    /// Where the summary is, in words: *in the job's summary*.
    fn elsewhere(&self) -> &'static str;
}
