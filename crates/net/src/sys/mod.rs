//! The system calls that no safe library wraps. All `unsafe` code of the crate is here.
#![allow(unsafe_code, reason = "clone, fork, ioctl and received descriptors have no safe wrappers")]

mod descriptor;
mod ethtool;
mod facility;
mod packet;
mod process;
mod ring;
mod tun;
mod xsk;

pub(crate) use descriptor::{
    close_all_but, null_streams, pidfd_open, receive_with, replace_streams, send_with,
    set_controlling_terminal,
};
pub(crate) use ethtool::offload_off;
pub(crate) use facility::{load_bpf, open_xdp};
pub(crate) use packet::open_tap;
pub(crate) use process::{clone_init, default_signal, fork, raise_priority, run_first, share_memory_pools};
pub(crate) use ring::{RETIRE_MS, RawFrame, Ring, take_drops};
pub(crate) use tun::{VNET_HEADER, open_wire_end, set_wire_offload};
pub(crate) use xsk::XskSender;
