//! The notifications service from outside: its API, its events, a mail server, an
//! SMS provider, and a real database.

mod accesses;
mod accounts;
mod appointments;
mod delivery;
mod mail_server;
mod preferences;
mod reminders;
mod templates;
mod world;
