//! Connecting, with repeats as far as they help.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_postgres::{Client, Connection, Error, NoTls, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    connect_options::ConnectOptions,
    error::{ConnectError, Unavailable},
    tls,
};
use crate::network::{Attempts, Request, verdict};

/// After this, no further attempt to connect begins.
const CONNECTING: Duration = Duration::from_secs(10);

/// How long a server may take for the end of a connection.
const FAREWELL: Duration = Duration::from_secs(2);

/// The task that carries a connection's traffic.
pub(crate) type Traffic = JoinHandle<Result<(), Error>>;

/// An open connection.
pub(crate) struct Connected {
    /// Sends statements.
    pub(crate) client: Client,
    /// Carries them, whenever the runtime runs.
    pub(crate) traffic: Traffic,
    tls: Option<MakeRustlsConnect>,
}

impl Connected {
    /// Asks the server to end what it does for this connection, and ends the connection.
    pub(crate) async fn cancel(self) {
        let token = self.client.cancel_token();
        let asked = async {
            match self.tls {
                None => token.cancel_query(NoTls).await,
                Some(tls) => token.cancel_query(tls).await,
            }
        };
        // If it cannot be asked, it notices the end of the connection.
        _ = timeout(FAREWELL, asked).await;
    }

    /// Ends the connection in good order.
    pub(crate) async fn close(self) {
        drop(self.client);
        _ = timeout(FAREWELL, self.traffic).await;
    }
}

/// Connects, each time within [`ConnectOptions::patience`], and again after these pauses as far as the table of
/// [`crate::network`] allows: a server that starts needs a moment. `application` is what the server is told of the
/// program, unless the URL says it.
pub(crate) async fn connect(
    options: ConnectOptions,
    application: &str,
    mut pauses: impl Iterator<Item = Duration>,
) -> Result<Connected, Unavailable> {
    let patience = options.patience();
    let ConnectOptions { mut config, root_certificates, location, passwords } = options;
    if config.get_application_name().is_none() {
        config.application_name(application);
    }
    let unavailable = |why: String| Unavailable::new(&location, why);
    let tls = match config.get_ssl_mode() {
        SslMode::Disable => None,
        _ => Some(tls::connector(root_certificates.as_deref()).map_err(unavailable)?),
    };
    let connected = |(client, traffic)| Connected { client, traffic, tls: tls.clone() };
    let attempt = async || {
        let connecting = async {
            match &tls {
                None => config.connect(NoTls).await.map(spawn),
                Some(tls) => config.connect(tls.clone()).await.map(spawn),
            }
        };
        timeout(patience, connecting)
            .await
            .map_err(|_| ConnectError::silent(patience))
            .and_then(|connected| connected.map_err(|error| ConnectError::new(&error)))
    };
    let mut attempts = Attempts::first();
    loop {
        let error = match attempt().await {
            Ok(opened) => return Ok(connected(opened)),
            Err(error) => error,
        };
        let again = verdict(Request::Connect, &error.kind).is_again();
        match pauses.next().filter(|_| again && attempts.elapsed() < CONNECTING) {
            Some(pause) => sleep(pause).await,
            None => return Err(unavailable(error.words(attempts, passwords))),
        }
        attempts.next();
    }
}

/// Lets the runtime carry the connection's traffic.
fn spawn<S, T>((client, connection): (Client, Connection<S, T>)) -> (Client, Traffic)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    (client, tokio::spawn(connection))
}
