//! Applications: which there are, and how a new one comes.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use maud::{Markup, html};
use mewe_protocol::{ApiKey, AppId};
use rusqlite::Connection;

use super::{
    answer::{Shown, html_response},
    app::{self, Extra},
    ask::{Ask, token},
    beside::beside,
    first,
    frame::Tab,
    guard::Form,
    part::{Status, icon},
    time::Times,
};
use crate::{
    Shared, change,
    domain::{
        application::{Application, WebhookUrl},
        name::Name,
        permission::{Permission, Permissions},
    },
    error::ApiError,
    paging,
    request::Params,
    store,
};

/// Applications on a page.
const PAGE: u32 = 50;
/// Where an agent on this machine is expected, until somebody says otherwise.
pub(super) const WEBHOOK: &str = "http://127.0.0.1:9000/webhook";

/// What the permissions are good for.
const PERMISSIONS: [(Permission, &str); 2] = [
    (Permission::UserChats, "hear what happens in its threads, and read them"),
    (Permission::PostContent, "send messages"),
];

/// `GET /apps?after=`
pub(super) async fn list(State(shared): State<Arc<Shared>>, ask: Ask, params: Params) -> Shown {
    let after = params.query_id("after")?.unwrap_or(AppId::from_bytes([0; 12]));
    let page = shared.read(move |c| {
        let content = html! {
            main.page #main { div.wrap {
                div.title-row { h1 { "Applications" } }
                div.cols {
                    (all(c, after)?)
                    section.card aria-labelledby="register" {
                        header { h2 #register { "Register an application" } }
                        div.in { (register(&ask, false)) }
                    }
                }
            } }
        };
        let live = Some(store::live::newest(c)?);
        Ok(html_response(beside(c, &ask, "Applications", Tab::Apps, live, &content)?))
    });
    page.await
}

/// What changes of the list.
pub(super) fn told(c: &Connection, page: &str) -> Result<Markup, ApiError> {
    let query = page.split_once('?').map_or("", |(_, query)| query);
    let after = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "after");
    let after = after.and_then(|(_, id)| id.parse().ok()).unwrap_or(AppId::from_bytes([0; 12]));
    all(c, after)
}

/// The applications after `after`; also what is told live.
fn all(c: &Connection, after: AppId) -> Result<Markup, ApiError> {
    let mut apps = store::apps::list(c, after, PAGE + 1)?;
    let more = paging::cut(&mut apps, PAGE);
    let mut rows = Vec::with_capacity(apps.len());
    for app in &apps {
        let agents = app::agents_of(c, app)?;
        rows.push((app, agents.len(), app::state(app, &agents)));
    }
    Ok(html! {
        section.card #apps aria-label="All applications" {
            @if rows.is_empty() {
                div.in { p.quiet { "None yet. An application is what a developer registers: it has a key, an address for its webhooks, and an agent for each owner." } }
            } @else {
                div.xscroll tabindex="0" role="group" aria-label="All applications" { (table(&rows)) }
            }
            @if let Some(last) = apps.last().filter(|_| more) {
                p.in { a.link href={ "/apps?after=" (last.id) } { "More applications" } }
            }
        }
    })
}

fn table(rows: &[(&Application, usize, Status)]) -> Markup {
    html! {
        table.tbl {
            thead { tr {
                th scope="col" { "Application" }
                th scope="col" { "Agents" }
                th scope="col" { "Deliveries" }
                th scope="col" .opt { "Webhook URL" }
            } }
            tbody {
                @for (app, agents, state) in rows {
                    tr {
                        th scope="row" { a.link id={ "app-" (app.id) } href={ "/apps/" (app.id) } { bdi { (app.name) } } }
                        td.num { (agents) }
                        td { (state.plain()) }
                        td.opt.wide { code { (app.webhook_url) } }
                    }
                }
            }
        }
    }
}

/// The form that registers one. `first`: it is the first step, and the key is shown in the second.
pub(super) fn register(ask: &Ask, first: bool) -> Markup {
    html! {
        form.form action="/apps" method="post" {
            (token(ask))
            @if first { input type="hidden" name="first" value="1"; }
            (name_field("Name", "name", "app-name", if first { "Personal assistant" } else { "" }))
            (webhook_field("app-webhook", WEBHOOK))
            @if first {
                @for (permission, _) in PERMISSIONS { input type="hidden" name="permission" value=(permission.name()); }
            } @else {
                (permission_fields(|_| true))
            }
            button.btn.primary type="submit" { "Register" }
        }
    }
}

