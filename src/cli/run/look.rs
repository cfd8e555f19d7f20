//! What is looked at when a cycle ends, for the metrics and the page: the deliveries, and what is left to do.

use std::sync::Arc;

use super::{end::End, opening::Setting};
use crate::{
    cli::{
        args::RunArgs,
        status::{self, Observed},
    },
    controller::{DeliveryCounts, Live, ManifestStatus},
    state::Store,
};

/// Looks, if anybody may ask. The deliveries are counted only if the state has changed since.
pub(super) fn look(
    args: &RunArgs,
    live: &Live,
    setting: &Setting<'_>,
    store: Option<&Arc<dyn Store>>,
) -> Result<(), End> {
    if args.listen.is_none() {
        return Ok(());
    }
    let Setting { context, runtime, project, state, api } = setting;
    let counts = match store {
        None => Arc::default(),
        Some(store) => {
            let meta = setting.meta(&**store)?;
            match live.counted().filter(|counts| counts.of == Some((meta.lineage, meta.serial))) {
                Some(counts) => counts,
                None => {
                    let counts = runtime.block_on(DeliveryCounts::of(&**store));
                    Arc::new(counts.map_err(|error| End::state(error.into()))?)
                }
            }
        }
    };
    live.counts(Arc::clone(&counts));
    let status = status::observe(Observed {
        context,
        handle: runtime.handle(),
        project: Some(project),
        api: Some(api),
        manifest: ManifestStatus { ok: true, ..ManifestStatus::default() },
        state,
        store,
        counts: Some(counts),
        agreed: !args.approved,
    });
    live.shows(status.map_err(End::state)?);
    Ok(())
}
