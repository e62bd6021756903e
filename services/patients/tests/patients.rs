//! The patients service through its real router, on a real database.

#[path = "patients/accounts.rs"]
mod accounts;
#[path = "patients/breaking.rs"]
mod breaking;
#[path = "patients/caring.rs"]
mod caring;
#[path = "patients/coverages.rs"]
mod coverages;
#[path = "patients/duplicates.rs"]
mod duplicates;
#[path = "patients/erasing.rs"]
mod erasing;
#[path = "patients/hospital.rs"]
mod hospital;
#[path = "patients/insured.rs"]
mod insured;
#[path = "patients/invariants.rs"]
mod invariants;
#[path = "patients/merging.rs"]
mod merging;
#[path = "patients/parting.rs"]
mod parting;
#[path = "patients/records.rs"]
mod records;
#[path = "patients/registering.rs"]
mod registering;
#[path = "patients/revising.rs"]
mod revising;
#[path = "patients/sealed_record.rs"]
mod sealed_record;
#[path = "patients/sealing.rs"]
mod sealing;
#[path = "patients/searching.rs"]
mod searching;
