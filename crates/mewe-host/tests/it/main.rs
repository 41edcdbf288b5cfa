//! The host through its own routes, on a held clock: what it takes, what it refuses, who hears of what, and that nothing of
//! it is lost.

mod agent_api;
mod anything;
mod console_access;
mod console_apps;
mod console_wire;
mod delivery;
mod demo;
mod news;
mod operator_api;
mod support;
mod trouble;
mod vectors;
mod watching;
mod wire;
