//! An output for each kind of packet, told by filters.

use rackless_nf::{Context, Nf, Outcome, Packet, Verdict};
use rackless_packet::filter::{Filter, ParseFilterError};
use serde::Deserialize;

/// What a [`Classify`] is told: the keys of its configuration.
///
/// # Examples
/// ```
/// let config: rackless_functions::ClassifyConfig = toml::from_str(r#"
///     filters = ["arp or icmp6", "tcp dst port 80"]    # in tcpdump's language; outputs 0 and 1, the rest to 2
/// "#)?;
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifyConfig {
    /// In the order in which they are tried; at most 255.
    pub filters: Vec<FilterText>,
}

/// A filter, read from its text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct FilterText(pub Filter);

/// Why a text is no filter.
#[derive(Debug, thiserror::Error)]
#[error("'{text}': {source}")] // with its source, as TOML keeps the text of an error alone
pub struct FilterError {
    text: String,
    source: ParseFilterError,
}

impl TryFrom<String> for FilterText {
    type Error = FilterError;

    fn try_from(text: String) -> Result<Self, FilterError> {
        text.parse().map(Self).map_err(|source| FilterError { text, source })
    }
}

/// Sends each packet, unchanged, out of the output of the first filter that it passes, or out of the last output.
pub struct Classify {
    filters: Vec<Filter>,
    /// Packets by output.
    counts: Vec<u64>,
}

impl Classify {
    /// The most filters: outputs are told by a byte.
    pub const MOST: usize = 255;

    /// Makes a classifier with an output for each filter, up to [`Classify::MOST`], and one for the rest.
    pub fn new(config: ClassifyConfig) -> Self {
        let filters: Vec<Filter> = config.filters.into_iter().map(|text| text.0).take(Self::MOST).collect();
        Self { counts: vec![0; filters.len() + 1], filters }
    }
}

impl Nf for Classify {
    fn packet(&mut self, packet: &mut Packet, _: &mut Context<'_>) -> Outcome {
        let first = self.filters.iter().position(|filter| filter.matches(packet.data()));
        let output = first.unwrap_or(self.filters.len());
        self.counts[output] += 1;
        Ok(Verdict::Out(output as u8))
    }

    fn outputs(&self) -> Option<usize> {
        Some(self.counts.len())
    }

    fn counters(&self) -> Vec<(String, u64)> {
        let names = self.filters.iter().map(Filter::as_str).chain(["the rest"]);
        names.map(str::to_owned).zip(self.counts.iter().copied()).collect()
    }
}
