//! Words of one thread do not come into another.

use mewe_testkit::Thread;

use crate::support::family;

/// Said in Work, never to be seen in Family: in a text, in a name of a person, and in the name of the thread.
const CANARY: &str = "Canary";

async fn is_clean(thread: &Thread) {
    let transcript = thread.transcript().await;
    assert!(!transcript.to_lowercase().contains("canary"), "{transcript}");
}

#[tokio::test]
async fn what_is_asked_about_other_threads_is_answered_at_home() {
    let (world, petur, sigrun, family) = family().await;
    let thor = world.person("Thor Canary").await;
    let work = world.thread("Work", [&petur, &thor]).await;
    petur.brings_agent_to(&work).await;
    petur.mentions(&petur.agent, &work, &format!("this is {CANARY} Work")).await;
    thor.mentions(&petur.agent, &work, &format!("The {CANARY} sings? https://mewe.com/canary")).await;
    petur.hears_all().await;

    for asked in ["threads", "catch up", "catch up 2", "catch up everything", &format!("catch up {}", work.id())] {
        petur.mentions(&petur.agent, &family, asked).await;
        let answer = petur.hears(CANARY).await;
        assert!(answer.contains(CANARY), "{asked}: {answer}");
        petur.silence().await;
        is_clean(&family).await;
    }
    assert_eq!(family.said_by(&petur.agent).await, ["I answered in our own thread."; 5]);

    // Nor on any other way: naming, catching up on itself, a stranger's question, help.
    petur.mentions(&petur.agent, &family, "this is Family").await;
    sigrun.mentions(&petur.agent, &family, "what is new at work?").await;
    for asked in ["catch up here", "catch up Family", "catch up 1", "help", "", "what?", "catch up nowhere"] {
        petur.mentions(&petur.agent, &family, asked).await;
        is_clean(&family).await;
    }
    let said = family.said_by(&petur.agent).await;
    assert_eq!(said.len(), 5 + 2 + 7, "nothing was withheld either: {said:?}");
}

#[tokio::test]
async fn a_name_that_is_taken_is_told_at_home() {
    let (world, petur, sigrun, family) = family().await;
    let work = world.thread("Work", [&petur, &sigrun]).await;
    petur.brings_agent_to(&work).await;
    petur.mentions(&petur.agent, &work, "this is The Works").await;
    petur.mentions(&petur.agent, &family, "this is the works").await;
    assert_eq!(family.said_by(&petur.agent).await, ["I answered in our own thread."]);
    // Family has no name, so this is about the other thread.
    petur.mentions(&petur.agent, &family, "catch up the works").await;
    assert_eq!(family.said_by(&petur.agent).await, ["I answered in our own thread."; 2]);
    petur.hears("new thread").await;
    petur.hears("You call thread 2 “the works” already").await;
    petur.hears("The Works: nobody has written").await;
}

#[tokio::test]
async fn two_owners_share_a_thread_and_nothing_else() {
    let (world, petur, sigrun, family) = family().await;
    let thor = world.first_program().agent(&sigrun, "Thor").await;
    thor.joins(&family).await;
    petur.hears_all().await;
    sigrun.mentions(&thor, &family, "this is Hers").await;
    petur.mentions(&thor, &family, "catch up").await;
    // Each obeys its own owner.
    let said = family.said_by(&thor).await;
    assert_eq!(said[0], "This thread is Hers to me from now on.");
    assert_eq!(said[1], "I am the assistant of Sigrún Guðmundsdóttir, and I pass your words on.");
    let passed = thor.personal().said_by(&thor).await;
    assert!(passed.last().unwrap().contains("writes to me in Hers:\n> catch up"), "{passed:?}");
    petur.says("threads").await;
    let list = petur.hears("1. no name yet").await;
    assert!(!list.contains("Hers"), "{list}");
}