pub(super) fn name_field(label: &str, name: &str, id: &str, value: &str) -> Markup {
    html! {
        div {
            label.label for=(id) { (label) }
            span.field { input id=(id) name=(name) value=(value) required maxlength="100" autocomplete="off"; }
        }
    }
}

pub(super) fn webhook_field(id: &str, value: &str) -> Markup {
    html! {
        div {
            label.label for=(id) { "Webhook URL" }
            span.field { input.mono id=(id) type="url" name="webhook" value=(value) required maxlength="2048" autocomplete="off"; }
        }
    }
}

pub(super) fn permission_fields(is_on: impl Fn(Permission) -> bool) -> Markup {
    html! {
        fieldset.plain {
            legend.label { "Permissions" }
            @for (permission, words) in PERMISSIONS {
                label.pick {
                    input type="checkbox" name="permission" value=(permission.name()) checked[is_on(permission)];
                    span { code { (permission.name()) } " " span.quiet { (words) } }
                }
            }
        }
    }
}

/// `POST /apps`: registers one. The answer is the page itself and shows the key: an address that shows it would show it again.
pub(super) async fn create(State(shared): State<Arc<Shared>>, ask: Ask, form: Form) -> Shown {
    let name = name(&form, "Name", "name")?;
    let webhook_url = webhook(&form)?.ok_or_else(|| ApiError::invalid("Webhook URL", "is missing"))?;
    let permissions = Permissions::new(form.all("permission"))?;
    let key = shared.new_key()?;
    let made = key.clone();
    let app = shared.change(move |change| change::apps::create(change, name, permissions, webhook_url, &made)).await?;
    let (now, is_first) = (shared.seams.clock.now(), form.get("first").is_some());
    let page = shared.read(move |c| {
        let times = Times::new(now);
        if is_first {
            return first::page_with(c, &ask, &times, Some((app.id, &key)));
        }
        app::page(c, &ask, app.id, &times, &Extra { key: Some(&key), ..Extra::default() })
    });
    Ok(html_response(page.await?))
}

/// `GET /apps/{appId}?remove=&redelivered=`
pub(super) async fn show(State(shared): State<Arc<Shared>>, ask: Ask, params: Params) -> Shown {
    let app = params.id("appId")?;
    let (remove, redelivered) = (params.query_id("remove")?, params.query("redelivered").and_then(|n| n.parse().ok()));
    let now = shared.seams.clock.now();
    let page = shared.read(move |c| {
        let times = Times::new(now);
        let extra = Extra { remove, redelivered, ..Extra::default() };
        Ok::<Response, _>(html_response(app::page(c, &ask, app, &times, &extra)?))
    });
    page.await
}

/// The name in a field.
pub(super) fn name(form: &Form, label: &str, field: &str) -> Result<Name, ApiError> {
    form.get(field).unwrap_or_default().parse().map_err(|why| ApiError::invalid(label, why))
}

/// The webhook URL of a form, if it has one.
pub(super) fn webhook(form: &Form) -> Result<Option<WebhookUrl>, ApiError> {
    let given = form.get("webhook").map(|text| text.trim().parse());
    given.transpose().map_err(|why| ApiError::invalid("Webhook URL", why))
}

/// Under which URL agents reach this host. Over plain http they do so on this machine alone.
pub(super) fn own_url(ask: &Ask) -> String {
    let name = ask.host.rsplit_once(':').map_or(ask.host.as_str(), |(name, _)| name);
    let loopback = [name, &ask.host].iter().any(|name| ["localhost", "127.0.0.1", "[::1]"].contains(name));
    format!("{}://{}", if loopback { "http" } else { "https" }, ask.host)
}

/// What an agent is started with.
pub(super) fn environment(ask: &Ask, app: AppId, key: Option<&ApiKey>) -> Markup {
    html! {
        pre.env {
            code #env {
                "MEWE_HOST=" (own_url(ask)) "\nMEWE_APP_ID=" (app)
                @if let Some(key) = key { "\nMEWE_API_KEY=" (key.expose()) }
            }
            button.btn.copy type="button" data-copy="#env" aria-label="Copy the environment lines" { (icon("copy")) "Copy" }
        }
    }
}
