use serde::{Serialize, Serializer};

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// The kinds of problems, each with its stable name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// What it stands for, a sentence.
            pub fn description(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii_start(),)+ }
            }

            /// The stable name: `unknown-field`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

codes! {
    /// A file could not be read.
    Unreadable = "unreadable",
    /// There is no `pushsync.yaml`.
    NoProject = "no-project",
    /// A file is not UTF-8.
    NotUtf8 = "not-utf8",
    /// A CSV file is in another encoding than `encoding:` says.
    WrongEncoding = "wrong-encoding",
    /// A file is something else than its name says: a workbook of a spreadsheet, an archive, a web page.
    WrongFormat = "wrong-format",
    /// A file is not YAML.
    YamlSyntax = "yaml-syntax",
    /// A text without quotes with a sign in it that means something to YAML.
    NeedsQuotes = "needs-quotes",
    /// A text without quotes with a `#` in it: YAML takes the rest of the line for a comment.
    CommentInText = "comment-in-text",
    /// A quote inside a text in such quotes, which ends the text.
    QuoteInQuotes = "quote-in-quotes",
    /// A quote that is never closed.
    UnclosedQuote = "unclosed-quote",
    /// A bracket that is never closed, or closes nothing.
    UnclosedBracket = "unclosed-bracket",
    /// A backslash in double quotes that means nothing, or half of a character.
    BadEscape = "bad-escape",
    /// A text below `|` or `>` that is not indented.
    TextNotIndented = "text-not-indented",
    /// A tab in the indentation.
    TabIndentation = "tab-indentation",
    /// A character that looks like a blank, in the indentation or behind a colon.
    OddBlank = "odd-blank",
    /// A line that is indented otherwise than those that it belongs to.
    BadIndentation = "bad-indentation",
    /// A key without a colon, or without a blank behind the colon.
    NoColon = "no-colon",
    /// Two fields inside brackets with no comma between them.
    NoComma = "no-comma",
    /// A message, a sender or an audience outside the section where it belongs.
    MisplacedEntry = "misplaced-entry",
    /// Curly quotes around a text, which are sent with it.
    CurlyQuotes = "curly-quotes",
    /// A project that would take more of the machine than it may: see `--raise-limit`.
    Limit = "limit",
    /// YAML that is nested too deeply, has too many `%TAG` directives, or whose alias stands inside its own anchor.
    YamlLimit = "yaml-limit",
    /// A YAML tag (`!name`), which would silently lose its meaning.
    YamlTag = "yaml-tag",
    /// More than one YAML document in one file.
    SeveralDocuments = "several-documents",
    /// The same key twice, in one mapping or across files.
    DuplicateKey = "duplicate-key",
    /// A field that does not exist.
    UnknownField = "unknown-field",
    /// A field that exists, but not in this file.
    MisplacedField = "misplaced-field",
    /// A field that must be there is not.
    MissingField = "missing-field",
    /// A value of the wrong type: a list where a text belongs.
    WrongType = "wrong-type",
    /// A word where one of a few others belongs.
    UnknownValue = "unknown-value",
    /// A value that cannot be understood: a duration, an instant, a share.
    BadValue = "bad-value",
    /// A `version` that this program does not know.
    UnsupportedVersion = "unsupported-version",
    /// A key that does not follow the rule for keys.
    BadKey = "bad-key",
    /// An environment that is not declared.
    UnknownEnvironment = "unknown-environment",
    /// `${NAME}` names an environment variable that is not set or empty, or one whose name does not begin with `PUSHSYNC_VAR_`: a manifest reaches no other.
    EnvironmentVariable = "environment-variable",
    /// A path that leads outside the project's folder.
    OutsideProject = "outside-project",
    /// An `include` that cannot be used, or that names a file that does not exist.
    BadInclude = "bad-include",
    /// A pattern of `include` that matches no file; an error if the plan would delete messages because of it.
    EmptyPattern = "empty-pattern",
    /// A link to a file that does not exist.
    BrokenLink = "broken-link",
    /// A file beside those that are included, left out only because of how its name is written.
    NotIncluded = "not-included",
    /// A `base_url` that is neither on `https://api.brevo.com` nor on a loopback address: the API key goes to no other host unless `--base-url` or `BREVO_BASE_URL` names it.
    BadBaseUrl = "bad-base-url",
    /// A sender that is not declared.
    UnknownSender = "unknown-sender",
    /// An audience that is not declared.
    UnknownAudience = "unknown-audience",
    /// A sender that is not exactly one of group, agent, or e-mail with name and mark.
    BadSender = "bad-sender",
    /// A sender that this kind of message cannot have.
    SenderNotAllowed = "sender-not-allowed",
    /// `to`, or an audience, that is not exactly one of its forms.
    BadRecipients = "bad-recipients",
    /// A text that cannot be a visitor's id, or that stands for no visitor, as `NULL` does.
    BadVisitor = "bad-visitor",
    /// The secret that visitors' ids are made with is not set, is not as it must be, or is so short that it can be guessed.
    VisitorSecret = "visitor-secret",
    /// A visitor twice in one audience.
    DuplicateVisitor = "duplicate-visitor",
    /// A header row that lacks `visitor_id`, or names a column twice or not at all.
    CsvHeader = "csv-header",
    /// A row with more or fewer cells than the header, the header once more, or a mark of a merge conflict.
    CsvRow = "csv-row",
    /// A quote in a CSV file that does not stand around a cell, or that has other rows in it.
    CsvQuote = "csv-quote",
    /// A CSV file without a line break at its end, whose last cell is an id: if the file was cut off, the id is that of another visitor.
    CsvCut = "csv-cut",
    /// A character in a CSV file that no text has: a control character, or the sign for a letter that was lost.
    CsvCharacter = "csv-character",
    /// A `query` that is not one SELECT, or whose columns cannot be those of an audience.
    BadQuery = "bad-query",
    /// A `database` that is not the URL of a PostgreSQL database, has a password in it, or has a variable that is only a part of it.
    BadDatabase = "bad-database",
    /// A query that the database refuses or does not end in time, or a database that cannot be reached: never an empty audience.
    QueryFailed = "query-failed",
    /// A query that was left out, where its rows are needed.
    QueryLeftOut = "query-left-out",
    /// A column that is named under `columns:`, under `locale:` or in `row["…"]`, and that the audience does not have.
    UnknownColumn = "unknown-column",
    /// Cells that do not fit the type of their column, or have a character that no text has.
    BadCell = "bad-cell",
    /// An audience that is not as `expect:` says.
    ExpectationFailed = "expectation-failed",
    /// A `where` that is not an expression, names something that is neither a column nor a variable, or fails for a row.
    BadWhere = "bad-where",
    /// A text with nothing in it.
    EmptyText = "empty-text",
    /// A text that is not a template.
    TemplateSyntax = "template-syntax",
    /// A template variable that a row lacks.
    UndefinedVariable = "undefined-variable",
    /// A comparison of a text with a number, or of other values that are not of one kind.
    TypeMismatch = "type-mismatch",
    /// A text such as `no` or `false` that stands as a condition, where every text counts as true.
    TruthInWords = "truth-in-words",
    /// A template that fails for a row for another reason.
    TemplateError = "template-error",
    /// A window that ends before it starts.
    BadWindow = "bad-window",
    /// A `moved` that cannot be followed: a circle, a key named twice, a key that is still there.
    BadMove = "bad-move",
    /// An `import` whose address or id is wrong, or named twice.
    BadImport = "bad-import",
    /// A `percent` without a salt, of a message that a `moved` entry has renamed: without the entry, others would get it.
    SaltOfMove = "salt-of-move",
    /// A `removed` whose key is still there, or named twice.
    BadRemoved = "bad-removed",
    /// A word where a language such as `en` or `pt-BR` belongs.
    BadLanguage = "bad-language",
    /// Visitors who get a message in the fallback language, because there is no text in theirs.
    MissingTranslation = "missing-translation",
    /// A text of more than 5,000 characters.
    TextTooLong = "text-too-long",
    /// Two messages with the same text for the same visitor.
    SameText = "same-text",
    /// A name in single braces, `{name}`, which is sent as it stands.
    SingleBraces = "single-braces",
    /// A backslash and an `n` in a text, which is sent as it stands.
    WrittenLineBreak = "written-line-break",
    /// HTML in a text: a chat shows it as it stands.
    HtmlInText = "html-in-text",
    /// A text that begins with a blank line.
    BlankStart = "blank-start",
    /// An audience without rows.
    EmptyAudience = "empty-audience",
    /// A message whose window has passed.
    WindowPassed = "window-passed",
    /// A message whose window closes before the budget lets all of its deliveries be sent.
    WindowTooShort = "window-too-short",
    /// Something the planner cannot reconcile: an `import` of a delivery that is not in the manifest.
    ImportNotDesired = "import-not-desired",
    /// An `import` names a message that another delivery has.
    ImportConflict = "import-conflict",
    /// An `import` names an address that the state has already, with another message.
    ImportIdle = "import-idle",
    /// A `moved` whose new address the state already has.
    MoveBlocked = "move-blocked",
    /// The number of a message's deliveries differs more from what it was than the `expect:` of its audience lets it.
    UnexpectedChange = "unexpected-change",
    /// The query of an audience gave no rows, and its message has deliveries.
    EmptyQuery = "empty-query",
    /// Visitors' ids would be made with another secret than those of the deliveries in the state.
    OtherVisitorSecret = "other-visitor-secret",
    /// A plan that deletes or sends anew deliveries of a message that is declared `protect: true`.
    Protected = "protected",
    /// A plan that deletes everything, because the manifest wants nothing.
    EmptyManifest = "empty-manifest",
    /// A plan with more deletes than `safety.max_deletes` lets it have.
    TooManyDeletes = "too-many-deletes",
    /// A plan with more creates than `safety.max_creates` lets it have.
    TooManyCreates = "too-many-creates",
    /// A plan that sends more messages anew than `safety.max_resends` lets it.
    TooManyResends = "too-many-resends",
    /// There is no state yet: nothing is known to have been sent.
    NewState = "new-state",
    /// A `state` that is neither a folder nor a URL that a store goes by. It is not shown, because it may hold a password.
    BadState = "bad-state",
    /// Brevo does not know the OAuth client, or its secret is another one.
    InvalidClient = "invalid-client",
    /// The app of the OAuth client lacks a scope that pushsync asks for.
    InvalidScope = "invalid-scope",
    /// The app of the OAuth client may not get tokens by `client_credentials`.
    UnauthorizedClient = "unauthorized-client",
    /// There is no access token, because the server that gives them does not answer as it should.
    NoToken = "no-token",
    /// The API refuses the access token, and a new one too.
    ExpiredToken = "expired-token",
    /// The API refuses the key, or none reached it.
    Unauthorized = "unauthorized",
    /// Brevo blocks the IP address of this machine.
    UnrecognisedIp = "unrecognised-ip",
    /// The account's plan does not include the API, or its credits are used up.
    NotEnoughCredits = "not-enough-credits",
    /// The key, or the access token, may not do what was asked for.
    PermissionDenied = "permission-denied",
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
