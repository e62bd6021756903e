//! The private cluster, provisioning and transactions on a real server.

#[path = "storage/cluster.rs"]
mod cluster;
#[path = "storage/isolation.rs"]
mod isolation;
#[path = "storage/lease.rs"]
mod lease;
#[path = "storage/migration.rs"]
mod migration;
#[path = "storage/transaction.rs"]
mod transaction;
