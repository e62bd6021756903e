//! The listener over real sockets.

#![cfg(test)]

#[path = "listener/served.rs"]
mod served;
#[path = "listener/slow.rs"]
mod slow;
#[path = "listener/smuggling.rs"]
mod smuggling;
#[path = "listener/tls.rs"]
mod tls;
