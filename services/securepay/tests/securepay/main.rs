//! The ledger on a real PostgreSQL.

mod failing;
mod racing;
mod world;
mod writing;
