//! What `dev` finds ready: made once, completed when something is missing, never doubled.

use mewe_host::{Demo, DemoPlan};
use mewe_protocol::ApiKey;
use serde_json::{Value, json};

use crate::support::{Agent, World};

const URL: &str = "https://muaddib.example/webhook";

async fn ensure(world: &World, key: &str, url: &str) -> (Demo, Agent) {
    let key = ApiKey::new(key).unwrap();
    world.endpoints.knows(url, &key);
    let plan = DemoPlan { key: key.clone(), webhook_url: url.parse().unwrap() };
    let demo = world.host().ensure_demo(plan).await.unwrap();
    (demo, Agent { id: demo.agent, personal: demo.personal, app: demo.app, key })
}

async fn list(world: &World, noun: &str) -> Vec<Value> {
    world.gets(&format!("/operator/{noun}")).await.json()[noun].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_demo_is_the_pages_own_people_and_an_agent_among_them() {
    let world = World::new().await;
    let (demo, muaddib) = ensure(&world, "a key of the demo", URL).await;
    for thread in [demo.personal, demo.family, demo.work] {
        world.sends(&muaddib, thread, &thread.to_string()).await.is(200);
    }
    let names: Vec<Value> = list(&world, "users").await.iter().map(|user| user["name"].clone()).collect();
    assert_eq!(names, ["Pétur Jureksson", "Sigrún Guðmundsdóttir"]);
    world.speaks(demo.sigrun, demo.work, "Hello").await.is(201);
    world.speaks(demo.sigrun, demo.personal, "Hello").await.is(403);
}

#[tokio::test]
async fn a_second_start_doubles_nothing_and_takes_the_new_key_and_url() {
    let mut world = World::new().await;
    let (first, _) = ensure(&world, "a key of the demo", URL).await;
    world.delivers().await;
    let (users, threads, agents) =
        (list(&world, "users").await, list(&world, "threads").await, list(&world, "agents").await);
    world.restarts().await;
    let (second, muaddib) = ensure(&world, "another key", "https://elsewhere.example/webhook").await;
    assert_eq!(first, second);
    assert_eq!(list(&world, "users").await, users);
    assert_eq!(list(&world, "threads").await, threads);
    assert_eq!(list(&world, "agents").await, agents);
    world.endpoints.take();
    assert_eq!(world.delivers().await, 0);
    world.sends(&muaddib, second.family, "Hello").await.is(200);
    world.says(second.petur, second.personal, "Hello").await;
    world.delivers().await;
    assert_eq!(world.endpoints.take()[0].url, "https://elsewhere.example/webhook");
}

#[tokio::test]
async fn what_an_operator_took_away_comes_back_but_no_agent_goes_where_its_owner_left() {
    let world = World::new().await;
    let (first, _) = ensure(&world, "a key of the demo", URL).await;
    world.deletes(&format!("/operator/apps/{}", first.app)).await.is(204);
    world.deletes(&format!("/operator/threads/{}/participants/{}", first.work, first.petur)).await.is(204);
    let (second, muaddib) = ensure(&world, "a key of the demo", URL).await;
    assert_ne!(first.agent, second.agent);
    assert_ne!(first.personal, second.personal);
    let kept = Demo { agent: first.agent, personal: first.personal, ..second };
    assert_eq!(kept, first);
    world.sends(&muaddib, second.family, "Hello").await.is(200);
    world.sends(&muaddib, second.work, "Hello?").await.is_refused(403, "not_in_thread", "");
    let body = json!({ "userId": second.petur });
    world.posts(&format!("/operator/threads/{}/participants", second.work), body).await.is(201);
    let (third, _) = ensure(&world, "a key of the demo", URL).await;
    assert_eq!(third, second);
    world.sends(&muaddib, second.work, "Hello again").await.is(200);
}
