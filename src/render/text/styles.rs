//! The colours of a plan at a terminal, and the lines that they are in.

use std::io::{self, Write};

use anstyle::{AnsiColor, Effects, Style};

use crate::{
    plan::Action,
    render::{view::View, wrap::TextWrapper},
};

pub(super) const BOLD: Style = Style::new().effects(Effects::BOLD);
pub(super) const DIM: Style = Style::new().effects(Effects::DIMMED);
pub(super) const OLD: Style = color(AnsiColor::Red);
pub(super) const NEW: Style = color(AnsiColor::Green);

const fn color(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(anstyle::Color::Ansi(color)))
}

pub(super) fn style(action: Action) -> Style {
    match action {
        Action::Create => color(AnsiColor::Green),
        Action::Update | Action::Restore => color(AnsiColor::Yellow),
        Action::Replace | Action::Resend => color(AnsiColor::Magenta),
        Action::Delete => color(AnsiColor::Red),
        Action::Forget => DIM,
        Action::Move | Action::Adopt => color(AnsiColor::Cyan),
        Action::Unknown => color(AnsiColor::Red).effects(Effects::BOLD),
    }
}

/// A text between column `indent` and the width of the view.
pub(super) fn wrapped(
    text: &str,
    style: Style,
    indent: usize,
    view: View<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut line = TextWrapper::new(out, indent, view.width);
    line.push(style, text)?;
    line.end()
}
