//! A reply is in its thread once, whatever becomes of the calls that bring it there.

use std::time::Duration;

use mewe_agent::Message;
use mewe_testkit::{Call, Fault, Owner, Person, Setup, Thread, Way, World};

use crate::support::{Log, echo, listen, message};

const SOON: Duration = Duration::from_secs(5);

/// Pétur with MuadDib, which repeats what it hears, and Sigrún, in a thread of the family.
struct Story {
    world: World,
    petur: Owner,
    sigrun: Person,
    family: Thread,
}

impl Story {
    async fn begins() -> Self {
        Self::with(Setup::default()).await
    }

    async fn with(setup: Setup) -> Self {
        let world = World::with(setup, |app| app.on(echo)).await;
        let petur = world.owner("Pétur Jureksson", "MuadDib").await;
        let sigrun = world.person("Sigrún Guðmundsdóttir").await;
        let family = world.thread("Family", [&petur, &sigrun]).await;
        petur.brings_agent_to(&family).await;
        Self { world, petur, sigrun, family }
    }

    async fn sigrun_says(&self, text: &str) {
        self.sigrun.says_in(&self.family, text).await;
    }

    async fn replies(&self) -> Vec<String> {
        self.family.said_by(&self.petur.agent).await
    }

    fn sends(&self) -> Vec<Call> {
        self.world.calls(Way::Send)
    }

    async fn outbox(&self, what: &str) -> u64 {
        self.world.first_program().health().await["outbox"][what].as_u64().unwrap()
    }
}

/// What makes two requests one.
fn identity(call: &Call) -> (&str, &str, &[u8]) {
    (call.header("x-timestamp"), call.header("x-signature"), &call.body)
}

#[tokio::test]
async fn a_reply_whose_answer_was_lost_is_found_in_its_thread_and_not_sent_again() {
    let story = Story::begins().await;
    story.world.faults().next(Way::Send, Fault::AnswerLost);
    story.sigrun_says("hello").await;
    story.world.advance(SOON).await;
    assert_eq!(story.replies().await, ["hello"]);
    assert_eq!(story.sends().len(), 1);
    assert_eq!(story.outbox("waiting").await, 0);
}

#[tokio::test]
async fn a_request_that_was_lost_is_sent_again_the_very_same() {
    let story = Story::begins().await;
    story.world.faults().next(Way::Send, Fault::RequestLost);
    story.sigrun_says("hello").await;
    assert_eq!(story.replies().await, [""; 0]);
    story.world.advance(SOON).await;
    assert_eq!(story.replies().await, ["hello"]);
    let [first, second] = &story.sends()[..] else { panic!("{:?}", story.sends()) };
    assert_eq!(identity(first), identity(second));
}

#[tokio::test]
async fn whatever_befalls_the_next_two_calls_of_a_kind_each_reply_is_there_once_and_in_order() {
    let faults = [
        Fault::NotReached,
        Fault::RequestLost,
        Fault::AnswerLost,
        Fault::AnswerEmpty,
        Fault::Twice,
        Fault::refused(500, "internal"),
        Fault::slow_down(1),
        Fault::CrashBefore,
        Fault::CrashAfter,
    ];
    for way in [Way::Webhook, Way::Send, Way::Read] {
        for (n, first) in faults.iter().enumerate() {
            // Each follows another one, and over the three kinds three others.
            let second = &faults[(n + 1 + way as usize) % faults.len()];
            let what = format!("{way:?}: {first:?}, {second:?}");
            let story = Story::begins().await;
            if way == Way::Read {
                // So that it looks at all.
                story.world.faults().next(Way::Send, Fault::AnswerLost);
            }
            story.world.faults().next(way, first.clone());
            story.world.faults().next(way, second.clone());
            for text in ["one", "two", "two"] {
                story.sigrun_says(text).await;
            }
            story.world.advance(Duration::from_secs(60)).await;
            assert_eq!(story.replies().await, ["one", "two", "two"], "{what}");
            assert_eq!(story.outbox("waiting").await, 0, "{what}");
            assert_eq!(story.outbox("parked").await, 0, "{what}");
        }
    }
}

