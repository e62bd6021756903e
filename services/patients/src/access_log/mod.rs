//! The access log: what patients are told about who reached their record.

pub mod list;
