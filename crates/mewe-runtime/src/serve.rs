//! The door: what every listener of ours allows, before any handler runs.
//!
//! Header time-out 5 s, body 10 s, a limit for one body and a budget for all bodies in flight together: defaults of the place,
//! not options, because the one listener without them is the one that gets found.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, SemaphorePermit},
};

use crate::{
    clock::{Clock, SharedClock, timeout},
    spawn::SharedSpawn,
    stop::Stop,
};

/// For a request's headers to arrive.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// For a request's body to arrive.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections served at once; a further one waits in the kernel.
const MAX_CONNECTIONS: usize = 1024;
/// For connections to finish after the stop was asked for.
const DRAIN: Duration = Duration::from_secs(5);

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process listens there.
    #[error("{0} is in use by another process")]
    InUse(SocketAddr),
    /// The system refused for another reason.
    #[error("cannot listen on {0}: {1}")]
    Refused(SocketAddr, #[source] std::io::Error),
}

/// Listens on `addr`; port 0 takes a free one.
///
/// # Errors
/// [`BindError`], which names the address.
pub async fn bind(addr: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(addr).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => BindError::InUse(addr),
        _ => BindError::Refused(addr, error),
    })
}

/// Serves `router` on `listener` until `stop`, then lets open exchanges finish for at most 5 s.
pub async fn serve(listener: TcpListener, router: Router, clock: SharedClock, spawn: SharedSpawn, stop: Stop) {
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    loop {
        let accept = async {
            let place = connections.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, stream) = tokio::select! {
            () = stop.stopped() => break,
            (place, accepted) = accept => match accepted {
                Ok((stream, _)) => (place, stream),
                // Out of descriptors, or the peer left already. The former must not become a busy loop.
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    clock.sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        // Answers are small and awaited: do not hold them back to fill a packet.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        spawn.spawn(Box::pin(async move {
            // A peer that breaks off is that peer's business.
            let _ = connection.await;
            drop(place);
        }));
    }
    drop(listener);
    if timeout(&*clock, DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("some connections did not end in time and were cut");
    }
}

/// How many bytes of bodies may be in flight at once, over all connections.
#[derive(Debug)]
pub struct BodyBudget(Semaphore);

impl BodyBudget {
    /// Room for `bodies` bodies, whatever their size.
    pub fn new(bodies: usize) -> Self {
        Self(Semaphore::new(bodies))
    }
}

impl Default for BodyBudget {
    /// 256, which is 64 MiB of the largest.
    fn default() -> Self {
        Self::new(256)
    }
}

/// Why a body was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// More bytes than that: answer 413.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// Not complete within 10 s: answer 408.
    #[error("the body did not arrive within {} s", BODY_TIMEOUT.as_secs())]
    Slow,
    /// Too many bodies in flight: answer 503.
    #[error("too many requests at once; try again")]
    Busy,
    /// The sender broke off.
    #[error("the body ended early: {0}")]
    Cut(String),
}

/// Reads a whole body of at most `most` bytes within the limits of the door.
///
/// # Errors
/// [`BodyError`], each variant with the status it stands for.
pub async fn read_body(clock: &dyn Clock, body: Body, most: usize, budget: &BodyBudget) -> Result<Bytes, BodyError> {
    use axum::body::HttpBody as _;
    // A declared length is checked before a single byte is read.
    if body.size_hint().lower() > most as u64 {
        return Err(BodyError::TooLarge(most));
    }
    let _place: SemaphorePermit<'_> = budget.0.try_acquire().map_err(|_| BodyError::Busy)?;
    let mut body = body;
    let collect = async {
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| BodyError::Cut(error.to_string()))?;
            if let Ok(data) = frame.into_data() {
                if bytes.len() + data.len() > most {
                    return Err(BodyError::TooLarge(most));
                }
                bytes.extend_from_slice(&data);
            }
        }
        Ok(bytes.freeze())
    };
    timeout(clock, BODY_TIMEOUT, collect).await.unwrap_or(Err(BodyError::Slow))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::VirtualClock;
    use jiff::Timestamp;

    const MAX_BODY: usize = 256 * 1024;

    #[tokio::test]
    async fn a_body_of_the_limit_is_taken_and_one_byte_more_is_not() {
        let clock = VirtualClock::new(Timestamp::UNIX_EPOCH);
        let budget = BodyBudget::default();
        let taken = read_body(&clock, Body::from(vec![b' '; MAX_BODY]), MAX_BODY, &budget).await.unwrap();
        assert_eq!(taken.len(), MAX_BODY);
        let refused = read_body(&clock, Body::from(vec![b' '; MAX_BODY + 1]), MAX_BODY, &budget).await;
        assert_eq!(refused, Err(BodyError::TooLarge(MAX_BODY)));
    }

    #[tokio::test]
    async fn a_streamed_body_without_a_length_is_cut_off_at_the_limit() {
        let clock = VirtualClock::new(Timestamp::UNIX_EPOCH);
        let pieces =
            futures_util::stream::iter((0..300).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 1024]))));
        let refused = read_body(&clock, Body::from_stream(pieces), MAX_BODY, &BodyBudget::default()).await;
        assert_eq!(refused, Err(BodyError::TooLarge(MAX_BODY)));
    }

    #[tokio::test]
    async fn a_body_that_drips_for_ever_is_slow_and_a_full_house_is_busy() {
        let clock = VirtualClock::new(Timestamp::UNIX_EPOCH);
        let budget = BodyBudget::new(1);
        let never = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
        let (slow, ()) = tokio::join!(read_body(&clock, never, MAX_BODY, &budget), async {
            assert_eq!(read_body(&clock, Body::from("x"), MAX_BODY, &budget).await, Err(BodyError::Busy));
            clock.advance(BODY_TIMEOUT);
        });
        assert_eq!(slow, Err(BodyError::Slow));
    }
}
