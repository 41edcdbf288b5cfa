//! Who hears of what: the very webhooks that a change becomes, agent by agent, in order. Each was verified where it came in.

use mewe_protocol::{MessageId, ThreadId, UserId};
use serde_json::json;

use crate::{
    support::{Agent, App, World},
    wire::{agent_joined, agent_left, mention, message, registered, unregistered, user_joined, user_left},
};

const PETUR: &str = "Pétur Jureksson";
const SIGRUN: &str = "Sigrún Guðmundsdóttir";

/// Pétur with MuadDib and Sigrún with Thor, of two applications, all four in one thread. Nobody has anything left to hear.
struct Family {
    world: World,
    petur: UserId,
    sigrun: UserId,
    muaddib: Agent,
    thor: Agent,
    thread: ThreadId,
}

impl Family {
    async fn new() -> Self {
        let world = World::new().await;
        let (petur, sigrun) = (world.petur().await, world.sigrun().await);
        let muaddib = world.agent(&world.app("MuadDib").await, petur, "MuadDib").await;
        let thor = world.agent(&world.app("Thor").await, sigrun, "Thor").await;
        let thread = world.thread(&[petur, sigrun]).await;
        world.seat(&muaddib, thread).await.created();
        world.seat(&thor, thread).await.created();
        world.settles().await;
        Self { world, petur, sigrun, muaddib, thor, thread }
    }

    async fn user_comes(&self, user: UserId) {
        let path = format!("/operator/threads/{}/participants", self.thread);
        self.world.posts(&path, json!({ "userId": user })).await.created();
    }

    async fn user_goes(&self, user: UserId) {
        self.world.deletes(&format!("/operator/threads/{}/participants/{user}", self.thread)).await.is(204);
    }

    /// What the two were told since the last time, and that nobody else was told anything.
    async fn hear(&self) -> [Vec<String>; 2] {
        let heard = [self.world.hears(&self.muaddib).await, self.world.hears(&self.thor).await];
        self.world.endpoints.nobody_else_heard_anything();
        heard
    }
}

fn nothing() -> Vec<String> {
    Vec::new()
}

#[tokio::test]
async fn an_agent_hears_that_it_was_registered_and_of_nothing_before() {
    let world = World::new().await;
    let petur = world.petur().await;
    let app = world.app("MuadDib").await;
    let thread = world.thread(&[petur]).await;
    world.says(petur, thread, "before").await;
    let muaddib = world.agent(&app, petur, "MuadDib").await;
    assert_eq!(world.hears(&muaddib).await, [registered("MuadDib", petur, "Pétur", muaddib.personal)]);
    // One application serves many owners, each with an agent of their own.
    let sigrun = world.sigrun().await;
    let other = world.agent(&app, sigrun, "Thor").await;
    assert_eq!(world.hears(&other).await, [registered("Thor", sigrun, "Sigrún", other.personal)]);
    world.endpoints.nobody_else_heard_anything();
}

#[tokio::test]
async fn every_agent_of_a_thread_hears_what_its_people_say() {
    let family = Family::new().await;
    for user in [family.petur, family.sigrun] {
        let id = family.world.says(user, family.thread, "  Maybe yes, maybe not ").await;
        let expected = [message(family.thread, id, "Maybe yes, maybe not", user)];
        assert_eq!(family.hear().await, [&expected, &expected]);
    }
    let id = family.world.says(family.petur, family.muaddib.personal, "between us").await;
    let expected = message(family.muaddib.personal, id, "between us", family.petur);
    assert_eq!(family.hear().await, [vec![expected], nothing()]);
    let elsewhere = family.world.thread(&[family.petur, family.sigrun]).await;
    family.world.says(family.petur, elsewhere, "between people").await;
    assert_eq!(family.hear().await, [nothing(), nothing()]);
}

