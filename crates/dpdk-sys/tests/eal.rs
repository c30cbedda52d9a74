//! EAL and devices that need nothing but memory, each test in a process of its own.
#![allow(unsafe_code, reason = "buffers are given back by hand")]
#![allow(clippy::unwrap_used, reason = "a failed test says where")]

mod isolated;

use std::ptr::NonNull;

use isolated::{isolated, isolated_unprivileged};
use rackless_dpdk_sys::{Bus, DeviceConfig, Eal, EalConfig, Error, RteMbuf, free_burst};

fn eal() -> Eal {
    Eal::init(&EalConfig::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn forward(eal: &Eal) {
    let pool = eal.pool("test", 2048, 2048 + 128).unwrap();
    let mut device = eal.attach(Bus::Vdev, "net_null0", "size=64").unwrap();
    device.start(&DeviceConfig::default(), &pool).unwrap();
    let mut burst = [None; 32];
    for _ in 0..100 {
        let received = device.rx_burst(0, &mut burst);
        let mut mbufs: Vec<NonNull<RteMbuf>> = burst[..received].iter().flatten().copied().collect();
        assert_eq!(mbufs.len(), 32);
        // SAFETY: just received, and not used afterwards.
        assert_eq!(unsafe { device.tx_burst(0, &mut mbufs) }, 32);
    }
    let stats = device.stats();
    assert_eq!((stats.rx_packets, stats.tx_packets), (3200, 3200));
    let info = device.info().unwrap();
    assert!(info.driver.contains("null") && info.mtu == 1500, "{info:?}");
    drop(device);
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn frames_of_net_null_go_round_and_all_buffers_come_back() {
    isolated("frames_of_net_null_go_round_and_all_buffers_come_back", || forward(&eal()));
}

#[test]
fn an_ordinary_user_needs_no_rights_for_net_null() {
    isolated_unprivileged("an_ordinary_user_needs_no_rights_for_net_null", || forward(&eal()));
}

#[test]
fn eal_is_initialised_once_per_process_even_after_it_has_gone() {
    isolated("eal_is_initialised_once_per_process_even_after_it_has_gone", || {
        let first = eal();
        assert!(matches!(Eal::init(&EalConfig::default()), Err(Error::AlreadyInitialised)));
        drop(first);
        assert!(matches!(Eal::init(&EalConfig::default()), Err(Error::AlreadyInitialised)));
    });
}

#[test]
fn the_caller_of_init_keeps_its_cpus_and_its_standard_output() {
    isolated("the_caller_of_init_keeps_its_cpus_and_its_standard_output", || {
        let cpus = || std::thread::available_parallelism().unwrap();
        let before = cpus();
        let _eal = eal();
        assert_eq!(cpus(), before);
        assert_eq!(std::thread::spawn(cpus).join().unwrap(), before);
    });
}

#[test]
fn a_bad_option_is_an_error_that_says_what_eal_said() {
    isolated("a_bad_option_is_an_error_that_says_what_eal_said", || {
        let config = EalConfig { extra: vec!["--no-such-option".into()], ..EalConfig::default() };
        let error = Eal::init(&config).unwrap_err().to_string();
        assert!(error.contains("--no-such-option") && error.contains("EAL"), "{error}");
        assert!(!error.contains('\n'), "{error}");
    });
}

#[test]
fn an_unknown_driver_is_an_error_and_the_next_device_works() {
    isolated("an_unknown_driver_is_an_error_and_the_next_device_works", || {
        let eal = eal();
        let error = eal.attach(Bus::Vdev, "net_nonsense0", "").unwrap_err().to_string();
        assert!(error.starts_with("cannot attach DPDK device net_nonsense0: "), "{error}");
        forward(&eal);
        forward(&eal);
    });
}

#[test]
fn a_device_has_one_owner() {
    isolated("a_device_has_one_owner", || {
        let eal = eal();
        let _first = eal.attach(Bus::Vdev, "net_null0", "").unwrap();
        let error = eal.attach(Bus::Vdev, "net_null0", "").unwrap_err().to_string();
        assert!(error.contains("it is in use already"), "{error}");
    });
}

#[test]
fn a_pool_that_is_too_large_is_an_error() {
    isolated("a_pool_that_is_too_large_is_an_error", || {
        let error = eal().pool("huge", 4_000_000, 2048).unwrap_err().to_string();
        assert!(error.starts_with("cannot make mempool huge_0 of 4000000 buffers: "), "{error}");
    });
}

#[test]
fn buffers_outlive_their_device_their_pool_and_eal() {
    isolated("buffers_outlive_their_device_their_pool_and_eal", || {
        let eal = eal();
        let pool = eal.pool("test", 256, 2048).unwrap();
        let mut buffers = [None; 64];
        assert!(pool.alloc_burst(&mut buffers));
        assert_eq!(pool.in_use(), 64);
        drop((pool, eal));
        let buffers: Vec<NonNull<RteMbuf>> = buffers.into_iter().flatten().collect();
        // SAFETY: allocated above, and not used afterwards.
        unsafe { free_burst(&buffers) };
    });
}

#[test]
fn an_empty_pool_gives_none() {
    isolated("an_empty_pool_gives_none", || {
        let pool = eal().pool("small", 63, 2048).unwrap();
        let taken: Vec<_> = std::iter::from_fn(|| pool.alloc()).collect();
        assert_eq!((taken.len(), pool.in_use()), (63, 63));
        // SAFETY: allocated above, and not used afterwards.
        unsafe { free_burst(&taken) };
        assert_eq!(pool.in_use(), 0);
    });
}

#[test]
fn threads_come_and_go_while_buffers_pass_between_them() {
    isolated("threads_come_and_go_while_buffers_pass_between_them", || {
        let eal = eal();
        let pool = eal.pool("test", 1024, 2048).unwrap();
        for _ in 0..300 {
            let pool = pool.clone();
            let taken = pool.alloc().map(|mbuf| mbuf.as_ptr() as usize).unwrap();
            let back = move || {
                let other = pool.alloc().unwrap();
                let mbuf = NonNull::new(taken as *mut RteMbuf).unwrap();
                // SAFETY: one comes from the other thread, which forgot it, one from this.
                unsafe { free_burst(&[mbuf, other]) };
            };
            std::thread::spawn(back).join().unwrap();
        }
        assert_eq!(pool.in_use(), 0);
    });
}

#[test]
fn nothing_is_left_in_the_runtime_folder() {
    isolated("nothing_is_left_in_the_runtime_folder", || {
        let eal = eal();
        let dir = std::path::PathBuf::from(eal.runtime_dir());
        assert!(dir.join("dpdk_telemetry.v2").exists(), "{}", dir.display());
        drop(eal);
        assert!(!dir.exists(), "{}", dir.display());
    });
}
