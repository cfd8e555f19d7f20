//! Which of several texts each visitor gets, and who gets the fallback.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use crate::{
    diagnostics::{Code, Diagnostic},
    manifest::{Message, Table, Texts, tag_of_name},
    model::{Language, number, visible},
};

/// For at most this number of different cells, the choice is remembered. More of them are not languages.
const MOST_REMEMBERED: usize = 10_000;
/// At most this number of languages is named with its visitors.
const MOST_NAMED: usize = 6;
/// At most this number of characters is shown of a cell.
const MOST_SHOWN: usize = 30;

/// Chooses among the texts of one message, each named by its place among them.
pub(super) struct LanguageChoice<'p> {
    table: &'p Table,
    column: usize,
    /// The languages of the texts; that of the fallback is the first.
    languages: Vec<&'p Language>,
    texts: HashMap<&'p str, usize>,
    groups: Vec<Group>,
    by_reason: HashMap<Reason, usize>,
    /// The group of a cell.
    by_cell: HashMap<&'p str, usize>,
}

/// Visitors who get one text for one reason.
struct Group {
    reason: Reason,
    visitors: u64,
    first: u32,
}

/// Why visitors get a text.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Reason {
    /// It is in their language.
    Own(usize),
    /// There is none in theirs.
    Missing(Language),
    /// The same, after many languages.
    MissingToo,
    /// They have no language.
    NoLanguage,
    /// Their cell is not a language.
    NotALanguage,
}

impl<'p> LanguageChoice<'p> {
    /// Nothing is chosen if the message has one text.
    pub(super) fn new(message: &'p Message) -> Option<Self> {
        let Texts::ByLanguage(translations) = &message.texts else { return None };
        let table = message.audience();
        let languages: Vec<_> = message.languages().collect();
        let texts = languages.iter().enumerate().map(|(at, one)| (one.as_str(), at)).collect();
        Some(Self {
            table,
            column: table.column(&translations.column)?,
            languages,
            texts,
            groups: Vec::new(),
            by_reason: HashMap::new(),
            by_cell: HashMap::new(),
        })
    }

    /// The text of a row, and the group that its visitor belongs to.
    pub(super) fn choose(&mut self, row: u32) -> (usize, usize) {
        let cell = self.table.cell(row, self.column);
        let group = match self.by_cell.get(cell) {
            Some(group) => *group,
            None => {
                let group = self.group(cell);
                if self.by_cell.len() < MOST_REMEMBERED {
                    self.by_cell.insert(cell, group);
                }
                group
            }
        };
        let text = match self.groups[group].reason {
            Reason::Own(text) => text,
            _ => 0,
        };
        (text, group)
    }

    fn group(&mut self, cell: &str) -> usize {
        let own =
            |language: &Language| language.chain().find_map(|tag| self.texts.get(tag)).copied();
        let reason = match Language::parse(cell) {
            _ if cell.trim().is_empty() => Reason::NoLanguage,
            Err(_) => Reason::NotALanguage,
            Ok(language) => match own(&language) {
                Some(text) => Reason::Own(text),
                None if self.groups.len() < MOST_REMEMBERED => Reason::Missing(language),
                None => Reason::MissingToo,
            },
        };
        *self.by_reason.entry(reason).or_insert_with_key(|reason| {
            self.groups.push(Group { reason: reason.clone(), visitors: 0, first: 0 });
            self.groups.len() - 1
        })
    }

    /// Counts a visitor who gets the text.
    pub(super) fn count(&mut self, group: usize, row: u32) {
        let group = &mut self.groups[group];
        if group.visitors == 0 {
            group.first = row;
        }
        group.visitors += 1;
    }