#[tokio::test]
async fn a_host_that_forgets_requests_gets_a_reply_once_too() {
    for fault in [Fault::AnswerLost, Fault::RequestLost, Fault::CrashAfter] {
        let story = Story::with(Setup { replay_memory: false, ..Setup::default() }).await;
        story.world.faults().next(Way::Send, fault.clone());
        story.sigrun_says("hello").await;
        story.world.advance(SOON).await;
        assert_eq!(story.replies().await, ["hello"], "{fault:?}");
    }
}

#[tokio::test]
async fn a_host_that_asks_to_slow_down_is_left_alone_for_as_long_as_it_asks() {
    let story = Story::begins().await;
    story.world.faults().next(Way::Send, Fault::slow_down(7));
    story.sigrun_says("hello").await;
    story.world.advance(Duration::from_secs(6)).await;
    assert_eq!(story.sends().len(), 1);
    story.world.advance(Duration::from_secs(1)).await;
    assert_eq!(story.sends().len(), 2);
    assert_eq!(story.replies().await, ["hello"]);
}

#[tokio::test]
async fn a_host_that_asks_to_wait_for_ever_is_asked_again_after_an_hour() {
    let story = Story::begins().await;
    story.world.faults().next(Way::Send, Fault::slow_down(u64::MAX));
    story.sigrun_says("hello").await;
    story.world.advance(Duration::from_secs(60 * 60)).await;
    assert_eq!(story.replies().await, ["hello"]);
}

#[tokio::test]
async fn a_refused_signature_pauses_every_send_of_the_application_until_it_is_accepted() {
    let story = Story::begins().await;
    story.world.faults().always(Way::Send, Fault::refused(401, "signature"));
    story.sigrun_says("hello").await;
    story.petur.says("and here").await;
    story.world.advance(Duration::from_secs(20)).await;
    assert_eq!(story.sends().len(), 1, "one refusal is enough for all");
    story.world.advance(Duration::from_secs(3600)).await;
    assert_eq!(story.replies().await, [""; 0]);
    assert_eq!(story.outbox("parked").await, 0);
    story.world.faults().end();
    story.world.advance(Duration::from_secs(60)).await;
    assert_eq!(story.replies().await, ["hello"]);
    assert_eq!(story.petur.hears_all().await, ["and here"]);
}

#[tokio::test]
async fn of_sends_that_are_due_together_one_learns_for_all_that_the_signature_is_refused() {
    let story = Story::begins().await;
    story.world.faults().always(Way::Send, Fault::refused(401, "signature"));
    let (program, agent) = (story.world.first_program(), story.petur.agent.id());
    for (n, thread) in [(1, story.family.id()), (2, story.petur.thread().id())] {
        story.world.delivers(&program, agent, &message(thread, n, &story.petur, "hello")).await;
    }
    story.world.settle().await;
    assert_eq!(story.sends().len(), 1);
    story.world.faults().end();
    story.world.advance(Duration::from_secs(31)).await;
    assert_eq!(story.replies().await, ["hello"]);
    assert_eq!(story.petur.hears_all().await, ["hello"]);
}

#[tokio::test]
async fn what_the_host_refuses_for_good_is_parked_and_holds_nobody_up() {
    let story = Story::begins().await;
    story.world.faults().next(Way::Send, Fault::refused(403, "not_in_thread"));
    story.sigrun_says("one").await;
    story.sigrun_says("two").await;
    story.world.advance(Duration::from_secs(3600)).await;
    assert_eq!(story.replies().await, ["two"]);
    assert_eq!(story.outbox("parked").await, 1);
    assert_eq!(story.sends().len(), 2);
}

#[tokio::test]
async fn one_text_to_two_threads_in_one_second_is_two_requests() {
    let story = Story::begins().await;
    let club = story.world.thread("Club", [&story.petur, &story.sigrun]).await;
    story.petur.brings_agent_to(&club).await;
    story.sigrun_says("yes").await;
    // A start tidies up; the seconds that were used are not forgotten.
    story.world.restart().await;
    story.sigrun.says_in(&club, "yes").await;
    assert_eq!(story.replies().await, ["yes"]);
    assert_eq!(club.said_by(&story.petur.agent).await, ["yes"]);
    let [first, second] = &story.sends()[..] else { panic!("{:?}", story.sends()) };
    assert_eq!(first.body, second.body);
    assert_ne!(first.header("x-timestamp"), second.header("x-timestamp"));
    assert_eq!((first.status, second.status), (Some(200), Some(200)), "neither passes for a replay of the other");
}

