//! Which of several texts a visitor gets, as `locale:` says.

use super::source_path::SourcePath;
use crate::model::Language;

/// What the project says of languages.
pub(crate) enum LocaleSetting {
    /// Nothing.
    Absent,
    /// Something wrong, which was reported.
    Broken,
    Known(Locale),
}

/// Which of several texts a visitor gets.
pub(crate) struct Locale {
    /// The column with the visitor's language, and where it is named.
    pub(crate) column: (String, SourcePath),
    /// The language for visitors whose own a message does not have, and where it is named.
    pub(crate) fallback: (Language, SourcePath),
}
