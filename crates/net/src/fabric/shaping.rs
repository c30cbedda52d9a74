//! What imposes the conditions of links, put in and taken out under traffic.

use std::os::fd::OwnedFd;

use rackless_link::Conditions;
use rackless_topology::model::{LinkState, Wire};
use rackless_topology::{Diff, Topology};

use super::{Fabric, FabricLink, is_missing};
use crate::error::Error;
use crate::init::Init;
use crate::join::{self, Join};
use crate::kernel_wire::KernelWire;
use crate::leaving::Leaving;
use crate::netem::Egress;
use crate::netlink::Netlink;
use crate::plan::{LinkPlan, Port};
use crate::sys;
use crate::wire::Taps;

/// The variable that chooses what imposes the conditions of links: `kernel`, `user`, or (unset) what works.
const WIRE_VARIABLE: &str = "RACKLESS_WIRE";

/// What shall impose conditions.
enum Imposed {
    Nothing,
    User,
    Kernel(Box<[Egress; 2]>),
}

/// What imposes the conditions of a link.
pub(super) enum Shaping {
    /// A wire process.
    User {
        /// Its name among the wires.
        cable: u64,
        taps: [Port; 2],
    },
    /// Disciplines of the kernel.
    Kernel(Box<KernelWire>),
}

impl FabricLink {
    /// Gives the conditions as a wire has them, whose first TAP is on the side of the first port.
    fn oriented(&self, conditions: &[Conditions; 2]) -> [Conditions; 2] {
        let [there, back] = conditions.clone();
        if self.plan.is_reversed() { [back, there] } else { [there, back] }
    }
}

impl Fabric {
    /// Gives a link conditions, from its first end to the second and back; frames keep passing meanwhile.
    pub(crate) fn set_conditions(
        &mut self,
        link: usize,
        conditions: [Conditions; 2],
        init: &Init,
    ) -> Result<(), Error> {
        let oriented = self.links[link].oriented(&conditions);
        let wanted = self.choose(link, &oriented)?;
        let FabricLink { plan: LinkPlan { label, .. }, shaping, .. } = &mut self.links[link];
        match (shaping, wanted) {
            (Some(Shaping::User { cable, .. }), Imposed::User) => {
                let cable = *cable;
                let record = &self.links[link];
                let taps = self.wires.taps(cable).into_iter().flatten();
                offload_taps(taps, &record.plan, &oriented)?;
                self.wires.change(cable, &oriented, record.wire == Wire::Precise);
            }
            (Some(Shaping::Kernel(wire)), Imposed::Kernel(egress)) => {
                let requests = wire.change(&egress, label);
                self.netlink.send(requests)?;
                wire.changed(*egress);
            }
            (_, wanted) => {
                self.take_wire_out(link)?;
                match wanted {
                    Imposed::Nothing => {}
                    Imposed::User => self.insert_wire(link, &oriented, init)?,
                    Imposed::Kernel(egress) => self.insert_kernel_wire(link, *egress, &oriented, init)?,
                }
            }
        }
        self.links[link].conditions = conditions;
        Ok(())
    }

    /// Chooses what imposes conditions, as the link asks, else the environment, else as the kernel can.
    fn choose(&self, link: usize, oriented: &[Conditions; 2]) -> Result<Imposed, Error> {
        let FabricLink { plan, wire, .. } = &self.links[link];
        let failed = |what| Error::KernelWire { link: plan.label.clone(), what };
        self.choose_for(*wire, oriented).map_err(failed)
    }

