//! The only way to call another server: a request with its bytes in, a response with its bytes out.
//!
//! What matters about a failed call is whether the other side may have acted on it. An error therefore says
//! ([`TransportError::may_have_arrived`]) instead of leaving it to a guess.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};

use crate::{
    BoxFuture,
    clock::{SharedClock, timeout},
};

/// Bounds of one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For the whole exchange, from connecting to the last byte of the answer's body.
    pub timeout: Duration,
    /// Bytes of the answer's body; what is longer is [`TransportError::BodyTooLarge`].
    pub max_body: usize,
}

/// A way to call a server.
pub trait Transport: Send + Sync + 'static {
    /// Sends `request` and reads the whole answer within `limits`. Redirects are answers, never followed.
    fn call(&self, request: Request<Bytes>, limits: Limits) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>>;
}

/// A transport that many parts share.
pub type SharedTransport = Arc<dyn Transport>;

/// Why there is no whole answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No connection came about: nothing of the request has left this machine.
    #[error("{0}")]
    Connect(String),
    /// No complete answer within the time limit.
    #[error("{}", incomplete(*after, *status))]
    Timeout {
        /// The limit.
        after: Duration,
        /// The answer's status, if at least that had come.
        status: Option<u16>,
    },
    /// The connection ended before the answer did.
    #[error("the connection ended before the answer was complete: {0}")]
    Cut(String),
    /// The answer's body is larger than asked for. Its status came.
    #[error("status {status} came, but its body is larger than {limit} bytes")]
    BodyTooLarge {
        /// The answer's status.
        status: u16,
        /// The limit, in bytes.
        limit: usize,
        /// As much of the body as the limit allows.
        start: Bytes,
    },
    /// The request cannot be made at all: a mistake on this side.
    #[error("the request cannot be made: {0}")]
    Invalid(String),
}

impl TransportError {
    /// Whether the other side may have received the request, and acted on it.
    pub fn may_have_arrived(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Invalid(_) => false,
            Self::Timeout { .. } | Self::Cut(_) | Self::BodyTooLarge { .. } => true,
        }
    }
}

/// HTTP/1.1 over TCP, TLS by rustls with the machine's certificates. No redirects, no proxy, no cookies.
pub struct HttpTransport {
    client: reqwest::Client,
    clock: SharedClock,
}

impl HttpTransport {
    /// A transport that measures its time limits by `clock`.
    ///
    /// # Errors
    /// [`TransportError::Invalid`] when TLS cannot be set up.
    pub fn new(clock: SharedClock) -> Result<Self, TransportError> {
        // Fails only if a provider is installed already: the embedding program's choice, which stands.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            // A connection that sat idle for long may be dead, and a request lost on it is a send of unknown outcome.
            .pool_idle_timeout(Duration::from_secs(20))
            .connect_timeout(Duration::from_secs(5))
            .user_agent(concat!("mewe-agent/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| TransportError::Invalid(causes(&error)))?;
        Ok(Self { client, clock })
    }

    /// `seen` becomes the answer's status as soon as that is known.
    async fn exchange(
        &self,
        request: Request<Bytes>,
        max_body: usize,
        seen: &AtomicU16,
    ) -> Result<Response<Bytes>, TransportError> {
        let target = host_of(&request);
        let request = reqwest::Request::try_from(request).map_err(|e| TransportError::Invalid(causes(&e)))?;
        let mut answer = self.client.execute(request).await.map_err(|e| sort(&e, &target))?;
        let status = answer.status();
        seen.store(status.as_u16(), Ordering::Relaxed);
        let mut body = BytesMut::new();
        while let Some(piece) = answer.chunk().await.map_err(|e| {
            TransportError::Cut(format!("{} came, then the body never ended ({})", status.as_u16(), causes(&e)))
        })? {
            if body.len() + piece.len() > max_body {
                body.extend_from_slice(&piece[..max_body - body.len()]);
                let start = body.freeze();
                return Err(TransportError::BodyTooLarge { status: status.as_u16(), limit: max_body, start });
            }
            body.extend_from_slice(&piece);
        }
        let mut response = Response::new(body.freeze());
        *response.status_mut() = status;
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

impl Transport for HttpTransport {
    fn call(&self, request: Request<Bytes>, limits: Limits) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            // 0 is no status.
            let seen = AtomicU16::new(0);
            let exchange = self.exchange(request, limits.max_body, &seen);
            timeout(&*self.clock, limits.timeout, exchange).await.unwrap_or_else(|_| {
                let status = Some(seen.load(Ordering::Relaxed)).filter(|status| *status != 0);
                Err(TransportError::Timeout { after: limits.timeout, status })
            })
        })
    }
}

fn incomplete(after: Duration, status: Option<u16>) -> String {
    match status {
        Some(status) => format!("{status} came, then the body never ended"),
        None => format!("no answer within {} s", after.as_secs()),
    }
}

fn host_of(request: &Request<Bytes>) -> String {
    let uri = request.uri();
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    format!("{}:{port}", uri.host().unwrap_or("?"))
}

fn sort(error: &reqwest::Error, target: &str) -> TransportError {
    if error.is_connect() {
        let why = causes(error);
        TransportError::Connect(if why.contains("refused") {
            format!("nothing listens on {target}")
        } else {
            format!("cannot connect to {target}: {why}")
        })
    } else if error.is_builder() {
        TransportError::Invalid(causes(error))
    } else {
        TransportError::Cut(causes(error))
    }
}

/// The innermost words of an error. The outer ones repeat the URL, which belongs into no log.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    if innermost.downcast_ref::<reqwest::Error>().is_some() {
        return "the request failed".to_owned();
    }
    innermost.to_string()
}
