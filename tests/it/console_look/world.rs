//! A host of this test's own, an endpoint that answers as it is told, and somebody who loads pages without a browser.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use mewe_protocol::{ApiKey, Reading, UnixSeconds, decided, json, request};
use mewe_runtime::{
    clock::{Clock, SystemClock},
    transport::{HttpTransport, Limits, Transport},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    task::JoinSet,
};

use crate::support::{Operator, Server, mewe_agent, until};

/// So many at once when much is to be said: more would wait for each other.
const AT_ONCE: usize = 6;

/// A host, alone on this machine.
pub(super) struct World {
    host: Server,
    token: String,
    pub(super) operator: Operator,
    http: HttpTransport,
    runtime: Runtime,
    _dir: TempDir,
}

/// An application, with what its agents sign with.
pub(super) struct App {
    pub(super) id: String,
    key: ApiKey,
}

impl World {
    pub(super) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let host = Server::host(dir.path());
        let token = fs::read_to_string(dir.path().join("operator-token")).unwrap();
        Self::of(host, token, dir)
    }

    /// One where others could come, so that everybody logs in.
    pub(super) fn public() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let token = "a-token-of-our-own";
        let args = ["host", "--public", "--listen", "127.0.0.1:0", "--data-dir", dir.path().to_str().unwrap()];
        let host = Server::start(mewe_agent(args).env("MEWE_OPERATOR_TOKEN", token));
        Self::of(host, token.to_owned(), dir)
    }

    fn of(host: Server, token: String, dir: TempDir) -> Self {
        let operator = Operator::new(&host.url, &token);
        let http = HttpTransport::new(Arc::new(SystemClock)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { host, token, operator, http, runtime, _dir: dir }
    }

    /// The address of a page.
    pub(super) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.host.url)
    }

    pub(super) fn app(&self, name: &str, webhook: &str) -> App {
        let (id, key) = self.operator.app(name, webhook);
        App { id, key: ApiKey::new(key).unwrap() }
    }

    /// Does something for each of `all`, some of them at the same time.
    pub(super) fn each<T: Sync>(&self, all: &[T], act: impl Fn(&Operator, &T) + Sync) {
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE.min(all.len()) {
                scope.spawn(|| {
                    let operator = Operator::new(&self.host.url, &self.token);
                    while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                        act(&operator, one);
                    }
                });
            }
        });
    }

    /// A page, as whoever has this cookie gets it.
    pub(super) fn page(&self, path: &str, cookie: &str) -> Response<Bytes> {
        let request = Request::get(self.at(path)).header("accept", "text/html").header("cookie", cookie);
        self.call(request.body(Bytes::new()).unwrap())
    }

    /// Sends a form of one of its pages.
    pub(super) fn form(&self, path: &str, fields: &str) -> Response<Bytes> {
        let request = Request::post(self.at(path))
            .header("accept", "text/html")
            .header("origin", &self.host.url)
            .header("content-type", "application/x-www-form-urlencoded");
        self.call(request.body(Bytes::from(fields.to_owned())).unwrap())
    }

    /// An agent sends `body`, signed as this `reading` of it; how the host answers to it, and to the same request once more.
    pub(super) fn agent_sends(&self, app: &App, agent: &str, thread: &str, body: &str, reading: Reading) -> [u16; 2] {
        let now = UnixSeconds::from(SystemClock.now());
        let signed =
            request::sign(&app.key, app.id.parse().unwrap(), agent.parse().unwrap(), now, body.as_bytes(), reading);
        [(); 2].map(|()| {
            let mut request = Request::post(self.at(&decided::SEND_PATH.replace("{threadId}", thread)));
            for (name, value) in signed.lines().iter().filter_map(|line| line.split_once(": ")) {
                request = request.header(name, value);
            }
            request = request.header("content-type", "application/json");
            self.call(request.body(Bytes::from(body.to_owned())).unwrap()).status().as_u16()
        })
    }

    /// An agent looks into a thread.
    pub(super) fn agent_reads(&self, app: &App, agent: &str, thread: &str) {
        let now = UnixSeconds::from(SystemClock.now());
        let signed =
            request::sign(&app.key, app.id.parse().unwrap(), agent.parse().unwrap(), now, b"", Reading::Compact);
        let mut request = Request::get(self.at(&decided::read_path(thread.parse().unwrap(), 50)));
        for (name, value) in signed.lines().iter().filter_map(|line| line.split_once(": ")) {
            request = request.header(name, value);
        }
        assert_eq!(self.call(request.body(Bytes::new()).unwrap()).status(), 200);
    }

    /// Waits until no delivery is to be attempted for the first time, or is being attempted.
    pub(super) fn settles(&self) {
        until("every delivery was attempted", || {
            let open = ["waiting", "in_flight"].into_iter().any(|state| {
                let list = self.operator.lists(&format!("/operator/deliveries?state={state}&limit=1"));
                !list["deliveries"].as_array().unwrap().is_empty()
            });
            (!open).then_some(())
        });
    }

    /// The newest row of the wire of `thread` that fits `filter`, once there is one.
    pub(super) fn row(&self, thread: &str, filter: &str) -> String {
        let query: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        until(filter, || {
            let page = self.page(&format!("/t/{thread}?q={query}"), "");
            let page = String::from_utf8(page.into_body().to_vec()).unwrap();
            let (_, id) = page.rsplit_once("id=\"w-")?;
            Some(id.split_once('"')?.0.to_owned())
        })
    }

    /// Switches trouble on for an agent.
    pub(super) fn makes_trouble(&self, agent: &str, switches: &Value) {
        let path = format!("/operator/agents/{agent}/trouble");
        let (status, answer) = self.operator.call(Method::PUT, &path, &json!({ "switches": switches }));
        assert_eq!(status, 200, "{answer}");
    }

    fn call(&self, mut request: Request<Bytes>) -> Response<Bytes> {
        // One that the host has closed since would be taken again: between two calls nobody looks after a connection.
        request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        let limits = Limits { timeout: Duration::from_secs(30), max_body: 8 << 20 };
        self.runtime.block_on(self.http.call(request, limits)).unwrap()
    }
}