#[tokio::test]
async fn an_agent_hears_the_others_and_never_itself() {
    let family = Family::new().await;
    let (world, thread) = (&family.world, family.thread);
    let to_itself = format!("{{{{u_{}}}MuadDib}} and {{{{u_{}}}Thor}}", family.muaddib.id, family.thor.id);
    let id: MessageId = world.sends(&family.muaddib, thread, &to_itself).await.id("chatMessageId");
    let by = family.muaddib.id;
    let to_thor = vec![mention(thread, id, &to_itself, by, "MuadDib"), message(thread, id, &to_itself, by)];
    assert_eq!(family.hear().await, [nothing(), to_thor]);
    world.sends(&family.thor, family.thor.personal, "to Sigrún").await.is(200);
    assert_eq!(family.hear().await, [nothing(), nothing()]);
    // Two agents of one application hear each other.
    let app = App { id: family.thor.app, key: family.thor.key.clone() };
    let second = world.agent(&app, family.petur, "Thor").await;
    world.seat(&second, thread).await.created();
    world.settles().await;
    let id: MessageId = world.sends(&second, thread, "Hello").await.id("chatMessageId");
    let expected = [message(thread, id, "Hello", second.id)];
    assert_eq!([world.hears(&family.muaddib).await, world.hears(&family.thor).await], [&expected, &expected]);
    world.endpoints.nobody_else_heard_anything();
}

#[tokio::test]
async fn whom_a_message_mentions_hears_of_it_twice_with_one_id() {
    let family = Family::new().await;
    let thread = family.thread;
    let muaddib = family.muaddib.id;
    for (text, is_mention) in [
        (format!("Hey {{{{u_{muaddib}}}MuadDib!}} How's going?"), true),
        (format!("@{{{{u_{muaddib}}}whatever the name}}"), true),
        (format!("{{{{u_{}}}MuadDib}}", muaddib.to_string().to_uppercase()), true),
        (format!("twice {{{{u_{muaddib}}}a}} {{{{u_{muaddib}}}b}}"), true),
        ("MuadDib, by name only".to_owned(), false),
        (format!("{{{{u_{muaddib}}}no end"), false),
        (format!("{{{{u_{}}}MuadDib}}", family.petur), false),
        (format!("u_{muaddib}"), false),
    ] {
        let id = family.world.says(family.sigrun, thread, &text).await;
        let plain = message(thread, id, &text, family.sigrun);
        let of_mention = mention(thread, id, &text, family.sigrun, SIGRUN);
        let expected = if is_mention { vec![of_mention, plain.clone()] } else { vec![plain.clone()] };
        assert_eq!(family.hear().await, [expected, vec![plain]], "{text}");
    }
    // Who is mentioned where they do not sit hears nothing of it.
    let text = format!("{{{{u_{}}}Thor}}", family.thor.id);
    let id = family.world.says(family.petur, family.muaddib.personal, &text).await;
    let expected = message(family.muaddib.personal, id, &text, family.petur);
    assert_eq!(family.hear().await, [vec![expected], nothing()]);
}

#[tokio::test]
async fn the_agents_of_a_thread_hear_who_comes_and_goes() {
    let family = Family::new().await;
    let thread = family.thread;
    // Another one of that name.
    let third = family.world.sigrun().await;
    family.user_comes(third).await;
    let came = [user_joined(thread, third, SIGRUN)];
    assert_eq!(family.hear().await, [&came, &came]);
    family.user_goes(third).await;
    let went = [user_left(thread, third, SIGRUN)];
    assert_eq!(family.hear().await, [&went, &went]);
    // And again: three different pieces of news.
    family.user_comes(third).await;
    assert_eq!(family.hear().await, [&came, &came]);
}

#[tokio::test]
async fn an_agent_that_comes_or_goes_hears_of_it_together_with_the_others() {
    let family = Family::new().await;
    let (world, thread) = (&family.world, family.thread);
    let leave = format!("/operator/agents/{}/threads/{thread}", family.muaddib.id);
    world.deletes(&leave).await.is(204);
    let left = [agent_left(thread, family.muaddib.id)];
    assert_eq!(family.hear().await, [&left, &left]);
    let id = world.says(family.sigrun, thread, "while it is away").await;
    let away = message(thread, id, "while it is away", family.sigrun);
    assert_eq!(family.hear().await, [nothing(), vec![away]]);
    world.seat(&family.muaddib, thread).await.created();
    let joined = [agent_joined(thread, family.muaddib.id, "MuadDib", family.petur, PETUR)];
    assert_eq!(family.hear().await, [&joined, &joined]);
}

