//! The conditions of a link imposed by the kernel: disciplines at the ports' egress in the fabric.

use crate::netem::{Bypass, Egress};
use crate::netlink::Request;
use crate::plan::{LinkKind, LinkPlan};

/// Where the frames of one direction pass a discipline.
#[derive(Debug)]
struct Place {
    /// The interface whose egress it is.
    index: u32,
    egress: Egress,
}

/// The disciplines of a link.
#[derive(Debug)]
pub(crate) struct KernelWire {
    /// From the side of the first port to the other, and back.
    places: [Place; 2],
    /// The ifb for what a node sends into a bridge: its name, and the port's index.
    bypass: Option<(String, u32)>,
}

impl KernelWire {
    /// Plans the disciplines; `spare` is the index of an ifb, if one is needed.
    pub(crate) fn new(link: &LinkPlan, [there, back]: [Egress; 2], spare: u32) -> Self {
        let place = |index, egress| Place { index, egress };
        match &link.kind {
            // A frame is sent out of the port towards its receiver …
            LinkKind::Cable { ports: [a, b], .. } => {
                Self { places: [place(b.index, there), place(a.index, back)], bypass: None }
            }
            // … and between bridges out of the port towards the other bridge.
            LinkKind::Trunk { ports: [a, b] } => {
                Self { places: [place(a.index, there), place(b.index, back)], bypass: None }
            }
            LinkKind::Drop { port, .. } => Self {
                places: [place(spare, there), place(port.index, back)],
                bypass: Some((format!("ifb~{spare}"), port.index)),
            },
            LinkKind::Memory => unreachable!("conditions of a link in memory are refused"),
        }
    }

    /// Puts all in place.
    pub(crate) fn create(&self, link: &LinkPlan) -> Vec<Request> {
        let label = link.label.as_str();
        let mut requests = self.bypass().map_or_else(Vec::new, |bypass| bypass.create(link.mtu, label));
        // The disciplines come before the frames.
        let disciplines = self.places.iter().flat_map(|place| place.egress.create(place.index, label));
        let at = requests.len().min(1);
        requests.splice(at..at, disciplines);
        requests
    }

    /// Gives the interfaces whose egress shapes what goes from the side of the first port, and back.
    pub(crate) fn interfaces(&self) -> [u32; 2] {
        self.places.each_ref().map(|place| place.index)
    }

    /// Says what imposes other conditions; frames on their way stay where the kernel can keep them.
    pub(crate) fn change(&self, egress: &[Egress; 2], label: &str) -> Vec<Request> {
        let places = self.places.iter().zip(egress);
        places.flat_map(|(place, after)| after.change(&place.egress, place.index, label)).collect()
    }

    /// Notes that the kernel has carried out a change.
    pub(crate) fn changed(&mut self, egress: [Egress; 2]) {
        for (place, after) in self.places.iter_mut().zip(egress) {
            place.egress = after;
        }
    }

    /// Takes all away; frames in it are lost.
    pub(crate) fn remove(&self, label: &str) -> Vec<Request> {
        let closed = self.bypass().map(|bypass| bypass.close(label));
        closed.into_iter().chain(self.remove_released(label)).collect()
    }

    /// Lets frames pass that come from now on; those on their way arrive in their time.
    ///
    /// From an ifb they go to the port, and so get lost if that is in its bridge no longer.
    pub(crate) fn release(&self, label: &str) -> Vec<Request> {
        let released = self.places.each_ref().map(|place| place.egress.released());
        let closed = self.bypass().map(|bypass| bypass.close(label));
        closed.into_iter().chain(self.change(&released, label)).collect()
    }

    /// Takes away what has been released.
    pub(crate) fn remove_released(&self, label: &str) -> Vec<Request> {
        let bypass = self.bypass().map(|bypass| bypass.remove(label));
        // The discipline of an ifb goes with it.
        let others = self.places.iter().skip(usize::from(bypass.is_some()));
        let others = others.map(|place| Egress::remove(place.index, label));
        bypass.into_iter().chain(others).collect()
    }

    fn bypass(&self) -> Option<Bypass<'_>> {
        let (name, port) = self.bypass.as_ref()?;
        Some(Bypass { name, index: self.places[0].index, port: *port })
    }
}
