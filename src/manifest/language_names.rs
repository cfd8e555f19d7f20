//! The names of languages, where a tag belongs.

/// Languages by the names that people give them.
const NAMES: &[(&str, &str)] = &[
    ("ar", "arabic"),
    ("cs", "czech cesky čeština"),
    ("da", "danish dansk"),
    ("de", "german deutsch"),
    ("el", "greek"),
    ("en", "english"),
    ("es", "spanish espanol español castellano"),
    ("fi", "finnish suomi"),
    ("fr", "french francais français"),
    ("he", "hebrew"),
    ("hu", "hungarian magyar"),
    ("it", "italian italiano"),
    ("ja", "japanese"),
    ("ko", "korean"),
    ("nl", "dutch nederlands"),
    ("no", "norwegian norsk"),
    ("pl", "polish polski"),
    ("pt", "portuguese portugues português"),
    ("ro", "romanian"),
    ("ru", "russian"),
    ("sv", "swedish svenska"),
    ("tr", "turkish"),
    ("uk", "ukrainian"),
    ("zh", "chinese"),
];

/// The tag of a language by its name.
pub(crate) fn tag_of_name(name: &str) -> Option<&'static str> {
    let name = name.trim().to_lowercase();
    NAMES.iter().find(|(_, names)| names.split(' ').any(|known| known == name)).map(|(tag, _)| *tag)
}