#[tokio::test]
async fn an_owner_who_leaves_takes_their_agents_along_and_no_other() {
    let family = Family::new().await;
    let (world, thread) = (&family.world, family.thread);
    let app = App { id: family.thor.app, key: family.thor.key.clone() };
    let second = world.agent(&app, family.petur, "Thor").await;
    world.seat(&second, thread).await.created();
    world.settles().await;
    family.user_goes(family.petur).await;
    let user = user_left(thread, family.petur, PETUR);
    let (first, then) = (agent_left(thread, family.muaddib.id), agent_left(thread, second.id));
    assert_eq!(world.hears(&family.muaddib).await, [&user, &first].map(Clone::clone));
    assert_eq!(world.hears(&second).await, [&user, &first, &then].map(Clone::clone));
    assert_eq!(world.hears(&family.thor).await, [user, first, then]);
    world.endpoints.nobody_else_heard_anything();
    // They have lost the thread, and nothing else.
    world.reads(&family.muaddib, thread, "").await.is_refused(403, "not_in_thread", "");
    world.reads(&second, thread, "").await.is_refused(403, "not_in_thread", "");
    world.reads(&family.thor, thread, "").await.is(200);
    world.reads(&family.muaddib, family.muaddib.personal, "").await.is(200);
    // The owner comes back; the agent does not come along by itself.
    family.user_comes(family.petur).await;
    assert_eq!(family.hear().await, [nothing(), vec![user_joined(thread, family.petur, PETUR)]]);
}

#[tokio::test]
async fn an_agent_that_is_unregistered_leaves_each_thread_and_hears_that_last() {
    let family = Family::new().await;
    let (world, thread) = (&family.world, family.thread);
    let alone = world.thread(&[family.petur]).await;
    world.seat(&family.muaddib, alone).await.created();
    world.settles().await;
    world.deletes(&format!("/operator/agents/{}", family.muaddib.id)).await.is(204);
    let left = agent_left(thread, family.muaddib.id);
    let of_itself = vec![left.clone(), agent_left(alone, family.muaddib.id), unregistered(family.petur)];
    assert_eq!(family.hear().await, [of_itself, vec![left]]);
    // From now on it hears nothing more.
    for thread in [thread, alone, family.muaddib.personal] {
        world.says(family.petur, thread, "Hello?").await;
    }
    assert_eq!(world.hears(&family.muaddib).await, nothing());
}

#[tokio::test]
async fn an_application_without_user_chats_hears_of_its_agents_beginning_and_end_alone() {
    let family = Family::new().await;
    let (world, thread) = (&family.world, family.thread);
    let deaf = world.agent(&world.app_that_may("Deaf", &["post_content"]).await, family.petur, "MuadDib").await;
    world.seat(&deaf, thread).await.created();
    let joined = [agent_joined(thread, deaf.id, "MuadDib", family.petur, PETUR)];
    assert_eq!(world.hears(&deaf).await, [registered("MuadDib", family.petur, "Pétur", deaf.personal)]);
    assert_eq!(family.hear().await, [&joined, &joined]);
    world.says(family.petur, deaf.personal, "Hello").await;
    let text = format!("{{{{u_{}}}MuadDib}}", deaf.id);
    let id = world.says(family.sigrun, thread, &text).await;
    assert_eq!(world.hears(&deaf).await, nothing());
    let others = [message(thread, id, &text, family.sigrun)];
    assert_eq!(family.hear().await, [&others, &others]);
    // What it says itself is heard.
    let id: MessageId = world.sends(&deaf, thread, "Hello").await.is(200).id("chatMessageId");
    let others = [message(thread, id, "Hello", deaf.id)];
    assert_eq!(family.hear().await, [&others, &others]);
    family.user_comes(world.sigrun().await).await;
    world.deletes(&format!("/operator/agents/{}/threads/{thread}", family.muaddib.id)).await.is(204);
    assert_eq!(world.hears(&deaf).await, nothing());
    world.settles().await;
    world.deletes(&format!("/operator/agents/{}", deaf.id)).await.is(204);
    assert_eq!(world.hears(&deaf).await, [unregistered(family.petur)]);
    assert_eq!(family.hear().await, [nothing(), vec![agent_left(thread, deaf.id)]]);
}

