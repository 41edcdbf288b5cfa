//! How the console looks, and what it bears: every width, light and dark, everybody's eyes and hands, whatever people write,
//! and ten thousand rows.

mod pages;
mod scene;
mod smuggled;
mod still;
mod world;

use serde_json::json;

use world::World;

/// Two people and an agent of one of them in a thread.
fn family(world: &World, webhook: &str) -> ([String; 2], String, String) {
    let o = &world.operator;
    let people = [o.person("Pétur", "Jureksson"), o.person("Sigrún", "Guðmundsdóttir")];
    let app = world.app("Personal assistant", webhook);
    let (muaddib, _) = o.agent(&app.id, &people[0], "MuadDib");
    let thread = o.thread("Fjölskyldan", &[&people[0], &people[1]]);
    o.makes(&format!("/operator/agents/{muaddib}/threads"), &json!({ "threadId": thread }));
    (people, thread, muaddib)
}
