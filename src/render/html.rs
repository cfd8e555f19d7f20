//! A plan as a page of its own: every message as the bubble that its visitor sees.
//!
//! All words of others are escaped text in the markup. The page fetches nothing, and its policy
//! lets nothing run but the script in it, which only filters: without it the page is complete.

mod bubble;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ring::digest::{SHA256, digest};

use super::{
    View, escape,
    fit::{Entry, LeftOut, Size, least_first},
    groups::{Group, Shown, Variant, groups, shown},
    summary, words as say,
};
use crate::plan::{Action, Plan};

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// More than this, and a phone would not like it.
const MOST_BYTES: u64 = 4 << 20;
/// How many different texts of one message are shown, and how many visitors of each.
const MOST_TEXTS: usize = 50;
const MOST_VISITORS: usize = 1_000;
/// How many visitors are shown unfolded.
const FEW: usize = 4;
/// How many lines of a list.
const MOST_LISTED: usize = 1_000;
/// Entries whose texts are longer than this, together, are not compared.
const MOST_COMPARED: usize = 8 << 20;

/// Text that came from elsewhere, on as many lines as it has.
fn text(text: &str) -> String {
    escape::html(&say::printable(text))
}

/// The same on one line.
fn line(text: &str) -> String {
    escape::html(&say::one_line(text))
}

pub(super) fn plan(plan: &Plan, view: View<'_>) -> String {
    let mut compared = 0;
    let groups = groups(&plan.changes);
    let entries: Vec<Entry> = groups
        .iter()
        .map(|group| {
            compared += group.weight(MOST_TEXTS);
            let entry = |variants: &str| article(group, variants, view);
            Entry {
                full: (compared <= MOST_COMPARED).then(|| entry(&variants(group, view))),
                line: entry(""),
                changes: group.len(),
                rank: summary::rank(group.action()),
            }
        })
        .collect();
    let sizes = least_first(&entries, MOST_BYTES, MOST_BYTES / 4 * 3);
    let mut out = head(plan);
    out.push_str(&overview(plan, view));
    out.push_str("<section aria-labelledby=\"changes\">\n<h2 id=\"changes\">Changes</h2>\n");
    if plan.changes.is_empty() {
        out.push_str(&format!("<p>No changes: {}.</p>\n", summary::unchanged(plan)));
    } else {
        out.push_str(&filter(plan, view));
    }
    if let Some(told) = LeftOut::of(&entries, &sizes).told() {
        out.push_str(&format!(
            "<p class=\"left\"><strong>Left out, for want of room:</strong> {told}. The counts above are complete; <code>pushsync plan --format json</code> has all.</p>\n"
        ));
    }
    for (entry, size) in entries.iter().zip(&sizes) {
        match size {
            Size::Full => out.push_str(entry.full.as_deref().unwrap_or_default()),
            Size::Line => out.push_str(&entry.line),
            Size::Counted => {}
        }
    }
    out.push_str("</section>\n");
    out.push_str(&unchanged(plan, view));
    out.push_str(&format!("</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"));
    out
}

/// What a policy calls an embedded style or script.
fn source(content: &str) -> String {
    format!("'sha256-{}'", BASE64.encode(digest(&SHA256, content.as_bytes())))
}

fn head(plan: &Plan) -> String {
    let environment = line(&plan.environment);
    let api = summary::at_api(plan).map(|api| format!(" {}", line(&api))).unwrap_or_default();
    let (style, script) = (source(STYLE), source(SCRIPT));
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta name=\"robots\" content=\"noindex\">\n\
         <title>pushsync plan for {environment}{api}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<h1>Plan for <code>{environment}</code>{api}</h1>\n"
    );
    if let Some(commit) = &plan.commit {
        let (short, dirt) = (line(&summary::short(commit)), summary::dirt(commit));
        out.push_str(&format!(
            "<p>The manifest is that of commit <code>{short}</code>{dirt}.</p>\n"
        ));
    }
    let (as_of, serial) = (plan.as_of, plan.state.serial);
    out.push_str(&format!("<p>As of {as_of:.0}, state serial {serial}.</p>\n</header>\n<main>\n"));
    out
}

/// Counts, and what speaks against applying it.
fn overview(plan: &Plan, view: View<'_>) -> String {
    let mut out = String::from(
        "<section aria-labelledby=\"summary\">\n<h2 id=\"summary\">Summary</h2>\n<ul class=\"counts\">\n",
    );
    for action in Action::ALL {
        let n = plan.summary.count(action);
        if n > 0 {
            out.push_str(&format!(
                "<li>{} <strong>{}</strong> {}</li>\n",
                badge(action),
                say::number(n),
                summary::verb(action)
            ));
        }
    }
    let unchanged = say::number(plan.summary.unchanged);
    out.push_str(&format!("<li><strong>{unchanged}</strong> unchanged</li>\n</ul>\n"));
    if !plan.changes.is_empty() {
        out.push_str(&format!("<p>{}.</p>\n", summary::requests(plan)));
    }
    let refusals = view.refusals.iter().map(|one| format!("{one}; {}", one.help()));
    out.push_str(&notes("note refused", "apply will refuse this plan", refusals));
    let protect = plan.protect.iter().map(|mark| {
        let now = if mark.protect { "is protected from now on" } else { "is no longer protected" };
        format!("{} {now}", mark.key)
    });
    out.push_str(&notes("note", "Protection", protect));
    out.push_str(&notes("note", "Warnings", plan.diagnostics.iter().map(summary::diagnostic)));
    out.push_str("</section>\n");
    out
}

