use std::io::Write;

use serde_json::json;

use super::{
    args::{DataFormat, ExplainArgs},
    context::Context,
    failure::{Failure, status},
};
use crate::diagnostics::Code;

/// A section for each code.
const PROBLEMS: &str = include_str!("../../docs/problems.md");

pub(super) fn run(context: &Context, args: &ExplainArgs) -> Result<u8, Failure> {
    let Some(code) = &args.code else { return list(context, args.format) };
    // As it stands in the message: `error[unknown-field]`.
    let name = code.rsplit('[').next().unwrap_or_default().trim_end_matches(']');
    // As the API writes it: `invalid_scope`.
    let name = &*name.to_ascii_lowercase().replace('_', "-");
    let Some(section) = section(name) else {
        let known = Code::ALL.iter().map(|code| code.as_str());
        return Err(Failure::new(format!("there is no problem called {name:?}")).suggest(
            name,
            known,
            "the name stands in brackets: error[unknown-field]",
        ));
    };
    if args.format == DataFormat::Json {
        let document =
            json!({ "format": "pushsync/problem/1", "code": name, "markdown": section.trim() });
        context.output.json(&document)?;
        return Ok(status::DONE);
    }
    let mut out = context.output.out();
    writeln!(out, "{name}\n")?;
    let mut code = false;
    for line in section.trim().lines() {
        match (line.starts_with("```"), code) {
            (true, _) => code = !code,
            (false, true) => writeln!(out, "    {line}")?,
            (false, false) => writeln!(out, "{}", line.replace('`', ""))?,
        }
    }
    Ok(status::DONE)
}

/// All problems, a line each.
fn list(context: &Context, format: DataFormat) -> Result<u8, Failure> {
    if format == DataFormat::Json {
        let problem = |code: &Code| json!({ "code": code.as_str(), "about": code.description() });
        let all: Vec<_> = Code::ALL.iter().map(problem).collect();
        context.output.json(&json!({ "format": "pushsync/problems/1", "problems": all }))?;
        return Ok(status::DONE);
    }
    let widest = Code::ALL.iter().map(|code| code.as_str().len()).max().unwrap_or_default();
    let mut out = context.output.out();
    for code in Code::ALL {
        let about = code.description().replace('`', "");
        writeln!(out, "{:widest$}  {}", code.as_str(), about.trim_end_matches('.'))?;
    }
    Ok(status::DONE)
}

fn section(name: &str) -> Option<&'static str> {
    let (_, rest) = PROBLEMS.split_once(&format!("\n## {name}\n"))?;
    Some(rest.split_once("\n## ").map_or(rest, |(section, _)| section))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_explained_and_nothing_else() {
        for code in Code::ALL {
            assert!(
                section(code.as_str()).is_some_and(|text| text.len() > 40),
                "{}",
                code.as_str()
            );
        }
        assert_eq!(PROBLEMS.matches("\n## ").count(), Code::ALL.len());
    }
}
