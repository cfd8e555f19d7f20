//! Declared audiences, and the rows of each, read once and shared.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    audience::{
        CsvFormat, Expectations, FileLines, MOST_BYTES, QuerySource, Reading, RowRules, Table,
        Types,
    },
    context::Context,
    csv_format,
    declared::Declared,
    folder::unreadable,
    input_file::{FolderOf, InputFile},
    layers::Layers,
    limits::Limits,
    queries, raw,
    source_path::SourcePath,
    visitor_ids,
};
use crate::{
    diagnostics::{Code, Diagnostic, Severity},
    files::{self, Ending},
    model::{ChangeLimit, Place},
};

/// An audience, not yet read.
pub(crate) struct Audience {
    rows: RowSource,
    /// Where its rows are named.
    at: SourcePath,
    rules: RowRules,
    expect: Expectations,
}

/// Where the rows of an audience come from.
enum RowSource {
    /// The path is as the system knows it: audiences with the same one share its rows.
    File {
        path: PathBuf,
        name: Arc<str>,
        format: CsvFormat,
    },
    List(Vec<String>),
    Query(Box<QuerySource>),
}

/// An audience that no message uses: read only when everything is checked.
pub(crate) struct Unused(Audience, Limits);

/// The audiences that were looked at, by the file of their rows, and whether they are empty.
pub(crate) type Seen<'u> = HashMap<&'u Path, Vec<(&'u Audience, bool)>>;

impl Unused {
    /// Reads it, and returns its problems. `seen` has the audiences that were looked at, and whether they are empty.
    pub(crate) fn check<'u>(&'u self, seen: &mut Seen<'u>) -> Vec<Diagnostic> {
        // A query runs when a message needs it.
        if matches!(self.0.rows, RowSource::Query(_)) {
            return Vec::new();
        }
        let mut failed = Vec::new();
        let mut none = Vec::new();
        let alike = match self.0.row_file() {
            Some(file) => seen.entry(file).or_default(),
            None => &mut none,
        };
        let known = alike.iter().find(|(other, _)| other.same_rows(&self.0));
        let read = match known {
            Some((_, empty)) if self.0.expect.is_empty() => Ok(*empty),
            _ => self.0.read(&self.1).map(|table| {
                failed = self.0.expect.check(&table);
                failed.extend(table.warning().cloned());
                table.is_empty()
            }),
        };
        if known.is_none() {
            alike.push((&self.0, read.as_ref().is_ok_and(|empty| *empty)));
        }
        match read {
            Ok(true) => vec![self.0.empty()].into_iter().chain(failed).collect(),
            Ok(false) => failed,
            Err(problems) => problems,
        }
    }
}

impl Audience {
    /// From its declaration; `None` if it was reported.
    pub(crate) fn declared(
        cx: &mut Context<'_>,
        mut layers: Layers<'_, raw::Audience>,
        folder_of: &FolderOf<'_>,
    ) -> Option<Self> {
        layers.one_form(|raw| {
            u8::from(raw.file.is_some())
                | u8::from(raw.visitors.is_some()) << 1
                | u8::from(raw.query.is_some()) << 2
        });
        let file = layers.get("file", |raw| raw.file.as_ref());
        let query = layers.get("query", |raw| raw.query.as_ref());
        let visitors = layers.get("visitors", |raw| raw.visitors.as_ref());
        let at = layers.source()?.clone();
        let expect = Expectations::declared(cx, &layers);
        let forms = [
            file.as_ref().map(|(_, at)| at.clone()),
            query.as_ref().map(|(_, at)| at.clone()),
            visitors.as_ref().map(|(_, at)| at.clone()),
        ];
        if let Some(second) = forms.into_iter().flatten().nth(1) {
            let message = "an audience has a file, a query or a list of visitors: only one of them";
            cx.error(Code::BadRecipients, message, &second.key());
            return None;
        }
        if let Some((text, at)) = file {
            let with_file = misplaced(cx, &layers, "a file", "`query`", queries::fields);
            let (visitor, format) =
                (visitor_ids::rule(cx, &layers), csv_format::format(cx, &layers));
            let kind = (Code::BadRecipients, "a CSV file");
            let InputFile { path, name } = InputFile::named(cx, folder_of, text, &at, kind)?;
            let (format, visitor) = (format?, visitor?);
            let (column, kind) = (visitor.column.clone(), visitor.kind());
            let missing = missing(&layers);
            let reading = Reading { format, column, kind, missing: missing.clone() };
            let lines = FileLines::csv(path.clone(), reading);
            cx.sources.add(name.clone(), Arc::new(lines));
            let rules = RowRules { visitor, types: types(&layers), missing };
            let rows = RowSource::File { path, name, format };
            return (!with_file).then_some(Self { rows, at, rules, expect });
        }
        if let Some((text, at)) = query {
            let with_query = misplaced(cx, &layers, "a query", "`file`", csv_format::fields);
            let source = queries::source(cx, &layers, folder_of, text, &at);
            let visitor = visitor_ids::rule(cx, &layers)?;
            let rules = RowRules { visitor, types: types(&layers), missing: missing(&layers) };
            let rows = RowSource::Query(Box::new(source.filter(|_| !with_query)?));
            return Some(Self { rows, at, rules, expect });
        }
        if let Some((ids, at)) = visitors {
            let of_rows = |raw: &raw::Audience| {
                [
                    ("columns", raw.columns.is_some()),
                    ("missing", raw.missing.is_some()),
                    ("visitor", raw.visitor.is_some()),
                ]
            };
            let (list, rows) = ("a list of visitors", "`file` or `query`");
            let with_list = misplaced(cx, &layers, list, rows, of_rows)
                | misplaced(cx, &layers, list, "`file`", csv_format::fields)
                | misplaced(cx, &layers, list, "`query`", queries::fields);
            return (!with_list).then(|| Self { expect, ..Self::list(ids.clone(), at) });
        }
        if !layers.faulty() {
            let message = "an audience is { file: FILE }, { query: FILE, database: URL } or { visitors: [ID, …] }";
            cx.error(Code::BadRecipients, message, &at.key());
        }
        None
    }

