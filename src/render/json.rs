use std::io::{self, BufWriter, Write};

use crate::plan::{Plan, wire};

pub(super) fn plan(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    // The writer makes many small writes.
    let mut out = BufWriter::with_capacity(64 << 10, out);
    wire::write(plan, &mut out)?;
    out.flush()
}
