//! What the ids that cross service borders identify. Markers, never instantiated.

/// A user account (identity).
pub enum User {}
/// A login of a user (identity).
pub enum Session {}
/// A medical record (patients).
pub enum Patient {}
/// A doctor, nurse or other professional (staff).
pub enum Practitioner {}
/// A booked time (scheduling).
pub enum Appointment {}

/// [`User`]'s id.
pub type UserId = galen_kernel::Id<User>;
/// [`Session`]'s id.
pub type SessionId = galen_kernel::Id<Session>;
/// [`Patient`]'s id.
pub type PatientId = galen_kernel::Id<Patient>;
/// [`Practitioner`]'s id.
pub type PractitionerId = galen_kernel::Id<Practitioner>;
/// [`Appointment`]'s id.
pub type AppointmentId = galen_kernel::Id<Appointment>;
