//! Files → typed documents → a validated project, each thing with its place in the source.
//!
//! [`load`] reads `pushsync.yaml` and what it includes, lays the environment over it, and checks
//! everything that can be checked without rendering texts. It reports all problems, not only the
//! first.
//!
//! What the contract leaves open, and what was chosen:
//!
//! - An environment may override `state`, `api`, `limits`, `safety`, `privacy`, `vars`, `senders`,
//!   `audiences`, `messages` (also add some), and replace the lists `moved`, `import`, `removed`.
//!   Mappings merge. A sender, an audience or a `to` that chooses another form (a list instead of
//!   a file) replaces the one below.
//! - In `vars`, plain `true`, `false` and whole numbers are what they look like, all else is the
//!   text as written; an empty value or `~` counts as no variable.
//! - In texts, an empty cell of a CSV file counts as missing: a variable of that name shows
//!   through, and without one `{{ name }}` is an error and `default(…)` applies. In `where`, an
//!   empty cell is an empty text. All cells are texts: `age | int > 18`.
//! - `visitor_id` is not a template variable.
//! - Wildcards pass over files and folders whose names begin with a dot.
//! - `version` may be left out.

mod audience;
mod audiences;
mod comments;
mod configure;
mod context;
mod csv_format;
mod declared;
pub mod duration;
mod environments;
mod files;
mod files_read;
mod folder;
mod foreign;
mod imports;
mod input_file;
mod language_names;
mod languages;
mod layered;
mod layers;
pub mod limits;
mod line_index;
mod lists;
mod load;
mod locale;
mod messages;
mod options;
mod patterns;
mod project;
mod queries;
mod raw;
mod recipients;
pub mod schema;
mod secret_values;
mod senders;
pub mod settings;
mod share;
mod source_file;
mod source_path;
pub mod suggest;
mod suspects;
pub(crate) mod template;
mod texts;
mod unions;
mod variables;
mod vars;
mod visitor_ids;
mod window;
pub(crate) mod yaml;
mod zone;

pub use audience::{Table, UnknownVisitors};
pub use files_read::{FileId, FilesNow, FilesRead, Stamp};
pub(crate) use language_names::tag_of_name;
pub use limits::Limits;
pub use load::{Loaded, LoadedAudience, load, load_all, load_audience};
pub use options::{
    DEFAULT_ENVIRONMENT, LoadOptions, NEARLY_PROJECT_FILE, PROJECT_FILE, Queries, VisitorSecrets,
};
pub use project::{Adoption, Doubt, Message, Move, Project, Removed};
pub(crate) use project::{Body, Text, Texts};
pub use settings::{MOST_CONCURRENT, MaskVisitors, Settings, StateSetting, Threshold};
pub(crate) use share::Undecided;
pub use source_file::SourceFile;
pub use source_path::SourcePath;
pub use template::engine as template_engine;
pub use variables::{Interpolated, VARIABLE_PREFIX};
pub(crate) use vars::Vars;
