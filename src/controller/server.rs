//! What `--listen` serves: a page, health, metrics, and the receiver of webhooks.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle, time::timeout};

use super::{Health, METRICS_CONTENT_TYPE, Observers, headers::harden, health, page, webhooks};
use crate::{
    chats::ChangeNotifier,
    loopback::{self, Limits, Site},
};

/// How long [`Server::stop`] waits for answers under way.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is served.
pub struct ServerOptions {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What is known of the process, and its metrics.
    pub observers: Observers,
    /// The receiver of webhooks, whose path has a secret.
    pub webhooks: Router,
}

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("could not listen on {address}: {why}")]
pub struct ListenError {
    address: SocketAddr,
    why: String,
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    notifier: Arc<ChangeNotifier>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl Server {
    /// Listens and serves, on the runtime of the caller, until it is stopped.
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on.
    pub async fn start(options: ServerOptions) -> Result<Self, ListenError> {
        let ServerOptions { listen, observers, webhooks: receiver } = options;
        let notifier = observers.live.notifier();
        let own = page::routes(&observers, Arc::clone(&notifier));
        let Observers { metrics, live, clock } = observers;
        let refused = |error| ListenError { address: listen, why: loopback::why_not(error) };
        let listener = TcpListener::bind(listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let (alive, ready) = (Arc::clone(&live), live);
        let open = Router::new()
            .route("/livez", get(async move || probed(health::alive(&alive.snapshot(), clock()))))
            .route("/readyz", get(async move || probed(health::ready(&ready.snapshot()))))
            .route("/metrics", get(async move || plain(METRICS_CONTENT_TYPE, metrics.text())));
        let secret = Some((webhooks::PATH, receiver));
        let site = Site { own, open, secret };
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(async move {
            // A message, or the sender was dropped.
            let stopped = async { _ = stopped.await };
            loopback::serve(listener, address, site, Limits::default(), stopped).await;
        });
        Ok(Self { address, notifier, stop, served })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops: no new connections; answers under way are waited for, for a while.
    pub async fn stop(self) {
        let Self { notifier, stop, mut served, .. } = self;
        notifier.close();
        drop(stop);
        if timeout(PATIENCE, &mut served).await.is_err() {
            served.abort();
        }
    }
}

fn probed(health: Health) -> Response {
    let status = if health.ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut response = plain("text/plain; charset=utf-8", format!("{}\n", health.words));
    *response.status_mut() = status;
    response
}

fn plain(kind: &'static str, text: String) -> Response {
    let mut response = text.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    harden(response.headers_mut());
    response
}
