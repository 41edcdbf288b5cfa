//! A thread as a chat: bubbles on one edge, grouped by sender, one's own tinted, each with what became of its deliveries.

use maud::{Markup, Render, html};
use mewe_protocol::{
    AgentId, MessageId, ThreadId, UserId,
    mention::{Segment, segments},
    message::ChatMessage,
};
use rusqlite::Connection;

use super::{
    ask::{Ask, token},
    part::{avatar, bolt, first, icon, jump, list},
    place::{Place, View},
    rail::label,
    row::state_of,
    time::{Times, span},
};
use crate::{
    domain::user::Person,
    error::ApiError,
    paging,
    store::{
        self,
        deliveries::State,
        threads::Listed,
        wire::{Row, What},
    },
};

/// Messages on a page.
pub(super) const PAGE: u32 = 50;
/// Who writes again within so many seconds goes on in the same group.
const GROUP_SECONDS: i64 = 5 * 60;

/// Which of the two chats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    A,
    B,
}

impl Half {
    pub(super) const ALL: [Self; 2] = [Self::A, Self::B];

    pub(super) fn key(self) -> char {
        match self {
            Self::A => 'a',
            Self::B => 'b',
        }
    }
}

/// A chat pane.
pub(super) struct Chat<'a> {
    ask: &'a Ask,
    /// The whole page's place.
    page: &'a Place,
    half: Half,
    thread: Listed,
    speaker: Option<Person>,
    everybody: Vec<Person>,
    agents: Vec<crate::domain::agent::Agent>,
    said: Vec<Said>,
    older: Option<MessageId>,
    /// Since when it was not looked at, and how many that are.
    new_from: Option<(MessageId, usize)>,
    /// The message of the delivery that is open.
    tied: Option<MessageId>,
    times: &'a Times,
}

/// A message with what is shown of it.
pub(super) struct Said {
    message: ChatMessage,
    /// The one before it, if it belongs to the same group.
    follows: bool,
    /// The day that begins with it.
    day: Option<String>,
    /// Whose agent wrote it.
    owner: Option<String>,
    is_agent: bool,
    deliveries: Vec<Row>,
}

impl Said {
    /// What is shown of `message`, which comes after `before`.
    pub(super) fn look(
        c: &Connection,
        message: ChatMessage,
        before: Option<&ChatMessage>,
        times: &Times,
    ) -> Result<Self, ApiError> {
        let day = times.date(message.created_at);
        let same_day = before.is_some_and(|before| times.date(before.created_at) == day);
        let close = before.is_some_and(|before| {
            before.user_id == message.user_id
                && message.created_at.as_second() - before.created_at.as_second() < GROUP_SECONDS
        });
        let agent = store::agents::known(c, message.user_id)?;
        Ok(Self {
            follows: same_day && close,
            day: (!same_day).then(|| times.day(message.created_at)),
            is_agent: agent.is_some(),
            owner: agent.map(|(_, owner)| owner),
            deliveries: store::wire::of_message(c, message.chat_message_id)?,
            message,
        })
    }

    /// The one with this id, as it stands in its thread.
    pub(super) fn of(c: &Connection, id: MessageId, times: &Times) -> Result<Option<Self>, ApiError> {
        let Some(message) = store::messages::get(c, id)? else { return Ok(None) };
        let at = Some((message.created_at.as_millisecond(), id));
        let before = store::messages::page(c, message.thread_id, at, 1)?.pop();
        Self::look(c, message, before.as_ref(), times).map(Some)
    }
}

/// The newest messages before `before`, oldest first, and whether there are older ones.
pub(super) fn page(
    c: &Connection,
    thread: ThreadId,
    before: Option<MessageId>,
    times: &Times,
) -> Result<(Vec<Said>, Option<MessageId>), ApiError> {
    // One more than is shown: what the first of them follows.
    let (mut messages, _) = paging::messages(c, thread, before, PAGE + 1)?;
    messages.reverse();
    let more = messages.len() > PAGE as usize;
    let mut said = Vec::with_capacity(messages.len());
    let mut previous: Option<ChatMessage> = None;
    for (n, message) in messages.into_iter().enumerate() {
        if n > 0 || !more {
            said.push(Said::look(c, message.clone(), previous.as_ref(), times)?);
        }
        previous = Some(message);
    }
    let older = said.first().filter(|_| more).map(|said| said.message.chat_message_id);
    Ok((said, older))
}

