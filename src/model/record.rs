use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Address, ChangeIntent, Content, Kind, MessageId, TextThere};

/// A delivery that exists (or existed) on the other side, and what was last applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its name.
    pub address: Address,
    /// Its kind.
    pub kind: Kind,
    /// The id under which the API stores it.
    pub id: MessageId,
    /// What was last applied.
    pub content: Content,
    /// What the API answered as the text where that is not the one that was sent: an API may trim,
    /// escape or shorten texts. No plan restores that. None once the API has shown what was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_text: Option<TextThere>,
    /// The restore after which the API has not shown what was sent yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<Restored>,
    /// Whether plans that would delete or replace it fail, as last applied.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub protect: bool,
    /// When the API created it, or when it was adopted.
    pub created_at: Timestamp,
    /// When its content was last applied.
    pub updated_at: Timestamp,
    /// When the API last said that it exists (or that it does not).
    pub verified_at: Timestamp,
    /// How the API differed when it was last asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    /// The message that this one replaces and that is still to be deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded: Option<Superseded>,
    /// The update or delete of this message that left, or was about to, and has no outcome yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<ChangeIntent>,
}

/// A message whose replacement exists, and which is still to be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Superseded {
    /// Its id.
    pub id: MessageId,
    /// Its kind: a replacement may have another one.
    pub kind: Kind,
}

/// How the API differs from the state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Drift {
    /// The message is gone.
    Gone,
    /// The message is gone, and `on_missing: forget` let it rest: it is not sent again.
    Forgotten,
    /// The message has this text.
    Text(String),
}

/// What the last restore was for. If the API shows the same text again and again after it got the
/// other one, then nobody edits: the API does that to the text, and restoring it is of no use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restored {
    /// The text that was there before.
    pub from: TextThere,
    /// How many more restores of this text are worth a request.
    pub tries_left: u8,
}

impl Restored {
    /// How many restores in a row from the very same text are worth a request.
    const TRIES: u8 = 3;

    /// The restore from this text, after `earlier`. An answer without a text has said nothing of what
    /// became of it: then one restore is enough.
    fn from(there: &str, sent: &str, earlier: Option<&Self>, told: bool) -> Self {
        let from = TextThere::of(there, sent);
        let before = earlier.filter(|earlier| earlier.from == from);
        let tries = before.map_or(Self::TRIES, |earlier| earlier.tries_left);
        Self { from, tries_left: if told { tries.saturating_sub(1) } else { 0 } }
    }
}

impl Record {
    /// The record once the API has taken `content`, at this time. `answer` is the text in the answer to
    /// the POST or PUT, if there was one.
    #[must_use]
    pub fn sent(self, content: Content, answer: Option<&str>, now: Timestamp) -> Self {
        let sent = &content.text;
        // What is known of another text says nothing of this one.
        let same = self.content.text == *sent;
        let answered_text =
            TextThere::answered(answer, sent).or_else(|| self.answered_text.filter(|_| same));
        let restored = match &self.drift {
            Some(Drift::Text(there)) if same => {
                Some(Restored::from(there, sent, self.restored.as_ref(), answer.is_some()))
            }
            _ => self.restored.filter(|_| same),
        };
        let restored = restored.filter(|restored| answered_text.as_ref() != Some(&restored.from));
        Self {
            content,
            answered_text,
            restored,
            updated_at: now,
            verified_at: now,
            drift: None,
            intent: None,
            ..self
        }
    }

    /// The record once the API has shown its message with this text, or without any. An update
    /// without outcome has one now. It is drift if the text is neither what was sent nor what the
    /// API makes of that.
    #[must_use]
    pub fn seen(self, there: Option<&str>, now: Timestamp) -> Self {
        let mut seen = Self { drift: None, intent: None, verified_at: now, ..self };
        let Some(there) = there else { return seen };
        if let Some(ChangeIntent::Update { text, at }) = self.intent
            && *text == *there
        {
            (seen.content.text, seen.updated_at) = (text, at);
        }
        let is = |text: &TextThere| text.is(there);
        if *seen.content.text == *there {
            // It keeps the text as it is. What it answered was perhaps the text from before.
            (seen.answered_text, seen.restored) = (None, None);
        } else if seen.answered_text.as_ref().is_some_and(is) {
            seen.restored = None;
        } else if let Some(Restored { from, tries_left: 0 }) = &seen.restored
            && is(from)
        {
            seen.answered_text = Some(from.clone());
            seen.restored = None;
        } else {
            seen.drift = Some(Drift::Text(there.to_owned()));
        }
        seen
    }
}
