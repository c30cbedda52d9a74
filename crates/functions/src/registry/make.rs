//! How each function is made of its settings.

use rackless_nf::Nf;
use serde::Deserialize;

use super::{Error, PortSetup, Setup};
use crate::router::config::{InterfaceConfig, RouterConfig};
use crate::{Classify, ClassifyConfig, Counter, Forward, MacSwap, Nat, Router, Shaper, Sink, Split, Tee};

type Made = Result<Box<dyn Nf>, Error>;

pub(super) fn router(setup: &Setup<'_>) -> Made {
    let interface = |(number, port): (usize, &Option<PortSetup>)| match port {
        Some(port) => Ok(InterfaceConfig { name: port.info.name.clone(), addresses: port.addresses.clone() }),
        None => Err(Error::Interfaces { function: "router", number }),
    };
    let interfaces = setup.ports.iter().enumerate().map(interface).collect::<Result<_, _>>()?;
    let config = RouterConfig { interfaces, file: setup.settings("router")? };
    Ok(Box::new(Router::new(config)?))
}

pub(super) fn nat(setup: &Setup<'_>) -> Made {
    setup.ports("nat", "two ports", |given| given == 2)?;
    let config: crate::NatConfig = setup.settings("nat")?;
    if config.first_port > config.last_port {
        return Err(Error::NatPorts { first: config.first_port, last: config.last_port });
    }
    Ok(Box::new(Nat::new(config)))
}

/// Between two ports it shapes both directions; between one input and one output that are no port's, one.
pub(super) fn shaper(setup: &Setup<'_>) -> Made {
    if setup.inputs == 1 && setup.outputs == 1 && setup.ports.iter().all(Option::is_none) {
        return Ok(Box::new(Shaper::one_way(setup.settings("shaper")?)));
    }
    setup.ports("shaper", "two ports, or an input and an output", |given| given == 2)?;
    Ok(Box::new(Shaper::new(setup.settings("shaper")?)))
}

/// The settings of a function that has none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoSettings {}

pub(super) fn macswap(setup: &Setup<'_>) -> Made {
    let NoSettings {} = setup.settings("macswap")?;
    Ok(Box::new(MacSwap))
}

pub(super) fn forward(setup: &Setup<'_>) -> Made {
    setup.ports("forward", "an even number of ports", |given| given % 2 == 0)?;
    let NoSettings {} = setup.settings("forward")?;
    Ok(Box::new(Forward))
}

pub(super) fn classify(setup: &Setup<'_>) -> Made {
    let config: ClassifyConfig = setup.settings("classify")?;
    match config.filters.len() {
        0..=Classify::MOST => Ok(Box::new(Classify::new(config))),
        given => Err(Error::Filters { given }),
    }
}

pub(super) fn split(setup: &Setup<'_>) -> Made {
    let outputs = outputs(setup, "split")?;
    Ok(Box::new(Split::new(setup.settings("split")?, outputs)))
}

pub(super) fn tee(setup: &Setup<'_>) -> Made {
    let outputs = outputs(setup, "tee")?;
    let NoSettings {} = setup.settings("tee")?;
    Ok(Box::new(Tee::new(outputs)))
}

pub(super) fn counter(setup: &Setup<'_>) -> Made {
    let NoSettings {} = setup.settings("counter")?;
    Ok(Box::new(Counter::default()))
}

pub(super) fn sink(setup: &Setup<'_>) -> Made {
    Ok(Box::new(Sink::new(setup.settings("sink")?)))
}

/// How many outputs a function has that has as many as are wired.
fn outputs(setup: &Setup<'_>, function: &'static str) -> Result<u8, Error> {
    let needed = "from 1 to 255 outputs";
    let wired = u8::try_from(setup.outputs).ok().filter(|outputs| *outputs > 0);
    wired.ok_or(Error::Ports { function, needed, given: setup.outputs })
}
