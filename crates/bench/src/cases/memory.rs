//! Memory in use: by the kernel for itself, and by all processes in the room but this one.

use std::fs;

use crate::error::Error;

/// The lines of `/proc/meminfo` that are the kernel's own.
const KERNEL: [&str; 5] = ["Slab:", "KernelStack:", "PageTables:", "VmallocUsed:", "Percpu:"];

/// Gives what the kernel uses for itself, in KiB.
pub(super) fn kernel_kib() -> Result<f64, Error> {
    let text = fs::read_to_string("/proc/meminfo").map_err(Error::system("read /proc/meminfo"))?;
    Ok(sum(&text, &KERNEL))
}

/// Gives the proportional set sizes of all processes in the room but this one, in KiB.
pub(super) fn processes_kib() -> Result<f64, Error> {
    let own = std::process::id().to_string();
    let processes = fs::read_dir("/proc").map_err(Error::system("look through /proc"))?.flatten();
    let others = processes.filter(|process| process.file_name() != *own);
    // Processes come and go while they are listed.
    let texts = others.filter_map(|process| fs::read_to_string(process.path().join("smaps_rollup")).ok());
    Ok(texts.map(|text| sum(&text, &["Pss:"])).sum())
}

/// Adds up the lines `name: number kB`.
fn sum(text: &str, names: &[&str]) -> f64 {
    let number = |line: &str| {
        let mut words = line.split_whitespace();
        names.contains(&words.next()?).then(|| words.next()?.parse::<f64>().ok()).flatten()
    };
    text.lines().filter_map(number).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_by_their_whole_name() {
        let text = "Slab:  100 kB\nSReclaimable: 60 kB\nPercpu: 7 kB\nPss_Anon: 5 kB\nPss: 9 kB\n";
        assert_eq!(sum(text, &KERNEL), 107.0);
        assert_eq!(sum(text, &["Pss:"]), 9.0);
    }
}
