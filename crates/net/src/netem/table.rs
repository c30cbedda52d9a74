//! Tables by which netem spreads delays: the quantiles of a distribution as 16-bit numbers.
//!
//! netem draws an entry, and the entry times the jitter is what it adds to the delay. So each table here has mean 0 and,
//! but for the uniform one, standard deviation 1. 16 bits reach to four standard deviations; tails are cut there.

/// What one standard deviation is in a table: `NETEM_DIST_SCALE` of `linux/pkt_sched.h`.
const SCALE: f64 = 8192.0;
/// Entries of a table; the kernel takes up to 16384.
const ENTRIES: usize = 4096;
/// The Pareto distribution has a variance only above 2, and at 3 a tail that is still much heavier than the normal's.
const PARETO_SHAPE: f64 = 3.0;
/// After so many steps a table's deviation is 1 to four digits.
const STEPS: usize = 64;
/// The part of the normal in the mixture of both.
const NORMAL_PART: f64 = 0.25;

/// How delays are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Distribution {
    /// Evenly, between delay - jitter and delay + jitter.
    #[default]
    Uniform,
    /// By Gauss; the jitter is the standard deviation, as in those below.
    Normal,
    /// Many short, few very long.
    Pareto,
    /// A quarter normal, three quarters Pareto.
    ParetoNormal,
}

impl Distribution {
    /// Gives the table: entry `i` is the quantile at (i + 1/2) / length.
    pub(crate) fn table(self) -> Vec<i16> {
        match self {
            // Its ends, not its deviation, lie at the jitter.
            Self::Uniform => entries(&(0..ENTRIES).map(|i| 2.0 * share(i) - 1.0).collect::<Vec<_>>()),
            Self::Normal => entries(&standard(normal())),
            Self::Pareto => entries(&standard(pareto())),
            Self::ParetoNormal => {
                let both = standard(normal()).into_iter().zip(standard(pareto()));
                let mixed = both.map(|(n, p)| NORMAL_PART * n + (1.0 - NORMAL_PART) * p).collect();
                entries(&standard(mixed))
            }
        }
    }
}

fn share(i: usize) -> f64 {
    (i as f64 + 0.5) / ENTRIES as f64
}

/// The quantiles of the standard normal distribution, by summing its density up from far left.
fn normal() -> Vec<f64> {
    const STEP: f64 = 1.0 / 4096.0;
    let density = |x: f64| (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
    let (mut x, mut below) = (-8.0, 0.0);
    let mut quantiles = Vec::with_capacity(ENTRIES);
    for i in 0..ENTRIES {
        loop {
            let part = density(x + STEP / 2.0) * STEP;
            if below + part >= share(i) {
                quantiles.push(x + STEP * (share(i) - below) / part);
                break;
            }
            below += part;
            x += STEP;
        }
    }
    quantiles
}

/// The quantiles of the Pareto distribution, whose tail above x is x^-shape.
fn pareto() -> Vec<f64> {
    (0..ENTRIES).map(|i| (1.0 - share(i)).powf(-1.0 / PARETO_SHAPE)).collect()
}

/// Shifts and scales to mean 0 and standard deviation 1, with the ends cut at what an entry can say.
///
/// What is cut away of a long tail is missing in the deviation, so that the rest is stretched a little, step by step.
fn standard(values: Vec<f64>) -> Vec<f64> {
    let most = f64::from(i16::MAX) / SCALE;
    let count = values.len() as f64;
    let mut found = values;
    for _ in 0..STEPS {
        let mean = found.iter().sum::<f64>() / count;
        let deviation = (found.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
        found.iter_mut().for_each(|value| *value = ((*value - mean) / deviation).clamp(-most, most));
    }
    found
}

fn entries(values: &[f64]) -> Vec<i16> {
    values.iter().map(|value| (value * SCALE).round() as i16).collect() // `as` ends at the ends of i16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(table: &[i16]) -> (f64, f64) {
        let count = table.len() as f64;
        let values = || table.iter().map(|&entry| f64::from(entry) / SCALE);
        let mean = values().sum::<f64>() / count;
        (mean, (values().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt())
    }

    #[test]
    fn every_table_is_centred_and_has_the_jitter_for_its_deviation() {
        for (distribution, deviation) in [
            (Distribution::Uniform, 1.0 / 3f64.sqrt()),
            (Distribution::Normal, 1.0),
            (Distribution::Pareto, 1.0),
            (Distribution::ParetoNormal, 1.0),
        ] {
            let table = distribution.table();
            let (mean, found) = moments(&table);
            assert_eq!(table.len(), ENTRIES);
            assert!(mean.abs() < 0.001, "{distribution:?}: mean {mean}");
            assert!((found - deviation).abs() < 0.001, "{distribution:?}: deviation {found}");
            assert!(table.is_sorted());
        }
    }

    #[test]
    fn the_normal_table_has_the_quantiles_of_the_normal_distribution() {
        let table = Distribution::Normal.table();
        let at = |share: f64| f64::from(table[(share * ENTRIES as f64) as usize]) / SCALE;
        for (share, quantile) in [(0.158_655, -1.0), (0.5, 0.0), (0.841_345, 1.0), (0.977_25, 2.0)] {
            assert!((at(share) - quantile).abs() < 0.01, "{share}: {}", at(share));
        }
    }

    #[test]
    fn the_pareto_table_has_the_shape_of_the_pareto_distribution() {
        // The distances of quantiles are those of the definition, whatever the scale: 2^(1/3) and 4^(1/3) above 1.
        let table = Distribution::Pareto.table();
        let quarter = |quarters: usize| f64::from(table[quarters * ENTRIES / 4]);
        let found = (quarter(3) - quarter(0)) / (quarter(2) - quarter(0));
        let expected = (4f64.cbrt() - 1.0) / (2f64.cbrt() - 1.0);
        assert!((found - expected).abs() < 0.01, "{found} {expected}");
        assert_eq!(table[ENTRIES - 1], i16::MAX);
        assert!(quarter(2) < 0.0, "most frames come earlier than the mean");
    }

    #[test]
    fn a_uniform_table_reaches_from_minus_to_plus_the_jitter() {
        let table = Distribution::Uniform.table();
        assert_eq!((table[0], table[ENTRIES - 1]), (-8190, 8190));
    }
}