/// The address at which a message is on the page, seen from `place`: what is older than a page is with those around it.
pub(super) fn href(c: &Connection, mut place: Place, message: &ChatMessage) -> Result<String, ApiError> {
    place.thread = message.thread_id;
    place.view = View::Chat;
    let at = (message.created_at.as_millisecond(), message.chat_message_id);
    let newer = store::search::after(c, message.thread_id, at, PAGE)?;
    place.before = if newer.len() >= PAGE as usize { newer.get(newer.len() / 2).copied() } else { None };
    Ok(format!("{}#m-a-{}", place.href(), message.chat_message_id))
}

impl<'a> Chat<'a> {
    pub(super) fn look(
        c: &Connection,
        ask: &'a Ask,
        page_of: &'a Place,
        half: Half,
        times: &'a Times,
    ) -> Result<Self, ApiError> {
        let (thread, speaker, before) = match (half, page_of.split) {
            (Half::B, Some((thread, user))) => (thread, Some(user), None),
            _ => (page_of.thread, page_of.speaker, page_of.before),
        };
        let thread = store::threads::one(c, thread)?.ok_or_else(|| ApiError::not_found("there is no such thread"))?;
        let speaker = speaker.map(|user| store::users::get(c, user)).transpose()?.flatten();
        let (said, older) = page(c, thread.id, before, times)?;
        let seen = match &speaker {
            Some(speaker) => store::seen::last(c, speaker.id, thread.id)?,
            None => None,
        };
        // Who was never here finds nothing new: everything is.
        let unseen = seen.map_or(0, |seen| {
            let own = |said: &&Said| Some(said.message.user_id) != speaker.as_ref().map(|speaker| speaker.id);
            said.iter().filter(|said| said.message.chat_message_id > seen).filter(own).count()
        });
        let new_from = said
            .iter()
            .find(|said| unseen > 0 && seen.is_some_and(|seen| said.message.chat_message_id > seen))
            .map(|said| (said.message.chat_message_id, unseen));
        let open = page_of.open.map(|(row, _)| store::wire::get(c, row)).transpose()?.flatten();
        let tied = open.and_then(|row| row.message);
        let everybody = store::users::list(c, UserId::from_bytes([0; 12]), 100)?;
        let agents = store::agents::list(c, AgentId::from_bytes([0; 12]), 100)?;
        Ok(Self { ask, page: page_of, half, thread, speaker, everybody, agents, said, older, new_from, tied, times })
    }

    /// The name of the thread, as its speaker knows it.
    pub(super) fn title(&self) -> String {
        label(&self.thread, self.speaker.as_ref().map(|speaker| speaker.id))
    }

    /// What its speaker has seen by looking at it.
    pub(super) fn seen(&self) -> Option<(UserId, ThreadId, MessageId)> {
        let newest = self.said.last()?.message.chat_message_id;
        let speaker = self.speaker.as_ref().filter(|_| self.is_in() && self.page.before.is_none())?;
        Some((speaker.id, self.thread.id, newest))
    }

    fn is_in(&self) -> bool {
        self.speaker.as_ref().is_some_and(|speaker| self.thread.people.iter().any(|one| one.id == speaker.id))
    }

    fn key(&self) -> char {
        self.half.key()
    }

