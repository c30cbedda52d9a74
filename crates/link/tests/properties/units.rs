use proptest::prelude::*;
use rackless_link::units::{Duration, Probability, Rate, Size};

fn round_trip<T>(value: T) -> Result<(), TestCaseError>
where
    T: std::fmt::Display + std::fmt::Debug + PartialEq + std::str::FromStr<Err: std::fmt::Debug>,
    T: serde::Serialize + serde::de::DeserializeOwned,
{
    let text = value.to_string();
    prop_assert_eq!(&text.parse::<T>().unwrap(), &value, "{}", text);
    prop_assert_eq!(&text.replace(' ', "").parse::<T>().unwrap(), &value, "{}", text);
    let json = serde_json::to_string(&value).unwrap();
    prop_assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), &value, "{}", json);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn units_read_back_what_they_show(steps in any::<u64>(), shift in 0..64u32) {
        let value = steps >> shift;
        round_trip(Duration::from_ps(value))?;
        round_trip(Rate::from_bits_per_second(value))?;
        round_trip(Size::from_bytes(value))?;
        let millionths = value % 100_000_001;
        let text = format!("{}.{:06} %", millionths / 1_000_000, millionths % 1_000_000);
        let probability: Probability = text.parse().unwrap();
        round_trip(probability)?;
        prop_assert!((probability.as_ratio() - millionths as f64 / 1e8).abs() < 1e-12);
        prop_assert_eq!(Probability::from_ratio(probability.as_ratio()), Some(probability));
        prop_assert_eq!(probability.of(100_000_000), millionths);
    }

    #[test]
    fn any_text_is_a_unit_or_an_error(text in "[0-9.]{0,24} ?[a-zA-Z/%µ]{0,6}|.*") {
        let _ = (text.parse::<Duration>(), text.parse::<Rate>(), text.parse::<Size>());
        let _ = text.parse::<Probability>();
        prop_assert!(text.trim().parse::<f64>().is_err() || text.parse::<Duration>().is_err(), "a bare number");
    }
}
