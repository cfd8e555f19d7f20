//! The page of chats from the manifest alone: what visitors would see, by message, visitor and instant,
//! while the files are being written.

mod view;
mod watch;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
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
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

pub use view::{Bubble, Named, Question, Turn, View, view};

use crate::{
    chats::{self, Bell},
    diagnostics::show,
    loopback::{self, Limits},
    manifest::{Loaded, Project},
    model::Key,
};

/// What a preview is made with.
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The folder that is followed.
    pub folder: PathBuf,
    /// Reads the project.
    pub load: Box<dyn Fn() -> Loaded + Send + Sync>,
    /// The instant, if none is asked for.
    pub clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    /// Whether visitor ids are masked, by what the project says.
    pub masks: fn(&Project) -> bool,
}

/// Why a preview did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It could not listen.
    #[error("could not listen on {address}: {why}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        why: String,
    },
}

/// A preview that is being served.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    unwatched: Option<String>,
    bell: Arc<Bell>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

/// What is known of the project.
struct Desk {
    options: Options,
    bell: Arc<Bell>,
    read: Mutex<Read>,
}

#[derive(Default)]
struct Read {
    /// As it was when it last had no error: a page that is empty while a word is being typed
    /// would help nobody.
    project: Option<Project>,
    problems: String,
    broken: bool,
}

impl Desk {
    fn read(&self) -> std::sync::MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reload(&self) {
        let mut loaded = (self.options.load)();
        crate::desired::check(&mut loaded);
        let problems = loaded.report.text(show::Style { color: false, mask: true });
        let mut read = self.read();
        read.problems = problems;
        read.broken = loaded.project.is_none();
        if let Some(project) = loaded.project {
            read.project = Some(project);
        }
        drop(read);
        self.bell.ring();
    }
}

/// Serves it on the runtime of the caller until it is stopped.
pub async fn start(options: Options) -> Result<Running, StartError> {
    let refused =
        |error| StartError::Listen { address: options.listen, why: loopback::why_not(error) };
    let listener = TcpListener::bind(options.listen).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    // Before it is read for the first time, so that nothing is missed.
    let (watch, unwatched) = match watch::Watch::new(&options.folder) {
        Ok(watch) => (Some(watch), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let bell = Arc::<Bell>::default();
    let desk = Arc::new(Desk { options, bell: Arc::clone(&bell), read: Mutex::default() });
    reload(&desk).await;
    if let Some(mut watch) = watch {
        let desk = Arc::clone(&desk);
        tokio::spawn(async move {
            while watch.saved().await.is_some() {
                reload(&desk).await;
            }
        });
    }
    let page = || chats::file(chats::HTML, include_str!("page/index.html"));
    let style = || chats::file(chats::CSS, chats::STYLE);
    let drawing = || chats::file(chats::JAVASCRIPT, chats::SCRIPT);
    let script = || chats::file(chats::JAVASCRIPT, include_str!("page/preview.js"));
    let router = Router::new()
        .route("/", get(page))
        .route("/chats.css", get(style))
        .route("/chats.js", get(drawing))
        .route("/preview.js", get(script))
        .route("/view", get(answer).with_state(desk))
        .route("/events", get(chats::events).with_state(Arc::clone(&bell)));
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        // Told so, or dropped.
        let stopped = async { _ = stopped.await };
        loopback::serve(listener, address, router, Limits::default(), stopped).await;
    });
    Ok(Running { address, unwatched, bell, stop, server })
}

/// Rendering all texts takes a while where there are many.
async fn reload(desk: &Arc<Desk>) {
    let desk = Arc::clone(desk);
    let _ = tokio::task::spawn_blocking(move || desk.reload()).await;
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Why the files cannot be followed, if they cannot.
    pub fn unwatched(&self) -> Option<&str> {
        self.unwatched.as_deref()
    }

    /// Stops.
    pub async fn stop(self) {
        let Self { bell, stop, mut server, .. } = self;
        bell.hang_up();
        drop(stop);
        if tokio::time::timeout(std::time::Duration::from_secs(2), &mut server).await.is_err() {
            server.abort();
        }
    }
}

/// What the page asks with; empty fields are as if they were not there.
#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    at: String,
    #[serde(default)]
    key: String,
    #[serde(default)]
    visitor: String,
}

#[derive(Serialize)]
struct Answer {
    problems: String,
    broken: bool,
    view: Option<View>,
}

async fn answer(State(desk): State<Arc<Desk>>, Query(asked): Query<Asked>) -> Response {
    let at = match asked.at.as_str() {
        "" => Ok((desk.options.clock)()),
        text => text.parse::<Timestamp>(),
    };
    let key = (!asked.key.is_empty()).then(|| Key::parse(&asked.key)).transpose();
    let (Ok(at), Ok(key)) = (at, key) else {
        return (StatusCode::BAD_REQUEST, "no such instant, or no key\n").into_response();
    };
    let answered = tokio::task::spawn_blocking(move || {
        let read = desk.read();
        let view = read.project.as_ref().map(|project| {
            let mask = (desk.options.masks)(project);
            view(project, &Question { at, key, visitor: asked.visitor, mask })
        });
        Answer { problems: read.problems.clone(), broken: read.broken, view }
    });
    match answered.await {
        Ok(answer) => Json(answer).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