    /// The head: also what is told live when somebody comes or goes.
    pub(super) fn head(&self) -> Markup {
        let name = label(&self.thread, self.speaker.as_ref().map(|speaker| speaker.id));
        let count = self.thread.people.len();
        html! {
            header.pane-head id={ "head-" (self.key()) } {
                @if self.half == Half::A {
                    a.btn.bare.icon.back.goes data-sets="view" href=(self.page.but(|place| place.view = View::Threads)) aria-label="Threads" { (icon("list")) }
                }
                div.chat-title { h2.cut { bdi { (name) } } }
                details.pop.end {
                    summary.btn.bare aria-label={ (count) " in this thread: manage" } { (icon("people")) (count) }
                    (self.manage())
                }
                @if self.half == Half::A && self.page.split.is_none() {
                    @if let Some(other) = self.somebody_else() {
                        a.btn.bare.icon.wide.goes #split data-sets="split" href=(self.page.but(|place| place.split = Some((place.thread, other))))
                            aria-label="Split: be two people at once" title="Split: be two people at once" { (icon("split")) }
                    }
                } @else if self.half == Half::B {
                    a.btn.bare.icon.goes #split data-sets="split" href=(self.page.but(|place| place.split = None)) aria-label="Close this pane" { (icon("x")) }
                }
            }
        }
    }

    /// Who may speak in a second pane: another person of this thread, or else anybody.
    fn somebody_else(&self) -> Option<UserId> {
        let speaker = self.speaker.as_ref().map(|speaker| speaker.id);
        let other = |id: UserId| Some(id) != speaker;
        let here = self.thread.people.iter().filter(|one| !one.is_agent).map(|one| one.id).find(|id| other(*id));
        here.or_else(|| self.everybody.iter().map(|one| one.id).find(|id| other(*id)))
    }

    /// Who is here, who can come, who can go.
    fn manage(&self) -> Markup {
        let here = |id: UserId| self.thread.people.iter().any(|one| one.id == id);
        let action = |verb: &str| format!("/t/{}/{verb}", self.thread.id);
        let hidden = |name: &'static str, value: String| html! { input type="hidden" name=(name) value=(value); };
        html! {
            div.card.menu {
                ul {
                    @for one in &self.thread.people {
                        li.who-cell {
                            (avatar(one.id, &one.name, one.is_agent, true))
                            bdi.cut { (one.name) }
                            @if !self.thread.personal {
                                form action=(action(if one.is_agent { "agents/leave" } else { "people/leave" })) method="post" {
                                    (token(self.ask)) (hidden("back", self.page.href())) (hidden("id", one.id.to_string()))
                                    button.btn.bare.icon type="submit" aria-label={ "Remove " (one.name) } { (icon("x")) }
                                }
                            }
                        }
                    }
                }
                @if self.thread.personal {
                    p.quiet { "A personal thread holds its owner and their agent." }
                } @else {
                    @let people: Vec<_> = self.everybody.iter().filter(|one| !here(one.id)).collect();
                    @if !people.is_empty() {
                        form action=(action("people")) method="post" {
                            (token(self.ask)) (hidden("back", self.page.href()))
                            span.field { select name="id" aria-label="Person to add" {
                                @for one in people { option value=(one.id) { (one.name()) } }
                            } }
                            button.btn type="submit" { "Add" }
                        }
                    }
                    @let agents: Vec<_> = self.agents.iter().filter(|one| !here(one.id.into()) && here(one.owner)).collect();
                    @if !agents.is_empty() {
                        form action=(action("agents")) method="post" {
                            (token(self.ask)) (hidden("back", self.page.href()))
                            span.field { select name="id" aria-label="Agent to add" {
                                @for one in agents { option value=(one.id) { (one.name) } }
                            } }
                            button.btn type="submit" { "Add" }
                        }
                    }
                }
                p.quiet { "Thread " code { (self.thread.id) } }
            }
        }
    }

