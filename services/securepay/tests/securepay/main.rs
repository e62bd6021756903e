//! The ledger on a real PostgreSQL.

mod accounts;
mod failing;
mod house;
mod racing;
mod receiver;
mod webhooks;
mod world;
mod writing;
