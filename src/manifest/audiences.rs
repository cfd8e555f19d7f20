//! Declared audiences, and the rows of each, read once and shared.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    audience::{
        CsvFormat, Database, FileLines, MOST_BYTES, QuerySource, RowRules, SqlLines, Table, Types,
    },
    context::Context,
    declared::Declared,
    duration,
    folder::{ProjectFolder, unreadable},
    layers::Layers,
    limits::Limits,
    options::Queries,
    raw,
    source_path::SourcePath,
    variables::Interpolated,
};
use crate::{
    diagnostics::{Code, Diagnostic},
    files::{self, Ending},
};

/// The folder of the file that something is written in: relative paths start there.
pub(crate) type FolderOf<'a> = dyn Fn(&SourcePath) -> PathBuf + 'a;

/// An audience, not yet read.
pub(crate) struct Audience {
    rows: RowSource,
    /// Where its rows are named.
    at: SourcePath,
    rules: RowRules,
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
    Query(QuerySource),
}

/// An audience that no message uses: read only when everything is checked.
pub(crate) struct Unused(Audience, Limits);

impl Unused {
    /// Reads it, and returns its problems. `seen` has the audiences that were looked at, and whether they are empty.
    pub(crate) fn check<'u>(&'u self, seen: &mut Vec<(&'u Audience, bool)>) -> Vec<Diagnostic> {
        // A query runs when a message needs it.
        if matches!(self.0.rows, RowSource::Query(_)) {
            return Vec::new();
        }
        let known = seen.iter().find(|(other, _)| other.same_rows(&self.0));
        let read = match known {
            Some((_, empty)) => Ok(*empty),
            None => self.0.read(&self.1).map(|table| table.is_empty()),
        };
        if known.is_none() {
            seen.push((&self.0, read.as_ref().is_ok_and(|empty| *empty)));
        }
        match read {
            Ok(true) => vec![self.0.empty()],
            Ok(false) => Vec::new(),
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
        if query.is_none() && !query_alone(cx, &layers) {
            return None;
        }
        if let Some((text, at)) = file {
            let (path, name) = named_file(cx, folder_of, text, &at, "a CSV file")?;
            cx.sources.add(name.clone(), Arc::new(FileLines::new(path.clone(), true)));
            let rules = RowRules { types: types(&layers), ..RowRules::default() };
            let rows = RowSource::File { path, name, format: CsvFormat::default() };
            return Some(Self { rows, at, rules });
        }
        if let Some((text, query_at)) = query {
            let source = query_source(cx, &layers, folder_of, text, &query_at);
            let rules = RowRules { types: types(&layers), ..RowRules::default() };
            return Some(Self { rows: RowSource::Query(source?), at: query_at, rules });
        }
        if let Some((ids, at)) = visitors {
            if let Some((_, columns)) = layers.get("columns", |raw| raw.columns.as_ref()) {
                let message =
                    "a list of visitors has no columns: `columns` goes with `file` or `query`";
                cx.error(Code::BadRecipients, message, &columns.key());
                return None;
            }
            return Some(Self::list(ids.clone(), at));
        }
        if !layers.faulty() {
            let message = "an audience is { file: FILE }, { query: FILE, database: URL } or { visitors: [ID, …] }";
            cx.error(Code::BadRecipients, message, &at.key());
        }
        None
    }

    /// The visitors of a list.
    pub(crate) fn list(ids: Vec<String>, at: SourcePath) -> Self {
        Self { rows: RowSource::List(ids), at, rules: RowRules::default() }
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

/// A file that an audience names: that it is there, and inside the project. `None` if it was reported.
fn named_file(
    cx: &mut Context<'_>,
    folder_of: &FolderOf<'_>,
    text: &str,
    at: &SourcePath,
    kind: &str,
) -> Option<(PathBuf, Arc<str>)> {
    let text = cx.interpolated(text, at)?;
    if text.value().is_empty() {
        cx.error(Code::BadRecipients, "this names no file", at);
        return None;
    }
    let path = folder_of(at).join(text.value());
    // Its name is the text as it is written, without the values of variables.
    let name = cx.folder.name(&folder_of(at).join(text.written()));
    if let Err(mut problem) = readable(cx.folder, &path, &name, &text, kind) {
        problem.place = Some(at.place());
        cx.problems.push(problem);
        return None;
    }
    Some((std::fs::canonicalize(&path).unwrap_or(path), name))
}

/// That an audience without a query has none of its fields; `false` if that was reported.
fn query_alone(cx: &mut Context<'_>, layers: &Layers<'_, raw::Audience>) -> bool {
    let fields = [
        ("database", layers.get("database", |raw| raw.database.as_ref())),
        ("timeout", layers.get("timeout", |raw| raw.timeout.as_ref())),
    ];
    let mut alone = true;
    for (field, found) in fields {
        if let Some((_, at)) = found {
            alone = false;
            let message = format!("`{field}` goes with `query`, and this audience has none");
            cx.error(Code::BadRecipients, message, &at.key());
        }
    }
    alone
}

/// What YAML and the SQL file say of a query; `None` if it was reported.
fn query_source(
    cx: &mut Context<'_>,
    layers: &Layers<'_, raw::Audience>,
    folder_of: &FolderOf<'_>,
    text: &str,
    query_at: &SourcePath,
) -> Option<QuerySource> {
    let mut sound = true;
    for (field, found) in [
        ("delimiter", layers.get("delimiter", |raw| raw.delimiter.as_ref())),
        ("encoding", layers.get("encoding", |raw| raw.encoding.as_ref())),
    ] {
        if let Some((_, at)) = found {
            sound = false;
            let message = format!("`{field}` goes with `file`: a query has columns and UTF-8");
            cx.error(Code::BadRecipients, message, &at.key());
        }
    }
    let timeout = match layers.get("timeout", |raw| raw.timeout.as_ref()) {
        None => Some(QuerySource::TIMEOUT),
        Some((text, at)) => match duration::parse(text) {
            Ok(timeout) if !timeout.is_zero() => Some(timeout),
            Ok(_) => {
                cx.error(Code::BadValue, "a query needs some time: `timeout` is more than 0s", &at);
                None
            }
            Err(error) => {
                cx.error(Code::BadValue, error.to_string(), &at);
                None
            }
        },
    };
    let database = database(cx, layers, query_at);
    let file = named_file(cx, folder_of, text, query_at, "a file with SQL");
    let read = file.and_then(|(path, file)| match QuerySource::read_sql(&path, &file) {
        Ok(sql) => {
            cx.sources.add(file.clone(), Arc::new(SqlLines::new(sql.clone())));
            if let Err(problem) = QuerySource::check(&sql, &file) {
                cx.problems.push(problem);
                return None;
            }
            Some((file, sql))
        }
        Err(mut problem) => {
            problem.place.get_or_insert_with(|| query_at.place());
            cx.problems.push(problem);
            None
        }
    });
    let (file, sql) = read?;
    let (timeout, database) = (timeout?, database?);
    sound.then_some(QuerySource { file, sql, timeout, database })
}

/// Where a query runs, `None` inside if queries are left out; `None` if it was reported.
fn database(
    cx: &mut Context<'_>,
    layers: &Layers<'_, raw::Audience>,
    query_at: &SourcePath,
) -> Option<Option<Database>> {
    let Some((text, at)) = layers.get("database", |raw| raw.database.as_ref()) else {
        if !layers.faulty() {
            let help =
                "add `database: \"${PUSHSYNC_VAR_DATABASE}\"`, and put the URL into that variable";
            let message = "this query has no `database`";
            cx.error_with(Code::MissingField, message, &query_at.key(), Some(help.to_owned()));
        }
        return None;
    };
    let left_out = cx.options.queries == Queries::LeaveOut;
    // Where no query runs, its variable need not be set. Its name is checked all the same.
    let standing_in = |_: &str| Some("postgres://localhost/".to_owned());
    let read = match left_out {
        true => cx.interpolated_with(text, &at, &standing_in)?,
        false => cx.interpolated(text, &at)?,
    };
    match Database::new(&read, at.clone()) {
        Ok(database) => Some((!left_out).then_some(database)),
        Err((message, help)) => {
            cx.error_with(Code::BadDatabase, message, &at, help);
            None
        }
    }
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

/// That the file is there and inside the project.
fn readable(
    folder: &ProjectFolder,
    path: &Path,
    name: &str,
    text: &Interpolated,
    kind: &str,
) -> Result<(), Diagnostic> {
    folder.check_named(path, name).map_err(|mut problem| {
        // Files near a path tell of the path.
        if problem.code == Code::Unreadable
            && !text.has_variables()
            && text.written().contains('\\')
        {
            let slashes = text.written().replace('\\', "/");
            problem.help = Some(format!("write `/` between folders: `{slashes}`"));
        } else if problem.code == Code::Unreadable
            && !text.has_variables()
            && let Some(near) = folder.near(path)
        {
            problem.help = Some(format!("did you mean `{near}`?"));
        }
        problem
    })?;
    if std::fs::metadata(path).is_ok_and(|file| !file.is_dir() && !file.is_file()) {
        let message = format!("`{}` is a device or a pipe, not {kind}", folder.name(path));
        return Err(Diagnostic::error(Code::Unreadable, message));
    }
    if path.is_dir() {
        let message = format!("`{name}` is a folder, not {kind}");
        return Err(Diagnostic::error(Code::Unreadable, message));
    }
    Ok(())
}

/// The audiences, each read when the first message asks for it.
pub(crate) struct Audiences {
    declared: Declared<Audience>,
    tables: HashMap<String, Option<Arc<Table>>>,
    /// Those that were read, each with the name of its audience.
    read: Vec<(String, Option<Arc<Table>>)>,
}

impl Audiences {
    pub(crate) fn new(declared: Declared<Audience>) -> Self {
        Self { declared, tables: HashMap::new(), read: Vec::new() }
    }

    /// The table of an audience; `None` if it was reported.
    pub(crate) fn table(
        &mut self,
        cx: &mut Context<'_>,
        name: &str,
        at: &SourcePath,
    ) -> Option<Arc<Table>> {
        if let Some(table) = self.tables.get(name) {
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
        let same = |(other, _): &&(String, _)| {
            self.declared.known.get(other).is_some_and(|other| other.same_rows(audience))
        };
        let table = match self.read.iter().find(same) {
            Some((_, table)) => {
                if table.as_ref().is_some_and(|table| table.is_empty() && !table.is_left_out()) {
                    cx.problems.push(audience.empty());
                }
                table.clone()
            }
            None => {
                let table = read(cx, audience);
                self.read.push((name.to_owned(), table.clone()));
                table
            }
        };
        self.tables.insert(name.to_owned(), table.clone());
        table
    }

    /// The audiences whose query a message needs, and that was left out.
    pub(crate) fn left_out(&self) -> Vec<String> {
        let is_left_out =
            |table: &Option<Arc<Table>>| table.as_ref().is_some_and(|table| table.is_left_out());
        let all = self.tables.iter().filter(|(_, table)| is_left_out(table));
        let mut names: Vec<String> = all.map(|(name, _)| name.clone()).collect();
        names.sort();
        names
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
