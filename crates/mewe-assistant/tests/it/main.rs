//! Stories of an owner, their assistant and the people around them, on the real host and the real framework.

mod catching_up;
mod naming;
mod strangers;
mod support;
mod trust;

use support::{assistants, family};

#[tokio::test]
async fn it_greets_its_owner_and_helps() {
    let world = assistants().await;
    let petur = world.owner("Pétur Jureksson", "MuadDib").await;
    petur.hears("Hello, Pétur! I am MuadDib").await;
    petur.says("help").await;
    let help = petur.hears("What I can do").await;
    for word in ["catch up", "threads", "@MuadDib this is Family"] {
        assert!(help.contains(word), "{help}");
    }
    petur.says("hlep").await;
    petur.hears("Ask me for `help`").await;
    petur.says("cathc up").await;
    petur.hears("Did you mean `catch up`?").await;
    petur.silence().await;
}

#[tokio::test]
async fn help_is_said_where_it_is_asked_for() {
    let (_world, petur, sigrun, family) = family().await;
    petur.mentions(&petur.agent, &family, "help").await;
    sigrun.hears_in(&family, "help").await;
    sigrun.hears_in(&family, "What I can do").await;
    petur.mentions(&petur.agent, &family, "").await;
    petur.hears_in(&family, "What I can do").await;
    petur.hears_in(&family, "Yes?").await;
    petur.silence().await;
}

#[tokio::test]
async fn its_owner_is_told_where_it_came_and_went() {
    let (world, petur, sigrun, family) = family().await;
    let work = world.thread("Work", [&petur, &sigrun]).await;
    petur.brings_agent_to(&work).await;
    petur.hears("I sit in a new thread now, number 2. To name it, write there: `@MuadDib this is Family`").await;
    petur.mentions(&petur.agent, &work, "this is Work").await;

    petur.agent.leaves(&work).await;
    petur.hears("I no longer sit in Work").await;
    // A name that is free again can be given.
    petur.mentions(&petur.agent, &family, "this is Work").await;
    petur.hears_in(&family, "This thread is Work").await;
    petur.brings_agent_to(&work).await;
    petur.hears("I sit in a new thread now, number 2").await;
    assert_eq!(work.said_by(&petur.agent).await, ["This thread is Work to me from now on."]);

    petur.agent.leaves(&family).await;
    petur.hears("I no longer sit in Work").await;
    petur.brings_agent_to(&family).await;
    petur.hears("I am back in Work, thread 1.").await;
    assert_eq!(family.said_by(&petur.agent).await.len(), 1, "a thread is told nothing of it");
}

#[tokio::test]
async fn threads_are_listed_by_number_name_and_people() {
    let (world, petur, sigrun, family) = family().await;
    let work = world.thread("Work", [&petur, &sigrun]).await;
    petur.brings_agent_to(&work).await;
    petur.mentions(&petur.agent, &family, "this is Family").await;
    // The wire names people only when they mention the agent or join.
    sigrun.mentions(&petur.agent, &work, "hello").await;
    petur.hears_all().await;

    petur.says("threads").await;
    let list = petur.hears("Besides our own, I sit in 2 threads").await;
    assert!(list.contains("\n1. Family\n2. no name yet: Sigrún Guðmundsdóttir\n"), "{list}");
}
