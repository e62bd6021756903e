//! The ledger on a real PostgreSQL.

mod accounts;
mod bank;
mod closes;
mod failing;
mod house;
mod provider;
mod racing;
mod receiver;
mod riding;
mod standing;
mod till;
mod webhooks;
mod world;
mod writing;
