//! What an author writes: how little it takes, and what the compiler says to a mistake.

#[test]
fn hello_world_takes_at_most_fifteen_lines() {
    let page = include_str!("../../src/lib.rs");
    let code = page.split_once("//! ```no_run\n").unwrap().1.split_once("//! ```\n").unwrap().0;
    assert!(code.contains("#[tokio::main]") && code.contains(".serve("), "{code}");
    assert!(code.lines().count() <= 15, "{code}");
}

#[test]
fn a_function_that_is_no_handler_is_told_why() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
