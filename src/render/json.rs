use std::io::{self, BufWriter, Write};

use crate::plan::{Plan, safety::Refusal, wire};

pub(super) fn plan(plan: &Plan, refusals: &[Refusal], out: &mut dyn Write) -> io::Result<()> {
    // The writer makes many small writes.
    let mut out = BufWriter::with_capacity(64 << 10, out);
    let refused: Vec<_> = refusals.iter().filter_map(Refusal::diagnostic).collect();
    wire::write(plan, &refused, &mut out)?;
    out.flush()
}
