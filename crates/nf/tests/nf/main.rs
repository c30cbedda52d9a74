//! What holds for the packet buffer whatever its bytes are, and what must not compile.

mod compile_fail;
mod panics;
mod sampling;
mod stack;
mod swap;
mod views;
mod watch;
