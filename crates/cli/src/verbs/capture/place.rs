//! Where a capture taps: interfaces that are named, or all of a node.

use std::str::FromStr;

use rackless_net::Status;

use crate::failure::Failure;

/// How many interfaces are tapped at once: each has a ring of 8 MiB in the kernel.
const MOST: usize = 64;

/// A node, or one interface of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    node: String,
    interface: Option<String>,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (node, interface) = match text.split_once(':') {
            Some((node, interface)) => (node, Some(interface)),
            None => (text, None),
        };
        if node.is_empty() || interface.is_some_and(str::is_empty) {
            return Err("expected NODE or NODE:INTERFACE, such as h1 or h1:eth0".to_owned());
        }
        Ok(Self { node: node.to_owned(), interface: interface.map(str::to_owned) })
    }
}

/// Gives node and interface of all that is named, each once.
pub(super) fn interfaces(places: &[Place], lab: &Status) -> Result<Vec<(String, String)>, Failure> {
    let mut all: Vec<(String, String)> = Vec::new();
    for place in places {
        for interface in place.interfaces(lab)? {
            let end = (place.node.clone(), interface);
            if !all.contains(&end) {
                all.push(end);
            }
        }
    }
    if all.len() > MOST {
        let message = format!("{} interfaces are more than the {MOST} that are captured at once", all.len());
        return Err(Failure::cannot(message).hint("name the interfaces that matter"));
    }
    Ok(all)
}

impl Place {
    fn interfaces(&self, lab: &Status) -> Result<Vec<String>, Failure> {
        if let Some(interface) = &self.interface {
            return Ok(vec![interface.clone()]);
        }
        let Some(node) = lab.nodes.iter().find(|node| node.name == self.node) else {
            let names: Vec<&str> = lab.nodes.iter().map(|node| node.name.as_str()).collect();
            let message = format!("there is no node {} in lab {}", self.node, lab.lab);
            return Err(Failure::cannot(message).hint(format!("there are: {}", names.join(", "))));
        };
        if node.interfaces.is_empty() {
            return Err(Failure::cannot(format!("{} has no interface", self.node)));
        }
        Ok(node.interfaces.iter().map(|interface| interface.name.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_may_be_left_out_but_not_be_empty() {
        let place = |node: &str, interface: Option<&str>| {
            Ok(Place { node: node.to_owned(), interface: interface.map(str::to_owned) })
        };
        assert_eq!("h1".parse(), place("h1", None));
        assert_eq!("h1:eth0".parse(), place("h1", Some("eth0")));
        assert!(
            "h1:".parse::<Place>().is_err()
                && ":eth0".parse::<Place>().is_err()
                && "".parse::<Place>().is_err()
        );
    }
}
