//! The ledger on a real PostgreSQL.

mod accounts;
mod bank;
mod closes;
mod failing;
mod house;
mod racing;
mod receiver;
mod webhooks;
mod world;
mod writing;
