//! Reading and writing "number unit" with exact integers.

use std::fmt;

/// A text is not a number with one of a type's units.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseUnitError {
    /// There is no number at the start.
    #[error("invalid {what} '{text}', expected a number and a unit such as \"{example}\"")]
    Number {
        /// The quantity.
        what: &'static str,
        /// What was found.
        text: String,
        /// A text that is right.
        example: &'static str,
    },
    /// There is a number and nothing more.
    #[error("{what} '{text}' has no unit, write for example \"{example}\"; the units are {units}")]
    Bare {
        /// The quantity.
        what: &'static str,
        /// What was found.
        text: String,
        /// A text that is right.
        example: &'static str,
        /// The units of this quantity.
        units: String,
    },
    /// The unit is not one of this quantity.
    #[error("unknown unit '{unit}' of a {what}; the units are {units}")]
    Unit {
        /// The quantity.
        what: &'static str,
        /// The unit that was found.
        unit: String,
        /// The units of this quantity.
        units: String,
    },
    /// The value is too large, or too fine for the smallest step of the type.
    #[error("{what} '{text}' is out of range: {range}")]
    Range {
        /// The quantity.
        what: &'static str,
        /// What was found.
        text: String,
        /// What is allowed.
        range: &'static str,
    },
}

/// A quantity that is a whole number of smallest steps.
pub(super) struct Quantity {
    pub(super) what: &'static str,
    pub(super) example: &'static str,
    pub(super) range: &'static str,
    /// Largest number of steps.
    pub(super) max: u64,
    /// Units from small to large, each with its number of steps; the first spelling of a size is shown.
    pub(super) units: &'static [(&'static str, u64)],
    /// Whether a small letter is understood for a capital one and the other way round.
    pub(super) any_case: bool,
}

impl Quantity {
    /// Reads a text into a number of steps.
    pub(super) fn parse(&self, text: &str) -> Result<u64, ParseUnitError> {
        let (what, example) = (self.what, self.example);
        let trimmed = text.trim();
        let end = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
        let (number, unit) = (&trimmed[..end], trimmed[end..].trim_start());
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() || fraction.contains('.') || (number.contains('.') && fraction.is_empty()) {
            return Err(ParseUnitError::Number { what, text: text.to_owned(), example });
        }
        if unit.is_empty() {
            let units = self.unit_names();
            return Err(ParseUnitError::Bare { what, text: text.to_owned(), example, units });
        }
        let steps = self.steps(unit)?;
        scale(whole, fraction, steps)
            .filter(|&value| value <= self.max)
            .ok_or_else(|| ParseUnitError::Range { what, text: text.to_owned(), range: self.range })
    }

    /// Shows a number of steps in the largest unit that needs no fraction.
    pub(super) fn show(&self, value: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let largest = |best: (&'static str, u64), unit: &(&'static str, u64)| {
            if unit.1 > best.1 && value.is_multiple_of(unit.1) { *unit } else { best }
        };
        let smallest = self.units[0];
        // Zero divides by all, and is shown in a unit that people use.
        let (name, steps) = if value == 0 { smallest } else { self.units.iter().fold(smallest, largest) };
        f.pad(&format!("{} {name}", value / steps))
    }

    fn steps(&self, unit: &str) -> Result<u64, ParseUnitError> {
        let same = |name: &str| name == unit || (self.any_case && name.eq_ignore_ascii_case(unit));
        self.units.iter().find(|(name, _)| same(name)).map(|(_, steps)| *steps).ok_or_else(|| {
            ParseUnitError::Unit { what: self.what, unit: unit.to_owned(), units: self.unit_names() }
        })
    }

    fn unit_names(&self) -> String {
        self.units.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}

/// Returns `whole.fraction` times `steps` if that is a whole number in range.
fn scale(whole: &str, fraction: &str, steps: u64) -> Option<u64> {
    let whole = whole.parse::<u64>().ok()?.checked_mul(steps)?;
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() {
        return Some(whole);
    }
    let digits = u32::try_from(fraction.len()).ok()?;
    let scaled = fraction.parse::<u128>().ok()?.checked_mul(u128::from(steps))?;
    let power = 10u128.checked_pow(digits)?;
    if !scaled.is_multiple_of(power) {
        return None;
    }
    whole.checked_add(u64::try_from(scaled / power).ok()?)
}
