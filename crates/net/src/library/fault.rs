//! Faults that last as long as a value does.

use rackless_link::Patch;
use rackless_topology::model::{LinkChange, LinkState};

use super::Lab;
use crate::control::LinkStatus;
use crate::error::Error;

/// A fault of some links, which were before what they are again when this is dropped.
#[derive(Debug)]
#[must_use = "the fault ends when this is dropped"]
pub struct Fault<'a> {
    lab: &'a Lab,
    /// By an end of each link, what takes the fault back.
    undo: Vec<(String, LinkChange)>,
}

impl Lab {
    /// Drops all frames between groups of nodes, as [`Topology::cut`](rackless_topology::Topology::cut) reads them.
    pub fn part(&self, groups: &str) -> Result<Fault<'_>, Error> {
        let mut client = self.client()?;
        let before = client.status()?.links;
        let cut = client.part(groups)?;
        let parted = before.into_iter().filter(|link| cut.contains(&link.ends));
        let undo = parted.map(|LinkStatus { ends: [end, _], state, .. }| (end, state_change(state)));
        Ok(Fault { lab: self, undo: undo.collect() })
    }

    /// Takes the link at an interface down.
    pub fn cut(&self, node: &str, interface: &str) -> Result<Fault<'_>, Error> {
        self.fault(node, interface, state_change(LinkState::Down))
    }

    /// Changes what the link at an interface does to frames, as [`Lab::set_conditions`] does.
    pub fn disturb<'a>(
        &self,
        node: &str,
        interface: &str,
        keys: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Fault<'_>, Error> {
        self.fault(node, interface, both_ways(keys))
    }

    /// Changes the link at an interface.
    pub fn fault(&self, node: &str, interface: &str, change: LinkChange) -> Result<Fault<'_>, Error> {
        let mut client = self.client()?;
        let end = format!("{node}:{interface}");
        let before = client.status()?.links.into_iter().find(|link| link.ends.contains(&end));
        client.change_link(node, interface, change.clone())?; // says what is wrong where there is no such link
        let undo = before.map(|before| undo(&change, &before, &end)).map(|undo| (end, undo));
        Ok(Fault { lab: self, undo: undo.into_iter().collect() })
    }
}

impl Fault<'_> {
    /// Takes the fault back, and tells what went wrong with that.
    pub fn end(mut self) -> Result<(), Error> {
        self.take_back()
    }

    /// Lets the fault last as long as the lab.
    pub fn keep(mut self) {
        self.undo.clear();
    }

    fn take_back(&mut self) -> Result<(), Error> {
        for (end, change) in std::mem::take(&mut self.undo) {
            let (node, interface) = end.split_once(':').ok_or(Error::Protocol)?;
            self.lab.change_link(node, interface, change)?;
        }
        Ok(())
    }
}

impl Drop for Fault<'_> {
    fn drop(&mut self) {
        let _ = self.take_back(); // the lab may be gone, or be another
    }
}

/// Makes a change of both directions of keys and values of the lab file.
pub(super) fn both_ways<'a>(keys: impl IntoIterator<Item = (&'a str, &'a str)>) -> LinkChange {
    let mut patch = Patch::default();
    for (key, text) in keys {
        let value = match (text, text.parse::<u32>()) {
            ("none", _) => serde_json::Value::Null,
            (_, Ok(number)) => number.into(),
            _ => text.into(),
        };
        patch.set(key, value);
    }
    LinkChange { state: None, conditions: [patch.clone(), patch] }
}

fn state_change(state: LinkState) -> LinkChange {
    LinkChange { state: Some(state), ..LinkChange::default() }
}

/// Gives what takes a change back, seen from the same end of the link.
fn undo(change: &LinkChange, before: &LinkStatus, end: &str) -> LinkChange {
    let first = before.ends[0] == end;
    let [sent, received] = if first { [&before.tx, &before.rx] } else { [&before.rx, &before.tx] };
    LinkChange {
        state: change.state.map(|_| before.state),
        conditions: [change.conditions[0].undo(sent), change.conditions[1].undo(received)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fabric::Carrier;
    use rackless_link::Conditions;

    #[test]
    fn a_change_is_taken_back_from_the_end_from_which_it_was_made() {
        let slow = Conditions { delay: "5 ms".parse().expect("a time"), ..Conditions::default() };
        let before = LinkStatus {
            ends: ["a:eth0".into(), "b:eth0".into()],
            state: LinkState::Up,
            carrier: Carrier::Redirect,
            tx: slow,
            rx: Conditions::default(),
            counters: None,
        };
        let change = both_ways([("delay", "10 ms"), ("mtu", "1400")]);
        let back = undo(&change, &before, "b:eth0");
        assert_eq!((back.state, back.conditions[0].to_string()), (None, "no delay, no mtu".into()));
        assert_eq!(back.conditions[1].to_string(), "delay 5 ms, no mtu");
    }
}
