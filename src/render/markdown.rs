//! A plan as a comment on a pull request.
//!
//! Text of others stands in code spans, in fenced blocks, or escaped in an HTML block, so that nothing in
//! it is taken for Markdown, a link, a mention or HTML.

use super::{
    approved::{self, groups_approved, groups_to_review, waits},
    groups::{Group, Variant, text_lines},
    humanize,
    languages::Languages,
    later::{self, LaterMessage, THERE_ALREADY, messages},
    markdown_escape::{code, comment, fence, html},
    size_limit::{Entry, LeftOut, Size, biggest_first},
    summary::{self, Part},
    urgent::{self, Warnings},
    view::View,
};
use crate::{
    diagnostics::Diagnostic,
    model::{Address, Endpoint, Language},
    plan::{Plan, Review, Upcoming},
};

/// GitHub's limit for a comment. It counts characters; no text has more of them than bytes.
const MOST_BYTES: usize = 65_536;
/// How many visitors and how many different texts of one message are shown.
const MOST_VISITORS: usize = 4;
const MOST_TEXTS: usize = 3;
const MOST_LANGUAGES: usize = 20;
/// How many refusals are shown, and how many lines of a list.
const MOST_REFUSALS: usize = 5;
const MOST_LISTED: usize = 100;
/// Entries whose texts are longer than this, together, are not compared: their differences would not fit.
const MOST_COMPARED: usize = 4 << 20;

/// How important these entries are, beside those of [`summary::rank`].
const WITHDRAWN: u8 = 5;
const LATER: u8 = 6;
const APPROVED: u8 = 10;
const LATER_APPROVED: u8 = 11;

pub(super) fn plan(plan: &Plan, view: View<'_>) -> String {
    let told = Warnings::of(plan);
    let head = head(plan, &told, view);
    let mut compared = 0;
    let mut entries: Vec<Entry> = groups_to_review(plan)
        .iter()
        .map(|group| {
            compared += group.weight(MOST_TEXTS);
            Entry {
                full: (compared <= MOST_COMPARED).then(|| full(group, view)),
                line: line(group, view),
                changes: group.len(),
                rank: summary::rank(group.action()),
            }
        })
        .collect();
    entries.extend(messages(plan).iter().map(|message| {
        compared += message.weight(MOST_TEXTS);
        Entry {
            full: (compared <= MOST_COMPARED).then(|| later(message, plan, view)),
            line: later_line(message, plan),
            changes: message.to_review.len(),
            rank: if message.is_approved() { LATER_APPROVED } else { LATER },
        }
    }));
    entries.extend(groups_approved(plan).iter().map(|group| {
        let (count, end) = waits(group);
        let line = format!("- `{}` {count}{}{end}\n", group.action().sign(), code(group.key()));
        Entry { changes: group.len(), ..Entry::line(line, APPROVED) }
    }));
    entries.extend(
        approved::withdrawn(plan).iter().map(|(count, key, end)| {
            Entry::line(format!("- {count}{}{end}\n", code(key)), WITHDRAWN)
        }),
    );
    entries.extend(plan.protect.iter().map(|mark| {
        let now = summary::protection(mark);
        Entry::line(format!("- {} {now}\n", code(mark.key.as_str())), 1)
    }));
    entries.extend(unchanged(plan, view));
    entries.extend(warnings(&told));
    let foot = format!(
        "\n<sub>As of {:.0}, state serial {}. {}.</sub>\n",
        plan.as_of,
        plan.state.serial,
        code(&state(plan))
    );
    assemble(head, &entries, &foot, view)
}

fn assemble(head: String, entries: &[Entry], foot: &str, view: View<'_>) -> String {
    // For the note about the entries that are left out, and for the empty lines between lists and blocks.
    const TOLD: usize = 400;
    let room = MOST_BYTES.saturating_sub(head.len() + foot.len() + TOLD);
    let sizes = biggest_first(entries, room as u64);
    let mut out = head;
    let mut list = false;
    for (entry, size) in entries.iter().zip(&sizes) {
        let text = match size {
            Size::Full => entry.full.as_deref().unwrap_or_default(),
            Size::Line => &entry.line,
            Size::Counted => continue,
        };
        // An empty line ends a block, but it would also end a list.
        let item = text.starts_with("- ");
        if (!list || !item) && !out.ends_with("\n\n") {
            out.push('\n');
        }
        list = item;
        out.push_str(text);
    }
    if let Some(told) = LeftOut::of(entries, &sizes).told() {
        out.push_str(&format!(
            "\n**Left out, for want of room:** {told}. The counts above are complete; {} shows more, `--format json` all.\n",
            code(&format!("{} --format html", view.commands.plan))
        ));
    }
    out.push_str(foot);
    out
}