/// A message of an agent, as JSON.
pub(super) fn message(text: &str) -> String {
    String::from_utf8(json::print(&json!({ "text": text }))).unwrap()
}

/// Somebody named in a text.
pub(super) fn mention(id: &str, name: &str) -> String {
    format!("{{{{u_{id}}}{name}}}")
}

/// An endpoint of webhooks; gone when it goes out of scope.
pub(super) struct Endpoint {
    pub(super) url: String,
    _runtime: Runtime,
}

/// A webhook that came.
pub(super) struct Webhook {
    pub(super) event: String,
    pub(super) body: String,
}

/// How it is answered.
pub(super) enum Answer {
    Whole(u16, String),
    /// 200, and then the line is cut.
    Cut,
}

impl Endpoint {
    pub(super) fn start(answer: impl Fn(&Webhook) -> Answer + Send + Sync + 'static) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}/webhook", listener.local_addr().unwrap());
        let answer = Arc::new(answer);
        runtime.spawn(async move {
            let mut lines = JoinSet::new();
            while let Ok((line, _)) = listener.accept().await {
                let answer = answer.clone();
                lines.spawn(async move { serve(line, &*answer).await });
            }
        });
        Self { url, _runtime: runtime }
    }

    /// One that takes everything.
    pub(super) fn that_takes_everything() -> Self {
        Self::start(|_| Answer::Whole(200, "{\"ok\":true}".to_owned()))
    }
}

/// Answers what comes on a connection, until it ends.
async fn serve(line: TcpStream, answer: &(impl Fn(&Webhook) -> Answer + Sync)) -> Option<()> {
    let mut line = BufReader::new(line);
    loop {
        let (mut webhook, mut length) = (Webhook { event: String::new(), body: String::new() }, 0);
        loop {
            let mut header = String::new();
            if line.read_line(&mut header).await.ok()? == 0 {
                return None;
            }
            match header.trim_end().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().ok()?,
                Some((name, value)) if name.eq_ignore_ascii_case("x-event") => value.clone_into(&mut webhook.event),
                None if header.trim_end().is_empty() => break,
                _ => {}
            }
        }
        let mut body = vec![0; length];
        line.read_exact(&mut body).await.ok()?;
        webhook.body = String::from_utf8(body).ok()?;
        match answer(&webhook) {
            Answer::Whole(status, body) => {
                let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n", body.len());
                line.write_all(format!("{head}{body}").as_bytes()).await.ok()?;
            }
            Answer::Cut => {
                line.write_all(b"HTTP/1.1 200 x\r\ncontent-length: 20\r\n\r\n{").await.ok()?;
                return None;
            }
        }
    }
}
