//! The store, told as stories and judged by a model.

mod claim_cost;
mod full_disk;
mod lanes;
mod model;
mod opening;
mod queue;
mod readers;
mod support;
mod write_lane;