fn head(plan: &Plan, told: &Warnings<'_>, view: View<'_>) -> String {
    // The longest name that is valid; a plan that was written by hand may have a longer one.
    let environment: String = plan.environment.chars().take(128).collect();
    let environment = &environment;
    let mut out = format!("{}\n", marker(environment, plan, view));
    let api = match &plan.api {
        api if api.is_brevo() => String::new(),
        Endpoint::Sandbox => ", in the sandbox".to_owned(),
        Endpoint::At(url) => format!(", at {}", code(&summary::api_url(url))),
    };
    out.push_str(&format!("### pushsync plan for {}{api}\n\n", code(environment)));
    out.push_str(&quoted(told));
    if summary::is_quiet(plan) {
        out.push_str(&format!("**No changes:** {}.\n", summary::unchanged(plan)));
    } else {
        out.push_str(&table(plan));
        if !plan.changes.is_empty() {
            out.push_str(&format!("\n{}.\n", summary::visitors_and_requests(plan)));
        }
    }
    if let Some(commit) = &plan.commit {
        let (short, dirt) = (code(&summary::short(commit)), summary::dirt(commit));
        out.push_str(&format!("\nThe manifest is that of commit {short}{dirt}.\n"));
    }
    if !view.refusals.is_empty() {
        out.push_str("\n**`apply` will refuse this plan:**\n\n");
        for refusal in view.refusals.iter().take(MOST_REFUSALS) {
            out.push_str(&format!(
                "- {}  \n  {}\n",
                code(&refusal.to_string()),
                code(&refusal.help())
            ));
        }
        more(view.refusals.len().saturating_sub(MOST_REFUSALS), "- … and {} more\n", &mut out);
    }
    out.push('\n');
    out
}

/// The warnings that nobody may overlook, each as a quotation.
fn quoted(told: &Warnings<'_>) -> String {
    let mut out = String::new();
    for Diagnostic { code: name, message, help, place, .. } in &told.urgent {
        let message = code(&urgent::start(message));
        out.push_str(&format!("> **Warning ({}):** {message}", name.as_str()));
        if let Some(place) = place {
            out.push_str(&format!(" ({})", code(&summary::place(place))));
        }
        if let Some(help) = help {
            out.push_str(&format!("  \n> {}", code(&urgent::start(help))));
        }
        out.push_str("\n\n");
    }
    if told.more_windows > 0 {
        let more = humanize::count(told.more_windows, "more window is", "more windows are");
        out.push_str(&format!("> **Warning (window-too-short):** {more} too short.\n\n"));
    }
    out
}

/// The counts: of what is to be reviewed, then of the rest.
fn table(plan: &Plan) -> String {
    let mut out = String::new();
    let parts = summary::parts_to_review(plan);
    if parts.is_empty() {
        out.push_str("**Nothing to review:** what is approved goes on.\n\n");
    }
    out.push_str("| | action | changes |\n|---|---|--:|\n");
    for Part { action, count, words } in parts {
        let (sign, word) = match action {
            Some(action) => (format!(" `{}`", action.sign()), action.as_str()),
            None => (String::new(), words),
        };
        out.push_str(&format!("|{sign} | {word} | {} |\n", humanize::number(count)));
    }
    for (words, count) in
        [("approved, waiting", plan.summary.approved), ("unchanged", plan.summary.unchanged)]
    {
        if count > 0 || words == "unchanged" {
            out.push_str(&format!("| | {words} | {} |\n", humanize::number(count)));
        }
    }
    out
}

