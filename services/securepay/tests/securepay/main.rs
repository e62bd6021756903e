//! The ledger, wallets and payments on a real PostgreSQL.

mod accounts;
mod announcing;
mod bank;
mod closes;
mod failing;
mod house;
mod payments;
mod provider;
mod racing;
mod receiver;
mod riding;
mod services;
mod standing;
mod till;
mod wallets;
mod webhooks;
mod world;
mod writing;
