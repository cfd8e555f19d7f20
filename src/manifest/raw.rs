//! The fields of YAML files, as serde sees them: each may be missing, and only shapes are checked.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::json;

use super::{
    audience::ColumnType,
    settings::MOST_CONCURRENT,
    template::lints::Level,
    unions::{CellRule, Entries, Forms, NameOr, Percent, Texts, Threshold, Var},
};
use crate::model::{Kind, OnLeave, OnMissing, OnUnknown};

impl Forms for Sender {
    const EXPECTED: &str =
        "a sender's name, { group: ID }, { agent: ID } or { email, name, received_from }";
}

impl Forms for Recipients {
    const EXPECTED: &str = "an audience's name, { visitor: ID }, { visitors: [ID, …] } or { audience: NAME, where: EXPRESSION, percent: N }";
}

impl Forms for Visitor {
    const EXPECTED: &str =
        "the name of a column, or { column: NAME, hmac_sha256: VARIABLE, length: N }";
}

/// A field that is written has a value: with nothing behind it, a placeholder may not have been filled in, and without
/// the field more is sent.
fn said<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

macro_rules! raw {
    ($($(#[$meta:meta])* $expected:literal $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)+ })+) => {
        $(
            $(#[$meta])*
            #[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
            #[serde(deny_unknown_fields, default, expecting = $expected)]
            pub(crate) struct $name {
                $($(#[$field_meta])* pub(crate) $field: Option<$type>,)+
            }
        )+
    };
}

macro_rules! files {
    ({ $($own:tt)* } { $($shared:tt)* }) => {
        raw! {
            /// A whole file. Some fields belong in `pushsync.yaml` only.
            "a mapping with `messages`, `senders`, `audiences`, …"
            File { $($own)* $($shared)* }

            /// The fields that an environment lays over the rest.
            "a mapping of the differences of this environment"
            Environment { $($shared)* }
        }
    };
}

files! {
    {
        /// The version of this format; only 1 is known.
        #[schemars(example = &json!(1), extend("default" = 1))]
        version: u64,
        /// Which other files belong to the project: globs, relative to this file.
        #[schemars(example = &json!(["messages/**/*.yaml"]), extend("default" = ["messages/**/*.yaml"]))]
        include: Vec<String>,
        /// The differences of environments, by their names: `--env NAME` lays them over the rest.
        #[schemars(example = &json!({"staging": {"vars": {"product": "Acme staging"}}}))]
        environments: Entries<Environment>,
    }
    {
        /// Where the state is: a folder, `postgres://…`, or `s3://bucket/prefix`. `${PUSHSYNC_VAR_NAME}` takes that environment variable.
        #[schemars(example = &json!("s3://acme-pushsync/announcements"), extend("default" = "state"))]
        state: String,
        /// How the API is reached.
        #[schemars(example = &json!({"concurrency": 4, "timeout": "30s"}))]
        api: Api,
        /// What pushsync assumes of the account until the API says otherwise.
        #[schemars(example = &json!({"requests_per_hour": 100}))]
        limits: Limits,
        /// Which plans are refused.
        #[schemars(example = &json!({"max_deletes": "20%", "max_resends": 50}))]
        safety: Safety,
        /// How output shows visitors.
        #[schemars(example = &json!({"mask_visitors": "auto"}))]
        privacy: Privacy,
        /// What is looked for in texts: `off`, `warn` or `error` for each lint.
        #[schemars(example = &json!({"html-in-text": "off"}))]
        lints: Lints,
        /// Variables for templates: texts, whole numbers, true and false, lists, mappings. A number with a fraction is a text.
        #[schemars(example = &json!({"product": "Acme"}))]
        vars: Entries<Var>,
        /// Which of several texts a visitor gets.
        #[schemars(example = &json!({"column": "lang", "fallback": "en"}))]
        locale: Locale,
        /// The senders of messages, by the names that messages use.
        #[schemars(example = &json!({"support": {"group": "PjRBMhWGen6aRHjif"}}))]
        senders: Entries<Sender>,
        /// The visitors who get messages, by the names that messages use.
        #[schemars(example = &json!({"beta": {"file": "audiences/beta.csv"}}))]
        audiences: Entries<Audience>,
        /// The messages that should exist, by their keys.
        #[schemars(example = &json!({"dark-mode": {"from": "support", "to": "beta", "text": "Dark mode is here!"}}))]
        messages: Entries<Message>,
        /// New keys of messages: nothing is sent.
        #[schemars(example = &json!([{"from": "dark-mode", "to": "dark-mode-launch"}]))]
        moved: Vec<Move>,
        /// Messages that exist and are adopted.
        #[schemars(example = &json!([{"to": "welcome@kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg", "id": "AXCR3k9bpSY7bpuh7"}, {"key": "promo", "file": "sent.csv"}]))]
        import: Vec<Import>,
        /// Messages that are no longer managed.
        #[schemars(example = &json!([{"key": "old-banner", "delete": false}]))]
        removed: Vec<Removed>,
    }
}

raw! {
    /// How the API is reached.
    "a mapping with `base_url`, `concurrency`, `timeout`"
    Api {
        /// `https://api.brevo.com/…`, or a server on a loopback address; another host only by `--base-url` or `BREVO_BASE_URL`. `${PUSHSYNC_VAR_NAME}` takes that environment variable.
        #[schemars(example = &json!("https://api.brevo.com/v3"), extend("default" = "https://api.brevo.com/v3"))]
        base_url: String,
        /// How many requests may be under way at once.
        #[schemars(example = &json!(4), extend("default" = 4, "minimum" = 1, "maximum" = MOST_CONCURRENT))]
        concurrency: u64,
        /// How long one request may take, at least `1s`.
        #[schemars(example = &json!("30s"), extend("default" = "30s"))]
        timeout: String,
    }

    /// What pushsync assumes of the account until the API says otherwise.
    "a mapping with `requests_per_hour`"
    Limits {
        /// The budget of requests, until the API's own headers say otherwise.
        #[schemars(example = &json!(100), extend("default" = 100, "minimum" = 1))]
        requests_per_hour: u64,
    }

    /// Which plans are refused.
    "a mapping with `max_creates`, `max_deletes`, `max_resends`"
    Safety {
        /// A plan with more deletes is refused: a count, or a share of the deliveries in the state. It binds from 6 deletes on.
        #[schemars(example = &json!("20%"), extend("default" = "20%"))]
        #[serde(deserialize_with = "said")]
        max_deletes: Threshold,
        /// The same for new messages. A share is of the deliveries in the state: of a state that is new, it is none.
        #[schemars(example = &json!(500))]
        #[serde(deserialize_with = "said")]
        max_creates: Threshold,
        /// The same for messages that are sent again.
        #[schemars(example = &json!(50), extend("default" = "20%"))]
        #[serde(deserialize_with = "said")]
        max_resends: Threshold,
    }

    /// How output shows visitors.
    "a mapping with `mask_visitors`"
    Privacy {
        /// Whether output masks visitor ids; `auto`: unless stdout is a terminal.
        #[schemars(example = &json!("auto"), extend("default" = "auto"))]
        mask_visitors: super::settings::MaskVisitors,
    }

    /// What is looked for in texts.
    "a mapping with `single-braces`, `written-line-break`, `html-in-text`, `blank-start`"
    Lints {
        /// A name in single braces: `{name}`.
        #[schemars(example = &json!("off"), extend("default" = "warn"))]
        #[serde(rename = "single-braces")]
        single_braces: Level,
        /// A backslash and an `n`.
        #[schemars(example = &json!("off"), extend("default" = "warn"))]
        #[serde(rename = "written-line-break")]
        written_line_break: Level,
        /// HTML: `<b>`, `&nbsp;`.
        #[schemars(example = &json!("off"), extend("default" = "warn"))]
        #[serde(rename = "html-in-text")]
        html_in_text: Level,
        /// A blank line at the beginning.
        #[schemars(example = &json!("error"), extend("default" = "warn"))]
        #[serde(rename = "blank-start")]
        blank_start: Level,
    }

    /// A sender: `{ group: ID }`, `{ agent: ID }`, or `{ email, name, received_from }`.
    "a sender: { group: ID }, { agent: ID } or { email, name, received_from }"
    Sender {
        /// A random agent of this group; only for `kind: pushed`.
        #[schemars(example = &json!("PjRBMhWGen6aRHjif"))]
        group: String,
        /// This agent.
        #[schemars(example = &json!("d9nKoegKSjmCtyK78"))]
        agent: String,
        /// The agent with this address; only for `kind: agent`. If there is no such agent, Brevo makes a dummy agent.
        #[schemars(example = &json!("liz@example.com"))]
        email: String,
        /// The agent's name, with `email`.
        #[schemars(example = &json!("Liz"))]
        name: String,
        /// A mark that names the origin of the message; only for `kind: agent`.
        #[schemars(example = &json!("pushsync"))]
        received_from: String,
    }

    /// An audience: `{ file: FILE }`, `{ query: FILE, database: URL }` or `{ visitors: [ID, …] }`.
    "an audience: { file: FILE }, { query: FILE, database: URL } or { visitors: [ID, …] }"
    Audience {
        /// A CSV file, relative to this one, with a header row and a column `visitor_id`, or the one that `visitor` names; the other columns are variables for templates.
        #[schemars(example = &json!("audiences/beta.csv"))]
        file: String,
        /// A file with one SELECT, relative to this one; its columns are those of a row. It runs on `database`, in a read-only transaction.
        #[schemars(example = &json!("audiences/trial.sql"))]
        #[serde(deserialize_with = "said")]
        query: String,
        /// The PostgreSQL database of `query`. `${PUSHSYNC_VAR_NAME}` takes that environment variable.
        #[schemars(example = &json!("${PUSHSYNC_VAR_WAREHOUSE}"))]
        #[serde(deserialize_with = "said")]
        database: String,
        /// How long `query` may take.
        #[schemars(example = &json!("5m"), extend("default" = "60s"))]
        #[serde(deserialize_with = "said")]
        timeout: String,
        /// The ids of the visitors.
        #[schemars(example = &json!(["kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg"]))]
        visitors: Vec<String>,
        /// What separates the cells of `file`: `,`, `;`, `|` or `tab`.
        #[schemars(example = &json!(";"), extend("default" = ",", "enum" = [",", ";", "|", "tab", "\\t", "\t"]))]
        #[serde(deserialize_with = "said")]
        delimiter: String,
        /// The encoding of `file`: a label of the WHATWG Encoding Standard.
        #[schemars(example = &json!("windows-1252"), extend("default" = "utf-8"))]
        #[serde(deserialize_with = "said")]
        encoding: String,
        /// Cells that count as empty, beside the empty one.
        #[schemars(example = &json!(["NULL", "\\N", "#N/A"]))]
        #[serde(deserialize_with = "said")]
        missing: Vec<String>,
        /// The column of the visitors' ids, or the column that their ids are made from.
        #[schemars(example = &json!({"column": "user_id", "hmac_sha256": "PUSHSYNC_VISITOR_SECRET"}), extend("default" = "visitor_id"))]
        #[serde(deserialize_with = "said")]
        visitor: NameOr<Visitor>,
        /// The types of columns: `text`, `integer`, `number`, `boolean`, `date`. A column without a type has texts, which are never compared with numbers.
        #[schemars(example = &json!({"seats": "integer", "vip": "boolean", "since": "date"}))]
        columns: Entries<ColumnType>,
        /// What must hold of the rows. If it does not, no plan is made or applied.
        #[schemars(example = &json!({"rows": "100..5000", "change": "20%", "columns": {"plan": ["free", "pro"], "lang": "required"}}))]
        #[serde(deserialize_with = "said")]
        expect: Expect,
    }

    /// How a visitor's id is made: the hexadecimal HMAC-SHA256 of a cell.
    "{ column: NAME, hmac_sha256: VARIABLE, length: N }"
    Visitor {
        /// The column.
        #[schemars(example = &json!("user_id"))]
        #[serde(deserialize_with = "said")]
        column: String,
        /// The environment variable that holds the secret.
        #[schemars(example = &json!("PUSHSYNC_VISITOR_SECRET"))]
        #[serde(deserialize_with = "said")]
        hmac_sha256: String,
        /// The number of digits, from 16 to 64.
        #[schemars(example = &json!(32), extend("default" = 64, "minimum" = 16, "maximum" = 64))]
        #[serde(deserialize_with = "said")]
        length: u64,
    }

    /// What must hold of an audience.
    "a mapping with `rows`, `change`, `columns`"
    Expect {
        /// How many rows there are: `100..5000`, `100..`, `..5000` or `500`.
        #[schemars(example = &json!("100..5000"))]
        #[serde(deserialize_with = "said")]
        rows: String,
        /// How far the number of a message's deliveries may differ from that in the state: a count, or a share.
        #[schemars(example = &json!("20%"))]
        #[serde(deserialize_with = "said")]
        change: Threshold,
        /// What the cells of a column are: a list of the values that they may have, or `required`.
        #[schemars(example = &json!({"plan": ["free", "pro"], "lang": "required"}))]
        #[serde(deserialize_with = "said")]
        columns: Entries<CellRule>,
    }

    /// Which of several texts a visitor gets.
    "a mapping with `column` and `fallback`"
    Locale {
        /// The column with the visitor's language: `pt-BR`, `pt`.
        #[schemars(example = &json!("lang"))]
        #[serde(deserialize_with = "said")]
        column: String,
        /// The language for visitors whose own a message does not have.
        #[schemars(example = &json!("en"))]
        #[serde(deserialize_with = "said")]
        fallback: String,
    }

    /// A message: its text in the chat, its sender, and the visitors who get it.
    "a mapping with `to`, `text`, …"
    Message {
        /// `pushed`: an automated message; `agent`: as if the agent had written it.
        #[schemars(example = &json!("pushed"), extend("default" = "pushed"))]
        #[serde(deserialize_with = "said")]
        kind: Kind,
        /// A sender's name, or a sender. Without it, a random agent; `kind: agent` must have one.
        #[schemars(example = &json!("support"))]
        #[serde(deserialize_with = "said")]
        from: NameOr<Sender>,
        /// The visitors who get it: an audience's name, ids, or a part of an audience.
        #[schemars(example = &json!("beta"))]
        to: NameOr<Recipients>,
        /// The text: a template, unless `raw: true`. Or one for each language.
        #[schemars(example = &json!("Dark mode is here, {{ name | default('there') }}!"))]
        text: Texts,
        /// When it should exist. Outside of it, the next apply deletes it.
        #[schemars(example = &json!({"from": "2026-12-01T09:00:00Z", "until": "2027-01-01T00:00:00Z"}))]
        #[serde(deserialize_with = "said")]
        active: Active,
        /// A plan that would delete or replace it is refused, also after the block is removed.
        #[schemars(example = &json!(true))]
        #[serde(deserialize_with = "said")]
        protect: bool,
        /// What to do when somebody deleted it on the other side.
        #[schemars(example = &json!("forget"), extend("default" = "resend"))]
        #[serde(deserialize_with = "said")]
        on_missing: OnMissing,
        /// What to do when the answer to its create was lost. `resend` may reach the visitor twice.
        #[schemars(example = &json!("hold"), extend("default" = "hold"))]
        #[serde(deserialize_with = "said")]
        on_unknown: OnUnknown,
        /// What becomes of the message of a visitor who leaves the audience. `keep`: it stays, and is no longer managed.
        #[schemars(example = &json!("keep"), extend("default" = "delete"))]
        #[serde(deserialize_with = "said")]
        on_leave: OnLeave,
        /// Under a small budget, higher goes first.
        #[schemars(example = &json!(10), extend("default" = 0))]
        #[serde(deserialize_with = "said")]
        priority: i32,
        /// The text is not a template.
        #[schemars(example = &json!(true), extend("default" = false))]
        #[serde(deserialize_with = "said")]
        raw: bool,
        /// The lints of this message, where they differ from those of the project.
        #[schemars(example = &json!({"html-in-text": "off"}))]
        lints: Lints,
    }

    /// A window of time. Either end may be left out.
    "a mapping with `from`, `until` and `zone`"
    Active {
        /// It should exist from this instant on: a time with an offset (RFC 3339), or a date or time in `zone`.
        #[schemars(example = &json!("2026-12-01T09:00:00Z"))]
        #[serde(deserialize_with = "said")]
        from: String,
        /// It should exist until just before this instant. A date alone is its beginning.
        #[schemars(example = &json!("2027-01-01T00:00:00Z"))]
        #[serde(deserialize_with = "said")]
        until: String,
        /// The time zone of `from` and `until` without an offset: a name of the IANA database.
        #[schemars(example = &json!("Europe/Berlin"))]
        #[serde(deserialize_with = "said")]
        zone: String,
    }

    /// Visitors, or a part of an audience.
    "{ visitor: ID }, { visitors: [ID, …] } or { audience: NAME, where: EXPRESSION, percent: N }"
    Recipients {
        /// The id of one visitor.
        #[schemars(example = &json!("kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg"))]
        visitor: String,
        /// The ids of visitors.
        #[schemars(example = &json!(["kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg"]))]
        visitors: Vec<String>,
        /// The name of an audience.
        #[schemars(example = &json!("beta"))]
        audience: String,
        /// Only the rows for which this expression is true; it sees columns and `vars`.
        #[schemars(example = &json!("plan == 'pro' and country in ['de', 'at']"))]
        #[serde(rename = "where")]
        condition: String,
        /// Only this share of the visitors, from 0 to 100: the same ones in each plan. A larger share only adds.
        #[schemars(example = &json!(25))]
        #[serde(deserialize_with = "said")]
        percent: Percent,
        /// What decides, together with the visitor, who belongs to the share. Default: the message's key.
        #[schemars(example = &json!("dark-mode"))]
        #[serde(deserialize_with = "said")]
        salt: String,
        /// The column that decides who belongs to the share. Default: the visitor's id.
        #[schemars(example = &json!("user_id"))]
        #[serde(deserialize_with = "said")]
        by: String,
    }

    /// A new key of a message.
    "{ from: KEY, to: KEY }"
    Move {
        /// The old key.
        #[schemars(example = &json!("dark-mode"))]
        from: String,
        /// The new key.
        #[schemars(example = &json!("dark-mode-launch"))]
        to: String,
    }

    /// A message that exists, and the delivery that it becomes; or a file of many.
    "{ to: ADDRESS, id: ID } or { key: KEY, file: FILE }"
    Import {
        /// The delivery: `KEY@VISITOR`. It must be in the manifest.
        #[schemars(example = &json!("welcome@kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg"))]
        to: String,
        /// The id of the message.
        #[schemars(example = &json!("AXCR3k9bpSY7bpuh7"))]
        id: String,
        /// The key of the message that `file` is about.
        #[schemars(example = &json!("promo"))]
        key: String,
        /// A CSV file, relative to this one, with the columns `visitor_id` and `message_id`.
        #[schemars(example = &json!("sent.csv"))]
        file: String,
    }

    /// A message that is no longer managed.
    "{ key: KEY, delete: true or false }"
    Removed {
        /// The key of a message that is no longer declared.
        #[schemars(example = &json!("old-banner"))]
        key: String,
        /// `false`: pushsync forgets its deliveries, and they stay where they are.
        #[schemars(example = &json!(false), extend("default" = true))]
        delete: bool,
    }
}