/// The state; a plan that was written by hand may have a very long location.
fn state(plan: &Plan) -> String {
    let said = summary::state(plan);
    let start = said.char_indices().rev().nth(299).map_or(0, |(at, _)| at);
    said[start..].to_owned()
}

/// The marker by which programs find the comment of this project and environment. It also has the digest
/// for `apply --reviewed`.
fn marker(environment: &str, plan: &Plan, view: View<'_>) -> String {
    let mut marker = format!("<!-- pushsync:plan environment={}", comment(environment));
    if !view.folder.is_empty() {
        marker.push_str(&format!(" project={}", comment(view.folder.trim_end_matches('/'))));
    }
    format!("{marker} changes={} -->", Review::of(plan))
}

/// Appends `text` with the number, unless the number is zero.
fn more(n: usize, text: &str, out: &mut String) {
    if n > 0 {
        out.push_str(&text.replace("{}", &humanize::number(n as u64)));
    }
}

/// The name of the entry, and the number of its visitors if there are several.
fn who(group: &Group<'_>, view: View<'_>) -> (String, String) {
    match group.len() {
        1 => (humanize::address(&group.first().address, view.mask), String::new()),
        n => (group.key().to_owned(), format!(", {} visitors", humanize::number(n as u64))),
    }
}

/// An entry as one line of a list.
fn line(group: &Group<'_>, view: View<'_>) -> String {
    let (name, visitors) = who(group, view);
    let (action, reason) = (group.action(), group.first().reason.explained());
    let source = summary::source(group.first()).map(|source| format!(" ({})", code(&source)));
    format!(
        "- `{}` {action} {}{visitors}: {reason}{}\n",
        action.sign(),
        code(&name),
        source.unwrap_or_default()
    )
}

/// An entry with its texts, folded.
fn full(group: &Group<'_>, view: View<'_>) -> String {
    let (name, visitors) = who(group, view);
    let (action, reason) = (group.action(), group.first().reason.explained());
    let source = summary::source(group.first())
        .map(|source| format!(" (<code>{}</code>)", html(&source)))
        .unwrap_or_default();
    // An HTML block ends at an empty line; inside it, nothing is Markdown.
    let mut out = format!(
        "<details>\n<summary><code>{}</code> {action} <code>{}</code>{visitors}: {reason}{source}</summary>\n\n",
        action.sign(),
        html(&name)
    );
    let several = languages(&group.languages(), &mut out);
    let (variants, hidden) = group.first_variants(MOST_TEXTS);
    let mut told = None;
    for variant in &variants {
        let language = variant.first.language.as_ref().filter(|_| several);
        if group.len() > 1 {
            let addresses = variant.changes.iter().map(|change| &change.address);
            out.push_str(&visitors_of(language, addresses, view));
        }
        // The facts of the previous variant are not repeated.
        let facts = summary::facts(&variant.changes, view);
        if told.as_ref() != Some(&facts) {
            facts.iter().for_each(|fact| out.push_str(&format!("{}\n\n", code(fact))));
        }
        told = Some(facts);
        out.push_str(&texts(variant));
    }
    if let Some(hidden) = hidden {
        out.push_str(&format!("… and {hidden}\n\n"));
    }
    out.push_str("</details>\n");
    out
}

/// The languages of an entry: a table if there are several, which is returned.
fn languages(languages: &Languages<'_>, out: &mut String) -> bool {
    if let Some(language) = languages.only() {
        out.push_str(&format!("In {}.\n\n", code(language.as_str())));
    }
    if languages.are_several() {
        let rows = languages.rows();
        out.push_str("| language | visitors |\n|---|--:|\n");
        for (language, visitors) in rows.iter().take(MOST_LANGUAGES) {
            out.push_str(&format!("| {} | {visitors} |\n", code(language)));
        }
        let hidden = rows.len().saturating_sub(MOST_LANGUAGES);
        more(hidden, "| … and {} more | |\n", out);
        out.push('\n');
    }
    languages.are_several()
}

