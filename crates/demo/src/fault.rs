//! Faults that the demo plants in its own lab, one for each step to notice.

use std::process::{Child, Command, Stdio};

use clap::ValueEnum;

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fault {
    /// The lab's file is broken: it does not come up.
    BrokenLab,
    /// Nobody knows the way back to the generator's addresses.
    NoAnswer,
    /// The western server is not there.
    DeadServer,
    /// The western router prefers the far server.
    WrongRoute,
    /// The western router knows no way to the far server.
    NoBackup,
    /// A host leaves checksums to hardware that is not there.
    ChecksumOffload,
    /// A network function dies.
    DeadRouter,
    /// The western router prefers the far server, on DPDK alone.
    WrongRouteOnDpdk,
    /// A process keeps a network namespace when all is over.
    LeakedNamespace,
}

impl Fault {
    /// Whether the fault is planted in the round with this driver.
    pub(crate) fn strikes(self, driver: &str) -> bool {
        match self {
            Self::LeakedNamespace => false,
            Self::WrongRouteOnDpdk => driver == "dpdk",
            _ => true,
        }
    }

    /// Plants the fault in a file of the lab.
    pub(crate) fn edit(self, file: &str, text: &str) -> String {
        const NEAR_FIRST: &str = r#"via = ["fd00:0:1:a::1", "fd00:0:1:f::1"]"#;
        match (self, file) {
            (Self::BrokenLab, "anycast.toml") => text.replace(r#"kind = "router""#, r#"kind = "ruter""#),
            (Self::NoAnswer, "anycast.toml") => text.replace(r#", "2001:db8:9::fe/64""#, ""),
            (Self::DeadServer, "anycast.toml") => {
                let server =
                    "run = \"rackless serve tcp --port 80 --say west\"\nready = { tcp = \"[::]:80\" }\n";
                text.replacen(server, "", 1)
            }
            (Self::WrongRoute | Self::WrongRouteOnDpdk, "og_west.toml") => {
                text.replace(NEAR_FIRST, r#"via = ["fd00:0:1:f::1", "fd00:0:1:a::1"]"#)
            }
            (Self::NoBackup, "og_west.toml") => text.replace(NEAR_FIRST, r#"via = ["fd00:0:1:a::1"]"#),
            (Self::ChecksumOffload, "anycast.toml") => text.replacen(
                "ends = [\"cli_west\", \"og_west:cli\"]",
                "ends = [\"cli_west\", \"og_west:cli\"]\noffload = true",
                1,
            ),
            _ => text.to_owned(),
        }
    }
}

/// A process in a network namespace of its own that ends when this is dropped.
pub(crate) struct Leak(Child);

/// Leaves a network namespace behind.
pub(crate) fn leak_namespace() -> std::io::Result<Leak> {
    let mut child = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net", "cat"])
        .envs([crate::footprint::mark()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    // An echo from the other side says that the namespace is there.
    use std::io::{Read, Write};
    if let (Some(stdin), Some(stdout)) = (&mut child.stdin, &mut child.stdout) {
        stdin.write_all(b"x")?;
        stdout.read_exact(&mut [0])?;
    }
    Ok(Leak(child))
}

impl Drop for Leak {
    fn drop(&mut self) {
        // It may have ended already; there is nothing else to do about it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