    /// The visitors of a list.
    pub(crate) fn list(ids: Vec<String>, at: SourcePath) -> Self {
        let (rules, expect) = Default::default();
        Self { rows: RowSource::List(ids), at, rules, expect }
    }

    fn read(&self, limits: &Limits) -> Result<Table, Vec<Diagnostic>> {
        let table = match &self.rows {
            RowSource::File { path, name, format } => {
                let bytes = files::read_unchanged(path, MOST_BYTES, Ending::LineBreak)
                    .map_err(|error| vec![unreadable(name, &error).at(self.at.place())])?;
                Table::from_csv(name, bytes, (*format, &self.rules), limits)?
            }
            RowSource::List(ids) => Table::from_list(ids, self.at.clone())?,
            // Its columns are not known, and so not which of them have a type.
            RowSource::Query(query) if query.database.is_none() => {
                return Ok(Table::left_out(self.at.clone()));
            }
            RowSource::Query(query) => query.table(&self.rules, limits)?,
        };
        let types = &self.rules.types;
        if types.is_empty() { Ok(table) } else { table.with_types(types) }
    }

    /// The file that its rows come from, or that says where: audiences with other ones have other rows.
    fn row_file(&self) -> Option<&Path> {
        match &self.rows {
            RowSource::File { path, .. } => Some(path),
            RowSource::Query(query) => Some(Path::new(&*query.file)),
            RowSource::List(_) => None,
        }
    }

    /// Whether both have the same rows, which then are read once.
    fn same_rows(&self, other: &Self) -> bool {
        let same = match (&self.rows, &other.rows) {
            (
                RowSource::File { path, name: _, format },
                RowSource::File { path: other, name: _, format: of_other },
            ) => path == other && format == of_other,
            (RowSource::Query(query), RowSource::Query(other)) => query.same(other),
            _ => false,
        };
        same && self.rules.same(&other.rules)
    }

    fn empty(&self) -> Diagnostic {
        let warning = Diagnostic::warning(Code::EmptyAudience, "this audience has no visitors");
        warning.at(self.at.place())
    }
}

