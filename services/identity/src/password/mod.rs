//! Passwords: which are accepted, and how they are hashed.

pub(crate) mod hasher;
pub(crate) mod policy;

pub(crate) use hasher::{Hasher, PasswordHash};
pub(crate) use policy::{NewPassword, normalised};
