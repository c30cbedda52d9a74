//! What holds for the packet buffer whatever its bytes are.

mod stack;
mod views;
