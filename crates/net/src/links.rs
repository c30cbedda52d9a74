//! The links of a running lab: changed, cut, mended and told of.

use std::sync::mpsc;

use rackless_topology::Topology;
use rackless_topology::model::{LinkChange, LinkState, Medium};

use crate::control::{Event, LinkStatus};
use crate::error::Error;
use crate::fabric::Fabric;
use crate::shared::Shared;

impl Shared {
    /// Changes the link with the given ends, and tells all; gives what undoes the change.
    pub(crate) fn change_link(&self, ends: &[String; 2], change: &LinkChange) -> Result<LinkChange, Error> {
        self.change_link_of(&mut self.fabric(), ends, change)
    }

    /// Does so for who has locked the fabric.
    pub(crate) fn change_link_of(
        &self,
        fabric: &mut Fabric,
        ends: &[String; 2],
        change: &LinkChange,
    ) -> Result<LinkChange, Error> {
        let topology = self.topology();
        let link = (0..topology.links.len()).find(|link| self::ends(&topology, *link) == *ends);
        let link = link.ok_or_else(|| Error::NoLink { link: ends.join(" - ") })?;
        if topology.links[link].medium == Medium::Memif {
            return Err(Error::InMemory { link: ends.join(" - ") });
        }
        let before = (fabric.link_state(link), fabric.conditions(link).clone());
        let mut after = before.clone();
        for (conditions, patch) in after.1.iter_mut().zip(&change.conditions) {
            *conditions = patch
                .apply(conditions)
                .map_err(|error| error.to_string())
                .and_then(|found| found.check().map(|()| found).map_err(|error| error.to_string()))
                .map_err(|reason| Error::Conditions {
                    link: topology.link_name(&topology.links[link]).to_string(),
                    reason,
                })?;
        }
        after.0 = change.state.unwrap_or(before.0);
        if after != before {
            fabric.set_conditions(link, after.1.clone(), &self.init)?;
            fabric.set_state(link, after.0)?;
            let [tx, rx] = after.1.map(Box::new);
            self.publish(Event::Link { ends: ends.clone(), state: after.0, tx, rx });
        }
        let undo = |place: usize| change.conditions[place].undo(&before.1[place]);
        Ok(LinkChange { state: change.state.map(|_| before.0), conditions: [undo(0), undo(1)] })
    }

    /// Drops all frames between groups of nodes, or lets those pass that are dropped; gives the links.
    pub(crate) fn part(&self, groups: Option<&str>) -> Result<Vec<[String; 2]>, Error> {
        let mut fabric = self.fabric();
        let topology = self.topology();
        let (links, state) = match groups {
            Some(groups) => {
                let mut links = topology.cut(groups).map_err(|source| Error::Partition { source })?;
                // Nothing passes a link that is down, and it shall not come up by this.
                links.retain(|link| fabric.link_state(*link) != LinkState::Down);
                (links, LinkState::Silent)
            }
            None => {
                let silent = |link: &usize| fabric.link_state(*link) == LinkState::Silent;
                ((0..topology.links.len()).filter(silent).collect(), LinkState::Up)
            }
        };
        let links: Vec<[String; 2]> = links.into_iter().map(|link| ends(&topology, link)).collect();
        let change = LinkChange { state: Some(state), ..LinkChange::default() };
        for link in &links {
            self.change_link_of(&mut fabric, link, &change)?;
        }
        Ok(links)
    }

    /// Starts wire processes in the place of those that die, until the lab is gone.
    pub(crate) fn mend_wires(&self, deaths: &mpsc::Receiver<usize>) {
        for worker in deaths {
            let error = self.fabric().restart_wire(worker, &self.init).err();
            self.publish(Event::WireDied { error: error.map(|error| error.chain()) });
        }
    }

    /// Tells how the links of the fabric are.
    pub(crate) fn links_of(&self, fabric: &mut Fabric) -> Vec<LinkStatus> {
        let mut counters = fabric.counters();
        let topology = self.topology();
        let links = (0..topology.links.len()).map(|link| {
            let [tx, rx] = fabric.conditions(link).clone();
            let (state, carrier) = (fabric.link_state(link), fabric.carrier(link));
            LinkStatus {
                ends: ends(&topology, link),
                state,
                carrier,
                tx,
                rx,
                counters: counters.remove(&link),
            }
        });
        links.collect()
    }
}

/// Names the ends of a link.
pub(crate) fn ends(topology: &Topology, link: usize) -> [String; 2] {
    topology.links[link].ends.map(|end| topology.end_name(end).to_string())
}
