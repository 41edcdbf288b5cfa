//! Write a personal agent for MeWe chats: typed events, durable by default.