    fn composer(&self) -> Markup {
        let key = self.key();
        let Some(speaker) = &self.speaker else {
            return html! { div.composer.closed id={ "foot-" (key) } { p.note { "Choose in the rail who speaks." } } };
        };
        let others: Vec<&str> =
            self.thread.people.iter().filter(|one| one.id != speaker.id).map(|one| first(&one.name)).collect();
        if !self.is_in() {
            return html! {
                form.composer.closed id={ "foot-" (key) } data-as=(speaker.id) action={ "/t/" (self.thread.id) "/people" } method="post" {
                    (token(self.ask))
                    input type="hidden" name="back" value=(self.page.href());
                    input type="hidden" name="id" value=(speaker.id);
                    p.note {
                        bdi { (speaker.first_name) } " takes no part in this thread"
                        @if !self.thread.personal { button.btn type="submit" { "Add " (speaker.first_name) } }
                    }
                }
            };
        }
        html! {
            form.composer id={ "foot-" (key) } data-as=(speaker.id) data-thread=(self.thread.id)
                data-people=(self.names(speaker.id)) action={ "/t/" (self.thread.id) "/messages" } method="post"
                hx-post={ "/t/" (self.thread.id) "/messages" } hx-swap="none" hx-disabled-elt="find .send" {
                (token(self.ask))
                input type="hidden" name="back" value=(self.page.href());
                input type="hidden" name="as" value=(speaker.id);
                textarea id={ "text-" (key) } name="text" rows="1" maxlength="10000" required dir="auto"
                    aria-label={ "Message as " (speaker.name()) }
                    placeholder=(if others.is_empty() { "Message yourself".to_owned() } else { format!("Message {}", list(&others)) }) {}
                ul.ats role="listbox" id={ "ats-" (key) } aria-label="Mention" hidden {}
                p.note.bad role="alert" hidden {}
                div.foot {
                    span.as { (avatar(speaker.id, &speaker.name(), false, true)) span { "as " bdi { (speaker.first_name) } } }
                    button.btn.bare.icon.mention type="button" aria-label="Mention someone" { (icon("at")) }
                    span.hint { kbd { "Enter" } " sends\u{2002}" kbd { "Shift Enter" } " breaks" }
                    button.btn.primary.send type="submit" { (icon("send")) "Send" }
                }
            }
        }
    }

    /// The others in the thread, for completing their names.
    fn names(&self, speaker: UserId) -> String {
        let others = self.thread.people.iter().filter(|one| one.id != speaker);
        let names: Vec<&str> = others.map(|one| one.name.as_str()).collect();
        String::from_utf8_lossy(&mewe_protocol::json::print(&names)).into_owned()
    }
}

impl Render for Chat<'_> {
    fn render(&self) -> Markup {
        let key = self.key();
        let speaker = self.speaker.as_ref().map(|speaker| speaker.id);
        html! {
            section.pane.chat.second[self.half == Half::B] id={ "chat-" (key) } data-half=(key)
                aria-label={ @if let (Half::B, Some(speaker)) = (self.half, &self.speaker) { "Chat as " (speaker.name()) } @else { "Chat" } } {
                (self.head())
                div.scroll.end-first tabindex="0" role="group" aria-label="Messages" {
                    // The first one stands at the bottom.
                    @if self.half == Half::A && self.page.before.is_some() {
                        p.older { a.btn.bare href=(self.page.but(|place| place.before = None)) { "To the newest messages" } }
                    }
                    ol.msgs id={ "msgs-" (key) } data-thread=(self.thread.id)
                        data-cut=[self.page.before.filter(|_| self.half == Half::A).map(|_| "1")] {
                        (sentinel(self.page, self.half, self.thread.id, self.older))
                        @if self.said.is_empty() { li.day.nothing { "Nothing was said yet" } }
                        @for said in &self.said {
                            @if let Some((from, count)) = self.new_from && from == said.message.chat_message_id {
                                li.day.new { (count) " new" }
                            }
                            (bubble(said, self.page, self.half, speaker, self.tied, self.times))
                        }
                    }
                    (jump())
                }
                (self.composer())
            }
        }
    }
}

/// Where older messages are to be had. Hidden where there are none: a list that is cut at its beginning has some again.
fn sentinel(place: &Place, half: Half, thread: ThreadId, before: Option<MessageId>) -> Markup {
    let hidden = before.is_none();
    let before = before.unwrap_or(MessageId::from_bytes([0; 12]));
    let speaker = place.speaker.filter(|_| half == Half::A).or(place.split.map(|(_, user)| user));
    html! {
        li.older hidden[hidden] {
            a.btn.bare href=(place.but(|place| place.before = Some(before)))
                hx-get={ "/older/" (thread) "/" (half.key()) "?before=" (before) @if let Some(user) = speaker { "&as=" (user) } }
                hx-trigger="intersect once, click" hx-target="closest li" hx-swap="outerHTML" hx-push-url="false" { "Older messages" }
        }
    }
}