/// A list with a title; nothing if it is empty.
fn notes(class: &str, title: &str, items: impl ExactSizeIterator<Item = String>) -> String {
    let n = items.len();
    if n == 0 {
        return String::new();
    }
    let mut out = format!("<div class=\"{class}\">\n<h3>{title}</h3>\n<ul>\n");
    for item in items.take(MOST_LISTED) {
        out.push_str(&format!("<li>{}</li>\n", line(&item)));
    }
    if n > MOST_LISTED {
        out.push_str(&format!("<li>… and {} more</li>\n", say::number((n - MOST_LISTED) as u64)));
    }
    out.push_str("</ul>\n</div>\n");
    out
}

/// The sign of an action. Its word is always beside it.
fn badge(action: Action) -> String {
    format!("<span class=\"sign {action}\" aria-hidden=\"true\">{}</span>", action.sign())
}

/// Hidden until the script shows it: without it, it would do nothing.
fn filter(plan: &Plan, view: View<'_>) -> String {
    let mut out = String::from(
        "<div id=\"filter\" class=\"filter\" role=\"search\" aria-label=\"Filter the changes\" hidden>\n\
         <label>Key <input type=\"search\" id=\"by-key\" autocomplete=\"off\" spellcheck=\"false\"></label>\n\
         <label>Action <select id=\"by-action\">\n<option value=\"\">all</option>\n",
    );
    for action in Action::ALL {
        if plan.summary.count(action) > 0 {
            out.push_str(&format!("<option value=\"{action}\">{action}</option>\n"));
        }
    }
    let masked = if view.mask { " (ids are masked)" } else { "" };
    out.push_str(&format!(
        "</select></label>\n\
         <label>Visitor{masked} <input type=\"search\" id=\"by-visitor\" autocomplete=\"off\" spellcheck=\"false\"></label>\n\
         <p id=\"found\" role=\"status\"></p>\n</div>\n"
    ));
    out
}

/// An entry; without its texts if `variants` is empty.
fn article(group: &Group<'_>, variants: &str, view: View<'_>) -> String {
    let first = group.first();
    let (key, action) = (line(group.key()), group.action());
    let visitors = match group.len() {
        1 => visitor(&say::visitor(&first.address.visitor(), view.mask)),
        n => format!("{} visitors", say::number(n as u64)),
    };
    let source = summary::source(first)
        .map(|source| format!(" · <code>{}</code>", line(&source)))
        .unwrap_or_default();
    format!(
        "<article data-key=\"{key}\" data-action=\"{action}\">\n\
         <h3>{} {action} <code>{key}</code> <span class=\"who\">{visitors}</span></h3>\n\
         <p class=\"why\">{}{source}</p>\n{variants}</article>\n",
        badge(action),
        first.reason.explained(),
    )
}

fn visitor(shown: &str) -> String {
    format!("<code class=\"visitor\">{}</code>", line(shown))
}

/// The texts of an entry.
fn variants(group: &Group<'_>, view: View<'_>) -> String {
    let variants = group.variants();
    let mut out = String::new();
    let mut told = None;
    for variant in variants.iter().take(MOST_TEXTS) {
        out.push_str("<div class=\"variant\">\n");
        if group.len() > 1 {
            out.push_str(&visitors(variant, view));
        }
        // Often the same for all.
        let facts = match shown(variant.first) {
            // Their bubbles say whom they are from.
            Shown::New(_) | Shown::Changed(..) => Vec::new(),
            _ => summary::facts(variant.first, view.mask),
        };
        if told.as_ref() != Some(&facts) && !facts.is_empty() {
            let items: String =
                facts.iter().map(|fact| format!("<li>{}</li>", line(fact))).collect();
            out.push_str(&format!("<ul class=\"facts\">{items}</ul>\n"));
        }
        told = Some(facts);
        out.push_str(&bubble::bubbles(variant.first));
        out.push_str("</div>\n");
    }
    let hidden = &variants[variants.len().min(MOST_TEXTS)..];
    if !hidden.is_empty() {
        let rest: usize = hidden.iter().map(|variant| variant.changes.len()).sum();
        out.push_str(&format!(
            "<p class=\"more\">… and {} for {}</p>\n",
            say::count(hidden.len() as u64, "more text", "more texts"),
            say::count(rest as u64, "visitor", "visitors"),
        ));
    }
    out
}

/// Who gets a text: a few, and the others folded.
fn visitors(variant: &Variant<'_>, view: View<'_>) -> String {
    let all = &variant.changes;
    let list = |from: usize, to: usize| -> String {
        let some = &all[from.min(all.len())..to.min(all.len())];
        let shown: Vec<_> = some
            .iter()
            .map(|change| visitor(&say::visitor(&change.address.visitor(), view.mask)))
            .collect();
        shown.join(" ")
    };
    let mut out = format!("<p class=\"to\">To {}</p>\n", list(0, FEW));
    if all.len() > FEW {
        let more = say::number((all.len() - FEW) as u64);
        out.push_str(&format!(
            "<details class=\"to\"><summary>and {more} more</summary>\n<p>{}</p>\n",
            list(FEW, MOST_VISITORS)
        ));
        if all.len() > MOST_VISITORS {
            let more = say::number((all.len() - MOST_VISITORS) as u64);
            out.push_str(&format!("<p>… and {more} that are not listed</p>\n"));
        }
        out.push_str("</details>\n");
    }
    out
}

/// What is as it should be, if that was asked for.
fn unchanged(plan: &Plan, view: View<'_>) -> String {
    let items = plan.unchanged.iter().map(|one| say::address(&one.address, view.mask));
    notes("note", "Unchanged", items)
}
