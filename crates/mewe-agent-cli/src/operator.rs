//! A host's operator API, as far as a terminal needs it.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use mewe_agent::HostUrl;
use mewe_protocol::{
    MessageId, ThreadId, UserId,
    error::ErrorBody,
    json,
    message::{ReadPage, ReadSent},
};
use mewe_runtime::{
    Seams,
    transport::{Limits, SharedTransport},
};
use serde::{Deserialize, de::DeserializeOwned};

use crate::exit::Failure;

const LIMITS: Limits = Limits { timeout: Duration::from_secs(10), max_body: 8 * 1024 * 1024 };
/// Rows of a page, and pages of a list: what is beyond a hundred thousand is not looked for by name.
const PAGE: u32 = 100;
const PAGES: u32 = 1000;

/// A host, spoken to as its operator.
pub(crate) struct Operator {
    host: HostUrl,
    /// `Bearer …`; marked as sensitive.
    token: HeaderValue,
    transport: SharedTransport,
}

/// Why a call brought nothing.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The host is away, or broke off: it may be back in a moment.
    Away(String),
    /// The host refused.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The host's words.
        message: String,
    },
    /// The answer is not as it should be.
    Unreadable(String),
}

/// A person, or an agent.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct User {
    #[serde(rename = "userId")]
    pub(crate) id: UserId,
    pub(crate) name: String,
}

/// A thread and who sits in it, agents included.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Thread {
    #[serde(rename = "threadId")]
    pub(crate) id: ThreadId,
    pub(crate) name: Option<String>,
    pub(crate) people: Vec<User>,
}

/// An agent, by its owner and their thread.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Agent {
    #[serde(rename = "ownerId")]
    pub(crate) owner: UserId,
    #[serde(rename = "personalChatThreadId")]
    pub(crate) personal_thread: ThreadId,
}

/// A page of any list.
struct Page<T> {
    rows: Vec<T>,
    next: Option<String>,
}

impl Operator {
    /// Finds out which of `tokens` the host takes.
    ///
    /// # Errors
    /// When the host is away, or takes none of them.
    pub(crate) async fn connect(host: HostUrl, tokens: Vec<String>, seams: &Seams) -> Result<Self, Failure> {
        let mut refused = Failure::usage("there is no operator token");
        for token in tokens {
            let mut token: HeaderValue = format!("Bearer {token}")
                .parse()
                .map_err(|_| Failure::usage("an operator token is of visible ASCII characters"))?;
            token.set_sensitive(true);
            let operator = Self { host: host.clone(), token, transport: seams.transport.clone() };
            match operator.call(Method::GET, "/operator/users?limit=1", Vec::new()).await {
                Ok(_) => return Ok(operator),
                Err(trouble @ Trouble::Refused { status: 401, .. }) => refused = trouble.into(),
                Err(trouble) => return Err(trouble.into()),
            }
        }
        Err(refused)
    }

    /// The people of the host.
    pub(crate) async fn users(&self) -> Result<Vec<User>, Trouble> {
        self.list("users").await
    }

    /// The threads of the host.
    pub(crate) async fn threads(&self) -> Result<Vec<Thread>, Trouble> {
        self.list("threads").await
    }

    /// The agents of the host.
    pub(crate) async fn agents(&self) -> Result<Vec<Agent>, Trouble> {
        self.list("agents").await
    }

    /// The newest messages of a thread, newest first.
    pub(crate) async fn messages(&self, thread: ThreadId, limit: u32) -> Result<ReadPage, Trouble> {
        self.messages_on(&format!("/operator/threads/{thread}/messages?limit={limit}")).await
    }

    /// The page that `next` of an earlier one leads to.
    pub(crate) async fn messages_on(&self, next: &str) -> Result<ReadPage, Trouble> {
        let body = self.call(Method::GET, next, Vec::new()).await?;
        ReadPage::from_body(&body).map_err(|error| Trouble::Unreadable(error.to_string()))
    }

    /// Says `text` as `user`.
    pub(crate) async fn say(&self, thread: ThreadId, user: UserId, text: &str) -> Result<Option<MessageId>, Trouble> {
        let body = json::print(&serde_json::json!({ "userId": user, "text": text }));
        let answer = self.call(Method::POST, &format!("/operator/threads/{thread}/messages"), body).await?;
        Ok(ReadSent::from_body(&answer).id)
    }

    async fn list<T: DeserializeOwned>(&self, noun: &str) -> Result<Vec<T>, Trouble> {
        let mut rows = Vec::new();
        let mut path = format!("/operator/{noun}?limit={PAGE}");
        for _ in 0..PAGES {
            let page: Page<T> = read_page(noun, &self.call(Method::GET, &path, Vec::new()).await?)?;
            rows.extend(page.rows);
            match page.next {
                Some(next) => path = next,
                None => break,
            }
        }
        Ok(rows)
    }

    async fn call(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Bytes, Trouble> {
        // A page may lead on within this API, and nowhere else: the token goes with it.
        if !path.starts_with("/operator/") {
            return Err(Trouble::Unreadable("it leads away from the operator API".to_owned()));
        }
        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = method;
        *request.uri_mut() = format!("{}{path}", self.host)
            .parse()
            .map_err(|_| Trouble::Unreadable("it leads to what is no path".to_owned()))?;
        let headers = request.headers_mut();
        headers.insert(header::AUTHORIZATION, self.token.clone());
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let answer = self.transport.call(request, LIMITS).await.map_err(|error| Trouble::Away(error.to_string()))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer.into_body());
        }
        let words = json::read::<ErrorBody>(answer.body()).map(|body| body.error.message).unwrap_or_default();
        let message = words.chars().take(300).collect();
        match status.as_u16() {
            500.. => Err(Trouble::Away(format!("status {}", status.as_u16()))),
            status => Err(Trouble::Refused { status, message }),
        }
    }
}

fn read_page<T: DeserializeOwned>(noun: &str, body: &[u8]) -> Result<Page<T>, Trouble> {
    let unreadable = |why: String| Trouble::Unreadable(why);
    let mut page: serde_json::Value = json::read(body).map_err(|error| unreadable(error.to_string()))?;
    let rows = page.get_mut(noun).map(serde_json::Value::take).unwrap_or_default();
    let next = page.get("nextPage").and_then(|next| next.as_str()).map(str::to_owned);
    let rows = serde_json::from_value(rows).map_err(|error| unreadable(format!("{noun}: {error}")))?;
    Ok(Page { rows, next })
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Away(why) => Self::refused(format!("the host does not answer: {why}"))
                .hint("is `mewe-agent dev` running? --host says where"),
            Trouble::Refused { status: 401, .. } => Self::refused("the host does not take this operator token")
                .hint("set MEWE_OPERATOR_TOKEN, or name the host's data directory with --data-dir"),
            Trouble::Refused { status, message } => Self::refused(format!("the host refused ({status}): {message}")),
            Trouble::Unreadable(why) => Self::refused(format!("the host's answer cannot be read: {why}")),
        }
    }
}