/// What was said before, for a chat that is read upwards.
pub(super) fn older(said: &[Said], more: Option<MessageId>, place: &Place, half: Half, times: &Times) -> Markup {
    html! {
        (sentinel(place, half, place.thread, more))
        @for said in said { (bubble(said, place, half, place.speaker, None, times)) }
    }
}

/// A message, with the line of its day before it; also what is told live.
pub(super) fn bubble(
    said: &Said,
    place: &Place,
    half: Half,
    speaker: Option<UserId>,
    tied: Option<MessageId>,
    times: &Times,
) -> Markup {
    let message = &said.message;
    let mine = speaker == Some(message.user_id);
    let is_tied = tied == Some(message.chat_message_id);
    let (id, key) = (message.chat_message_id, half.key());
    html! {
        @if let Some(day) = &said.day { li.day data-key=(id) id={ "day-" (key) "-" (id) } { (day) } }
        li.msg.mine[mine].more[said.follows].tied[is_tied] id={ "m-" (key) "-" (id) } data-key=(id)
            data-by=(message.user_id) data-message=(id) aria-current=[is_tied.then_some("true")] {
            @if said.follows {
                span.sr { (message.user_name) ", " (times.minute(message.created_at)) }
            } @else {
                (avatar(message.user_id, &message.user_name, said.is_agent, false))
                div.by {
                    b.cut { bdi { (message.user_name) } }
                    (times.minute(message.created_at))
                    @if let Some(owner) = &said.owner { span.role { bdi { (owner) } "’s agent" } }
                }
            }
            div.text dir="auto" { (text(&message.message_text)) }
            (ticks(said, place, half))
        }
    }
}

/// What was said, with mentions as chips.
pub(super) fn text(text: &str) -> Markup {
    html! {
        @for segment in segments(text) {
            @match segment {
                Segment::Text(text) => (quoted(text)),
                Segment::Mention { name, .. } => span.at { "@" bdi { (name) } },
            }
        }
    }
}

/// Words, with what stands between backticks as code.
fn quoted(text: &str) -> Markup {
    let ticks = text.matches('`').count();
    html! {
        @for (n, piece) in text.split('`').enumerate() {
            // The last backtick of an odd number opens nothing.
            @if n % 2 == 1 && ticks > n { code { (piece) } }
            @else { @if n % 2 == 1 { "`" } (piece) }
        }
    }
}

/// What became of a message's deliveries; also what is told live.
pub(super) fn ticks(said: &Said, place: &Place, half: Half) -> Markup {
    let state = |row: &&Row| match &row.what {
        What::Delivery { state, .. } => Some(*state),
        What::Call { .. } => None,
    };
    let delivered: Vec<&Row> = said.deliveries.iter().filter(|row| state(row) == Some(State::Delivered)).collect();
    let slowest = delivered.iter().filter_map(|row| row.took).max();
    html! {
        div.ticks id={ "k-" (half.key()) "-" (said.message.chat_message_id) }
            hx-boost="true" hx-target="#wire" hx-select="#wire" hx-swap="outerHTML" data-sets="wire attempt pane view" {
            @for row in said.deliveries.iter().filter(|row| state(row) != Some(State::Delivered)) {
                @let status = state_of(row, None);
                a class=(status.tone.class()) href=(place.opening(row.id, None)) {
                    (icon(status.icon)) span.sr { (status.words) ": " } bdi.cut { (row.agent_name) }
                    @if row.trouble.is_some() { (bolt()) }
                }
            }
            @if let Some(row) = delivered.first() {
                a.ok href=(place.opening(row.id, None)) {
                    (icon("ok")) span.sr { "answered, deliveries: " }
                    (delivered.len()) @if let Some(took) = slowest { " · " (span(took)) }
                    @if delivered.iter().any(|row| row.trouble.is_some()) { (bolt()) }
                }
            }
        }
    }
}