#[tokio::test]
async fn seventy_equal_texts_at_once_are_seventy_messages() {
    let story = Story::begins().await;
    for _ in 0..70 {
        story.sigrun_says("yes").await;
    }
    story.world.advance(Duration::from_secs(60)).await;
    assert_eq!(story.replies().await.len(), 70);
    assert!(story.sends().iter().all(|call| call.status == Some(200)));
}

#[tokio::test]
async fn a_message_nobody_named_is_learned_from_its_thread_and_mistaken_for_no_other() {
    let story = Story::begins().await;
    for fault in [Fault::AnswerEmpty, Fault::AnswerLost, Fault::AnswerEmpty, Fault::RequestLost] {
        story.world.faults().next(Way::Send, fault);
    }
    for _ in 0..4 {
        story.sigrun_says("yes").await;
    }
    story.world.advance(Duration::from_secs(60)).await;
    assert_eq!(story.replies().await, ["yes"; 4]);
}

#[tokio::test]
async fn an_equal_message_of_long_ago_is_not_taken_for_one_that_was_lost() {
    let story = Story::begins().await;
    story.sigrun_says("yes").await;
    // Longer than anybody remembers which message was whose.
    story.world.advance(Duration::from_secs(31 * 24 * 60 * 60)).await;
    story.world.faults().next(Way::Send, Fault::RequestLost);
    story.sigrun_says("yes").await;
    story.world.advance(SOON).await;
    assert_eq!(story.replies().await, ["yes"; 2]);
}

#[tokio::test]
async fn a_start_in_the_middle_keeps_what_was_promised() {
    let story = Story::begins().await;
    story.world.faults().always(Way::Send, Fault::NotReached);
    story.sigrun_says("one").await;
    story.petur.says("two").await;
    story.world.restart().await;
    story.sigrun_says("three").await;
    assert_eq!(story.replies().await, [""; 0]);
    story.world.faults().end();
    story.world.restart().await;
    story.world.advance(Duration::from_secs(60)).await;
    assert_eq!(story.replies().await, ["one", "three"]);
    assert_eq!(story.petur.hears_all().await, ["two"]);
}

#[tokio::test]
async fn what_could_not_be_sent_for_a_day_is_not_sent_any_more() {
    let story = Story::begins().await;
    story.world.faults().always(Way::Send, Fault::NotReached);
    story.sigrun_says("good morning").await;
    story.world.advance(Duration::from_secs(25 * 60 * 60)).await;
    story.world.faults().end();
    story.world.advance(Duration::from_secs(60 * 60)).await;
    assert_eq!(story.replies().await, [""; 0]);
    assert_eq!(story.outbox("parked").await, 1);
}

#[tokio::test]
async fn a_long_reply_is_several_messages_in_order_though_an_answer_is_lost_amid_them() {
    fn whole() -> String {
        (0..4_000).map(|n| format!("word {n}.")).collect::<Vec<_>>().join(" ")
    }
    async fn recite(_: Message) -> String {
        whole()
    }
    let world = World::new(|app| app.on(recite)).await;
    let petur = world.owner("Pétur Jureksson", "MuadDib").await;
    world.faults().next(Way::Send, Fault::Twice);
    world.faults().next(Way::Send, Fault::AnswerLost);
    petur.says("recite").await;
    world.advance(SOON).await;
    let parts = petur.hears_all().await;
    assert!(parts.len() >= 5 && parts.iter().all(|part| part.chars().count() <= 10_000), "{}", parts.len());
    assert_eq!(parts.join(" "), whole());
}

#[tokio::test]
async fn an_event_whose_delivery_was_cut_short_is_handled_once() {
    for fault in [Fault::AnswerLost, Fault::Twice, Fault::CrashAfter, Fault::CrashBefore, Fault::RequestLost] {
        let log = Log::default();
        let given = log.clone();
        let world = World::new(move |app| app.on(listen).with_state(given.clone())).await;
        let petur = world.owner("Pétur Jureksson", "MuadDib").await;
        world.faults().next(Way::Webhook, fault.clone());
        petur.says("hello").await;
        world.advance(SOON).await;
        assert_eq!(log.take(), ["hello"], "{fault:?}");
    }
}
