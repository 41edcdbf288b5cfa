//! Three evenings at a lake, in short: people, their agents, long names, another direction of writing, and what goes wrong.

use std::sync::atomic::{AtomicU32, Ordering};

use mewe_protocol::Reading;
use serde_json::json;

use crate::support::until;

use super::world::{Answer, App, Endpoint, World, mention, message};

/// The scene of the pictures, which every kind of page is looked at in.
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) petur: String,
    pub(super) sigrun: String,
    pub(super) app: App,
    pub(super) muaddib: String,
    pub(super) cabin: String,
    pub(super) family: String,
    /// Rows of the wire: a webhook that the agent fails at, and calls that the host refused.
    pub(super) retrying: String,
    pub(super) replayed: String,
    pub(super) refused: String,
    _endpoint: Endpoint,
}

/// A kind of page, and where one of it is.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) path: String,
    /// What must be on it in full, wide and narrow.
    pub(super) must: &'static [&'static str],
}

impl Scene {
    pub(super) fn play() -> Self {
        let world = World::start();
        let fails = AtomicU32::new(0);
        let endpoint = Endpoint::start(move |webhook| {
            if webhook.event != "personal_chat_mention" || !webhook.body.contains("kæfu") {
                return Answer::Whole(200, "{\"ok\":true}".to_owned());
            }
            if fails.fetch_add(1, Ordering::Relaxed) == 1 {
                return Answer::Cut;
            }
            Answer::Whole(500, "{\"error\":\"database is locked\"}".to_owned())
        });
        let o = &world.operator;
        let petur = o.person("Pétur", "Jureksson");
        let sigrun = o.person("Sigrún", "Guðmundsdóttir");
        let app = world.app("Personal assistant", &endpoint.url);
        let (muaddib, personal) = o.agent(&app.id, &petur, "MuadDib");
        let (thor, hers) = o.agent(&app.id, &sigrun, "Thor");
        let both = [petur.as_str(), sigrun.as_str()];
        let cabin = o.thread("Sumarbústaðurinn við Þingvallavatn: vaktaskipti og innkaup", &both);
        let fish = o.thread("🐟 Harðfiskur & kaffi", &both);
        let reading = o.thread("نادي القراءة يوم الخميس", &both);
        let long = o.thread("Vaðlaheiðarvegavinnuverkfærageymsluskúrslyklakippuhringurinn", &both);
        let family = o.thread("Fjölskyldan", &both);
        for thread in [&cabin, &family] {
            for agent in [&muaddib, &thor] {
                o.makes(&format!("/operator/agents/{agent}/threads"), &json!({ "threadId": thread }));
            }
        }
        for (thread, words) in [
            (&fish, "Hver kaupir kaffið?"),
            (&reading, "هل قرأتم الفصل الثالث؟"),
            (&long, "Fann hann!"),
            (&family, "Góða nótt"),
        ] {
            o.says(&petur, thread, words);
        }
        for words in ["Ég sá hann í Bónus", "Er harðfiskur morgunmatur?", "Já.", "Með smjöri þá", "🧈"] {
            o.says(&sigrun, &fish, words);
        }
        let says = |who: &str, words: &str| {
            o.says(who, &cabin, words);
            world.settles();
        };
        let answers = |agent: &str, thread: &str, words: &str| {
            let [status, again] = world.agent_sends(&app, agent, thread, &message(words), Reading::Compact);
            assert_eq!((status, again), (200, 401));
            world.settles();
        };
        says(&sigrun, "Getum við fært vaktina á laugardag? Ég er með tónleika á Ísafirði 🎻");
        says(&petur, &format!("Ekkert mál. {} hver fékk lykilinn síðast?", mention(&thor, "Thor")));
        let ring = "Sigrún, 14. nóvember. Hann hangir á Vaðlaheiðarvegavinnuverkfærageymsluskúrslyklakippuhringnum.";
        answers(&thor, &cabin, ring);
        says(&petur, &format!("{} catch up", mention(&muaddib, "MuadDib")));
        world.agent_reads(&app, &muaddib, &cabin);
        let digest = "3 messages since Monday 21:52. Sigrún asks to move the Saturday shift.\nOpen question: who brings the charcoal?";
        answers(&muaddib, &cabin, digest);
        let replayed = world.row(&cabin, "agent:MuadDib state:refused");
        // An agent that signs its JSON as it prints it.
        let pretty = "{\n  \"text\": \"Open question: who brings the charcoal?\"\n}";
        assert_eq!(world.agent_sends(&app, &muaddib, &cabin, pretty, Reading::Raw), [401, 401]);
        // A call is noted after it was answered.
        let newest = || world.row(&cabin, "agent:MuadDib state:refused");
        let refused = until("another refusal", || Some(newest()).filter(|row| *row != replayed));
        answers(&muaddib, &personal, "Ég er hér. Type `help` to see what I can do.");
        answers(&thor, &hers, "Góðan dag, Sigrún.");
        says(&sigrun, "אני מביאה את הפחם 🔥 ומגיעה ביום שישי בערב, סביב 19:30");
        let list = "mundu: kol, kaffi ☕, tvær dósir af kæfu og bókina hans Péturs";
        says(&sigrun, &format!("{} {list}", mention(&muaddib, "MuadDib")));
        let retrying = world.row(&cabin, "event:personal_chat_mention state:retrying");
        Self { world, petur, sigrun, app, muaddib, cabin, family, retrying, replayed, refused, _endpoint: endpoint }
    }

    /// Where Pétur is, with this added to the address.
    pub(super) fn chat(&self, more: &str) -> String {
        format!("/t/{}?as={}{more}", self.cabin, self.petur)
    }

    /// One page of every kind that this host has.
    pub(super) fn pages(&self) -> Vec<Kind> {
        const CHAT: &[&str] = &["#text-a", "#chat-a .send", "#chat-a h2", "#msgs-a li:last-child"];
        const SHEET: &[&str] = &["#dl", "#curl button", "#vector button", "#sheet-state"];
        let kind = |name, path, must| Kind { name, path, must };
        vec![
            kind("chat", self.chat(""), CHAT),
            kind("threads", self.chat("&view=threads"), &["#threads a", "#people a", "#agents a"]),
            kind("wire", self.chat("&view=wire"), &["#q", "#to-wire", "#to-trouble", "#rows li:last-child .w"]),
            kind("delivery", self.chat(&format!("&view=wire&wire={}", self.retrying)), SHEET),
            kind("refused", self.chat(&format!("&view=wire&show=whole&wire={}", self.refused)), SHEET),
            kind("filtered", self.chat("&view=wire&q=agent%3AMuadDib+state%3Arefused+nothing"), &["#q", "#clear"]),
            kind("trouble", self.chat("&view=wire&pane=trouble"), &["#trouble-agent", "#seed", "#sw-deliver_twice"]),
            kind("split", self.chat(&format!("&split={}%2C{}", self.cabin, self.sigrun)), CHAT),
            kind("applications", "/apps".to_owned(), &["h1", "#apps a"]),
            kind("application", format!("/apps/{}", self.app.id), &["h1", "#app-state"]),
            kind("removal", format!("/apps/{}?remove={}&redelivered=3", self.app.id, self.muaddib), &["h1"]),
            kind("search", "/search?q=kol".to_owned(), &["#search-here", "h1", ".hit"]),
            kind("search for nothing", "/search".to_owned(), &["#search-here", "h1"]),
            kind("keys", "/keys".to_owned(), &["h1"]),
            kind("error", format!("/t/{}", "0".repeat(24)), &["h1", ".say", "a.link"]),
        ]
    }
}
