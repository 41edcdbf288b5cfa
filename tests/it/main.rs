//! Stories of real processes.

mod chat;
mod command_line;
mod console;
mod console_look;
mod console_use;
mod conversation;
mod host_process;
mod kills;
mod run_process;
mod send_and_read;
mod sign_and_verify;
mod support;
mod two_owners;
