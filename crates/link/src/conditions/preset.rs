use super::Conditions;
use crate::units::{Duration, Rate};

/// The conditions of a well-known kind of link, in both directions, by name.
///
/// | Name | Down | Up | Round trip | Source |
/// |---|---|---|---|---|
/// | `dial-up` | 49 kbit/s | 30 kbit/s | 120 ms | WebPageTest, "56K Dial-Up" |
/// | `edge` | 240 kbit/s | 200 kbit/s | 840 ms | WebPageTest, "Mobile Edge" |
/// | `3g` | 1.6 Mbit/s | 768 kbit/s | 300 ms | WebPageTest, "Mobile 3G" |
/// | `4g` | 9 Mbit/s | 9 Mbit/s | 170 ms | WebPageTest, "4G" |
/// | `lte` | 12 Mbit/s | 12 Mbit/s | 70 ms | WebPageTest, "LTE" |
/// | `dsl` | 1.5 Mbit/s | 384 kbit/s | 50 ms | WebPageTest, "DSL" |
/// | `cable` | 5 Mbit/s | 1 Mbit/s | 28 ms | WebPageTest, "Cable" |
/// | `fibre` | 20 Mbit/s | 5 Mbit/s | 4 ms | WebPageTest, "FIOS" |
/// | `wifi` | 40 Mbit/s | 33 Mbit/s | 2 ms | Apple, Network Link Conditioner, "Wi-Fi" |
/// | `leo` | 87.25 Mbit/s | 13.54 Mbit/s | 44 ms | Ookla, medians of Starlink in the USA, third quarter of 2021 |
/// | `geo` | 19.3 Mbit/s | 2.54 Mbit/s | 558 ms | rates: Ookla, medians of HughesNet, the same; delay: RFC 2488, section 2 |
/// | `wan` | | | 45 ms | Verizon, guarantee of delay within North America |
/// | `transatlantic` | | | 90 ms | Verizon, the same from New York to London |
/// | `transpacific` | | | 160 ms | Verizon, the same from Los Angeles to Tokyo |
///
/// A direction has half the round trip as its delay. Where a source gives no loss or jitter, there is none. The
/// queues are drop-tail with the default limit.
///
/// # Examples
/// ```
/// let link = rackless_link::preset("3g").ok_or("unknown preset")?;
/// assert_eq!(link.down.rate, Some("1.6 Mbit/s".parse()?));
/// assert_eq!(link.up.delay, "150 ms".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Preset {
    /// Its name.
    pub name: &'static str,
    /// From the network to the user.
    pub down: Conditions,
    /// From the user to the network.
    pub up: Conditions,
}

/// Returns the preset of a name, if there is one.
pub fn preset(name: &str) -> Option<Preset> {
    presets().find(|preset| preset.name == name)
}

/// Returns all presets.
pub fn presets() -> impl Iterator<Item = Preset> {
    ROWS.iter().map(|&(name, down, up, round_trip_us)| Preset {
        name,
        down: conditions(down, round_trip_us),
        up: conditions(up, round_trip_us),
    })
}

/// Name, bits a second down and up (0 is without bound), microseconds of a round trip.
const ROWS: [(&str, u64, u64, u64); 14] = [
    ("dial-up", 49_000, 30_000, 120_000),
    ("edge", 240_000, 200_000, 840_000),
    ("3g", 1_600_000, 768_000, 300_000),
    ("4g", 9_000_000, 9_000_000, 170_000),
    ("lte", 12_000_000, 12_000_000, 70_000),
    ("dsl", 1_500_000, 384_000, 50_000),
    ("cable", 5_000_000, 1_000_000, 28_000),
    ("fibre", 20_000_000, 5_000_000, 4_000),
    ("wifi", 40_000_000, 33_000_000, 2_000),
    ("leo", 87_250_000, 13_540_000, 44_000),
    ("geo", 19_300_000, 2_540_000, 558_000),
    ("wan", 0, 0, 45_000),
    ("transatlantic", 0, 0, 90_000),
    ("transpacific", 0, 0, 160_000),
];

fn conditions(bits_per_second: u64, round_trip_us: u64) -> Conditions {
    const PS_PER_US: u64 = 1_000_000;
    Conditions {
        rate: (bits_per_second != 0).then(|| Rate::from_bits_per_second(bits_per_second)),
        delay: Duration::from_ps(round_trip_us * PS_PER_US / 2),
        ..Conditions::default()
    }
}
