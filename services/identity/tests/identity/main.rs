//! Identity through its REST and gRPC interfaces, with a real database and real events.

mod administrator;
mod authenticator;
mod clients;
mod contract;
mod directory;
mod guessing;
mod hospital;
mod keys;
mod links;
mod login;
mod magic_links;
mod mfa;
mod passkeys;
mod portal;
mod provider;
mod provisioning;
mod refresh;
mod register;
mod revocation;
mod roles;
mod secrets;
mod sessions;
mod stand_in;
mod users;
