//! Stories of real processes.
