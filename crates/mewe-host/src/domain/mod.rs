//! The rules: what may happen, and who hears of it.
//!
//! Functions of state, input and time, without I/O, so that a rule can be read and tested without a database, and no second
//! door (operator, agent, demo) can come to another answer than the first. `store/` keeps the state, `change/` brings the
//! two together in one transaction.

pub(crate) mod agent;
pub(crate) mod application;
pub(crate) mod example;
pub(crate) mod id;
pub(crate) mod message;
pub(crate) mod name;
pub(crate) mod news;
pub(crate) mod permission;
pub(crate) mod thread;
pub(crate) mod trouble;
pub(crate) mod user;

use std::fmt;

use mewe_protocol::error::ErrorCode;

/// A rule says no. The code is for programs, the words for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Refused {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
}

impl Refused {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The input is wrong; `field` says where.
    pub(crate) fn invalid(field: &str, why: impl fmt::Display) -> Self {
        Self::new(ErrorCode::Invalid, format!("{field}: {why}"))
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Conflict, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::NotFound, message)
    }
}
