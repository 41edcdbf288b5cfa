//! The wire, judged by cases that another implementation made, and by cases that nobody thought of.

mod any_input;
mod api_bodies;
mod vectors;