/// Reports fields that this kind of audience does not have: `goes_with` has them. Whether there are any.
fn misplaced<const N: usize>(
    cx: &mut Context<'_>,
    layers: &Layers<'_, raw::Audience>,
    this: &str,
    goes_with: &str,
    fields: impl Fn(&raw::Audience) -> [(&'static str, bool); N],
) -> bool {
    let mut any = false;
    for layer in &layers.0 {
        for (field, _) in fields(layer.raw).into_iter().filter(|(_, there)| *there) {
            any = true;
            let message = match field {
                "columns" => format!("{this} has no columns: `columns` goes with {goes_with}"),
                _ => format!("`{field}` goes with {goes_with}, not with {this}"),
            };
            cx.error(Code::BadRecipients, message, &layer.at.child(field).key());
        }
    }
    any
}

/// The cells that count as empty.
fn missing(layers: &Layers<'_, raw::Audience>) -> Arc<[Box<str>]> {
    let cells = layers.get("missing", |raw| raw.missing.as_ref());
    cells.iter().flat_map(|(cells, _)| cells.iter().map(|cell| cell.as_str().into())).collect()
}

/// The types of columns: those of an environment are laid over the rest.
fn types(layers: &Layers<'_, raw::Audience>) -> Types {
    let mut types = BTreeMap::new();
    for layer in &layers.inner("columns", |raw| raw.columns.as_ref()).0 {
        for (name, kind) in &layer.raw.0 {
            types.insert(name.clone(), (*kind, layer.at.child(&**name)));
        }
    }
    types.into_iter().map(|(name, (kind, at))| (name, kind, at)).collect()
}

/// An audience that was read, and its table unless there was a problem.
type Read = (String, Option<Arc<Table>>);

/// The audiences, each read when the first message asks for it.
pub(crate) struct Audiences {
    declared: Declared<Audience>,
    tables: HashMap<String, Option<Arc<Table>>>,
    /// Those that were read, each with the name of its audience, by the file of the rows.
    read: HashMap<PathBuf, Vec<Read>>,
    /// The message that asks.
    message: String,
    /// Audiences that are not as expected, each with what is wrong and with the messages that use it.
    unexpected: BTreeMap<String, (Vec<Diagnostic>, Vec<String>)>,
}

impl Audiences {
    pub(crate) fn new(declared: Declared<Audience>) -> Self {
        let (tables, read, message, unexpected) = Default::default();
        Self { declared, tables, read, message, unexpected }
    }

    /// The message of this key asks for its audience next.
    pub(crate) fn ask_for(&mut self, key: &str) {
        key.clone_into(&mut self.message);
    }

    /// Reports the audiences that are not as expected, once all messages have asked.
    pub(crate) fn report_unexpected(&mut self, cx: &mut Context<'_>) {
        for (problems, messages) in std::mem::take(&mut self.unexpected).into_values() {
            let is_allowed = |message: &String| {
                cx.options.allow_change.iter().any(|key| key.as_str() == message)
            };
            let allowed = messages.iter().all(is_allowed);
            cx.problems.extend(problems.into_iter().map(|problem| match problem.code {
                Code::ExpectationFailed if allowed => {
                    Diagnostic { severity: Severity::Warning, ..problem }
                }
                _ => problem,
            }));
        }
    }

    /// The table of an audience; `None` if it was reported.
    pub(crate) fn table(
        &mut self,
        cx: &mut Context<'_>,
        name: &str,
        at: &SourcePath,
    ) -> Option<Arc<Table>> {
        if let Some(table) = self.tables.get(name) {
            if let Some((_, messages)) = self.unexpected.get_mut(name) {
                messages.push(self.message.clone());
            }
            return table.clone();
        }
        let Some(audience) = self.declared.known.get(name) else {
            if self.declared.lacks(name) {
                let help = self.declared.help(name, "audiences");
                let message = format!("there is no audience `{name}`");
                cx.error_with(Code::UnknownAudience, message, at, help);
            }
            return None;
        };
        let same = |(other, _): &&Read| {
            self.declared.known.get(other).is_some_and(|other| other.same_rows(audience))
        };
        // Audiences with the same rows may expect other things of them.
        let expect = &audience.expect;
        let file = audience.row_file();
        let alike = file.and_then(|file| self.read.get(file)).into_iter().flatten();
        let table = match { alike }.find(same) {
            Some((_, table)) => {
                if table.as_ref().is_some_and(|table| table.is_empty() && !table.is_left_out()) {
                    cx.problems.push(audience.empty());
                }
                table.clone()
            }
            None => {
                let table = read(cx, audience);
                if let Some(file) = file {
                    let alike = self.read.entry(file.to_owned()).or_default();
                    alike.push((name.to_owned(), table.clone()));
                }
                table
            }
        };
        let failed: Vec<_> = table.iter().flat_map(|table| expect.check(table)).collect();
        if !failed.is_empty() {
            self.unexpected.insert(name.to_owned(), (failed, vec![self.message.clone()]));
        }
        self.tables.insert(name.to_owned(), table.clone());
        table
    }

    /// How far the number of a message's deliveries may change, if its audience says so.
    pub(crate) fn expected_change(&self, name: &str) -> Option<ChangeLimit> {
        self.declared.known.get(name)?.expect.change()
    }

    /// The audiences whose query a message needs, and that was left out, each with the place of its query.
    pub(crate) fn left_out(&self) -> Vec<(String, Place)> {
        let mut found: Vec<_> = self
            .tables
            .iter()
            .filter_map(|(name, table)| {
                let table = table.as_ref().filter(|table| table.is_left_out())?;
                Some((name.clone(), table.place(0)))
            })
            .collect();
        found.sort();
        found
    }

    /// The audiences that no message uses.
    pub(crate) fn unused(self, limits: Limits) -> Vec<Unused> {
        let used = self.tables;
        let all = self.declared.known.into_iter();
        all.filter(|(name, _)| !used.contains_key(name)).map(|(_, a)| Unused(a, limits)).collect()
    }
}

/// Reads an audience, and reports its problems.
pub(crate) fn read(cx: &mut Context<'_>, audience: &Audience) -> Option<Arc<Table>> {
    match audience.read(&cx.options.limits) {
        Ok(table) => {
            cx.problems.extend(table.warning().cloned());
            if table.is_empty() && !table.is_left_out() {
                cx.problems.push(audience.empty());
            }
            Some(Arc::new(table))
        }
        Err(problems) => {
            cx.problems.extend(problems);
            None
        }
    }
}
