//! The promises of the framework, told as stories: a host and an application in one process, and what goes wrong between them.

mod door;
mod lanes;
mod names;
mod once;
mod outbox;
mod owners;
mod support;
mod vectors;
