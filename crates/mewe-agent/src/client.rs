//! The signed HTTP calls: send a message, read a thread. Nothing else exists on the wire.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use jiff::Timestamp;
use mewe_protocol::{
    AgentId, MessageText, ThreadId, UnixSeconds, decided,
    error::ErrorBody,
    json,
    message::{ReadPage, ReadSent, SendMessage},
    request,
};
use mewe_runtime::{
    clock::SharedClock,
    transport::{Limits, SharedTransport, TransportError},
};

use crate::Account;

/// For one call, from connecting to the last byte of the answer.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of one answer. A page of 100 messages of 10,000 characters of four bytes fits.
const MAX_ANSWER: usize = 8 * 1024 * 1024;

/// Calls a host in the name of an application's agents.
pub struct Client {
    account: Account,
    transport: SharedTransport,
    clock: SharedClock,
    /// How far the host's clock is ahead of ours, in seconds; learned when it refuses our time.
    offset: AtomicI64,
}

/// Why a call brought nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Nothing has left this machine. Calling again is safe.
    #[error("the host was not reached: {0}")]
    NotReached(String),
    /// The call may have been carried out, or not.
    #[error("the host did not answer properly: {0}")]
    InDoubt(String),
    /// The host refused; nothing was carried out.
    #[error("the host refused ({status}{}): {message}", code.as_deref().map(|c| format!(", {c}")).unwrap_or_default())]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The host's stable code, if it gave one.
        code: Option<String>,
        /// The host's words, cut to 300 characters.
        message: String,
        /// How long it asks to wait; an hour at most.
        retry_after: Option<Duration>,
    },
    /// The host answered, but not as the wire says.
    #[error("the host's answer cannot be read: {0}")]
    Unreadable(String),
}

impl CallError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotReached(_) => Some("check MEWE_HOST, and that the host is up"),
            Self::Refused { status: 401, code, .. } => Some(match code.as_deref() {
                Some("unknown_app") => "check MEWE_APP_ID: this host does not know the application",
                Some("unknown_agent") => "check the agent's id: it is not of this application, or was removed",
                Some("timestamp") => "set this machine's clock: it is too far from the host's",
                Some("replayed") => "this very request was accepted before; wait a second and call again",
                _ => "compare MEWE_API_KEY with what the host showed once; `verify --explain` tells which reading fits",
            }),
            Self::Refused { status: 403, .. } => {
                Some("the agent must sit in the thread, and the application needs the permission")
            }
            Self::Refused { status: 404, .. } => Some("check the thread's id"),
            _ => None,
        }
    }
}

impl Client {
    /// A client that signs as `account` says.
    pub fn new(account: Account, transport: SharedTransport, clock: SharedClock) -> Self {
        Self { account, transport, clock, offset: AtomicI64::new(0) }
    }

    /// The time by the host's clock, as far as it is known, in whole seconds.
    pub(crate) fn host_now(&self) -> u64 {
        let now = self.clock.now().as_second() + self.offset.load(Ordering::Relaxed);
        u64::try_from(now).unwrap_or(0)
    }

    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    /// Sends `text` to `thread` as `agent`, once, signed for now. For a send that must survive a crash, let a handler reply.
    ///
    /// # Errors
    /// [`CallError`]; after [`CallError::InDoubt`] the message may be in the thread.
    pub async fn send(&self, agent: AgentId, thread: ThreadId, text: &MessageText) -> Result<ReadSent, CallError> {
        self.send_signed_at(agent, thread, &body_of(text), self.host_now()).await
    }

    /// Sends the very same request for the same arguments: it is its own idempotency key.
    pub(crate) async fn send_signed_at(
        &self,
        agent: AgentId,
        thread: ThreadId,
        body: &[u8],
        second: u64,
    ) -> Result<ReadSent, CallError> {
        let path = decided::send_path(thread);
        let answer = self.call(Method::POST, &path, agent, body, second).await;
        match answer {
            Ok(response) => Ok(ReadSent::from_body(response.body())),
            // Any 2xx is sent, whatever follows it.
            Err(CallError::Unreadable(_)) => Ok(ReadSent::from_body(b"")),
            Err(error) => Err(error),
        }
    }

