//! A packet that was sent is used again.

use rackless_nf::{Context, Reason};

fn answer(cx: &mut Context<'_>) -> Result<(), Reason> {
    let mut packet = cx.alloc_with(b"an answer")?;
    cx.emit(0, packet);
    packet.truncate(2);
    Ok(())
}

fn main() {}
