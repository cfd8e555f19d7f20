use std::{
    mem,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::Timestamp;

use super::{Clock, RunInfo, Session, SourceFiles, Stop, request_sender::RequestSender};
use crate::{
    model::BaseUrl,
    plan::Plan,
    state::{Run, RunChange, RunFiles, RunPart, Write},
};

/// What every commit of a run takes along: the API's budget as known by then, which API it is once it
/// has answered, and the history.
///
/// So a run that is killed has its changes in the history as well: those whose end was committed,
/// and perhaps some of which the API's answer was known and the commit still under way.
pub(super) struct RunHistory {
    info: RunInfo,
    number: u64,
    started_at: Timestamp,
    clock: Clock,
    sender: Arc<RequestSender>,
    api_url: Option<BaseUrl>,
    /// How many targets somebody agreed to with it.
    approved: AtomicU64,
    pages: Mutex<Pages>,
}

#[derive(Default)]
struct Pages {
    /// Changes that no commit has taken along yet.
    waiting: Vec<RunChange>,
    /// How many parts were written.
    parts: u32,
}

impl RunHistory {
    pub(super) fn new(session: &Session, last_run: u64, sender: Arc<RequestSender>) -> Self {
        let Session { info, api_url, options, .. } = session;
        Self {
            info: info.clone(),
            number: last_run.saturating_add(1),
            started_at: (options.clock)(),
            clock: Arc::clone(&options.clock),
            sender,
            api_url: api_url.clone(),
            approved: AtomicU64::new(0),
            pages: Mutex::default(),
        }
    }

    /// Somebody agrees to what `plan` asks for: the approvals, for the commit that begins the run.
    pub(super) fn approve(&self, plan: &Plan) -> Vec<Write> {
        let ended = plan.ended_approvals().cloned().map(Write::Withdraw);
        let approvals = plan.approvals(self.number);
        self.approved.store(approvals.len() as u64, Ordering::Relaxed);
        let secrets = plan.remember.clone().map(Write::Secrets);
        let approvals = approvals.into_iter().map(|one| Write::Approve(Box::new(one)));
        secrets.into_iter().chain(ended).chain(approvals).collect()
    }

    /// The next commit takes this along.
    pub(super) fn note(&self, change: RunChange) {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).waiting.push(change);
    }

    /// What goes along with a commit while the run is under way.
    pub(super) fn so_far(&self) -> Vec<Write> {
        self.writes(Some("killed"))
    }

    /// What is to be committed at the end.
    pub(super) fn end(&self, stopped: Option<Stop>) -> Vec<Write> {
        self.writes(stopped.map(Stop::as_str))
    }

    fn writes(&self, stopped: Option<&str>) -> Vec<Write> {
        let RunInfo { id, command, commit, dirty, files } = self.info.clone();
        let before = self.number.saturating_sub(1);
        let files = files.map(|SourceFiles { digest, since }| RunFiles {
            digest,
            since: since.unwrap_or(before),
        });
        let (number, started_at) = (self.number, self.started_at);
        let mut writes: Vec<Write> = self.sender.budget().map(Write::Budget).into_iter().collect();
        if self.sender.has_answered() {
            writes.extend(self.api_url.clone().map(Write::Api));
        }
        writes.push(Write::Run(Box::new(Run {
            id,
            number,
            command,
            started_at,
            ended_at: (self.clock)(),
            commit,
            dirty,
            files,
            requests: self.sender.sent(),
            approved: self.approved.load(Ordering::Relaxed),
            stopped: stopped.map(str::to_owned),
            changes: Vec::new(),
        })));
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = mem::take(&mut pages.waiting);
        if !changes.is_empty() {
            pages.parts += 1;
            let part = pages.parts;
            writes.push(Write::RunPart(Box::new(RunPart { id, number, part, changes })));
        }
        writes
    }
}
