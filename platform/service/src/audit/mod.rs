//! What is written down of every request: who did or saw what, of whom, why, from
//! where, in which trace. The log itself belongs to the audit service; everybody
//! adds to it through one function of its schema, which stamps who calls.
//!
//! * `watch` wraps the routes of a service. It begins a `Note` for a request, which
//!   [`Cx`](crate::Cx) completes, and decides from the answer what there is to say.
//! * A command's entry is written by [`Command::commit`](crate::Command::commit),
//!   in the transaction of the command: there is never one without the other.
//! * The entry of a read or of a denial is durable before the answer leaves. The
//!   [`Recorder`] writes those of all callers who wait with one statement.
//! * What cannot be written down is not answered: 503.
//!
//! An entry holds ids and codes: no names, no contents, no searched words.

mod entry;
mod note;
mod recorder;
mod rpc;
mod shown;
mod watch;

pub use entry::{Actor, Entry, Kind};
pub use recorder::Recorder;
pub use rpc::disclose;

pub(crate) use note::Note;
pub(crate) use rpc::{Asker, watched as watched_rpc};
pub(crate) use watch::{Refusal, Shown, watched};