#[tokio::test]
async fn a_permission_counts_when_something_happens_not_when_it_is_delivered() {
    let family = Family::new().await;
    let (world, thread) = (&family.world, family.thread);
    let app = format!("/operator/apps/{}", family.muaddib.app);
    let may = |permissions: &[&str]| world.patches(&app, json!({ "permissions": permissions }));
    let before = world.says(family.sigrun, thread, "before").await;
    may(&["post_content"]).await.is(200);
    let without = world.says(family.sigrun, thread, "without").await;
    may(&["user_chats"]).await.is(200);
    let after = world.says(family.sigrun, thread, "after").await;
    let heard = |id, text| message(thread, id, text, family.sigrun);
    let [muaddib, thor] = family.hear().await;
    assert_eq!(muaddib, [heard(before, "before"), heard(after, "after")]);
    assert_eq!(thor, [heard(before, "before"), heard(without, "without"), heard(after, "after")]);
}

#[tokio::test]
async fn a_deleted_application_hears_nothing_more_and_the_others_hear_that_its_agents_left() {
    let family = Family::new().await;
    let (world, thread) = (&family.world, family.thread);
    let app = App { id: family.muaddib.app, key: family.muaddib.key.clone() };
    let second = world.agent(&app, family.sigrun, "MuadDib").await;
    world.seat(&second, thread).await.created();
    // One that was unregistered before still had news to get.
    let gone = world.agent(&app, world.sigrun().await, "MuadDib").await;
    world.settles().await;
    world.deletes(&format!("/operator/agents/{}", gone.id)).await.is(204);
    let said = world.says(family.petur, thread, "the last words").await;
    world.deletes(&format!("/operator/apps/{}", family.muaddib.app)).await.is(204);
    let left = |agent: &Agent| agent_left(thread, agent.id);
    let to_thor = vec![message(thread, said, "the last words", family.petur), left(&family.muaddib), left(&second)];
    assert_eq!(family.hear().await, [nothing(), to_thor]);
    assert_eq!(
        world.deliveries(&family.muaddib).await[2..],
        [
            "agent_joined_chat delivered 1",
            "agent_joined_chat delivered 1",
            "chat_message cancelled 0",
            "agent_left_chat cancelled 0",
            "agent_unregistered cancelled 0"
        ]
    );
    assert_eq!(world.deliveries(&gone).await, ["agent_registered delivered 1", "agent_unregistered cancelled 0"]);
    // The people are still there, and their words.
    assert_eq!(world.texts(&family.thor, thread).await, ["the last words"]);
    for agent in [&family.muaddib, &second] {
        world.sends(agent, thread, "Hello").await.is_refused(401, "unknown_app", "");
    }
    let agents = world.gets("/operator/agents").await.json();
    assert_eq!(agents["agents"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_change_that_was_refused_is_no_news() {
    let family = Family::new().await;
    let (world, thread) = (&family.world, family.thread);
    let join = format!("/operator/threads/{thread}/participants");
    world.posts(&join, json!({ "userId": family.petur })).await.is(409);
    world.seat(&family.thor, thread).await.is(409);
    world.speaks(family.petur, family.thor.personal, "Hello").await.is(403);
    world.sends(&family.muaddib, family.thor.personal, "Hello").await.is(403);
    let replay = world.signed(&family.muaddib, thread, r#"{"text":"Hello"}"#);
    let id: MessageId = world.calls(&replay).await.is(200).id("chatMessageId");
    world.calls(&replay).await.is(401);
    assert_eq!(family.hear().await, [nothing(), vec![message(thread, id, "Hello", family.muaddib.id)]]);
}