    /// Does so for a link that may not be there yet; the error is what the kernel cannot do.
    fn choose_for(&self, wire: Wire, conditions: &[Conditions; 2]) -> Result<Imposed, &'static str> {
        if conditions.iter().all(Conditions::is_perfect) {
            return Ok(Imposed::Nothing);
        }
        let wanted = if wire == Wire::Auto { self.wire } else { wire };
        if matches!(wanted, Wire::User | Wire::Precise) {
            return Ok(Imposed::User);
        }
        let egress = || Ok([Egress::of(&conditions[0])?, Egress::of(&conditions[1])?]);
        match (egress(), wanted) {
            (Ok(egress), Wire::Kernel) => Ok(Imposed::Kernel(Box::new(egress))),
            (Ok(egress), _) if self.kernel_can != Some(false) => Ok(Imposed::Kernel(Box::new(egress))),
            (Err(what), Wire::Kernel) => Err(what),
            _ => Ok(Imposed::User),
        }
    }

    /// Puts disciplines on the ports of a link; a kernel that has none gets a wire in user space, unless it must not.
    fn insert_kernel_wire(
        &mut self,
        link: usize,
        egress: [Egress; 2],
        oriented: &[Conditions; 2],
        init: &Init,
    ) -> Result<(), Error> {
        let record = &mut self.links[link];
        let left = record.leaving.take().map_or_else(Vec::new, |leaving| leaving.end(&record.plan.label));
        self.netlink.send(left)?;
        let record = &self.links[link];
        let wire = KernelWire::new(&record.plan, egress, self.planner.next_index());
        let must = record.wire == Wire::Kernel || self.wire == Wire::Kernel;
        let Err(error) = self.netlink.send(wire.create(&record.plan)) else {
            self.kernel_can = Some(true);
            self.links[link].shaping = Some(Shaping::Kernel(Box::new(wire)));
            return Ok(());
        };
        // What was made before the refusal goes; what was not made cannot go.
        for request in wire.remove(&record.plan.label) {
            let _ = self.netlink.send(vec![request]);
        }
        match error {
            Error::Kernel { source, .. } if !must && is_missing(&source.error) => {
                self.kernel_can = Some(false);
                self.insert_wire(link, oriented, init)
            }
            error => Err(error),
        }
    }

    fn insert_wire(&mut self, link: usize, oriented: &[Conditions; 2], init: &Init) -> Result<(), Error> {
        let record = &self.links[link];
        if self.join == Join::Bridge {
            return Err(Error::NoRedirect { link: record.plan.label.clone() });
        }
        let failed = |source| Error::Wire { link: record.plan.label.clone(), source };
        let header = record.plan.offload; // nothing else makes joined frames
        let taps = [self.planner.next_index(), self.planner.next_index()].map(|index| Port {
            name: format!("wire~{index}"),
            index,
            bridge: None,
        });
        let open = || {
            let mut fds = Vec::new();
            for tap in &taps {
                fds.push(sys::open_wire_end(&tap.name, tap.index, header).map_err(failed)?);
                crate::fault::step();
            }
            Ok(<[OwnedFd; 2]>::try_from(fds).expect("one for each of two"))
        };
        let fds = self.namespace.within(open)?;
        offload_taps(&fds, &record.plan, oriented)?;
        let taps_of_wire = Taps { fds, header, ports: join::ports_behind(&record.plan) };
        let cable = self.wires.add(init, taps_of_wire, oriented, record.wire == Wire::Precise)?;
        let mut requests = join::prepare_wire(&record.plan, &taps);
        if record.state != LinkState::Silent {
            requests.extend(join::detour(&record.plan, &taps));
        }
        if let Err(error) = self.netlink.send(requests) {
            self.wires.remove(cable); // its TAPs go with it, and with them what led to them
            return Err(error);
        }
        self.links[link].shaping = Some(Shaping::User { cable, taps });
        Ok(())
    }

    /// Lets frames go straight; those on their way arrive in their time.
    fn take_wire_out(&mut self, link: usize) -> Result<(), Error> {
        let record = &mut self.links[link];
        let label = record.plan.label.as_str();
        match &record.shaping {
            None => return Ok(()),
            Some(Shaping::Kernel(wire)) => self.netlink.send(wire.release(label))?,
            Some(Shaping::User { taps, .. }) if record.state != LinkState::Silent => {
                self.netlink.send(join::return_from(&record.plan, taps, self.join))?;
            }
            Some(Shaping::User { .. }) => {}
        }
        match record.shaping.take() {
            Some(Shaping::Kernel(wire)) => {
                let netlink = self.namespace.within(Netlink::open)?;
                record.leaving = Some(Leaving::begin(*wire, netlink, label));
            }
            Some(Shaping::User { cable, .. }) => self.wires.remove(cable),
            None => {}
        }
        record.conditions = Default::default();
        Ok(())
    }

    /// Gives the number of wires that a change of the lab makes, as far as it is known what the kernel can.
    pub(crate) fn wires_for(&self, diff: &Diff, wanted: &Topology) -> usize {
        let has_none = |place: &usize| !matches!(self.links[*place].shaping, Some(Shaping::User { .. }));
        let kept = diff.links.kept.iter().filter(|(old, _, differs)| *differs && has_none(old));
        let made = diff.links.new.iter().chain(diff.mended.iter().map(|(_, place)| place));
        made.chain(kept.map(|(_, place, _)| place))
            .map(|place| &wanted.links[*place])
            .filter(|link| matches!(self.choose_for(link.wire, &link.conditions), Ok(Imposed::User)))
            .count()
    }

    /// Lets all frames for a port go where packet sockets at that port see them.
    pub(crate) fn show_port(&mut self, index: u32) {
        self.wires.show(index);
    }

    /// Starts a wire process in the place of one that died.
    pub(crate) fn restart_wire(&mut self, worker: usize, init: &Init) -> Result<(), Error> {
        self.wires.restart(init, worker)
    }
}

/// Reads the wish of the environment.
pub(super) fn wanted_wire() -> Result<Wire, Error> {
    match std::env::var(WIRE_VARIABLE).as_deref() {
        Err(_) | Ok("") => Ok(Wire::Auto),
        Ok("kernel") => Ok(Wire::Kernel),
        Ok("user") => Ok(Wire::User),
        Ok(other) => Err(Error::WireVariable { value: other.to_owned() }),
    }
}

/// Lets TAPs give joined frames without checksums where nothing acts on single frames.
fn offload_taps<'a>(
    taps: impl IntoIterator<Item = &'a OwnedFd>,
    link: &LinkPlan,
    conditions: &[Conditions; 2],
) -> Result<(), Error> {
    for (tap, conditions) in taps.into_iter().zip(conditions) {
        let offload = link.offload && !acts_on_frames(conditions);
        sys::set_wire_offload(tap, offload)
            .map_err(|source| Error::Wire { link: link.label.clone(), source })?;
    }
    Ok(())
}

/// Whether what happens depends on where one frame ends and the next begins.
///
/// A joined frame of 64 KiB takes as long as its segments, but is queued, lost and delivered as one. At this rate
/// that is a third of a millisecond.
fn acts_on_frames(conditions: &Conditions) -> bool {
    const FAST: u64 = 1_500_000_000;
    let Conditions { rate, trace, limit, queue, loss, duplicate, reorder, corrupt, mtu, .. } = conditions;
    rate.is_some_and(|rate| rate.as_bits_per_second() < FAST)
        || trace.is_some()
        || limit.is_some()
        || *queue != rackless_link::Queue::DropTail
        || loss.is_some()
        || duplicate.is_some()
        || reorder.is_some()
        || corrupt.is_some()
        || mtu.is_some()
}
