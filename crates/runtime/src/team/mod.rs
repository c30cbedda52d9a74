//! Several workers of one function: a thread and a graph each, and ports that they share.
//!
//! Packets come to the worker of their flow, both directions to the same, on all ports: where all ports are packet
//! sockets, by the kernel's symmetric hash, each worker with sockets of its own; else by ours, through rings from the
//! worker that has the device. The two hashes differ, so one of them decides for all ports.

mod bell;
mod hand_off;
mod stop;
#[cfg(test)]
mod tests;

use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rackless_nf::{Allocator, Pool, Port};
use rackless_ports::{DeviceSpec, Dpdk, EalConfig, Options, Xdp};

pub(crate) use bell::Bell;
pub(crate) use stop::{STEPS, Stop};

use crate::Error;
use crate::config::{Config, PortConfig};
use hand_off::Queue;

/// What a worker has.
pub(crate) struct Post {
    pub(crate) ports: Vec<Box<dyn Port>>,
    /// Where the packets that the function makes come from.
    pub(crate) allocator: Box<dyn Allocator>,
    /// Its place among several.
    pub(crate) member: Option<Member>,
}

/// A worker's place among several.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) worker: usize,
    pub(crate) core: Option<usize>,
    pub(crate) bell: Arc<Bell>,
    pub(crate) stop: Arc<Stop>,
}

/// Opens the ports for as many workers as there are cores (`None`: not pinned) and wakers.
pub(crate) fn open(
    devices: &[PortConfig],
    config: &Config,
    cores: &[Option<usize>],
    wakers: Vec<UnixStream>,
) -> Result<Vec<Post>, Error> {
    let pools: Vec<Pool> =
        cores.iter().map(|_| Pool::new(config.pool.count.get(), config.pool.room)).collect();
    let options = options(config, &pools);
    let specs = devices.iter().map(|port| port.device.parse().map_err(failed(port)));
    let specs: Vec<DeviceSpec> = specs.collect::<Result<_, _>>()?;
    let mut posts: Vec<Post> = pools.into_iter().map(Post::with_pool).collect();
    let has_dpdk = |post: &mut Post, port, spec: &DeviceSpec| {
        if matches!(spec, DeviceSpec::Dpdk(_)) {
            // DPDK sends its own packets without a copy.
            post.allocator = Box::new(options[0].dpdk.pool().map_err(failed(port))?);
        }
        Ok::<_, Error>(())
    };
    if let [post] = posts.as_mut_slice() {
        for (port, spec) in devices.iter().zip(&specs) {
            post.ports.push(rackless_ports::open(&port.name, spec, &options[0]).map_err(failed(port))?);
            has_dpdk(post, port, spec)?;
        }
        return Ok(posts);
    }
    let bells: Vec<Arc<Bell>> = wakers.into_iter().map(|waker| Arc::new(Bell::new(waker))).collect();
    let stop = Arc::new(Stop::new(&bells));
    let by_kernel = specs.iter().all(|spec| matches!(spec, DeviceSpec::AfPacket { .. }));
    for (index, (port, spec)) in devices.iter().zip(&specs).enumerate() {
        let queues = by_kernel.then(|| rackless_ports::open_queues(&port.name, spec, &options));
        let queues = queues.transpose().map_err(failed(port))?.flatten();
        let home = port.worker.unwrap_or(index % cores.len());
        let ports: Vec<Box<dyn Port>> = match queues {
            Some(queues) => queues.into_iter().map(|device| of_worker(device, &stop)).collect(),
            None => {
                let device = rackless_ports::open(&port.name, spec, &options[home]).map_err(failed(port))?;
                has_dpdk(&mut posts[home], port, spec)?;
                let system = |source| Error::System { what: "share a port between workers", source };
                hand_off::share(device, home, &bells, &stop).map_err(system)?
            }
        };
        posts.iter_mut().zip(ports).for_each(|(post, port)| post.ports.push(port));
    }
    for (worker, (post, bell)) in posts.iter_mut().zip(bells).enumerate() {
        post.member = Some(Member { worker, core: cores[worker], bell, stop: Arc::clone(&stop) });
    }
    Ok(posts)
}

impl Post {
    fn with_pool(pool: Pool) -> Self {
        Self { ports: Vec::new(), allocator: Box::new(pool), member: None }
    }
}

fn of_worker(device: Box<dyn Port>, stop: &Arc<Stop>) -> Box<dyn Port> {
    Box::new(Queue { device, stop: Arc::clone(stop) })
}

/// What ports are opened with, by worker: packets of its own, the rest in common.
fn options(config: &Config, pools: &[Pool]) -> Vec<Options> {
    let mut eal = EalConfig::from_env();
    eal.extra.extend(config.dpdk.eal.iter().cloned());
    let buffers = u32::try_from(config.pool.count.get()).unwrap_or(u32::MAX);
    let dpdk = Dpdk::new(eal, buffers);
    let (xdp, ring_frames) = (Xdp::default(), Options::RING_FRAMES);
    let of = |pool: &Pool| Options { pool: pool.clone(), dpdk: dpdk.clone(), xdp: xdp.clone(), ring_frames };
    pools.iter().map(of).collect()
}

fn failed(port: &PortConfig) -> impl FnOnce(rackless_ports::Error) -> Error {
    let name = port.name.clone();
    move |source| Error::Port { name, source }
}
