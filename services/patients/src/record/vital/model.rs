//! What a vital sign says: LOINC codes, UCUM units, and what is plausible.
//!
//! The codes are those of the FHIR R4 vital signs profile. The bounds keep out typing
//! errors and wrong units, not the very ill: they lie outside of what has been survived.

use galen_kernel::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::model::{CodingBody, Entry};
use super::super::view::EntryView;
use crate::named::named;

/// The terminology of the codes.
pub const LOINC: &str = "http://loinc.org";

named! {
    /// What is measured.
    #[schema(as = VitalKind)]
    pub enum Sign {
        /// LOINC 8310-5, `Cel` or `[degF]`.
        BodyTemperature = "BODY_TEMPERATURE",
        /// LOINC 8867-4, `/min`.
        HeartRate = "HEART_RATE",
        /// LOINC 9279-1, `/min`.
        RespiratoryRate = "RESPIRATORY_RATE",
        /// LOINC 8480-6, `mm[Hg]`.
        SystolicBloodPressure = "SYSTOLIC_BLOOD_PRESSURE",
        /// LOINC 8462-4, `mm[Hg]`.
        DiastolicBloodPressure = "DIASTOLIC_BLOOD_PRESSURE",
        /// LOINC 2708-6, `%`.
        OxygenSaturation = "OXYGEN_SATURATION",
        /// LOINC 8302-2, `cm`, `m` or `[in_i]`.
        BodyHeight = "BODY_HEIGHT",
        /// LOINC 29463-7, `kg`, `g` or `[lb_av]`.
        BodyWeight = "BODY_WEIGHT",
        /// LOINC 39156-5, `kg/m2`.
        BodyMassIndex = "BODY_MASS_INDEX",
        /// LOINC 9843-4, `cm` or `[in_i]`.
        HeadCircumference = "HEAD_CIRCUMFERENCE",
        /// LOINC 72514-3, `{score}` from 0 to 10.
        PainSeverity = "PAIN_SEVERITY",
    }
}

/// A unit that a sign may be measured in: the measured value times `factor` plus
/// `offset` is the value in the sign's first unit, in which its bounds are given.
struct Unit {
    ucum: &'static str,
    factor: f64,
    offset: f64,
}

const fn unit(ucum: &'static str) -> Unit {
    Unit {
        ucum,
        factor: 1.0,
        offset: 0.0,
    }
}

const fn scaled(ucum: &'static str, factor: f64) -> Unit {
    Unit {
        ucum,
        factor,
        offset: 0.0,
    }
}

/// The facts of a sign.
struct Facts {
    loinc: &'static str,
    display: &'static str,
    units: &'static [Unit],
    least: f64,
    most: f64,
}

const CENTIMETRES: &[Unit] = &[unit("cm"), scaled("m", 100.0), scaled("[in_i]", 2.54)];
const KILOGRAMS: &[Unit] = &[
    unit("kg"),
    scaled("g", 0.001),
    scaled("[lb_av]", 0.453_592_37),
];
const CELSIUS: &[Unit] = &[
    unit("Cel"),
    Unit {
        ucum: "[degF]",
        factor: 5.0 / 9.0,
        offset: -160.0 / 9.0,
    },
];
const PER_MINUTE: &[Unit] = &[unit("/min")];
const MILLIMETRES_OF_MERCURY: &[Unit] = &[unit("mm[Hg]")];
const PERCENT: &[Unit] = &[unit("%")];
const KILOGRAMS_PER_SQUARE_METRE: &[Unit] = &[unit("kg/m2")];
const SCORE: &[Unit] = &[unit("{score}")];

/// Why a measured value is not recorded.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum VitalError {
    /// The sign is not measured in that unit.
    #[error("must be one of {0}")]
    Unit(String),
    /// Nobody has such a value.
    #[error("must lie between {least} and {most} {unit}")]
    Implausible {
        /// The least plausible value.
        least: f64,
        /// The greatest plausible value.
        most: f64,
        /// The unit of the two.
        unit: &'static str,
    },
}

impl VitalError {
    /// The field that is wrong, and how.
    #[must_use]
    pub const fn field(&self) -> (&'static str, &'static str) {
        match self {
            Self::Unit(_) => ("/unit", "UNKNOWN_UNIT"),
            Self::Implausible { .. } => ("/value", "IMPLAUSIBLE"),
        }
    }
}

impl Sign {
    const fn facts(self) -> Facts {
        const fn facts(
            loinc: &'static str,
            display: &'static str,
            units: &'static [Unit],
            least: f64,
            most: f64,
        ) -> Facts {
            Facts {
                loinc,
                display,
                units,
                least,
                most,
            }
        }
        match self {
            Self::BodyTemperature => facts("8310-5", "Body temperature", CELSIUS, 10.0, 47.0),
            Self::HeartRate => facts("8867-4", "Heart rate", PER_MINUTE, 0.0, 400.0),
            Self::RespiratoryRate => facts("9279-1", "Respiratory rate", PER_MINUTE, 0.0, 150.0),
            Self::SystolicBloodPressure => facts(
                "8480-6",
                "Systolic blood pressure",
                MILLIMETRES_OF_MERCURY,
                0.0,
                400.0,
            ),
            Self::DiastolicBloodPressure => facts(
                "8462-4",
                "Diastolic blood pressure",
                MILLIMETRES_OF_MERCURY,
                0.0,
                370.0,
            ),
            Self::OxygenSaturation => facts(
                "2708-6",
                "Oxygen saturation in arterial blood",
                PERCENT,
                0.0,
                100.0,
            ),
            Self::BodyHeight => facts("8302-2", "Body height", CENTIMETRES, 15.0, 280.0),
            Self::BodyWeight => facts("29463-7", "Body weight", KILOGRAMS, 0.2, 700.0),
            Self::BodyMassIndex => facts(
                "39156-5",
                "Body mass index",
                KILOGRAMS_PER_SQUARE_METRE,
                3.0,
                260.0,
            ),
            Self::HeadCircumference => {
                facts("9843-4", "Head circumference", CENTIMETRES, 10.0, 120.0)
            }
            Self::PainSeverity => facts("72514-3", "Pain severity", SCORE, 0.0, 10.0),
        }
    }

