//! Weekly patterns: regular working times, from which shifts are made some weeks ahead.

pub mod create;
pub mod end;
pub mod list;
pub mod materialise;
pub mod model;
pub mod store;
pub mod view;
