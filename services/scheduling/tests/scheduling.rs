//! Scheduling as its clients and neighbours see it: its REST API and its events, on a
//! real database, with stand-ins for the services that it asks.

#[path = "scheduling/access.rs"]
mod access;
#[path = "scheduling/booking.rs"]
mod booking;
#[path = "scheduling/contract.rs"]
mod contract;
#[path = "scheduling/holds.rs"]
mod holds;
#[path = "scheduling/hospital.rs"]
mod hospital;
#[path = "scheduling/lifecycle.rs"]
mod lifecycle;
#[path = "scheduling/lists.rs"]
mod lists;
#[path = "scheduling/neighbours.rs"]
mod neighbours;
#[path = "scheduling/options.rs"]
mod options;
#[path = "scheduling/plans.rs"]
mod plans;
#[path = "scheduling/prepaying.rs"]
mod prepaying;
#[path = "scheduling/pricing.rs"]
mod pricing;
#[path = "scheduling/process.rs"]
mod process;
#[path = "scheduling/quoting.rs"]
mod quoting;
#[path = "scheduling/races.rs"]
mod races;
#[path = "scheduling/replanning.rs"]
mod replanning;
#[path = "scheduling/reschedule.rs"]
mod reschedule;
#[path = "scheduling/sealing.rs"]
mod sealing;
#[path = "scheduling/series.rs"]
mod series;
#[path = "scheduling/waitlist.rs"]
mod waitlist;
#[path = "scheduling/world.rs"]
mod world;
