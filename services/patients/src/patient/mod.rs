//! The patient: who a person is, how to reach them, and the state of their record.

pub mod blind;
pub mod body;
pub mod contact;
pub mod deactivate;
pub mod demographics;
pub mod index;
pub mod model;
pub mod name;
pub mod person;
pub mod reach;
pub mod read;
pub mod reader;
pub mod register;
pub mod revise;
pub mod sealing;
pub mod search;
pub mod store;
pub mod view;

pub use demographics::Demographics;
pub use model::{Patient, Status};
pub use person::Person;
