//! What is around every page: the head of the document, the bar at the top, the banner, the tabs of a narrow screen.

use maud::{DOCTYPE, Markup, html};

use super::{
    ask::{Ask, Theme, token},
    assets::{CSS, HTMX, SCRIPT},
    banner::Banner,
    part::{ICONS, icon},
    place::{Place, View},
};

/// What htmx may do: nothing that the Content-Security-Policy forbids, and no keeping of pages, which may show a key. It settles at
/// once: until then it holds back attributes, and would put them over what is told meanwhile.
const HTMX_CONFIG: &str = "{\"includeIndicatorStyles\":false,\"allowEval\":false,\"historyCacheSize\":0,\
    \"refreshOnHistoryMiss\":true,\"selfRequestsOnly\":true,\"allowScriptTags\":false,\"scrollIntoViewOnBoost\":false,\
    \"defaultSettleDelay\":0}";

/// What differs from page to page.
pub(super) struct Frame<'a> {
    pub(super) ask: &'a Ask,
    /// In the browser's title, and the one `h1`, if `h1` is not on the page itself.
    pub(super) title: &'a str,
    pub(super) has_heading: bool,
    pub(super) tab: Tab,
    /// The classes of the whole.
    pub(super) class: &'static str,
    /// Where in the chat this is.
    pub(super) place: Option<&'a Place>,
    /// From where on the page is told what happens; none if it does not want to know.
    pub(super) after: Option<i64>,
    pub(super) banner: Banner<'a>,
    /// How many deliveries are being tried again.
    pub(super) retrying: u32,
    /// What is searched for.
    pub(super) searched: &'a str,
}

/// The part of the console in which a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Chat,
    Apps,
    None,
}

impl Frame<'_> {
    /// The whole page.
    pub(super) fn around(&self, content: &Markup) -> Markup {
        let theme = self.ask.theme;
        let view = self.place.map_or_else(|| View::of(&self.ask.address), |place| place.view);
        html! {
            (DOCTYPE)
            html lang="en" data-theme=[(theme != Theme::System).then_some(theme.name())] {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="htmx-config" content=(HTMX_CONFIG);
                    @if let Some(token) = &self.ask.visitor.form_token {
                        meta name="form-token" content=(token);
                    }
                    title { (self.title) " · mewe-agent console" }
                    link rel="icon" href="data:,";
                    link rel="stylesheet" href=(CSS.path);
                    script src=(HTMX.path) defer {}
                    script src=(SCRIPT.path) defer {}
                }
                body {
                    (ICONS)
                    a.skip href="#main" { "Skip to content" }
                    div class=(self.class) id="app" data-view=(view.name()) data-after=[self.after] {
                        (self.top())
                        (self.banner)
                        (content)
                        (self.tabs(view))
                    }
                    p.sr #said role="status" aria-live="polite" {}
                    (self.help())
                    (lost())
                }
            }
        }
    }

    fn top(&self) -> Markup {
        html! {
            header.top {
                @if !self.has_heading { h1.sr { (self.title) } }
                a.brand href="/" { (icon("mark")) span { "Sandbox" } span.host.mono { (self.ask.host) } }
                nav aria-label="Console" {
                    a href="/" aria-current=[(self.tab == Tab::Chat).then_some("page")] { "Chat" }
                    a href="/apps" aria-current=[(self.tab == Tab::Apps).then_some("page")] { "Applications" }
                }
                form.field.find role="search" action="/search" method="get" {
                    (icon("search"))
                    input #find type="search" name="q" value=(self.searched) maxlength="200"
                        aria-label="Search messages and deliveries" placeholder="Search messages and deliveries";
                    kbd { "/" }
                }
                a.btn.bare.icon.find-icon href="/search" aria-label="Search" { (icon("search")) }
                @if self.after.is_some() {
                    span.live #live role="status" { span { "Live" } }
                }
                form action="/theme" method="post" {
                    (token(self.ask))
                    input type="hidden" name="back" value=(self.ask.address);
                    input type="hidden" name="theme" value=(self.ask.theme.next().name());
                    button.btn.bare.icon.theme type="submit" aria-label={ "Theme: " (self.ask.theme.name()) } { (icon("theme")) }
                }
                @if self.ask.visitor.form_token.is_some() {
                    form action="/logout" method="post" {
                        (token(self.ask))
                        button.btn.bare type="submit" { "Log out" }
                    }
                }
                a.btn.bare.icon.help #help href="/keys" aria-label="Keyboard shortcuts" { (icon("help")) }
            }
        }
    }

    fn tabs(&self, view: View) -> Markup {
        let to =
            |view: View| self.place.map_or_else(|| format!("/?view={}", view.name()), |p| p.but(|p| p.view = view));
        let goes = self.place.is_some();
        let current = |this: View| (self.tab == Tab::Chat && view == this).then_some("page");
        html! {
            nav.tabs aria-label="Views" {
                a.goes[goes] data-sets="view" href=(to(View::Threads)) aria-current=[current(View::Threads)] { (icon("list")) "Threads" }
                a.goes[goes] data-sets="view" href=(to(View::Chat)) aria-current=[current(View::Chat)] { (icon("chat")) "Chat" }
                a.goes[goes] data-sets="view" href=(to(View::Wire)) aria-current=[current(View::Wire)] {
                    (icon("wire")) "Wire"
                    (dot(self.retrying))
                }
                a href="/apps" aria-current=[(self.tab == Tab::Apps).then_some("page")] { (icon("app")) "Apps" }
            }
        }
    }

    fn help(&self) -> Markup {
        html! {
            dialog.dialog #keys aria-labelledby="kh" data-letters=[(!self.ask.letters).then_some("off")] { (super::keys::list(self.ask)) }
        }
    }
}

/// What is shown while the host does not answer.
fn lost() -> Markup {
    html! {
        template #lost {
            aside.notice #notice aria-label="Connection" {
                (icon("retry"))
                b { "The host is not answering" }
                p { "Trying again every 2 s. What you typed stays here; what happened meanwhile will be filled in." }
                button.btn #try type="button" { "Try now" }
            }
        }
    }
}

/// How many deliveries are being tried again, as a dot on a tab.
pub(super) fn dot(retrying: u32) -> Markup {
    html! {
        span #dot .dot hidden[retrying == 0] { span.sr { "retrying: " } (retrying) }
    }
}
