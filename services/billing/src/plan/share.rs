//! Parts of amounts, exactly: no floating point, and one rounding per result.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A whole, in millionths.
const WHOLE: u32 = 1_000_000;

/// A part of an amount between nothing and all of it, written in percent with up to
/// four decimals: `"12.5"`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[schema(as = Percentage, value_type = String, pattern = r"^(100(\.0{1,4})?|[0-9]{1,2}(\.[0-9]{1,4})?)$", example = "12.5")]
#[serde(into = "String", try_from = "String")]
pub struct Share(u32);

/// Not a percentage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a percentage between 0 and 100 with up to four decimals")]
pub struct NotAShare;

/// What becomes of half a minor unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = PlanRounding)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Rounding {
    /// It becomes a whole one.
    #[default]
    HalfUp,
    /// It goes to the even neighbour, so that many roundings favour nobody.
    HalfEven,
}

impl Share {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Everything.
    pub const ALL: Self = Self(WHOLE);

    /// This part of an amount in minor units, which is not negative; rounded once.
    #[must_use]
    pub fn of(self, minor: i64, rounding: Rounding) -> i64 {
        let (whole, exact) = (i128::from(WHOLE), i128::from(minor) * i128::from(self.0));
        let (down, rest) = (exact.div_euclid(whole), exact.rem_euclid(whole));
        let up = match (rest * 2).cmp(&whole) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Equal => match rounding {
                Rounding::HalfUp => true,
                Rounding::HalfEven => down % 2 != 0,
            },
        };
        i64::try_from(down + i128::from(up)).expect("a part is not larger than the whole")
    }
}

impl FromStr for Share {
    type Err = NotAShare;

    fn from_str(text: &str) -> Result<Self, NotAShare> {
        let (percent, decimals) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let plain = !percent.is_empty()
            && percent.len() <= 3
            && decimals.len() <= 4
            && digits(percent)
            && digits(decimals)
            && (text.contains('.') != decimals.is_empty());
        if !plain {
            return Err(NotAShare);
        }
        let millionths = format!("{percent}{decimals:0<4}")
            .parse()
            .map_err(|_| NotAShare)?;
        if millionths <= WHOLE {
            Ok(Self(millionths))
        } else {
            Err(NotAShare)
        }
    }
}

impl TryFrom<String> for Share {
    type Error = NotAShare;

    fn try_from(text: String) -> Result<Self, NotAShare> {
        text.parse()
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (percent, rest) = (self.0 / 10_000, self.0 % 10_000);
        if rest == 0 {
            write!(f, "{percent}")
        } else {
            let decimals = format!("{rest:04}");
            write!(f, "{percent}.{}", decimals.trim_end_matches('0'))
        }
    }
}

impl From<Share> for String {
    fn from(share: Share) -> Self {
        share.to_string()
    }
}

/// Splits an amount over weights so that the parts add up exactly: everybody gets their
/// part rounded down, and what is left goes, unit by unit, to those who lost most by it
/// (largest remainder); of equals, to the first. Without any weight the first gets all.
#[must_use]
pub fn spread(minor: i64, weights: &[i64]) -> Vec<i64> {
    let total: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
    if total == 0 {
        let mut parts = vec![0; weights.len()];
        if let Some(first) = parts.first_mut() {
            *first = minor;
        }
        return parts;
    }
    let exact = |weight: &i64| i128::from(minor) * i128::from(*weight);
    let mut parts: Vec<i64> = weights
        .iter()
        .map(|weight| i64::try_from(exact(weight) / total).expect("a part of the amount"))
        .collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|place| std::cmp::Reverse(exact(&weights[*place]) % total));
    let left = minor - parts.iter().sum::<i64>();
    for place in order.into_iter().take(usize::try_from(left).unwrap_or(0)) {
        parts[place] += 1;
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn percentages_are_read_exactly() {
        for (text, millionths) in [
            ("0", 0),
            ("20", 200_000),
            ("12.5", 125_000),
            ("100", WHOLE),
            ("0.0001", 1),
        ] {
            let share: Share = text.parse().expect("a percentage");
            assert_eq!((share.0, share.to_string().as_str()), (millionths, text));
        }
        for text in [
            "", ".", "5.", ".5", "-1", "+1", "101", "100.0001", "1e1", "12,5", "0.00001", "1000",
        ] {
            assert_eq!(text.parse::<Share>(), Err(NotAShare), "{text}");
        }
    }

    #[test]
    fn half_a_cent_goes_where_the_plan_says() {
        let half: Share = "50".parse().expect("a percentage");
        assert_eq!(
            [1, 3, 5].map(|minor| half.of(minor, Rounding::HalfUp)),
            [1, 2, 3]
        );
        assert_eq!(
            [1, 3, 5].map(|minor| half.of(minor, Rounding::HalfEven)),
            [0, 2, 2]
        );
    }

    #[test]
    fn the_rest_goes_to_the_first_of_equals() {
        assert_eq!(spread(1_000, &[5_000, 5_000, 5_000]), [334, 333, 333]);
        assert_eq!(spread(1, &[1, 3]), [0, 1]);
        assert_eq!(spread(7, &[0, 0]), [7, 0]);
    }

    proptest! {
        #[test]
        fn a_part_is_within_half_a_unit(minor in 0..=i64::MAX, millionths in 0..=WHOLE) {
            for rounding in [Rounding::HalfUp, Rounding::HalfEven] {
                let part = Share(millionths).of(minor, rounding);
                prop_assert!((0..=minor).contains(&part));
                let exact = i128::from(minor) * i128::from(millionths);
                prop_assert!((i128::from(part) * i128::from(WHOLE) - exact).abs() * 2 <= i128::from(WHOLE));
            }
        }

        #[test]
        fn parts_add_up(minor in 0_i64..1_000_000_000, weights in prop::collection::vec(0_i64..1_000_000, 1..20)) {
            let parts = spread(minor, &weights);
            prop_assert_eq!(parts.iter().sum::<i64>(), minor);
            let total: i64 = weights.iter().sum();
            for (part, weight) in parts.iter().zip(&weights) {
                prop_assert!(*part >= 0);
                if total > 0 {
                    let exact = i128::from(minor) * i128::from(*weight) / i128::from(total);
                    prop_assert!((i128::from(*part) - exact).abs() <= 1);
                }
            }
        }
    }
}
