//! The ready-made personal assistant, written against mewe-agent's public API only.
