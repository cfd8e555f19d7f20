//! Accepts connections and answers their requests.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Request, Response, StatusCode, header},
    response::IntoResponse,
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tower_service::Service;

use super::{
    connection::{Connection, Cut},
    hosts::{Hosts, Stranger},
};

/// The limits of a server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How long it waits for the head of a request, for the body, and for a client that does not read its
    /// answer.
    pub(crate) patience: Duration,
    /// The longest body, in bytes.
    pub(crate) body_bytes: usize,
    /// The most connections at once. Further ones wait until one ends.
    pub(crate) connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(30),
            // Larger than any message.
            body_bytes: 4 << 20,
            // An apply has at most 512 requests under way.
            connections: 768,
        }
    }
}

/// What a server answers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Site {
    /// What is for those who name a host that the server listens on.
    pub(crate) own: Router,
    /// What is safe to answer to anyone who reaches an address that is not on loopback, by whatever name. It shows
    /// nothing that is worth a page of another site, and changes nothing without a secret in its path.
    pub(crate) open: Router,
    /// What is behind a secret in its path, and what such paths begin with. A proxy or a tunnel on this machine passes
    /// requests on under the name by which strangers know it, and a page of another site does not know the secret.
    pub(crate) secret: Option<(&'static str, Router)>,
}

impl From<Router> for Site {
    fn from(own: Router) -> Self {
        Self { own, ..Self::default() }
    }
}

/// The routers of a [`Site`], for requests that the hosts are checked of.
#[derive(Clone)]
struct Routers {
    hosts: Hosts,
    own: Router,
    open: Router,
    secret: Option<(&'static str, Router)>,
}

impl Routers {
    fn new(hosts: Hosts, Site { own, open, secret }: Site) -> Self {
        let mut all = own.merge(open.clone());
        if let Some((_, secret)) = &secret {
            all = all.merge(secret.clone());
        }
        Self { hosts, own: all, open: open.fallback(move || other_host(hosts)), secret }
    }

    /// What is behind a secret, if the path leads there.
    fn behind_secret(&self, request: &Request<Incoming>) -> Option<&Router> {
        let (beginning, secret) = self.secret.as_ref()?;
        request.uri().path().starts_with(beginning).then_some(secret)
    }

    fn answer(&self, request: Request<Incoming>) -> Answered {
        // A router is always ready.
        let stranger = match self.hosts.check(&request) {
            Ok(()) => return Box::pin(self.own.clone().call(request)),
            Err(stranger) => stranger,
        };
        match self.behind_secret(&request) {
            Some(secret) => Box::pin(secret.clone().call(request)),
            None if self.hosts.admits(&request) => Box::pin(self.open.clone().call(request)),
            None => Box::pin(std::future::ready(Ok(refused(self.hosts, stranger)))),
        }
    }
}

async fn other_host(hosts: Hosts) -> Response<Body> {
    refused(hosts, Stranger::OtherHost)
}

/// Why the server cannot listen at an address, for people.
pub(crate) fn why_not(error: std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            "another program listens there; choose another port, or 0 for a free one".to_owned()
        }
        std::io::ErrorKind::PermissionDenied => {
            "not permitted; ports below 1024 need privileges, choose a higher one".to_owned()
        }
        std::io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        _ => error.to_string(),
    }
}

/// Serves until `stopped` is ready, and then answers the requests under way. A handler can cut its
/// connection: a [`Cut`] is among the extensions of the request.
pub(crate) async fn serve(
    listener: TcpListener,
    address: SocketAddr,
    site: impl Into<Site>,
    limits: Limits,
    stopped: impl Future<Output = ()>,
) {
    let routers = Routers::new(Hosts::of(address), site.into());
    let connections = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let accept = async {
        loop {
            // The semaphore is never closed.
            let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { return };
            let stream = accepted(&listener).await;
            let answered = graceful.watch(connection(stream, routers.clone(), limits));
            tokio::spawn(async move {
                // An error concerns only this client, and the client notices it.
                let _ = answered.await;
                drop(permit);
            });
        }
    };
    tokio::select! {
        () = accept => {}
        () = stopped => {}
    }
    drop(listener);
    graceful.shutdown().await;
}

async fn accepted(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are small, and the client waits for them.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            // Usually the process is out of file descriptors until another connection closes.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

type Answered = std::pin::Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

fn connection(
    stream: TcpStream,
    routers: Routers,
    limits: Limits,
) -> http1::Connection<
    TokioIo<Connection>,
    impl hyper::service::Service<
        Request<Incoming>,
        Response = Response<Body>,
        Error = Infallible,
        Future = Answered,
    >,
> {
    let cut = Cut::default();
    let io = TokioIo::new(Connection::new(stream, cut.clone(), limits.patience));
    let service = service_fn(move |mut request: Request<Incoming>| -> Answered {
        request.extensions_mut().insert(cut.clone());
        routers.answer(request)
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.patience)
        .serve_connection(io, service)
}

fn refused(hosts: Hosts, stranger: Stranger) -> Response<Body> {
    let words = format!("{stranger}: this server answers only to {hosts}\n");
    let mut response = (StatusCode::FORBIDDEN, words).into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
