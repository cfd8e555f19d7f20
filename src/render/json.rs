use std::io::{self, Write};

use crate::plan::{Plan, wire};

pub(super) fn plan(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&wire::encode(plan)?)
}
