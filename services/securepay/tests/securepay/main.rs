//! The ledger on a real PostgreSQL.

mod accounts;
mod announcing;
mod failing;
mod house;
mod payments;
mod racing;
mod receiver;
mod services;
mod wallets;
mod webhooks;
mod world;
mod writing;
