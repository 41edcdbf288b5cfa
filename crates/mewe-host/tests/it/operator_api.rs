//! The operator API: what each route answers, how its lists are paged, whom it lets in, and what it refuses.

use std::collections::BTreeSet;

use axum::body::{Body, HttpBody as _};
use bytes::Bytes;
use http::{Method, Request, header};
use mewe_protocol::{AgentId, AppId, MessageId, ThreadId, UserId, json};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::{Answer, TOKEN, World, operator};

/// Every route of the operator API: method, path, and a body that would change something.
const ROUTES: [(&str, &str, &str); 27] = [
    ("GET", "/operator/apps", ""),
    ("POST", "/operator/apps", r#"{"name":"Thor","type":"personal_agent","webhookUrl":"https://thor.example/"}"#),
    ("GET", "/operator/apps/{appId}", ""),
    ("PATCH", "/operator/apps/{appId}", r#"{"name":"Thor"}"#),
    ("DELETE", "/operator/apps/{appId}", ""),
    ("POST", "/operator/apps/{appId}/redeliver", r#"{"since":"2025-11-24T00:00:00Z"}"#),
    ("GET", "/operator/users", ""),
    ("POST", "/operator/users", r#"{"firstName":"Pétur"}"#),
    ("GET", "/operator/threads", ""),
    ("POST", "/operator/threads", r#"{"participants":["{userId}"]}"#),
    ("POST", "/operator/threads/{threadId}/participants", r#"{"userId":"{userId}"}"#),
    ("DELETE", "/operator/threads/{threadId}/participants/{userId}", ""),
    ("GET", "/operator/threads/{threadId}/messages", ""),
    ("POST", "/operator/threads/{threadId}/messages", r#"{"userId":"{userId}","text":"Hello"}"#),
    ("GET", "/operator/agents", ""),
    ("POST", "/operator/agents", r#"{"appId":"{appId}","ownerId":"{userId}","agentName":"MuadDib"}"#),
    ("DELETE", "/operator/agents/{agentId}", ""),
    ("POST", "/operator/agents/{agentId}/threads", r#"{"threadId":"{threadId}"}"#),
    ("DELETE", "/operator/agents/{agentId}/threads/{threadId}", ""),
    ("POST", "/operator/agents/{agentId}/pause", ""),
    ("POST", "/operator/agents/{agentId}/resume", ""),
    ("POST", "/operator/agents/{agentId}/test-event", r#"{"event":"personal_chat_message"}"#),
    ("GET", "/operator/agents/{agentId}/trouble", ""),
    ("PUT", "/operator/agents/{agentId}/trouble", r#"{"switches":[{"kind":"reorder"}]}"#),
    ("DELETE", "/operator/agents/{agentId}/trouble", ""),
    ("GET", "/operator/deliveries/{deliveryId}", ""),
    ("POST", "/operator/deliveries/{deliveryId}/redeliver", ""),
];
/// Those that nothing in a path or a body goes into.
const PLAIN: [(&str, &str, &str); 5] = [
    ("GET", "/operator/deliveries", ""),
    ("GET", "/operator/calls", ""),
    ("GET", "/operator/trouble", ""),
    ("DELETE", "/operator/trouble", ""),
    ("GET", STREAM, ""),
];
/// The one whose answer has no end.
const STREAM: &str = "/operator/stream";

fn routes() -> impl Iterator<Item = (Method, &'static str, &'static str)> {
    let all = ROUTES.into_iter().chain(PLAIN);
    all.map(|(method, path, body)| (method.parse().unwrap(), path, body))
}

/// The routes that `routes.rs` names, as `METHOD path`.
fn named_in_the_source() -> BTreeSet<String> {
    let source = include_str!("../../src/routes.rs");
    let mut named = BTreeSet::new();
    for route in source.split(".route(").skip(1) {
        let Some(path) = route.split('"').nth(1).filter(|path| path.starts_with("/operator")) else { continue };
        let methods = route.split(".method_not_allowed_fallback").next().unwrap();
        for method in ["get", "post", "put", "patch", "delete", "any", "on", "head", "options"] {
            let called = |before: &str| methods.contains(&format!("{before}{method}(operator::"));
            if ["", " ", "."].into_iter().any(called) {
                named.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    named
}

#[test]
fn no_route_of_the_operator_is_without_its_tests() {
    let here: BTreeSet<String> = routes().map(|(method, path, _)| format!("{method} {path}")).collect();
    assert_eq!(named_in_the_source(), here);
    // Every place at which a route begins was understood.
    let paths: BTreeSet<&str> = routes().map(|(_, path, _)| path).collect();
    assert_eq!(include_str!("../../src/routes.rs").matches("\"/operator").count(), paths.len());
}

/// A world with one of each, in which every route of the table would succeed.
struct One {
    world: World,
    app: AppId,
    agent: AgentId,
    user: UserId,
    thread: ThreadId,
}

impl One {
    async fn new() -> Self {
        let (world, petur, muaddib) = World::with_muaddib().await;
        let thread = world.thread(&[petur]).await;
        world.seat(&muaddib, thread).await.created();
        Self { world, app: muaddib.app, agent: muaddib.id, user: petur, thread }
    }

    fn filled(&self, text: &str) -> String {
        text.replace("{appId}", &self.app.to_string())
            .replace("{agentId}", &self.agent.to_string())
            .replace("{userId}", &self.user.to_string())
            .replace("{threadId}", &self.thread.to_string())
            // The news that there is an agent, which was taken.
            .replace("{deliveryId}", "1")
    }

    fn request(&self, method: &Method, path: &str, body: &str) -> Request<Body> {
        operator(method.clone(), &self.filled(path), self.filled(body))
    }

    /// The status of an answer, and whether there is something in it.
    async fn peeks(&self, request: Request<Body>) -> (u16, bool) {
        let Ok(answer) = self.world.host().router().oneshot(request).await;
        (answer.status().as_u16(), !answer.body().is_end_stream())
    }

    /// Everything that an operator can see.
    async fn all(&self) -> Vec<Bytes> {
        let messages = format!("/operator/threads/{}/messages", self.thread);
        let mut all = Vec::new();
        for list in [
            "/operator/apps",
            "/operator/users",
            "/operator/threads",
            "/operator/agents",
            "/operator/deliveries",
            "/operator/deliveries/1",
            "/operator/calls",
            "/operator/trouble",
            &messages,
        ] {
            all.push(self.world.gets(list).await.is(200).body);
        }
        all
    }
}

// At the door.

#[tokio::test]
async fn without_the_token_nothing_is_shown_and_nothing_is_done() {
    let one = One::new().await;
    let before = one.all().await;
    for (method, path, body) in routes() {
        let right = format!("Bearer {TOKEN}");
        let wrong = [
            None,
            Some(String::new()),
            Some("Bearer".to_owned()),
            Some("Bearer ".to_owned()),
            Some("Bearer wrong".to_owned()),
            Some(TOKEN.to_owned()),
            Some(format!("Basic {TOKEN}")),
            Some(right.to_uppercase()),
            Some(right[..right.len() - 1].to_owned()),
            Some(format!("{right}x")),
        ];
        for token in wrong {
            let mut request = one.request(&method, path, body);
            request.headers_mut().remove(header::AUTHORIZATION);
            if let Some(token) = &token {
                request.headers_mut().insert(header::AUTHORIZATION, token.parse().unwrap());
            }
            let answer = one.world.ask(request).await;
            answer.is_refused(401, "unauthorized", "Bearer");
            assert!(!answer.text().contains(TOKEN), "{method} {path}");
        }
    }
    assert_eq!(one.all().await, before);
}

#[tokio::test]
async fn a_name_that_only_resolves_to_this_machine_is_refused() {
    let one = One::new().await;
    let before = one.all().await;
    for (method, path, body) in routes() {
        for name in
            ["evil.example", "evil.example:8787", "localhost.evil.example", "127.0.0.1.evil.example:80", "", "0.0.0.0"]
        {
            let mut request = one.request(&method, path, body);
            request.headers_mut().insert(header::HOST, name.parse().unwrap());
            one.world.ask(request).await.is_refused(421, "wrong_host", "");
        }
        let mut nameless = one.request(&method, path, body);
        nameless.headers_mut().remove(header::HOST);
        one.world.ask(nameless).await.is_refused(421, "wrong_host", "");
    }
    assert_eq!(one.all().await, before);
}

#[tokio::test]
async fn the_host_answers_under_its_own_names() {
    let world = World::with(|config| config.names = vec!["chat.example.org".to_owned()]).await;
    for name in ["localhost", "localhost:1", "127.0.0.1:8787", "[::1]:8787", "chat.example.org", "Chat.Example.org:443"]
    {
        let mut request = operator(Method::GET, "/operator/apps", "");
        request.headers_mut().insert(header::HOST, name.parse().unwrap());
        world.ask(request).await.is(200);
    }
    // As HTTP/2 and some clients name it: in the URL alone.
    let mut request = operator(Method::GET, "http://localhost:8787/operator/apps", "");
    request.headers_mut().remove(header::HOST);
    world.ask(request).await.is(200);
}

#[tokio::test]
async fn a_page_of_another_origin_changes_nothing() {
    let one = One::new().await;
    let before = one.all().await;
    let foreign = ["https://evil.example", "http://localhost:9999", "http://localhost", "null", "localhost:8787", ""];
    for (method, path, body) in routes() {
        for origin in foreign {
            let mut request = one.request(&method, path, body);
            request.headers_mut().insert(header::ORIGIN, origin.parse().unwrap());
            if method == Method::GET {
                assert_eq!(one.peeks(request).await, (200, true), "{path}");
            } else {
                one.world.ask(request).await.is_refused(403, "foreign_origin", "");
            }
        }
    }
    assert_eq!(one.all().await, before);
    let mut own = operator(Method::POST, "/operator/users", json::print(&json!({ "firstName": "Sigrún" })));
    own.headers_mut().insert(header::ORIGIN, "http://localhost:8787".parse().unwrap());
    one.world.ask(own).await.is(201);
}

#[tokio::test]
async fn every_route_of_the_table_succeeds_when_it_is_let_in() {
    for (method, path, body) in routes() {
        let one = One::new().await;
        // Those who are there already cannot be added: what is added to is left first.
        let first = match (method.as_str(), path) {
            ("POST", "/operator/threads/{threadId}/participants") => {
                Some("/operator/threads/{threadId}/participants/{userId}")
            }
            ("POST", "/operator/agents") => Some("/operator/agents/{agentId}"),
            ("POST", "/operator/agents/{agentId}/threads") => Some("/operator/agents/{agentId}/threads/{threadId}"),
            _ => None,
        };
        if let Some(first) = first {
            one.world.deletes(&one.filled(first)).await.is(204);
        }
        let expected = match (method.as_str(), path.rsplit('/').next().unwrap()) {
            ("POST", "redeliver") => 202,
            ("POST", "pause" | "resume") | ("DELETE", _) => 204,
            ("POST", _) => 201,
            _ => 200,
        };
        let answered = one.peeks(one.request(&method, path, body)).await;
        assert_eq!(answered, (expected, expected != 204), "{method} {path}");
    }
}

#[tokio::test]
async fn a_wrong_method_says_which_ones_are_right() {
    let one = One::new().await;
    for (_, path, _) in routes() {
        let answer = one.world.ask(one.request(&Method::TRACE, path, "{}")).await;
        answer.is_refused(405, "method_not_allowed", "Allow");
        let allowed = answer.headers["allow"].to_str().unwrap().to_owned();
        for (method, _, _) in routes().filter(|(_, other, _)| *other == path) {
            assert!(allowed.contains(method.as_str()), "{method} {path}: {allowed}");
        }
    }
}

// Forms.

#[tokio::test]
async fn an_applications_key_is_shown_once_and_never_again() {
    let world = World::new().await;
    let body = json!({
        "name": " MuadDib ", "type": "personal_agent",
        "permissions": ["user_chats", "post_content", "user_chats", "user_gorup"],
        "webhookUrl": "https://muaddib.example/webhook",
    });
    let made = world.posts("/operator/apps", body).await.is(201);
    let (id, key): (AppId, _) = (made.id("appId"), made.json()["apiKey"].as_str().unwrap().to_owned());
    assert_eq!(key.len(), 64);
    let rest = r#""name":"MuadDib","type":"personal_agent","permissions":["user_chats","post_content","user_gorup"],"webhookUrl":"https://muaddib.example/webhook","disabled":null,"createdAt":"2025-11-24T16:00:00.000Z"}"#;
    assert_eq!(made.text(), format!(r#"{{"appId":"{id}","apiKey":"{key}",{rest}"#));
    let shown = format!(r#"{{"appId":"{id}",{rest}"#);
    assert_eq!(world.gets(&format!("/operator/apps/{id}")).await.is(200).text(), shown);
    assert_eq!(world.gets("/operator/apps").await.is(200).text(), format!(r#"{{"apps":[{shown}],"nextPage":null}}"#));
    let changed = world.patches(&format!("/operator/apps/{id}"), json!({ "name": "Thor" })).await.is(200);
    assert_eq!(changed.text(), shown.replace("MuadDib", "Thor"));
    let other = json!({ "name": "Thor", "type": "personal_agent", "webhookUrl": "http://127.0.0.1:9/" });
    let other = world.posts("/operator/apps", other).await.is(201).json();
    assert_ne!(other["apiKey"], key.as_str());
    assert_eq!(other["permissions"], json!([]));
    world.deletes(&format!("/operator/apps/{id}")).await.is(204);
    world.gets(&format!("/operator/apps/{id}")).await.is_refused(404, "not_found", "appId");
}

#[tokio::test]
async fn a_change_of_an_application_leaves_the_rest_as_it_is() {
    let world = World::new().await;
    let app = world.app("MuadDib").await;
    let path = format!("/operator/apps/{}", app.id);
    let mut expected = world.gets(&path).await.json();
    for (field, value) in [
        ("name", json!("Thor")),
        ("permissions", json!(["post_content"])),
        ("webhookUrl", json!("http://127.0.0.1:9/hooks?a=b")),
    ] {
        expected[field] = value.clone();
        assert_eq!(world.patches(&path, json!({ field: value })).await.is(200).json(), expected);
    }
    assert_eq!(world.patches(&path, json!({})).await.is(200).json(), expected);
    assert_eq!(world.gets(&path).await.json(), expected);
}

#[tokio::test]
async fn users_threads_and_agents_are_shown_as_they_were_made() {
    let world = World::new().await;
    let petur =
        world.posts("/operator/users", json!({ "firstName": " Pétur ", "lastName": "Jureksson" })).await.is(201);
    let muaddib = world.posts("/operator/users", json!({ "firstName": "MuadDib", "lastName": " " })).await.is(201);
    let (p, m): (UserId, UserId) = (petur.id("userId"), muaddib.id("userId"));
    let users = [
        format!(r#"{{"userId":"{p}","name":"Pétur Jureksson","firstName":"Pétur","lastName":"Jureksson"}}"#),
        format!(r#"{{"userId":"{m}","name":"MuadDib","firstName":"MuadDib","lastName":""}}"#),
    ];
    assert_eq!([petur.text(), muaddib.text()], [&users[0], &users[1]]);
    assert_eq!(
        world.gets("/operator/users").await.text(),
        format!(r#"{{"users":[{}],"nextPage":null}}"#, users.join(","))
    );

    let family =
        world.posts("/operator/threads", json!({ "name": " Family ", "participants": [p, m, p] })).await.is(201);
    let f: ThreadId = family.id("threadId");
    assert_eq!(family.text(), format!(r#"{{"threadId":"{f}"}}"#));
    let app = world.app("Thor").await;
    let body = json!({ "appId": app.id, "ownerId": p, "agentName": "Thor" });
    let made = world.posts("/operator/agents", body).await.is(201);
    let (thor, personal): (AgentId, ThreadId) = (made.id("agentId"), made.id("personalChatThreadId"));
    assert_eq!(made.text(), format!(r#"{{"agentId":"{thor}","personalChatThreadId":"{personal}"}}"#));
    let joined = world.posts(&format!("/operator/agents/{thor}/threads"), json!({ "threadId": f })).await.is(201);
    assert_eq!(joined.text(), format!(r#"{{"agentId":"{thor}","threadId":"{f}"}}"#));
    assert_eq!(
        world.gets("/operator/agents").await.text(),
        format!(
            r#"{{"agents":[{{"agentId":"{thor}","agentName":"Thor","appId":"{}","ownerId":"{p}","personalChatThreadId":"{personal}","threads":["{f}"],"paused":false}}],"nextPage":null}}"#,
            app.id
        )
    );
    let person =
        |id: &str, name: &str, agent: bool| format!(r#"{{"userId":"{id}","name":"{name}","isAgent":{agent}}}"#);
    let (p, m, t) = (p.to_string(), m.to_string(), thor.to_string());
    let threads = [
        format!(
            r#"{{"threadId":"{f}","name":"Family","personal":false,"participants":["{p}","{m}","{t}"],"people":[{},{},{}]}}"#,
            person(&p, "Pétur Jureksson", false),
            person(&m, "MuadDib", false),
            person(&t, "Thor", true)
        ),
        format!(
            r#"{{"threadId":"{personal}","name":null,"personal":true,"participants":["{p}","{t}"],"people":[{},{}]}}"#,
            person(&p, "Pétur Jureksson", false),
            person(&t, "Thor", true)
        ),
    ];
    assert_eq!(
        world.gets("/operator/threads").await.text(),
        format!(r#"{{"threads":[{}],"nextPage":null}}"#, threads.join(","))
    );
}

#[tokio::test]
async fn a_message_is_shown_to_the_operator_as_an_agent_reads_it() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let said = world.speaks(petur, muaddib.personal, " Maybe yes, maybe not ").await.is(201);
    let (id, personal): (MessageId, _) = (said.id("chatMessageId"), muaddib.personal);
    assert_eq!(
        said.text(),
        format!(
            r#"{{"chatMessageId":"{id}","threadId":"{personal}","userId":"{petur}","userName":"Pétur Jureksson","messageText":"Maybe yes, maybe not","createdAt":"2025-11-24T16:00:00.000Z"}}"#
        )
    );
    let listed = world.gets(&format!("/operator/threads/{personal}/messages")).await.is(200);
    assert_eq!(listed.text(), format!(r#"{{"messages":[{}],"nextPage":null}}"#, said.text()));
    assert_eq!(listed.body, world.reads(&muaddib, personal, "").await.body);
}

#[tokio::test]
async fn a_delivery_is_shown_with_what_became_of_it() {
    let world = World::new().await;
    let petur = world.petur().await;
    let muaddib = world.agent(&world.app("MuadDib").await, petur, "MuadDib").await;
    let said = world.says(petur, muaddib.personal, "Hello").await;
    world.delivers().await;
    let list = world.gets("/operator/deliveries").await.is(200);
    let row = |n: u8, event: &str, message: &str| {
        format!(
            r#"{{"deliveryId":{n},"appId":"{}","agentId":"{}","event":"{event}","threadId":"{}","chatMessageId":{message},"state":"delivered","attempts":1,"status":200,"error":null,"test":false,"trouble":null,"dueAt":"2025-11-24T16:00:00.000Z","createdAt":"2025-11-24T16:00:00.000Z","changedAt":"2025-11-24T16:00:00.000Z"}}"#,
            muaddib.app, muaddib.id, muaddib.personal
        )
    };
    let rows = [row(2, "personal_chat_message", &format!("\"{said}\"")), row(1, "personal_agent_registered", "null")];
    assert_eq!(list.text(), format!(r#"{{"deliveries":[{}],"nextPage":null}}"#, rows.join(",")));
}

// Pages.

/// Follows a list from its first page to its last; the rows, and how many pages there were.
async fn followed(world: &World, first: &str, noun: &str) -> (Vec<Value>, usize) {
    let (mut rows, mut pages, mut next) = (Vec::new(), 0, Some(first.to_owned()));
    while let Some(path) = next {
        let page = world.gets(&path).await.is(200).json();
        rows.extend(page[noun].as_array().unwrap().iter().cloned());
        next = page["nextPage"].as_str().map(str::to_owned);
        pages += 1;
    }
    (rows, pages)
}

#[tokio::test]
async fn every_list_is_read_to_its_end_by_its_next_pages() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let sigrun = world.sigrun().await;
    for name in ["Thor", "Other"] {
        let app = world.app(name).await;
        let thor = world.agent(&app, sigrun, "Thor").await;
        let thread = world.thread(&[petur, sigrun]).await;
        world.seat(&thor, thread).await.created();
        world.petur().await;
        world.says(petur, muaddib.personal, name).await;
        world.reads(&thor, thread, "").await.is(200);
        world.reads(&muaddib, muaddib.personal, "").await.is(200);
    }
    world.delivers().await;
    world.says(petur, muaddib.personal, "not delivered yet").await;
    world.noted(4).await;
    let messages = format!("/operator/threads/{}/messages?", muaddib.personal);
    let of_agent = format!("/operator/deliveries?agentId={}&", muaddib.id);
    let calls_of_agent = format!("/operator/calls?agentId={}&", muaddib.id);
    for (path, noun, id, count, rises) in [
        ("/operator/apps?", "apps", "appId", 3, true),
        ("/operator/users?", "users", "userId", 4, true),
        ("/operator/threads?", "threads", "threadId", 5, true),
        ("/operator/agents?", "agents", "agentId", 3, true),
        (&messages, "messages", "chatMessageId", 3, false),
        ("/operator/deliveries?", "deliveries", "deliveryId", 8, false),
        (&of_agent, "deliveries", "deliveryId", 4, false),
        ("/operator/deliveries?state=waiting&", "deliveries", "deliveryId", 1, false),
        ("/operator/deliveries?state=delivered&", "deliveries", "deliveryId", 7, false),
        ("/operator/calls?", "calls", "callId", 4, false),
        (&calls_of_agent, "calls", "callId", 2, false),
    ] {
        let (all, _) = followed(&world, &format!("{path}limit=100"), noun).await;
        let key =
            |row: &Value| row[id].as_i64().map_or_else(|| row[id].as_str().unwrap().to_owned(), |n| format!("{n:9}"));
        let mut keys: Vec<String> = all.iter().map(key).collect();
        assert_eq!(keys.len(), count, "{path}");
        if !rises {
            keys.reverse();
        }
        assert!(keys.is_sorted_by(|a, b| a < b), "{path}");
        for limit in 1..=count {
            let (rows, pages) = followed(&world, &format!("{path}limit={limit}"), noun).await;
            assert_eq!((&rows, pages), (&all, count.div_ceil(limit)), "{path} {limit}");
        }
    }
    let both = format!("{of_agent}state=delivered&limit=1");
    assert_eq!(followed(&world, &both, "deliveries").await.0.len(), 3);
}

#[tokio::test]
async fn a_page_that_cannot_be_understood_is_refused_by_its_field() {
    let one = One::new().await;
    let messages = one.filled("/operator/threads/{threadId}/messages");
    let elsewhere = one.world.thread(&[one.user]).await;
    let elsewhere = one.world.says(one.user, elsewhere, "elsewhere").await;
    for list in [
        "/operator/apps",
        "/operator/users",
        "/operator/threads",
        "/operator/agents",
        "/operator/deliveries",
        "/operator/calls",
        &messages,
    ] {
        for limit in ["0", "101", "x", "", "-1"] {
            one.world.gets(&format!("{list}?limit={limit}")).await.is_refused(400, "invalid", "limit: ");
        }
    }
    for (query, field) in [
        ("/operator/apps?after=x".to_owned(), "after: "),
        ("/operator/users?after=x".to_owned(), "after: "),
        ("/operator/threads?after=x".to_owned(), "after: "),
        ("/operator/agents?after=".to_owned(), "after: "),
        ("/operator/deliveries?agentId=x".to_owned(), "agentId: "),
        ("/operator/deliveries?state=lost".to_owned(), "state: "),
        ("/operator/deliveries?before=x".to_owned(), "before: "),
        ("/operator/calls?agentId=x".to_owned(), "agentId: "),
        ("/operator/calls?before=x".to_owned(), "before: "),
        ("/operator/stream?after=x".to_owned(), "after: "),
        (format!("{messages}?beforeId=x"), "beforeId: "),
        (format!("{messages}?beforeId={elsewhere}"), "beforeId: "),
    ] {
        one.world.gets(&query).await.is_refused(400, "invalid", field);
    }
}

// Refusals.

#[tokio::test]
async fn an_application_that_cannot_be_is_refused_by_its_field() {
    let world = World::new().await;
    let app = format!("/operator/apps/{}", world.app("MuadDib").await.id);
    let good =
        json!({ "name": "Thor", "type": "personal_agent", "permissions": [], "webhookUrl": "https://thor.example/" });
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let long = "ð".repeat(101);
    let many: Vec<String> = (0..65).map(|n| format!("permission {n}")).collect();
    for (field, value) in [
        ("name", json!("")),
        ("name", json!(" \n")),
        ("name", json!(long)),
        ("name", json!(7)),
        ("permissions", json!("user_chats")),
        ("permissions", json!([""])),
        ("permissions", json!(["user\nchats"])),
        ("permissions", json!(many)),
        ("webhookUrl", json!("")),
        ("webhookUrl", json!("thor.example/webhook")),
        ("webhookUrl", json!("ftp://thor.example/")),
        ("webhookUrl", json!("file:///etc/passwd")),
        ("webhookUrl", json!("javascript:alert(1)")),
        ("webhookUrl", json!("https://petur:secret@thor.example/")),
        ("webhookUrl", json!("https://thor.example/#top")),
        ("webhookUrl", json!(7)),
    ] {
        world.posts("/operator/apps", with(field, value.clone())).await.is_refused(400, "invalid", field);
        world.patches(&app, json!({ field: value })).await.is_refused(400, "invalid", field);
    }
    for kind in ["group_agent", "", "Personal_agent"] {
        world.posts("/operator/apps", with("type", json!(kind))).await.is_refused(400, "invalid", "type: ");
    }
    for field in ["name", "type", "webhookUrl"] {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(field);
        world.posts("/operator/apps", body).await.is_refused(400, "invalid", field);
    }
    assert_eq!(followed(&world, "/operator/apps", "apps").await.0.len(), 1);
    assert_eq!(world.gets(&app).await.json()["name"], "MuadDib");
}

#[tokio::test]
async fn people_and_threads_that_cannot_be_are_refused_by_their_field() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let nobody = UserId::from_bytes([9; 12]);
    let crowd = vec![petur; 1001];
    for (path, body, status, field) in [
        ("/operator/users", json!({}), 400, "firstName"),
        ("/operator/users", json!({ "firstName": " " }), 400, "firstName: "),
        ("/operator/users", json!({ "firstName": 7 }), 400, "firstName"),
        ("/operator/users", json!({ "firstName": "Pétur", "lastName": "ð".repeat(101) }), 400, "lastName: "),
        ("/operator/threads", json!({}), 400, "participants"),
        ("/operator/threads", json!({ "participants": [] }), 400, "participants: "),
        ("/operator/threads", json!({ "participants": crowd }), 400, "participants: "),
        ("/operator/threads", json!({ "participants": ["x"] }), 400, "participants"),
        ("/operator/threads", json!({ "participants": [muaddib.id] }), 400, "participants: "),
        ("/operator/threads", json!({ "participants": [petur, nobody] }), 404, "participants: "),
        ("/operator/threads", json!({ "name": "", "participants": [petur] }), 400, "name: "),
    ] {
        let code = if status == 400 { "invalid" } else { "not_found" };
        world.posts(path, body).await.is_refused(status, code, field);
    }
    assert_eq!(followed(&world, "/operator/users", "users").await.0.len(), 1);
    assert_eq!(followed(&world, "/operator/threads", "threads").await.0.len(), 1);
}

#[tokio::test]
async fn bodies_are_read_strictly_on_every_route_that_takes_one() {
    let one = One::new().await;
    let before = one.all().await;
    for (method, path, body) in routes().filter(|(_, _, body)| !body.is_empty()) {
        let doubled = format!("{{{},{}", &body[1..body.len() - 1], &body[1..]);
        for (wrong, words) in [("", "not JSON"), ("{", "not JSON"), ("[]", "malformed"), (&*doubled, "duplicate key")] {
            one.world.ask(one.request(&method, path, wrong)).await.is_refused(400, "invalid", words);
        }
        let large = format!("{}{}", " ".repeat(256 * 1024), body);
        one.world.ask(one.request(&method, path, &large)).await.is_refused(413, "too_large", "");
    }
    assert_eq!(one.all().await, before);
}

#[tokio::test]
async fn what_is_no_id_is_refused_by_its_name_wherever_it_stands() {
    let one = One::new().await;
    let before = one.all().await;
    let ids = ["appId", "userId", "agentId", "threadId", "deliveryId"];
    let mut seen = 0;
    for (method, path, body) in routes() {
        for name in ids {
            let hole = format!("{{{name}}}");
            for wrong in ["x", "607595295633495b3c80f6c", "607595295633495b3c80f6cg"] {
                if path.contains(&hole) {
                    let path = path.replace(&hole, wrong);
                    one.world.ask(one.request(&method, &path, body)).await.is_refused(400, "invalid", name);
                    seen += 1;
                }
                if body.contains(&hole) {
                    let wrong = body.replace(&hole, wrong);
                    // In a body a field may have another name than what it holds.
                    let key = body.split(&hole).next().unwrap().rsplit('"').nth(2).unwrap();
                    one.world.ask(one.request(&method, path, &wrong)).await.is_refused(400, "invalid", key);
                    seen += 1;
                }
            }
        }
    }
    assert_eq!(seen, 3 * 27);
    assert_eq!(one.all().await, before);
}

#[tokio::test]
async fn what_is_not_there_is_not_found_wherever_it_is_named() {
    let one = One::new().await;
    let before = one.all().await;
    let nothing = "0".repeat(23) + "9";
    let mut seen = 0;
    for (method, path, body) in routes() {
        for name in ["appId", "userId", "agentId", "threadId", "deliveryId"] {
            let hole = format!("{{{name}}}");
            if path.contains(&hole) {
                let path = path.replace(&hole, &nothing);
                one.world.ask(one.request(&method, &path, body)).await.is_refused(404, "not_found", name);
                seen += 1;
            }
            if body.contains(&hole) {
                let body = body.replace(&hole, &nothing);
                one.world.ask(one.request(&method, path, &body)).await.is_refused(404, "not_found", "");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 27);
    assert_eq!(one.all().await, before);
    // A filter that fits nothing is no error.
    let empty = one.world.gets(&format!("/operator/deliveries?agentId={nothing}")).await.is(200);
    assert_eq!(empty.text(), r#"{"deliveries":[],"nextPage":null}"#);
    let empty = one.world.gets(&format!("/operator/calls?agentId={nothing}")).await.is(200);
    assert_eq!(empty.text(), r#"{"calls":[],"nextPage":null}"#);
}

#[tokio::test]
async fn what_would_break_a_rule_is_a_conflict() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let sigrun = world.sigrun().await;
    let thor = world.agent(&world.app("Thor").await, sigrun, "Thor").await;
    let family = world.thread(&[petur]).await;
    world.seat(&muaddib, family).await.created();
    let participants = |thread: ThreadId| format!("/operator/threads/{thread}/participants");
    let out = |answer: Answer, words: &str| answer.is_refused(409, "conflict", words);

    let second = json!({ "appId": muaddib.app, "ownerId": petur, "agentName": "Thor" });
    out(world.posts("/operator/agents", second).await, &muaddib.id.to_string());
    // A personal thread takes no third, and lets nobody go.
    out(world.posts(&participants(muaddib.personal), json!({ "userId": sigrun })).await, "");
    out(world.posts(&participants(muaddib.personal), json!({ "userId": petur })).await, "");
    out(world.seat(&thor, muaddib.personal).await, "");
    out(world.seat(&muaddib, muaddib.personal).await, "");
    out(world.deletes(&format!("{}/{petur}", participants(muaddib.personal))).await, "DELETE /operator/agents");
    out(world.deletes(&format!("{}/{}", participants(muaddib.personal), muaddib.id)).await, "");
    out(world.deletes(&format!("/operator/agents/{0}/threads/{1}", muaddib.id, muaddib.personal)).await, "threadId");
    // Nobody comes twice.
    out(world.posts(&participants(family), json!({ "userId": petur })).await, "already");
    out(world.seat(&muaddib, family).await, "already");
    // An agent comes and goes by its owner, and only where its owner is.
    out(world.posts(&participants(family), json!({ "userId": thor.id })).await, "agent");
    out(world.deletes(&format!("{}/{}", participants(family), muaddib.id)).await, "agent");
    out(world.seat(&thor, family).await, "owner");
    world.posts(&participants(family), json!({ "userId": sigrun })).await.is(201);
    world.seat(&thor, family).await.created();

    // Who is not there cannot go.
    world.deletes(&format!("{}/{sigrun}", participants(family))).await.is(204);
    world.deletes(&format!("{}/{sigrun}", participants(family))).await.is_refused(404, "not_found", "userId");
    let leave = format!("/operator/agents/{}/threads/{family}", thor.id);
    world.deletes(&leave).await.is_refused(404, "not_found", "threadId");
    // What is taken away can be had again.
    world.deletes(&format!("/operator/agents/{}", muaddib.id)).await.is(204);
    world.deletes(&format!("/operator/agents/{}", muaddib.id)).await.is_refused(404, "not_found", "agentId");
    world.seat(&muaddib, family).await.is_refused(404, "not_found", "agentId");
    let again = json!({ "appId": muaddib.app, "ownerId": petur, "agentName": "MuadDib" });
    let again = world.posts("/operator/agents", again).await.is(201);
    assert_ne!(again.id::<mewe_protocol::id::kind::Agent>("agentId"), muaddib.id);
}

#[tokio::test]
async fn a_person_speaks_where_they_are_and_an_agent_speaks_for_itself() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let sigrun = world.sigrun().await;
    let family = world.thread(&[petur]).await;
    world.speaks(sigrun, family, "Hello").await.is_refused(403, "not_in_thread", "");
    world.speaks(sigrun, muaddib.personal, "Hello").await.is_refused(403, "not_in_thread", "");
    world.speaks(muaddib.id, muaddib.personal, "Hello").await.is_refused(400, "invalid", "userId: ");
    world.deletes(&format!("/operator/agents/{}", muaddib.id)).await.is(204);
    world.speaks(muaddib.id, muaddib.personal, "Hello").await.is_refused(400, "invalid", "userId: ");
    for (text, words) in [(json!(""), "text is empty"), (json!("ð".repeat(10_001)), "longer"), (json!(7), "text: ")] {
        let body = json!({ "userId": petur, "text": text });
        let refused = world.posts(&format!("/operator/threads/{family}/messages"), body).await;
        refused.is_refused(400, "invalid", words);
    }
    world.speaks(petur, family, "Hello").await.is(201);
    world.posts(&format!("/operator/threads/{family}/participants"), json!({ "userId": sigrun })).await.is(201);
    world.speaks(sigrun, family, "Hello").await.is(201);
    world.deletes(&format!("/operator/threads/{family}/participants/{sigrun}")).await.is(204);
    world.speaks(sigrun, family, "Hello").await.is_refused(403, "not_in_thread", "");
}
