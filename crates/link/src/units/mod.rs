//! Units as types, with one text form that the lab file, the command line, Lua and Python share.
//!
//! A number always has its unit: `10 ms`, `100 Mbit/s`, `0.1 %`, `64 KiB`; the space may be left out. A bare
//! number is refused. Every type reads back exactly what it shows.

mod duration;
mod number;
mod probability;
mod rate;
mod size;

pub use duration::Duration;
pub use number::ParseUnitError;
pub use probability::Probability;
pub use rate::Rate;
pub use size::Size;

/// Implements the text form of a unit type for serde: it is written and read as a string.
macro_rules! serde_as_text {
    ($unit:ty) => {
        impl serde::Serialize for $unit {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $unit {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
use serde_as_text;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_a_unit_with_or_without_a_space() {
        for text in ["10 ms", "10ms", " 10  ms ", "0.01 s", "10000 us", "10000µs"] {
            assert_eq!(text.parse(), Ok(Duration::from_ps(10_000_000_000)), "{text}");
        }
        assert_eq!("100mbit/s".parse(), Ok(Rate::from_bits_per_second(100_000_000)));
        assert_eq!("64 KiB".parse(), Ok(Size::from_bytes(65_536)));
        assert_eq!("100%".parse(), Ok(Probability::ALL));
    }

    #[test]
    fn a_duration_is_shown_in_the_largest_unit_without_a_fraction() {
        for text in ["0 s", "10 ms", "1500 ms", "1 s", "90 s", "2 min", "1 ps", "36 h"] {
            assert_eq!(text.parse::<Duration>().map(|duration| duration.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(
            Duration::from_ps(1).as_ps(),
            std::time::Duration::from(Duration::from_ps(1)).as_nanos() as u64
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        let text = |text: &str| text.parse::<Duration>().unwrap_err().to_string();
        assert_eq!(text("ms"), "invalid duration 'ms', expected a number and a unit such as \"10 ms\"");
        assert_eq!(
            text("10"),
            "duration '10' has no unit, write for example \"10 ms\"; the units are ps, ns, us, µs, ms, s, min, h"
        );
        assert_eq!(
            text("1 d"),
            "unknown unit 'd' of a duration; the units are ps, ns, us, µs, ms, s, min, h"
        );
        assert_eq!(text("0.5 ps"), "duration '0.5 ps' is out of range: whole picoseconds, at most 213 days");
        assert_eq!(text("5125 h"), "duration '5125 h' is out of range: whole picoseconds, at most 213 days");
        for wrong in ["", "-1 s", "1e3 s", "1.s", ".5 s", "1.2.3 s", "١ s"] {
            assert!(wrong.parse::<Duration>().is_err(), "{wrong}");
        }
        for wrong in ["101 %", "100.0000001 %", "0.1", "0.00000001 %"] {
            assert!(wrong.parse::<Probability>().is_err(), "{wrong}");
        }
    }
}
