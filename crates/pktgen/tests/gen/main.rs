//! Scripts over ports in memory: what a user of MoonGen sees.

mod argparse;
mod dump;
mod headers;
#[path = "../../../dpdk-sys/tests/isolated/mod.rs"]
mod isolated;
mod runs;
mod traffic;
mod veth;

use std::path::PathBuf;

use rackless_nf::pool::Pool;
use rackless_nf::{MemoryPort, Port};
use rackless_packet::MacAddr;
use rackless_pktgen::{ExitStatus, GenOptions, Output, run};

/// A script with everything around it.
struct Script {
    folder: tempfile::TempDir,
    options: GenOptions,
}

impl Script {
    /// A script with this text, without colours.
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("test.lua");
        std::fs::write(&path, text).expect("a script");
        let output = Output::File(folder.path().join("output"));
        let options = GenOptions::new(path).color(false).output(output);
        Self { folder, options }
    }

    /// A script of the examples.
    fn example(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/gen").join(name);
        Self::new(
            &std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
        )
    }

    /// A script whose master does this.
    fn master(body: &str) -> Self {
        Self::new(&format!("function master(...)\n{body}\nend"))
    }

    fn args(mut self, args: &[&str]) -> Self {
        self.options = self.options.args(args.iter().copied());
        self
    }

    fn color(mut self) -> Self {
        self.options = self.options.color(true);
        self
    }

    fn port(self, port: &MemoryPort) -> Self {
        self.boxed(Box::new(port.clone()))
    }

    /// A port that is opened by its device string.
    fn device(self, name: &str, device: &str) -> Self {
        let device = device.parse().expect("a device string");
        self.boxed(rackless_ports::open(name, &device, &rackless_ports::Options::default()).expect("a port"))
    }

    fn boxed(mut self, port: Box<dyn Port>) -> Self {
        self.options = self.options.ports([port]);
        self
    }

    /// The status and what was printed.
    fn run(self) -> (ExitStatus, String) {
        let output = self.folder.path().join("output");
        let status = run(self.options).expect("the script is there");
        (status, std::fs::read_to_string(output).unwrap_or_default())
    }

    /// What was printed by a run that must succeed.
    fn output(self) -> String {
        let (status, output) = self.run();
        assert!(status.is_success(), "{status:?}\n{output}");
        output
    }
}

/// A port in memory with buffers for more frames than any test sends at once.
fn port(last: u8) -> MemoryPort {
    MemoryPort::new(&format!("eth{last}"), MacAddr([2, 0, 0, 0, 0, last]), Pool::new(8192, Pool::ROOM))
}
