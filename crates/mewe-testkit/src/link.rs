//! Between host and application: a call goes straight into the other side's router, with no socket in between.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use axum::{Router, body::Body};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use mewe_runtime::{
    BoxFuture,
    clock::{Clock, VirtualClock},
    transport::{Limits, Transport, TransportError},
};
use tokio::sync::Notify;
use tower::ServiceExt;

use crate::faults::{Fault, Faults, Way};

/// Where the host is reached.
pub(crate) const HOST: &str = "127.0.0.1";

/// A call that somebody made, whether it arrived or not.
#[derive(Debug, Clone)]
pub struct Call {
    /// Which way it went.
    pub way: Way,
    /// Its path and query.
    pub path: String,
    /// Its headers, the signature included.
    pub headers: http::HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// The status that came back, if one did.
    pub status: Option<u16>,
}

impl Call {
    /// A header as text; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// The wire of a world.
pub(crate) struct Link {
    clock: VirtualClock,
    doors: Mutex<HashMap<String, Router>>,
    calls: Mutex<Vec<Call>>,
    pub(crate) faults: Faults,
    /// Rings when a call was to bring everything down.
    pub(crate) crash: Notify,
}

impl Link {
    pub(crate) fn new(clock: VirtualClock) -> Self {
        Self {
            clock,
            doors: Mutex::default(),
            calls: Mutex::default(),
            faults: Faults::default(),
            crash: Notify::new(),
        }
    }

    /// Somebody answers under this name from now on.
    pub(crate) fn open(&self, name: &str, router: Router) {
        lock(&self.doors).insert(name.to_owned(), router);
    }

    /// Nobody answers any more. What answered holds this link, so that neither would ever be dropped otherwise.
    pub(crate) fn close_all(&self) {
        lock(&self.doors).clear();
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        lock(&self.calls).clone()
    }

    async fn carry(&self, request: Request<Bytes>, limits: Limits) -> Result<Response<Bytes>, TransportError> {
        let name = request.uri().host().unwrap_or_default().to_owned();
        let way = match (name.as_str(), request.method()) {
            (HOST, &Method::GET) => Way::Read,
            (HOST, _) => Way::Send,
            _ => Way::Webhook,
        };
        let made = {
            let mut calls = lock(&self.calls);
            calls.push(Call {
                way,
                path: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
                headers: request.headers().clone(),
                body: request.body().clone(),
                status: None,
            });
            calls.len() - 1
        };
        let answer = self.meet(self.faults.take(way), &name, &request, limits).await;
        if let Ok(answer) = &answer {
            lock(&self.calls)[made].status = Some(answer.status().as_u16());
        }
        answer
    }

    async fn meet(
        &self,
        fault: Option<Fault>,
        name: &str,
        request: &Request<Bytes>,
        limits: Limits,
    ) -> Result<Response<Bytes>, TransportError> {
        let cut = || TransportError::Cut("on purpose".to_owned());
        match fault {
            None => self.arrive(name, request, limits).await,
            Some(Fault::NotReached) => Err(TransportError::Connect(format!("nothing listens on {name}"))),
            Some(Fault::RequestLost) => Err(cut()),
            Some(Fault::AnswerLost) => self.arrive(name, request, limits).await.and(Err(cut())),
            Some(Fault::AnswerEmpty) => {
                let answer = self.arrive(name, request, limits).await?;
                let mut empty = Response::new(Bytes::new());
                *empty.status_mut() =
                    if answer.status().is_success() { StatusCode::NO_CONTENT } else { answer.status() };
                Ok(empty)
            }
            Some(Fault::Twice) => {
                let first = self.arrive(name, request, limits).await;
                // What the second is answered, nobody waits for.
                let _ = self.arrive(name, request, limits).await;
                first
            }
            Some(Fault::Answered { status, headers, body }) => {
                let mut answer = Response::new(Bytes::from(body));
                *answer.status_mut() = StatusCode::from_u16(status).map_err(|_| cut())?;
                for (name, value) in headers {
                    let value = HeaderValue::from_str(&value).map_err(|_| cut())?;
                    answer
                        .headers_mut()
                        .insert(name.to_ascii_lowercase().parse::<header::HeaderName>().map_err(|_| cut())?, value);
                }
                Ok(answer)
            }
            Some(Fault::CrashBefore) => self.bring_down().await,
            Some(Fault::CrashAfter) => {
                // Nobody is left to hear the answer.
                let _ = self.arrive(name, request, limits).await;
                self.bring_down().await
            }
        }
    }

    /// Never comes back: whoever waits for this call is dropped.
    async fn bring_down<T>(&self) -> T {
        self.crash.notify_one();
        std::future::pending().await
    }

    async fn arrive(
        &self,
        name: &str,
        request: &Request<Bytes>,
        limits: Limits,
    ) -> Result<Response<Bytes>, TransportError> {
        let Some(router) = lock(&self.doors).get(name).cloned() else {
            return Err(TransportError::Connect(format!("nothing listens on {name}")));
        };
        let mut arriving = request.clone().map(Body::from);
        // As it stands in the first line of a request.
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *arriving.uri_mut() = path.parse::<Uri>().map_err(|error| TransportError::Invalid(error.to_string()))?;
        let host = HeaderValue::from_str(name).map_err(|error| TransportError::Invalid(error.to_string()))?;
        arriving.headers_mut().insert(header::HOST, host);
        let Ok(answer) = router.oneshot(arriving).await;
        let (mut parts, body) = answer.into_parts();
        // Ours are all of a size; what the transport would keep of a larger one is for it alone.
        let Ok(body) = axum::body::to_bytes(body, limits.max_body).await else {
            let (status, limit) = (parts.status.as_u16(), limits.max_body);
            return Err(TransportError::BodyTooLarge { status, limit, start: Bytes::new() });
        };
        // A server's own part.
        let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&self.clock.now());
        if let Some(date) = date.ok().and_then(|date| HeaderValue::from_str(&date).ok()) {
            parts.headers.insert(header::DATE, date);
        }
        Ok(Response::from_parts(parts, body))
    }
}

impl Transport for Link {
    fn call(&self, request: Request<Bytes>, limits: Limits) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(self.carry(request, limits))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
