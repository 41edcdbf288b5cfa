//! The people of the stories.

use mewe_testkit::{Owner, Person, Thread, World};

/// A world whose agents are assistants.
pub(crate) async fn assistants() -> World {
    World::new(mewe_assistant::assistant).await
}

/// Pétur, whose assistant MuadDib sits with him and Sigrún in a thread that has no name yet. All that was said about that is
/// heard.
pub(crate) async fn family() -> (World, Owner, Person, Thread) {
    let world = assistants().await;
    let petur = world.owner("Pétur Jureksson", "MuadDib").await;
    let sigrun = world.person("Sigrún Guðmundsdóttir").await;
    let family = world.thread("Family", [&petur, &sigrun]).await;
    petur.brings_agent_to(&family).await;
    petur.hears("Hello").await;
    petur.hears("I sit in a new thread now, number 1").await;
    petur.silence().await;
    (world, petur, sigrun, family)
}
