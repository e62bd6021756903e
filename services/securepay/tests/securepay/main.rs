//! The ledger on a real PostgreSQL.

mod accounts;
mod failing;
mod house;
mod racing;
mod riding;
mod standing;
mod till;
mod world;
mod writing;
