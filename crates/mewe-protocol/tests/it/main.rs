//! The wire, judged by cases that another implementation made, by facts, and by inputs that nobody thought of.

mod any_input;
mod api_bodies;
mod doors;
mod events;
mod ids_and_secrets;
mod mentions;
mod strict_json;
mod support;
mod vectors;
