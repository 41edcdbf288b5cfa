//! Who is meant by a text, and how to say it without meaning anybody.

use mewe_protocol::{
    UserId,
    mention::{self, Segment},
};

const MUADDIB: &str = "625568bf663e8f63481b04ab";
const THOR: &str = "607595295633495b3c80f6cf";

fn id(text: &str) -> UserId {
    text.parse().unwrap()
}

/// What is mentioned in `text`: the name, and all that belongs to it.
fn found(text: &str) -> Vec<(&str, &str)> {
    let mention = |segment| match segment {
        Segment::Mention { name, source, .. } => Some((name, source)),
        Segment::Text(_) => None,
    };
    mention::segments(text).filter_map(mention).collect()
}

#[test]
fn the_pages_own_mention_is_read_and_the_id_decides() {
    let text = "Hey {{u_625568bf663e8f63481b04ab}MuadDib!} How's going?";
    assert_eq!(
        mention::segments(text).collect::<Vec<_>>(),
        [
            Segment::Text("Hey "),
            Segment::Mention { user: id(MUADDIB), name: "MuadDib!", source: "{{u_625568bf663e8f63481b04ab}MuadDib!}" },
            Segment::Text(" How's going?"),
        ]
    );
    assert!(mention::mentions(text, id(MUADDIB)));
    assert!(!mention::mentions(text, id(THOR)));
    assert_eq!(mention::plain(text), "Hey MuadDib! How's going?");
}

#[test]
fn an_at_sign_and_the_marks_around_a_mention_belong_to_it() {
    let mention = mention::render(id(THOR), "Thor");
    for dressed in ["@M", "\u{feff}M\u{feff}", "\u{feff}@M\u{feff}", "@\u{feff}M", "M"] {
        let dressed = dressed.replace('M', &mention);
        let text = format!("a {dressed} b");
        assert_eq!(found(&text), [("Thor", &*dressed)], "{text:?}");
        assert_eq!(mention::plain(&text), "a Thor b");
    }
    let text = format!("me@@{mention}");
    assert_eq!(mention::plain(&text), "me@Thor", "one at sign only");
    let text = format!("\u{feff}@{mention}\u{feff}\u{feff}@{mention}\u{feff}");
    assert_eq!(found(&text).len(), 2);
    assert_eq!(mention::plain(&text), "ThorThor");
}

#[test]
fn what_does_not_parse_stays_text() {
    for text in [
        "{{u_607595295633495b3c80f6cf}Thor",
        "{{u_607595295633495b3c80f6cf}Th\nor}",
        "{{u_607595295633495b3c80f6cf}Th\ror}",
        "{{u_607595295633495b3c80f6cf}Th{or}",
        "{{u_607595295633495b3c80f6cf Thor}",
        "{{u_607595295633495b3c80f6c}Thor}",
        "{{u_607595295633495b3c80f6cfa}Thor}",
        "{{u_607595295633495b3c80f6cg}Thor}",
        "{{u_60759529563349é5b3c80f6}Thor}",
        "{u_607595295633495b3c80f6cf}Thor}",
        "{{U_607595295633495b3c80f6cf}Thor}",
        "{{u_",
        "@\u{feff}",
        "",
    ] {
        assert_eq!(found(text), [], "{text}");
        assert_eq!(mention::plain(text), text);
        assert!(!mention::mentions(text, id(THOR)));
    }
}

#[test]
fn a_mention_is_found_behind_braces_and_behind_half_of_one() {
    assert_eq!(found("{{{u_607595295633495b3c80f6cf}Thor}}"), [("Thor", "{{u_607595295633495b3c80f6cf}Thor}")]);
    assert_eq!(
        found("{{u_625568bf663e8f63481b04ab}{{u_607595295633495B3C80F6CF}Thor}"),
        [("Thor", "{{u_607595295633495B3C80F6CF}Thor}")]
    );
}

#[test]
fn a_name_that_holds_a_mention_becomes_plain_from_the_inside_out() {
    let text = format!("hi {{{{u_{MUADDIB}}}{{{{u_{THOR}}}Thor}} Odinson}}!");
    assert_eq!(mention::plain(&text), "hi Thor Odinson!");
}

#[test]
fn a_text_crafted_to_become_a_mention_when_made_plain_mentions_nobody() {
    // The inner mention's name completes the outer one's beginning.
    let crafted = format!("{{{{{{{{u_{THOR}}}u_{MUADDIB}}}}}Thor}}");
    assert_eq!(found(&crafted).len(), 1);
    assert_eq!(mention::plain(&crafted), "Thor");
    let deep = (0..50).fold("x".to_owned(), |name, _| format!("{{{{u_{THOR}}}{name}}}"));
    let plain = mention::plain(&deep);
    assert_eq!(found(&plain), []);
    assert!(
        plain.len() > 1 && !plain.contains(['{', '}']),
        "not peeled to the end, which a hostile text puts far away"
    );
}

#[test]
fn a_hostile_text_is_made_plain_in_one_go() {
    let layers = 60_000;
    // Each layer that is peeled makes the next one whole.
    let text = format!("{{{{u_{THOR}}}").repeat(layers) + &"}".repeat(layers);
    assert_eq!(found(&mention::plain(&text)), []);
    let text = format!("{}{{{{u_{THOR}}}u_{MUADDIB}}}}}b}}", "{".repeat(2 * layers));
    assert_eq!(found(&mention::plain(&text)), []);
    let text = "{{u_".repeat(layers);
    assert_eq!(mention::plain(&text), text);
    let text = format!("{{{{u_{THOR}}}").repeat(layers / 10);
    assert_eq!(mention::plain(&text), text);
}

#[test]
fn a_name_that_could_break_out_is_made_safe_when_it_is_rendered() {
    let rendered = mention::render(id(THOR), "Th}{or\r\n");
    assert_eq!(rendered, format!("{{{{u_{THOR}}}Thor}}"));
    assert_eq!(found(&mention::render(id(THOR), "")), [("", &*mention::render(id(THOR), ""))]);
}
