//! Who could see a patient, and why the others cannot. Pure.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Why somebody cannot be booked at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Unavailable {
    /// No suitable shift covers the whole time.
    OutsideShift,
    /// On leave in a part of it.
    OnLeave,
    /// Booked, or held for somebody, in a part of it.
    Booked,
}

/// What the database says about one page of practitioners.
#[derive(Debug, Default)]
pub struct Sheet {
    /// The practitioners, by id.
    pub page: Vec<Uuid>,
    /// Who of them is present all the time.
    pub present: Vec<Uuid>,
    /// Who of them is on leave in a part of it.
    pub on_leave: Vec<Uuid>,
    /// Who of them is taken in a part of it.
    pub busy: Vec<Uuid>,
}

impl Sheet {
    /// Everyone on the page in its order, free (`None`) or not.
    #[must_use]
    pub fn options(self) -> Vec<(Uuid, Option<Unavailable>)> {
        let [present, on_leave, busy] =
            [self.present, self.on_leave, self.busy].map(|mut ids: Vec<Uuid>| {
                ids.sort_unstable();
                ids
            });
        let among = |ids: &[Uuid], id: &Uuid| ids.binary_search(id).is_ok();
        let option = |id: Uuid| {
            let reason = match among(&present, &id) {
                true if among(&busy, &id) => Some(Unavailable::Booked),
                true => None,
                false if among(&on_leave, &id) => Some(Unavailable::OnLeave),
                false => Some(Unavailable::OutsideShift),
            };
            (id, reason)
        };
        self.page.into_iter().map(option).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_that_applies_is_given() {
        let [free, booked, away, off, busy_off] = [1, 2, 3, 4, 5].map(Uuid::from_u128);
        let sheet = Sheet {
            page: vec![free, booked, away, off, busy_off],
            present: vec![booked, free],
            on_leave: vec![away],
            busy: vec![booked, away, busy_off],
        };
        let wanted = vec![
            (free, None),
            (booked, Some(Unavailable::Booked)),
            (away, Some(Unavailable::OnLeave)),
            (off, Some(Unavailable::OutsideShift)),
            (busy_off, Some(Unavailable::OutsideShift)),
        ];
        assert_eq!(sheet.options(), wanted);
    }
}
