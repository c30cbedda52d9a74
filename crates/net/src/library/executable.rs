//! Where the program `rackless` is.

use std::env;
use std::path::{Path, PathBuf};

use crate::error::Error;

const VARIABLE: &str = "RACKLESS_PROGRAM";
const NAME: &str = "rackless";

/// Finds the program that makes labs.
pub(super) fn find() -> Result<PathBuf, Error> {
    if let Some(named) = env::var_os(VARIABLE).map(PathBuf::from) {
        return if named.is_file() { Ok(named) } else { Err(Error::NoExecutable { searched: vec![named] }) };
    }
    let own = env::current_exe().ok();
    let searched = candidates(own.as_deref(), &env::var_os("PATH").unwrap_or_default());
    searched.iter().find(|path| path.is_file()).cloned().ok_or(Error::NoExecutable { searched })
}

/// Lists where the program may be: beside `own` or in the folder above, where cargo has it for tests and examples, or
/// in `path`.
fn candidates(own: Option<&Path>, path: &std::ffi::OsStr) -> Vec<PathBuf> {
    let near = own.into_iter().flat_map(|own| own.ancestors().skip(1).take(2).map(Path::to_owned));
    near.chain(env::split_paths(path)).map(|folder| folder.join(NAME)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_of_the_same_build_is_taken_before_one_that_is_installed() {
        let found = candidates(Some(Path::new("/t/debug/deps/test-1")), "/usr/bin:/bin".as_ref());
        let expected = ["/t/debug/deps", "/t/debug", "/usr/bin", "/bin"];
        assert_eq!(found, expected.map(|folder| Path::new(folder).join("rackless")));
    }
}
