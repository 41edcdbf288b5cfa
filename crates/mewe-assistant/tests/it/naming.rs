//! `this is Family`.

use crate::support::family;

#[tokio::test]
async fn a_thread_is_named_where_it_is() {
    let (world, petur, sigrun, family) = family().await;
    petur.says("this is Family").await;
    petur.hears("A thread gets its name in the thread itself").await;
    petur.says("1 is Family").await;
    petur.hears("Write there: `@MuadDib this is Family`").await;
    petur.mentions(&petur.agent, &family, "this is “Family”.").await;
    petur.hears_in(&family, "This thread is Family to me from now on.").await;
    sigrun.mentions(&petur.agent, &family, "hello").await;
    petur.hears("Sigrún Guðmundsdóttir writes to me in Family:\n> hello").await;
    // And again, over a restart.
    petur.mentions(&petur.agent, &family, "this is Kin").await;
    world.restart().await;
    petur.says("catch up kin").await;
    petur.hears("Kin: nobody has written since you last wrote there.").await;
}

#[tokio::test]
async fn two_threads_do_not_share_a_name() {
    let (world, petur, sigrun, family) = family().await;
    let work = world.thread("Work", [&petur, &sigrun]).await;
    petur.brings_agent_to(&work).await;
    petur.mentions(&petur.agent, &family, "this is Family").await;
    petur.hears_all().await;
    petur.mentions(&petur.agent, &work, "this is family!").await;
    assert_eq!(work.said_by(&petur.agent).await, ["I answered in our own thread."]);
    petur.hears("You call thread 1 “family!” already.").await;
    petur.mentions(&petur.agent, &work, &format!("this is {}", "x".repeat(61))).await;
    petur.mentions(&petur.agent, &work, "this is 2").await;
    let said = work.said_by(&petur.agent).await;
    assert!(said[1].starts_with("A name has 1 to 60 characters"), "{said:?}");
    assert!(said[2].starts_with("I would take that for something else"), "{said:?}");
    petur.silence().await;
}
