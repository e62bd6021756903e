//! The ledger on a real PostgreSQL.

mod accounts;
mod failing;
mod house;
mod racing;
mod world;
mod writing;
