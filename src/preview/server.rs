//! The server of the page, and the project that it shows.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle, time::timeout};

use super::view::{ChatView, ViewRequest, view};
use crate::{
    chats::{self, ChangeNotifier},
    diagnostics::show,
    loopback::{self, Limits},
    manifest::{Loaded, Project},
    model::{Key, Language, WrittenTime},
    watch::{Followed, Follower, Pace},
};

/// An editor may write a file in several steps.
const PACE: Pace = Pace { quiet: Duration::from_millis(100), longest: Duration::from_secs(2) };

/// The options of a preview.
pub struct Options {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Reads the project.
    pub load: Box<dyn Fn() -> Loaded + Send + Sync>,
    /// The instant to show, unless the page asks for another.
    pub clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    /// Whether visitor ids are masked, from the settings of the project.
    pub masks: fn(&Project) -> bool,
}

/// A preview could not listen on its address.
#[derive(Debug, thiserror::Error)]
#[error("could not listen on {address}: {why}")]
pub struct StartError {
    address: SocketAddr,
    why: String,
}

/// A preview that is being served.
#[derive(Debug)]
pub struct RunningPreview {
    address: SocketAddr,
    notifier: Arc<ChangeNotifier>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
    follower: JoinHandle<()>,
}

/// The project as the page shows it.
struct LiveProject {
    options: Options,
    notifier: Arc<ChangeNotifier>,
    followed: Arc<Followed>,
    last_load: Mutex<LastLoad>,
}

#[derive(Default)]
struct LastLoad {
    /// The last project without errors, so that the page is not empty while someone types.
    project: Option<Project>,
    problems: String,
    broken: bool,
}

impl LiveProject {
    fn last_load(&self) -> MutexGuard<'_, LastLoad> {
        self.last_load.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reload(&self) {
        let mut loaded = (self.options.load)();
        self.followed.loaded(loaded.files_read().clone());
        crate::desired::check(&mut loaded);
        let problems = loaded.report.text(show::Style { color: false, mask: true });
        let mut last = self.last_load();
        last.problems = problems;
        last.broken = loaded.project.is_none();
        if loaded.project.is_some() {
            last.project = loaded.project;
        }
        drop(last);
        self.notifier.notify();
    }
}

/// Serves a preview on the runtime of the caller until it is stopped.
pub async fn start(options: Options) -> Result<RunningPreview, StartError> {
    let refused = |error| StartError { address: options.listen, why: loopback::why_not(error) };
    let listener = TcpListener::bind(options.listen).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    let followed = Arc::new(Followed::new(PACE));
    let notifier = Arc::<ChangeNotifier>::default();
    let live = Arc::new(LiveProject {
        options,
        notifier: Arc::clone(&notifier),
        followed: Arc::clone(&followed),
        last_load: Mutex::default(),
    });
    reload(&live).await;
    let follower = {
        let live = Arc::clone(&live);
        tokio::spawn(async move {
            let mut follower = Follower::new(&followed);
            loop {
                follower.changed(|_| {}).await;
                reload(&live).await;
            }
        })
    };
    let page = || chats::file(chats::HTML, include_str!("page/index.html"));
    let style = || chats::file(chats::CSS, chats::STYLE);
    let drawing = || chats::file(chats::JAVASCRIPT, chats::SCRIPT);
    let script = || chats::file(chats::JAVASCRIPT, include_str!("page/preview.js"));
    let router = Router::new()
        .route("/", get(page))
        .route("/chats.css", get(style))
        .route("/chats.js", get(drawing))
        .route("/preview.js", get(script))
        .route("/view", get(show).with_state(live))
        .route("/events", get(chats::events).with_state(Arc::clone(&notifier)));
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        // A message, or the sender was dropped.
        let stopped = async { _ = stopped.await };
        loopback::serve(listener, address, router, Limits::default(), stopped).await;
    });
    Ok(RunningPreview { address, notifier, stop, server, follower })
}

/// Loads the project again, on a thread of its own because rendering many texts takes a while.
async fn reload(live: &Arc<LiveProject>) {
    let live = Arc::clone(live);
    let _ = tokio::task::spawn_blocking(move || live.reload()).await;
}

impl RunningPreview {
    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops the server.
    pub async fn stop(self) {
        let Self { notifier, stop, mut server, follower, .. } = self;
        follower.abort();
        notifier.close();
        drop(stop);
        if timeout(Duration::from_secs(2), &mut server).await.is_err() {
            server.abort();
        }
    }
}

/// The query of the page; an empty field counts as missing.
#[derive(Deserialize)]
struct ViewQuery {
    #[serde(default)]
    at: String,
    #[serde(default)]
    key: String,
    #[serde(default)]
    visitor: String,
    #[serde(default)]
    language: String,
}

#[derive(Serialize)]
struct ViewResponse {
    problems: String,
    broken: bool,
    view: Option<ChatView>,
}

async fn show(State(live): State<Arc<LiveProject>>, Query(query): Query<ViewQuery>) -> Response {
    let at = match query.at.as_str() {
        "" => Ok((live.options.clock)()),
        text => WrittenTime::parse_instant(text),
    };
    let key = (!query.key.is_empty()).then(|| Key::parse(&query.key)).transpose();
    let language =
        (!query.language.is_empty()).then(|| Language::parse(&query.language)).transpose();
    let (Ok(at), Ok(key), Ok(language)) = (at, key, language) else {
        let what = "not an instant, not a key, or not a language\n";
        return (StatusCode::BAD_REQUEST, what).into_response();
    };
    let response = tokio::task::spawn_blocking(move || {
        let last = live.last_load();
        let view = last.project.as_ref().map(|project| {
            let mask = (live.options.masks)(project);
            view(project, &ViewRequest { at, key, visitor: query.visitor, language, mask })
        });
        ViewResponse { problems: last.problems.clone(), broken: last.broken, view }
    });
    match response.await {
        Ok(response) => Json(response).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