    /// Who gets the fallback, if anyone does.
    pub(super) fn warning(&self) -> Option<Diagnostic> {
        let of = |wanted: &Reason| {
            let at = *self.by_reason.get(wanted)?;
            self.groups.get(at).filter(|group| group.visitors > 0)
        };
        let count = |wanted| of(wanted).map_or(0, |group| group.visitors);
        // `es-MX` and `es-AR` are of one language, and one text would do for both.
        let mut missing: BTreeMap<&str, (&str, u64)> = BTreeMap::new();
        for group in self.groups.iter().filter(|group| group.visitors > 0) {
            let Reason::Missing(language) = &group.reason else { continue };
            let plain = language.chain().last().unwrap_or_default();
            let (tag, visitors) = missing.entry(plain).or_insert((language.as_str(), 0));
            *visitors += group.visitors;
            if *tag != language.as_str() {
                *tag = plain;
            }
        }
        let mut missing: Vec<_> = missing.into_iter().collect();
        missing.sort_by_key(|(plain, (_, visitors))| (Reverse(*visitors), *plain));
        let named = &missing[..missing.len().min(MOST_NAMED)];
        let others = &missing[named.len()..];
        let too = count(&Reason::MissingToo);
        let more = others.iter().map(|(_, (_, visitors))| visitors).sum::<u64>() + too;
        let others = others.len() as u64 + u64::from(too > 0);
        let none = count(&Reason::NoLanguage);
        let unknown = of(&Reason::NotALanguage);

        let mut parts: Vec<String> = named
            .iter()
            .map(|(_, (tag, visitors))| format!("{} of {tag}", number(*visitors)))
            .collect();
        if more > 0 {
            let languages = if others == 1 { "language" } else { "languages" };
            parts.push(format!("{} of {others} other {languages}", number(more)));
        }
        let have = |visitors: u64| if visitors == 1 { "has" } else { "have" };
        if none > 0 {
            parts.push(format!("{} {} no language", number(none), have(none)));
        }
        if let Some(Group { visitors, .. }) = unknown {
            let what = "a cell that is not a language";
            parts.push(format!("{} {} {what}", number(*visitors), have(*visitors)));
        }
        let all = named.iter().map(|(_, (_, visitors))| visitors).sum::<u64>() + more + none;
        let all = all + unknown.map_or(0, |group| group.visitors);
        if all == 0 {
            return None;
        }
        let get = if all == 1 { "visitor gets" } else { "visitors get" };
        let fallback = self.languages.first()?;
        let message =
            format!("{} {get} the fallback {fallback}: {}", number(all), parts.join(", "));
        let mut warning = Diagnostic::warning(Code::MissingTranslation, message);
        let mut help = Vec::new();
        if let Some((plain, _)) = named.first() {
            help.push(format!("add `{plain}: …` to its texts"));
            if let Some(unused) = self.unused() {
                help.push(format!("no visitor gets the text in `{unused}`"));
            }
        }
        if let Some(Group { first, .. }) = unknown {
            let cell = self.table.cell(*first, self.column);
            let short =
                visible(&cell.trim().chars().take(MOST_SHOWN).collect::<String>()).to_string();
            let dots = if short.len() < cell.trim().len() { "…" } else { "" };
            let tag = tag_of_name(cell).unwrap_or("en");
            help.push(format!("write a tag such as `{tag}` in place of `{short}{dots}`"));
            if self.table.is_csv() {
                let place = self.table.place(*first);
                warning =
                    warning.related(place, "the first cell that is not a language is in this row");
            }
        }
        warning.help = Some(help.join("; ")).filter(|help| !help.is_empty());
        Some(warning)
    }

    /// A language whose text nobody gets: it may be written otherwise than in the rows.
    fn unused(&self) -> Option<&Language> {
        let is_used = |text: usize| {
            let group = self.by_reason.get(&Reason::Own(text));
            group.is_some_and(|group| self.groups[*group].visitors > 0)
        };
        let (_, language) =
            self.languages.iter().enumerate().skip(1).find(|(at, _)| !is_used(*at))?;
        Some(language)
    }
}
