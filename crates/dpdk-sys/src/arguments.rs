//! EAL's command line: what we choose, and how it is overridden.

use crate::Error;

/// How EAL is to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EalConfig {
    /// Name under which DPDK's tools find this process (`--file-prefix`).
    pub file_prefix: String,
    /// Memory in MiB where there are no hugepages, and what must be free for hugepages to be used.
    pub memory_mb: u32,
    /// Whether to look for PCI devices at start; only devices seen then can be attached later.
    pub pci: bool,
    /// EAL options that are added to ours, and replace those of ours that they contradict.
    pub extra: Vec<String>,
}

impl Default for EalConfig {
    fn default() -> Self {
        let file_prefix = format!("rackless-{}", std::process::id());
        Self { file_prefix, memory_mb: 256, pci: false, extra: Vec::new() }
    }
}

/// Options that choose a way to get memory; EAL takes one.
const MEMORY_MODES: &[&str] = &["--no-huge", "--in-memory", "--huge-dir", "--huge-unlink", "--legacy-mem"];
/// Options that choose cores; EAL takes one.
const CORE_CHOICES: &[&str] = &["-l", "-c", "--lcores", "--main-lcore"];

impl EalConfig {
    /// The configuration for this process: the defaults, the lab's and the node's name as file prefix
    /// (`RACKLESS_LAB`, `RACKLESS_NODE`), and the options in `RACKLESS_EAL`, separated by spaces.
    pub fn from_env() -> Self {
        let mut config = Self::default();
        if let (Ok(lab), Ok(node)) = (std::env::var("RACKLESS_LAB"), std::env::var("RACKLESS_NODE")) {
            config.file_prefix = format!("{lab}-{node}-{}", std::process::id());
        }
        if let Ok(options) = std::env::var("RACKLESS_EAL") {
            config.extra = options.split_whitespace().map(str::to_owned).collect();
        }
        config
    }

    /// The command line, program name first.
    ///
    /// # Errors
    /// [`Error::Option`]
    pub(crate) fn arguments(&self, hugepages: bool, cpus: &[usize]) -> Result<Vec<String>, Error> {
        for option in &self.extra {
            refuse(option)?;
        }
        let mut arguments = vec!["rackless".to_owned()];
        if !self.has_any(CORE_CHOICES) {
            // One lcore on all CPUs of the process: EAL makes no threads, and its own are not pinned.
            let cpus: Vec<String> = cpus.iter().map(usize::to_string).collect();
            arguments.push(format!("--lcores=0@({})", cpus.join(",")));
        }
        let in_memory = hugepages && !self.has("-m");
        if !self.has_any(MEMORY_MODES) {
            arguments.push(if in_memory { "--in-memory" } else { "--no-huge" }.to_owned());
        }
        let no_huge = arguments.iter().chain(&self.extra).any(|argument| argument == "--no-huge");
        if no_huge {
            // No shared configuration: processes with one prefix do not collide, and leave no files.
            let ours = [("-m", format!("-m{}", self.memory_mb)), ("--no-shconf", "--no-shconf".to_owned())];
            arguments.extend(ours.into_iter().filter(|(name, _)| !self.has(name)).map(|(_, option)| option));
        }
        let pci = self.pci || self.has_any(&["-a", "--allow", "--no-pci"]);
        let ours = [
            (!pci, "--no-pci", "--no-pci".to_owned()),
            (true, "--file-prefix", format!("--file-prefix={}", self.file_prefix)),
            // Physical addresses only make demands on how memory lies; no device of a lab needs them.
            (!self.pci, "--iova-mode", "--iova-mode=va".to_owned()),
        ];
        let wanted = ours.into_iter().filter(|(wanted, name, _)| *wanted && !self.has(name));
        arguments.extend(wanted.map(|(_, _, option)| option));
        arguments.extend(self.extra.iter().cloned());
        Ok(arguments)
    }

    /// The file prefix, unless another one was given, which other processes may share.
    pub(crate) fn own_prefix(&self) -> Option<String> {
        (!self.has("--file-prefix")).then(|| self.file_prefix.clone())
    }

    /// Whether the extra options have this one, in any of its spellings.
    fn has(&self, name: &str) -> bool {
        self.extra.iter().any(|option| match name.strip_prefix("--") {
            Some(_) => option == name || option.strip_prefix(name).is_some_and(|rest| rest.starts_with('=')),
            None => option.starts_with(name),
        })
    }

    fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.has(name))
    }
}

/// Refuses what makes EAL print something and end the process.
fn refuse(option: &str) -> Result<(), Error> {
    let help = option == "help" || option.ends_with("=help") || option.starts_with("--he");
    let short = option.starts_with("-h") || option.starts_with("-vh");
    let reason = match option {
        _ if help || short => "it asks EAL for help and would end the program",
        _ if option.contains('\0') => "it has a NUL byte",
        _ => return Ok(()),
    };
    Err(Error::Option { option: option.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(extra: &[&str], hugepages: bool) -> String {
        let extra = extra.iter().map(|option| (*option).to_owned()).collect();
        let config = EalConfig { file_prefix: "p".into(), extra, ..EalConfig::default() };
        config.arguments(hugepages, &[0, 1]).unwrap().join(" ")
    }

    #[test]
    fn hugepages_decide_how_memory_is_had() {
        let common = "--no-pci --file-prefix=p --iova-mode=va";
        assert_eq!(line(&[], true), format!("rackless --lcores=0@(0,1) --in-memory {common}"));
        assert_eq!(
            line(&[], false),
            format!("rackless --lcores=0@(0,1) --no-huge -m256 --no-shconf {common}")
        );
    }

    #[test]
    fn given_options_replace_those_they_contradict() {
        let given = line(&["-l", "1", "--no-huge", "-m", "64", "--iova-mode=pa", "-a", "0000:00:04.0"], true);
        assert_eq!(
            given,
            "rackless --no-shconf --file-prefix=p -l 1 --no-huge -m 64 --iova-mode=pa -a 0000:00:04.0"
        );
        assert!(!line(&["--huge-dir=/mnt", "--file-prefix", "q"], true).contains("--in-memory"));
    }

    #[test]
    fn options_that_would_end_the_process_are_refused() {
        for option in ["-h", "--help", "--hel", "-vh", "--log-level=help"] {
            let config = EalConfig { extra: vec![option.to_owned()], ..EalConfig::default() };
            let error = config.arguments(false, &[0]).unwrap_err().to_string();
            assert!(error.contains(option), "{error}");
        }
    }
}