    /// The sign with a LOINC code.
    #[must_use]
    pub fn from_loinc(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|sign| sign.loinc() == code)
    }

    /// Its LOINC code.
    #[must_use]
    pub const fn loinc(self) -> &'static str {
        self.facts().loinc
    }

    /// What a person reads.
    #[must_use]
    pub const fn display(self) -> &'static str {
        self.facts().display
    }
}

/// A measured vital sign: what is sealed of it. Fields may be added as optional ones,
/// and units be added; whatever was ever recorded has to be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Vital {
    sign: Sign,
    value: f64,
    unit: String,
}

/// As it is stored.
#[derive(Deserialize)]
struct Stored {
    sign: Sign,
    value: f64,
    unit: String,
}

impl TryFrom<Stored> for Vital {
    type Error = VitalError;

    fn try_from(Stored { sign, value, unit }: Stored) -> Result<Self, VitalError> {
        Self::measure(sign, value, &unit)
    }
}

/// To three decimals.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

impl Vital {
    /// What was measured.
    #[must_use]
    pub const fn sign(&self) -> Sign {
        self.sign
    }

    /// The value, to three decimals.
    #[must_use]
    pub const fn value(&self) -> f64 {
        self.value
    }

    /// The UCUM unit of the value.
    #[must_use]
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// Checks a measured value. More than three decimals are rounded: no device
    /// measures them.
    ///
    /// # Errors
    /// When the unit is not one of the sign's, or the value is implausible.
    pub fn measure(sign: Sign, value: f64, unit: &str) -> Result<Self, VitalError> {
        let facts = sign.facts();
        let Some(measured_in) = facts.units.iter().find(|known| known.ucum == unit) else {
            let known: Vec<&str> = facts.units.iter().map(|unit| unit.ucum).collect();
            return Err(VitalError::Unit(known.join(", ")));
        };
        let value = rounded(value);
        let comparable = value * measured_in.factor + measured_in.offset;
        if (facts.least..=facts.most).contains(&comparable) {
            Ok(Self {
                sign,
                value,
                unit: unit.to_owned(),
            })
        } else {
            Err(VitalError::Implausible {
                least: facts.least,
                most: facts.most,
                unit: facts.units[0].ucum,
            })
        }
    }
}

/// A vital sign in the record.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Vital)]
pub struct VitalView {
    /// The entry.
    #[serde(flatten)]
    entry: EntryView,
    /// What was measured.
    kind: Sign,
    /// The same as a LOINC code.
    code: CodingBody,
    /// The value.
    value: f64,
    /// The UCUM unit of the value.
    unit: String,
    /// When it was measured.
    effective_at: Timestamp,
}

impl From<(Entry, Vital)> for VitalView {
    fn from((entry, vital): (Entry, Vital)) -> Self {
        let Vital { sign, value, unit } = vital;
        let code = CodingBody {
            system: LOINC.to_owned(),
            code: sign.loinc().to_owned(),
            display: sign.display().to_owned(),
        };
        let effective_at = entry.happened_at;
        Self {
            entry: entry.into(),
            kind: sign,
            code,
            value,
            unit,
            effective_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn codes_are_unique_and_read_back() {
        for sign in Sign::ALL {
            assert_eq!(Sign::from_loinc(sign.loinc()), Some(*sign));
        }
    }

    #[test]
    fn units_are_converted_before_they_are_judged() {
        assert!(Vital::measure(Sign::BodyTemperature, 98.6, "[degF]").is_ok());
        assert!(Vital::measure(Sign::BodyTemperature, 98.6, "Cel").is_err());
        assert!(Vital::measure(Sign::BodyWeight, 3250.0, "g").is_ok());
        assert!(Vital::measure(Sign::BodyWeight, 3250.0, "kg").is_err());
        assert!(Vital::measure(Sign::BodyHeight, 1.82, "m").is_ok());
        let refused = Vital::measure(Sign::HeartRate, 72.0, "bpm");
        assert_eq!(
            refused.map_err(|e| e.field()),
            Err(("/unit", "UNKNOWN_UNIT"))
        );
    }

    #[test]
    fn the_unit_of_every_bound_is_its_own_measure() {
        for sign in Sign::ALL {
            let facts = sign.facts();
            assert!(
                (facts.units[0].factor - 1.0).abs() < f64::EPSILON
                    && facts.units[0].offset.abs() < f64::EPSILON
            );
            assert!(Vital::measure(*sign, facts.least, facts.units[0].ucum).is_ok());
            assert!(Vital::measure(*sign, facts.most, facts.units[0].ucum).is_ok());
        }
    }

    proptest! {
        /// Whatever is recorded is read again, and is the same.
        #[test]
        fn an_accepted_value_comes_back(value in -1.0e6..1.0e6, sign in prop::sample::select(Sign::ALL), unit in 0_usize..3) {
            let units = sign.facts().units;
            if let Ok(vital) = Vital::measure(sign, value, units[unit % units.len()].ucum) {
                prop_assert!(vital.value.abs() < 1_000_000.0);
                let stored = serde_json::to_string(&vital).expect("a vital sign is data");
                prop_assert_eq!(serde_json::from_str::<Vital>(&stored).ok(), Some(vital));
            }
        }
    }
}
