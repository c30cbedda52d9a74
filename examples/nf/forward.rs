//! Receive on a, send on b, and the other way round: the first network function.

use rackless::prelude::*;

fn forward(_packet: &mut Packet, _cx: &mut Context<'_>) -> Outcome {
    Ok(Verdict::Out(0))
}

fn graph() -> Result<GraphBuilder, GraphError> {
    let graph = GraphBuilder::new().node("there", forward).node("back", forward);
    graph.wire("rx:a -> there -> tx:b; rx:b -> back -> tx:a")
}

rackless::main!(|_setup: &Setup| graph());

#[test]
fn what_comes_in_at_one_side_goes_out_at_the_other() -> Result<(), GraphError> {
    let mut lab = Harness::new(graph()?, &["a", "b"])?;
    lab.send("a", b"a frame");
    lab.send("b", b"its answer");
    assert_eq!(lab.received("b"), [b"a frame"]);
    assert_eq!(lab.received("a"), [b"its answer"]);
    Ok(())
}
