use std::{borrow::Cow, fmt, sync::Arc};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The language of a text: `en`, `pt-BR`, `zh-Hant-TW`.
///
/// However a tag is written (`pt_br`, `PT-BR`), it is one language. A plan has one for each change: it is as small as a
/// pointer, and all changes of one text share it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Language(Arc<Box<str>>);

/// Why a text is not a [`Language`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a language tag such as `en` or `pt-BR`")]
pub struct ParseLanguageError;

/// Longer tags are nobody's language.
const MOST_BYTES: usize = 35;

impl Language {
    /// The rule for tags, as a regular expression.
    pub const PATTERN: &str = "^[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*$";

    /// Reads a tag of BCP 47, in any case and with `-` or `_`: a language of two or three letters, then script, region
    /// and variants. Blanks around it do not count.
    pub fn parse(tag: &str) -> Result<Self, ParseLanguageError> {
        let tag = tag.trim();
        if tag.len() > MOST_BYTES {
            return Err(ParseLanguageError);
        }
        let mut written = String::with_capacity(tag.len());
        let mut extension = false;
        for (at, part) in tag.split(['-', '_']).enumerate() {
            let letters = part.bytes().all(|byte| byte.is_ascii_alphabetic());
            let good = match at {
                0 => letters && (2..=3).contains(&part.len()),
                _ => {
                    part.bytes().all(|b| b.is_ascii_alphanumeric()) && (1..=8).contains(&part.len())
                }
            };
            if !good {
                return Err(ParseLanguageError);
            }
            let start = written.len() + usize::from(at > 0);
            if at > 0 {
                written.push('-');
            }
            written.push_str(part);
            written[start..].make_ascii_lowercase();
            // `Hant` is a script, and `TW` a region.
            match part.len() {
                _ if at == 0 || extension => {}
                1 => extension = true,
                2 if letters => written[start..].make_ascii_uppercase(),
                4 if letters => written[start..=start].make_ascii_uppercase(),
                _ => {}
            }
        }
        Ok(Self(Arc::new(written.into())))
    }

    /// The tag: `pt-BR`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tag, and what it is a kind of, the nearest first: `zh-Hant-TW`, `zh-Hant`, `zh`.
    pub fn chain(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(self.as_str()), |tag| {
            let (mut rest, _) = tag.rsplit_once('-')?;
            // The letter that begins an extension says nothing alone.
            while let Some((before, letter)) = rest.rsplit_once('-')
                && letter.len() == 1
            {
                rest = before;
            }
            Some(rest)
        })
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Language({})", self.0)
    }
}

impl Serialize for Language {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Language {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let tag = <Cow<'_, str>>::deserialize(deserializer)?;
        Self::parse(&tag).map_err(de::Error::custom)
    }
}

impl JsonSchema for Language {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Language".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": Self::PATTERN })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> Option<String> {
        Language::parse(text).ok().map(|language| language.to_string())
    }

    #[test]
    fn one_language_is_one_tag_however_it_is_written() {
        for (written, meant) in [
            ("en", "en"),
            (" de ", "de"),
            ("PT-br", "pt-BR"),
            ("pt_BR", "pt-BR"),
            ("zh-hant-tw", "zh-Hant-TW"),
            ("ZH_HANS", "zh-Hans"),
            ("es-419", "es-419"),
            ("sl-ROZAJ-biske", "sl-rozaj-biske"),
            ("de-CH-1996", "de-CH-1996"),
            ("no", "no"),
            ("gsw", "gsw"),
            ("en-US-x-TWAIN", "en-US-x-twain"),
        ] {
            assert_eq!(tag(written).as_deref(), Some(meant), "{written}");
        }
    }

    #[test]
    fn words_are_not_languages() {
        let long = format!("en{}", "-latn".repeat(20));
        for word in [
            "",
            " ",
            "e",
            "German",
            "english",
            "de DE",
            "de-",
            "-de",
            "de--AT",
            "d3",
            "12",
            "true",
            "en-US,en;q=0.9",
            "de_DE.UTF-8",
            "dé",
            "en-toolongsub",
            &long,
        ] {
            assert_eq!(tag(word), None, "{word}");
        }
    }

    #[test]
    fn a_tag_is_a_kind_of_its_language() {
        let chain = |tag: &str| {
            let language = Language::parse(tag).expect("a tag");
            language.chain().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(chain("zh-Hant-TW"), ["zh-Hant-TW", "zh-Hant", "zh"]);
        assert_eq!(chain("de_at"), ["de-AT", "de"]);
        assert_eq!(chain("fr"), ["fr"]);
        assert_eq!(chain("en-US-x-twain"), ["en-US-x-twain", "en-US", "en"]);
    }
}
