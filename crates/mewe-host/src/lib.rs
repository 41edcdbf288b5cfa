//! The platform side of MeWe personal agents: registry, threads, signed API, webhook delivery.