/// Who gets a text, and in which language, if there are several.
fn visitors_of<'a>(
    language: Option<&Language>,
    addresses: impl ExactSizeIterator<Item = &'a Address>,
    view: View<'_>,
) -> String {
    let hidden = addresses.len().saturating_sub(MOST_VISITORS);
    let shown: Vec<_> = addresses
        .take(MOST_VISITORS)
        .map(|address| code(&humanize::visitor(&address.visitor(), view.mask)))
        .collect();
    let language = language.map(|language| format!("In {}: ", code(language.as_str())));
    let mut out = format!("{}{}", language.unwrap_or_default(), shown.join(", "));
    more(hidden, " and {} more", &mut out);
    out.push_str("\n\n");
    out
}

/// A message whose window opens or closes later, as one line of a list.
fn later_line(message: &LaterMessage<'_>, plan: &Plan) -> String {
    let (key, visitors) = (code(message.key), message.visitors());
    format!("- later {key}, {visitors}: {}\n", message.in_a_line(plan))
}

/// The same with the texts that nobody has agreed to yet, folded.
fn later(message: &LaterMessage<'_>, plan: &Plan, view: View<'_>) -> String {
    if message.to_review.is_empty() {
        return later_line(message, plan);
    }
    let source = message.written().map(|source| format!(" (<code>{}</code>)", html(&source)));
    let mut out = format!(
        "<details>\n<summary>later <code>{}</code>, {}: {}; {}{}</summary>\n\n",
        html(message.key),
        message.visitors(),
        message.when(),
        message.status(),
        source.unwrap_or_default()
    );
    if let Some(takes) = message.takes(plan) {
        out.push_str(&format!("{}{}.\n\n", takes[..1].to_uppercase(), &takes[1..]));
    }
    let several = languages(&message.languages(), &mut out);
    let (texts, hidden) = message.first_texts(MOST_TEXTS);
    for text in &texts {
        let Upcoming { content, opened, language, .. } = text.first;
        let language = language.as_ref().filter(|_| several);
        out.push_str(&visitors_of(
            language,
            text.all.iter().map(|upcoming| &upcoming.address),
            view,
        ));
        out.push_str(&code(&format!("from {}", view.sender(&content.from))));
        out.push_str(if *opened { ": " } else { "\n\n" });
        if *opened {
            out.push_str(&format!("{THERE_ALREADY}\n\n"));
        }
        let lines = later::text_lines(text.first);
        out.push_str(&fence("diff", &(lines.join("\n") + "\n")));
    }
    if let Some(hidden) = hidden {
        out.push_str(&format!("… and {hidden}\n\n"));
    }
    out.push_str("</details>\n");
    out
}

/// The texts that a visitor sees, as a diff that GitHub colours.
fn texts(variant: &Variant<'_>) -> String {
    let lines = text_lines(variant.first);
    if lines.is_empty() { String::new() } else { fence("diff", &(lines.join("\n") + "\n")) }
}

/// A folded list of the first lines.
fn folded(title: &str, lines: impl ExactSizeIterator<Item = String>) -> String {
    let hidden = lines.len().saturating_sub(MOST_LISTED);
    let mut list: String = lines.take(MOST_LISTED).map(|line| line + "\n").collect();
    more(hidden, "… and {} more\n", &mut list);
    let list = fence("text", &list);
    format!("<details>\n<summary>{title}</summary>\n\n{list}</details>\n")
}

/// The unchanged deliveries, if they were asked for.
fn unchanged(plan: &Plan, view: View<'_>) -> Option<Entry> {
    let n = plan.unchanged.len();
    (n > 0).then(|| {
        let title = format!("{} unchanged", humanize::number(n as u64));
        let lines = plan.unchanged.iter().map(|one| humanize::address(&one.address, view.mask));
        let full = folded(&title, lines);
        Entry { full: Some(full), line: String::new(), changes: 0, rank: u8::MAX }
    })
}

/// The other warnings about the project.
fn warnings(told: &Warnings<'_>) -> Option<Entry> {
    let n = told.others.len();
    (n > 0).then(|| {
        let title = match told.urgent.is_empty() {
            true => humanize::count(n as u64, "warning", "warnings"),
            false => humanize::count(n as u64, "more warning", "more warnings"),
        };
        let full = folded(&title, told.others.iter().map(|one| summary::diagnostic(one)));
        Entry { full: Some(full), line: format!("- {title}\n"), changes: 0, rank: 0 }
    })
}