    /// The newest messages of `thread`, at most `limit` (1 to 100).
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn read(&self, agent: AgentId, thread: ThreadId, limit: u32) -> Result<ReadPage, CallError> {
        self.read_path(agent, &decided::read_path(thread, limit)).await
    }

    /// The page that `next` of an earlier one leads to; `None` if it leads away from the host.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn read_on(&self, agent: AgentId, next: &str) -> Result<Option<ReadPage>, CallError> {
        match self.account.host().below_api(next) {
            Some(path) => self.read_path(agent, &path).await.map(Some),
            None => Ok(None),
        }
    }

    async fn read_path(&self, agent: AgentId, path: &str) -> Result<ReadPage, CallError> {
        let response = self.call(Method::GET, path, agent, b"", self.host_now()).await?;
        ReadPage::from_body(response.body()).map_err(|error| CallError::Unreadable(error.to_string()))
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        agent: AgentId,
        body: &[u8],
        second: u64,
    ) -> Result<Response<Bytes>, CallError> {
        let account = &self.account;
        let signed =
            request::sign(account.signing_key(), account.app_id(), agent, UnixSeconds(second), body, account.reads());
        let mut request = Request::new(Bytes::copy_from_slice(body));
        *request.method_mut() = method;
        *request.uri_mut() = account
            .host()
            .join(path)
            .parse()
            .map_err(|_| CallError::NotReached("the path is no part of a URL".to_owned()))?;
        signed.apply(request.headers_mut());
        if !body.is_empty() {
            request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let limits = Limits { timeout: CALL_TIMEOUT, max_body: MAX_ANSWER };
        let response = self.transport.call(request, limits).await.map_err(|error| match error {
            TransportError::BodyTooLarge { status, limit, .. } if (200..300).contains(&status) => {
                CallError::Unreadable(format!("it is larger than {limit} bytes"))
            }
            error if error.may_have_arrived() => CallError::InDoubt(error.to_string()),
            error => CallError::NotReached(error.to_string()),
        })?;
        self.sort(response)
    }

    fn sort(&self, response: Response<Bytes>) -> Result<Response<Bytes>, CallError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        if status.is_server_error() {
            return Err(CallError::InDoubt(format!("status {}", status.as_u16())));
        }
        let error = json::read::<ErrorBody>(response.body()).ok().map(|body| body.error);
        let code = error.as_ref().map(|e| e.code.clone()).filter(|code| !code.is_empty());
        if status.as_u16() == 401 && code.as_deref() == Some("timestamp") {
            self.learn_time(response.headers());
        }
        Err(CallError::Refused {
            status: status.as_u16(),
            code,
            message: error.map(|e| e.message.chars().take(300).collect()).unwrap_or_default(),
            retry_after: response
                .headers()
                .get(header::RETRY_AFTER)
                .and_then(|value| mewe_store::retry_after(value.to_str().ok()?)),
        })
    }

    fn learn_time(&self, headers: &HeaderMap) {
        let Some(date) = headers.get(header::DATE).and_then(|value| value.to_str().ok()).and_then(http_date) else {
            return;
        };
        let offset = date.as_second() - self.clock.now().as_second();
        self.offset.store(offset, Ordering::Relaxed);
        tracing::warn!(offset, "the host's clock differs from ours by this many seconds; following it");
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("account", &self.account).finish_non_exhaustive()
    }
}

/// The bytes of a send, compact already, so that the readings `compact` and `raw` of a signature are one.
pub(crate) fn body_of(text: &MessageText) -> Vec<u8> {
    json::print(&SendMessage { text: text.clone() })
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_servers_date_is_understood() {
        let date = super::http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(date.as_second(), 784_111_777);
    }
}
