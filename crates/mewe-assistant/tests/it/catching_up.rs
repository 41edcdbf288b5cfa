//! `catch up`.

use std::time::Duration;

use mewe_agent::mention;

use crate::support::family;

#[tokio::test]
async fn the_owner_is_told_what_they_missed() {
    let (world, petur, sigrun, family) = family().await;
    petur.says_in(&family, "See you on Friday.").await;
    sigrun.says_in(&family, "The hut is booked: https://mewe.com/hut").await;
    let asks = format!("{} who brings the tent?", mention::render(petur.id(), "Pétur"));
    sigrun.says_in(&family, &asks).await;
    sigrun.mentions(&petur.agent, &family, "and who drives?").await;
    petur.hears("> and who drives?").await;
    world.advance(Duration::from_secs(2 * 60 * 60)).await;

    petur.says("catch up").await;
    let news = petur.hears("3 new messages since you last wrote there (Sigrún Guðmundsdóttir 3).").await;
    assert!(news.starts_with("thread 1 (Sigrún Guðmundsdóttir): "), "{news}");
    assert!(news.contains("2 h ago, not answered yet: “Pétur who brings the tent?”"), "{news}");
    assert!(news.contains("else has written:\n• Sigrún Guðmundsdóttir, 2 h ago: “MuadDib and who drives?”"), "{news}");
    assert!(news.contains("Links:\n• https://mewe.com/hut (Sigrún Guðmundsdóttir)"), "{news}");
    let raw = petur.thread().messages().await.pop().unwrap().text;
    assert!(!mention::mentions(&raw, petur.id()), "{raw}");
    assert_eq!(family.said_by(&petur.agent).await.len(), 1, "the thread was told nothing");
}

#[tokio::test]
async fn asking_in_the_thread_makes_nothing_old() {
    let (_world, petur, sigrun, family) = family().await;
    petur.mentions(&petur.agent, &family, "this is Family").await;
    sigrun.says_in(&family, "The hut is booked.").await;
    petur.mentions(&petur.agent, &family, "catch up here").await;
    petur.hears_in(&family, "This thread is Family").await;
    petur.hears_in(&family, "The hut is booked.").await;
    petur.hears_in(&family, "One new message since you last wrote here (somebody 1).").await;
    // Asked once more, they have written since: just now.
    petur.mentions(&petur.agent, &family, "catch up Family").await;
    petur.hears_in(&family, "Nobody has written since you last wrote here.").await;
    petur.mentions(&petur.agent, &family, &format!("catch up {}", family.id())).await;
    petur.hears_in(&family, "Nobody has written since you last wrote here.").await;
    petur.silence().await;
    // A number is looked up among all threads, so the answer is at home.
    petur.mentions(&petur.agent, &family, "catch up 1").await;
    petur.hears_in(&family, "I answered in our own thread.").await;
    petur.hears("Family: nobody has written since you last wrote there.").await;
}

#[tokio::test]
async fn one_thread_is_asked_for_by_name_or_number() {
    let (world, petur, sigrun, family) = family().await;
    let work = world.thread("Work", [&petur, &sigrun]).await;
    petur.brings_agent_to(&work).await;
    petur.mentions(&petur.agent, &work, "this is Work").await;
    petur.hears_all().await;
    sigrun.says_in(&family, "At home.").await;
    sigrun.says_in(&work, "At work.").await;

    for which in ["Work", "2", "“work”", &work.id().to_string()] {
        petur.says(&format!("catch up {which}")).await;
        petur.hears("Work: one new message since you last wrote there").await;
        petur.silence().await;
    }
    petur.says("catch up Wrok").await;
    petur.hears("I know no thread called “Wrok”. Did you mean Work?").await;
    petur.says("catch up").await;
    let all = petur.hears("thread 1: one new message since you last wrote there (somebody 1).").await;
    assert!(all.contains("Work: one new message"), "{all}");
    petur.says_in(&family, "Hello").await;
    petur.says_in(&work, "Hello").await;
    petur.says("catch up").await;
    petur.hears("Nothing new").await;
}

#[tokio::test]
async fn somebody_is_called_by_a_name_learned_elsewhere_at_home_alone() {
    let (world, petur, sigrun, family) = family().await;
    let work = world.thread("Work", [&petur, &sigrun]).await;
    petur.brings_agent_to(&work).await;
    sigrun.mentions(&petur.agent, &work, "hello").await;
    petur.hears_all().await;
    sigrun.says_in(&family, "At home.").await;
    petur.says("catch up 1").await;
    petur
        .hears(
            "thread 1 (Sigrún Guðmundsdóttir): one new message since you last wrote there (Sigrún Guðmundsdóttir 1).",
        )
        .await;
    petur.mentions(&petur.agent, &family, "catch up here").await;
    petur.hears_in(&family, "At home.").await;
    petur.hears_in(&family, "(somebody 1)").await;
}
