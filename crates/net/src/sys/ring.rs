//! The receive ring of a tap (`TPACKET_V3`, Documentation/networking/packet_mmap.rst): the kernel fills blocks with
//! frames of any length, and hands a block over when it is full or its time is up.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::libc;

/// Bytes of a block: room for several frames of 64 KiB, which segmentation offload makes.
const BLOCK: usize = 512 * 1024;
/// Blocks of the ring: 8 MiB, which hold a burst of 5,000 full frames.
const BLOCKS: usize = 16;
/// After how many milliseconds a block is handed over that is not full.
pub(crate) const RETIRE_MS: u32 = 20;
/// The unit of a ring's shape; it does not bound the length of frames in this version.
const FRAME: usize = 2048;

/// A frame, still in the ring.
pub(crate) struct RawFrame<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) original_len: u32,
    pub(crate) time_ns: u64,
    /// `PACKET_OUTGOING` and the like.
    pub(crate) packet_type: u8,
    /// Tag protocol and tag of a VLAN header that was cut out of `bytes`.
    pub(crate) vlan: Option<(u16, u16)>,
    /// The sender has left the checksum to hardware.
    pub(crate) checksum_missing: bool,
}

/// The ring, mapped; the socket it belongs to may be closed before.
pub(crate) struct Ring {
    memory: NonNull<u8>,
    next: usize,
}

// SAFETY: the mapping belongs to this value alone, in whatever thread it is.
unsafe impl Send for Ring {}

impl Ring {
    /// Gives a packet socket a ring; frames that waited in the socket before are lost.
    pub(crate) fn map(socket: BorrowedFd<'_>) -> io::Result<Self> {
        set_option(socket, libc::PACKET_VERSION, &(libc::tpacket_versions::TPACKET_V3 as libc::c_int))?;
        let request = libc::tpacket_req3 {
            tp_block_size: BLOCK as u32,
            tp_block_nr: BLOCKS as u32,
            tp_frame_size: FRAME as u32,
            tp_frame_nr: (BLOCK / FRAME * BLOCKS) as u32,
            tp_retire_blk_tov: RETIRE_MS,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        set_option(socket, libc::PACKET_RX_RING, &request)?;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping, where the kernel likes; the socket's ring has this length.
        let memory = unsafe {
            libc::mmap(null_mut(), BLOCK * BLOCKS, protection, libc::MAP_SHARED, socket.as_raw_fd(), 0)
        };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let memory = NonNull::new(memory.cast()).ok_or_else(|| io::Error::from_raw_os_error(libc::ENOMEM))?;
        Ok(Self { memory, next: 0 })
    }

    /// Shows the frames of the next block to `read` and gives the block back; `false` if none is ready.
    pub(crate) fn take(&mut self, mut read: impl FnMut(RawFrame<'_>)) -> bool {
        let start = self.next * BLOCK;
        // SAFETY: `next` is below BLOCKS, so the block lies inside the mapping; the descriptor at its start is
        // aligned, as blocks start at pages, and this word is shared with the kernel as an atomic one.
        let status = unsafe {
            let block = self.memory.as_ptr().add(start).cast::<libc::tpacket_block_desc>();
            AtomicU32::from_ptr(&raw mut (*block).hdr.bh1.block_status)
        };
        if status.load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
            return false;
        }
        // SAFETY: as above; the kernel has handed this block over and does not write to it until it gets it back.
        let bytes = unsafe { std::slice::from_raw_parts(self.memory.as_ptr().add(start), BLOCK) };
        for_each_frame(bytes, &mut read);
        status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.next = (self.next + 1) % BLOCKS;
        true
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the mapping was made with this address and length, and no reference into it outlives `take`.
        unsafe { libc::munmap(self.memory.as_ptr().cast(), BLOCK * BLOCKS) };
    }
}

/// Walks the chain of frames in a block; a chain that leaves the block ends there.
fn for_each_frame(block: &[u8], read: &mut impl FnMut(RawFrame<'_>)) {
    let Some(descriptor) = header::<libc::tpacket_block_desc>(block, 0) else { return };
    // SAFETY: the union has one member.
    let head = unsafe { descriptor.hdr.bh1 };
    let mut at = head.offset_to_first_pkt as usize;
    for _ in 0..head.num_pkts {
        let Some(frame) = header::<libc::tpacket3_hdr>(block, at) else { return };
        let address =
            header::<libc::sockaddr_ll>(block, at + size_of::<libc::tpacket3_hdr>().next_multiple_of(16));
        let start = at + usize::from(frame.tp_mac);
        let bytes = block.get(start..start + frame.tp_snaplen as usize);
        let (Some(address), Some(bytes)) = (address, bytes) else { return };
        let tag = frame.hv1;
        let vlan = (frame.tp_status & libc::TP_STATUS_VLAN_VALID != 0).then(|| {
            let known = frame.tp_status & libc::TP_STATUS_VLAN_TPID_VALID != 0;
            (if known { tag.tp_vlan_tpid } else { libc::ETH_P_8021Q as u16 }, tag.tp_vlan_tci as u16)
        });
        read(RawFrame {
            bytes,
            original_len: frame.tp_len,
            time_ns: u64::from(frame.tp_sec) * 1_000_000_000 + u64::from(frame.tp_nsec),
            packet_type: address.sll_pkttype,
            vlan,
            checksum_missing: frame.tp_status & libc::TP_STATUS_CSUMNOTREADY != 0,
        });
        at += frame.tp_next_offset as usize;
    }
}

/// Copies a plain structure of the kernel's out of a block.
fn header<T: Copy>(block: &[u8], at: usize) -> Option<T> {
    let bytes = block.get(at..at.checked_add(size_of::<T>())?)?;
    // SAFETY: the bytes are as many as T has; T is one of the kernel's structures of integers, for which all bit
    // patterns are valid, and the read needs no alignment.
    Some(unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}

/// Reads how many frames the kernel could not put into the ring, and starts to count anew.
pub(crate) fn take_drops(socket: BorrowedFd<'_>) -> io::Result<u32> {
    let mut counters = libc::tpacket_stats_v3 { tp_packets: 0, tp_drops: 0, tp_freeze_q_cnt: 0 };
    let mut length = size_of_val(&counters) as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes of these counters, which live during the call.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            (&raw mut counters).cast(),
            &raw mut length,
        )
    };
    if result == 0 { Ok(counters.tp_drops) } else { Err(io::Error::last_os_error()) }
}

fn set_option<T>(socket: BorrowedFd<'_>, option: libc::c_int, value: &T) -> io::Result<()> {
    let length = size_of::<T>() as libc::socklen_t;
    // SAFETY: the kernel reads `length` bytes of the value, which lives during the call.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_PACKET, option, (&raw const *value).cast(), length)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
