//! Compiles the shim into a shared object, if libdpdk is installed; the crate embeds it and opens it at run time.
//!
//! Never fails: without DPDK, or with one that the shim does not fit, the crate is built all the same and says at
//! run time why it cannot open DPDK ports.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "src/layout.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the crate, where it is public")]
mod layout;

const SHIM: &str = "csrc/shim.c";

fn main() {
    for path in ["build.rs", SHIM, "src/layout.rs"] {
        println!("cargo::rerun-if-changed={path}");
    }
    for variable in ["CC", "PKG_CONFIG", "PKG_CONFIG_PATH", "PKG_CONFIG_LIBDIR"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("shim.so");
    let (version, missing) = match build(&out) {
        Ok(version) => (version, String::new()),
        Err(reason) => {
            // `include_bytes!` needs a file.
            std::fs::write(&out, []).expect("OUT_DIR is writable");
            (String::new(), reason)
        }
    };
    println!("cargo::rustc-env=RACKLESS_DPDK_VERSION={version}");
    println!("cargo::rustc-env=RACKLESS_DPDK_MISSING={missing}");
}

/// Compiles the shim and returns the version of DPDK that it fits, or one line that says why there is none.
fn build(out: &Path) -> Result<String, String> {
    if env::var("TARGET") != env::var("HOST") || env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return Err("built for another platform than the one it was built on".into());
    }
    let version = match pkg_config(&["--modversion"]) {
        Ok(version) => version.join(" "),
        Err(reason) => {
            watch_for_an_installation();
            return Err(reason);
        }
    };
    for dir in pkg_config(&["--variable=pcfiledir"])? {
        println!("cargo::rerun-if-changed={dir}/libdpdk.pc");
    }
    compile(out).map_err(|reason| {
        println!("cargo::warning=DPDK ports are left out: {reason}");
        format!("the shim does not compile against libdpdk {version}: {reason}")
    })?;
    Ok(version)
}

fn compile(out: &Path) -> Result<(), String> {
    let mut cc = Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()));
    // The flags of pkg-config name `-march` and the header with DPDK's build options: both decide layouts.
    cc.args([
        "-shared",
        "-fPIC",
        "-O2",
        "-g",
        "-std=gnu11",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-fvisibility=hidden",
    ]);
    cc.args(pkg_config(&["--cflags"])?).arg("-Wno-error=deprecated-declarations");
    cc.arg(format!("-DMBUF_SIZE={}", layout::MBUF_SIZE));
    let fields = layout::MBUF_FIELDS.iter().map(|(name, offset)| format!("FIELD({name},{offset})"));
    cc.arg(format!("-DMBUF_FIELDS={}", fields.collect::<Vec<_>>().join(" ")));
    cc.arg(SHIM).arg("-o").arg(out);
    // Core libraries only: EAL opens its drivers itself, and a driver linked here would shift the indices of
    // mempool operations that pdump shares with us.
    cc.args(pkg_config(&["--libs-only-L"])?).arg("-Wl,--as-needed");
    cc.args(
        ["ethdev", "mbuf", "mempool", "ring", "eal", "kvargs", "telemetry"].map(|l| format!("-lrte_{l}")),
    );
    let result = cc.output().map_err(|error| format!("cannot run {:?}: {error}", cc.get_program()))?;
    if result.status.success() {
        return Ok(());
    }
    let messages = String::from_utf8_lossy(&result.stderr);
    Err(messages.lines().find(|line| line.contains("error")).unwrap_or("the compiler failed").to_owned())
}

/// The words that `pkg-config … libdpdk` prints.
fn pkg_config(arguments: &[&str]) -> Result<Vec<String>, String> {
    let program = env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    match Command::new(program).args(arguments).arg("libdpdk").output() {
        Err(_) => Err("pkg-config was not there at build time".into()),
        Ok(output) if !output.status.success() => Err("libdpdk was not there at build time".into()),
        Ok(output) => {
            Ok(String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_owned).collect())
        }
    }
}

/// Names files that change when somebody installs libdpdk. (The missing file itself would make this script run at
/// every build, and all crates above be compiled again.)
fn watch_for_an_installation() {
    let prefixes =
        ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/local/lib"];
    let candidates = prefixes.map(|prefix| format!("{prefix}/pkgconfig"));
    let candidates = candidates.iter().map(String::as_str).chain(["/var/lib/dpkg/status"]);
    for path in candidates.filter(|path| Path::new(path).exists()) {
        println!("cargo::rerun-if-changed={path}");
    }
}
