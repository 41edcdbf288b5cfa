//! A host and an agent in one process: no sockets, a virtual clock, a seed.
