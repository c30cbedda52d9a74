//! Tests that build labs, each in about ten lines: `cargo test -p rackless-cli --test library`.
//!
//! In a crate of your own, `rackless-net` is a development dependency, and `rackless` is in `PATH`. The labs need no
//! root, go with their values, and do not mind each other, so that tests run side by side as usual.

use std::time::{Duration, Instant};

use rackless_net::{Error, Event, Lab, LinkState, Origin};

/// Whether an echo request is answered.
fn pings(lab: &Lab, from: &str, to: &str) -> Result<bool, Error> {
    Ok(lab.run(from, ["ping", "-n", "-c1", "-W1", to])?.status.success())
}

#[test]
fn hosts_on_a_switch_reach_each_other() -> Result<(), Error> {
    let lab = Lab::shape("single,3")?;
    assert!(pings(&lab, "h1", "10.0.0.2")? && pings(&lab, "h3", "fd00::1")?);
    lab.set_link("h2", "eth0", LinkState::Down)?;
    assert!(!pings(&lab, "h1", "10.0.0.2")?);
    lab.down()
}

#[test]
fn a_delay_goes_with_its_guard() -> Result<(), Error> {
    let lab = Lab::text("[node.a]\n[node.b]\n[[link]]\nends = [\"a\", \"b\"]\n")?;
    let round_trip = || -> Result<Duration, Error> {
        let begin = Instant::now();
        assert!(pings(&lab, "a", "10.0.0.2")?);
        Ok(begin.elapsed())
    };
    round_trip()?; // the neighbours know each other
    let late = lab.disturb("a", "eth0", [("delay", "150 ms")])?;
    assert!(round_trip()? >= Duration::from_millis(300));
    drop(late);
    assert!(round_trip()? < Duration::from_millis(300));
    Ok(())
}

#[test]
fn a_partition_heals_when_its_guard_goes() -> Result<(), Error> {
    let lab = Lab::shape("linear,2")?;
    let parted = lab.part("s1 | s2")?;
    assert!(!pings(&lab, "h1", "10.0.0.2")?);
    parted.end()?;
    assert!((0..10).any(|_| matches!(pings(&lab, "h1", "10.0.0.2"), Ok(true))));
    Ok(())
}

#[test]
fn what_passes_a_cable_is_seen() -> Result<(), Error> {
    let lab = Lab::shape("single,2")?;
    let mut tap = lab.tap("h2", "eth0")?;
    assert!(pings(&lab, "h1", "10.0.0.2")?);
    let is_ipv4 = |kind: &[u8]| kind == [0x08, 0x00];
    assert!(tap.sees(Duration::from_secs(10), |frame| frame.from_node && is_ipv4(&frame.bytes[12..14]))?);
    Ok(())
}

#[test]
fn a_lab_becomes_another_and_tells_what_happens() -> Result<(), Error> {
    let text = "[node.a]\nrun = \"echo ready; exec sleep 1000\"\nready = { log = \"ready\" }\n";
    let lab = Lab::text(text)?;
    let more = format!("{text}[node.b]\nrun = \"sleep 0.3; exit 3\"\n[[link]]\nends = [\"a\", \"b\"]\n");
    lab.client()?.converge(Origin::Text(&more), false)?;
    let is_end = |event: &Event| matches!(event, Event::Ended { node, .. } if node == "b");
    lab.wait_for(Duration::from_secs(10), is_end)?;
    assert!(pings(&lab, "a", "10.0.0.2")?);
    Ok(())
}
