//! `rackless new`: a cargo package with a network function, its tests, and a lab that runs it.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use crate::failure::Failure;
use crate::output;

/// Make a cargo package with a network function, its tests, and a lab with checks
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  rackless new my-nf
  cd my-nf && cargo test && rackless test lab.toml
  rackless up --watch lab.toml

The package takes Rackless from the checkout that this program was built from, with the versions of its Cargo.lock: what
that has built, it builds offline.")]
pub(crate) struct Args {
    /// The folder of the package, which must not be there, or be empty
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// The name of the package and its program [default: the folder's]
    #[arg(long)]
    name: Option<String>,
    /// The checkout of Rackless that the package depends on [default: the one that this program was built from]
    #[arg(long, value_name = "FOLDER")]
    rackless: Option<PathBuf>,
}

/// The files of a package; `@NAME@` in paths and texts stands for its name, `@RACKLESS@` for the crate's folder.
const FILES: [(&str, &str); 6] = [
    ("Cargo.toml", include_str!("../../template/Cargo.toml.in")),
    ("src/main.rs", include_str!("../../template/main.rs.in")),
    ("@NAME@.toml", include_str!("../../template/config.toml.in")),
    ("lab.toml", include_str!("../../template/lab.toml.in")),
    ("README.md", include_str!("../../template/README.md.in")),
    (".gitignore", include_str!("../../template/gitignore.in")),
];

/// Where this program's source was when it was built.
const BUILT_FROM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The longest name: a lab has it, too.
const NAME_BYTES: usize = 64;

/// Names that cargo gives to folders beside a package's executable, and those of crates that every program has or this
/// one depends on.
const TAKEN: [&str; 13] = [
    "alloc",
    "build",
    "core",
    "deps",
    "examples",
    "incremental",
    "proc-macro",
    "proc_macro",
    "proptest",
    "rackless",
    "serde",
    "std",
    "test",
];

/// The words of Rust that are no names (Rust Reference, Keywords).
const KEYWORDS: [&str; 53] = [
    "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do",
    "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
    "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static",
    "struct", "super", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual",
    "where", "while", "yield", "_",
];

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    let name = match args.name {
        Some(name) => name,
        None => name_of(&args.folder)?,
    };
    check_name(&name)?;
    let checkout = checkout(args.rackless.as_deref())?;
    write(&args.folder, &name, &checkout)?;
    output::line(&args.folder.display().to_string())?;
    eprintln!(
        "made the package {name}; in its folder:\n  cargo test\n  rackless test lab.toml\n  rackless up --watch lab.toml"
    );
    Ok(ExitCode::SUCCESS)
}

fn name_of(folder: &Path) -> Result<String, Failure> {
    let last = match folder.components().next_back() {
        Some(Component::Normal(name)) => name.to_str().map(str::to_owned),
        _ => None,
    };
    last.ok_or_else(|| {
        Failure::cannot(format!("{} gives the package no name", folder.display())).hint("name it by --name")
    })
}

/// Checks a name by cargo's rules, of ASCII letters only.
fn check_name(name: &str) -> Result<(), Failure> {
    let refused = |why: &str| Err(Failure::cannot(format!("'{name}' cannot name a package: {why}")));
    let of_names = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if let Some(odd) = name.chars().find(|c| !of_names(*c)) {
        return refused(&format!("'{}' is in it; letters, digits, '-' and '_' may be", odd.escape_default()));
    }
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return refused("it begins with neither a letter nor '_'");
    }
    if name.len() > NAME_BYTES {
        return refused("it has more than 64 characters");
    }
    if KEYWORDS.contains(&name) {
        return refused("it is a keyword of Rust");
    }
    if TAKEN.contains(&name) {
        return refused("cargo, or a crate that the package depends on, has that name");
    }
    Ok(())
}

/// Finds the checkout of Rackless that the package is to depend on.
fn checkout(asked: Option<&Path>) -> Result<PathBuf, Failure> {
    let folder = asked.unwrap_or(Path::new(BUILT_FROM));
    let found = fs::canonicalize(folder).ok().filter(|folder| is_checkout(folder, asked.is_some()));
    found.ok_or_else(|| {
        let hint = "name a checkout of Rackless by --rackless; its crates are in no registry yet";
        let folder = folder.display();
        match asked {
            Some(_) => Failure::cannot(format!("{folder} is no checkout of Rackless")),
            None => Failure::cannot(format!(
                "the checkout of Rackless that this program was built from is not there any more: {folder}, version {}",
                env!("CARGO_PKG_VERSION")
            )),
        }
        .hint(hint)
    })
}

/// Whether a folder is a checkout of Rackless; where nobody `asked` for it, of this program's version.
fn is_checkout(folder: &Path, asked: bool) -> bool {
    let version = || -> Option<String> {
        let text = fs::read_to_string(folder.join("Cargo.toml")).ok()?;
        let table: toml::Table = text.parse().ok()?;
        Some(table.get("workspace")?.get("package")?.get("version")?.as_str()?.to_owned())
    };
    let crates = ["crates/rackless/Cargo.toml", "Cargo.lock"];
    crates.iter().all(|path| folder.join(path).is_file())
        && version().is_some_and(|version| asked || version == env!("CARGO_PKG_VERSION"))
}

/// Writes the package beside its place, and moves it there when it is whole.
fn write(folder: &Path, name: &str, checkout: &Path) -> Result<(), Failure> {
    let shown = folder.display();
    let is_free = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    if !is_free {
        return Err(Failure::cannot(format!("{shown} is there already; nothing is written over")));
    }
    let last = folder.file_name().unwrap_or(name.as_ref()).to_string_lossy();
    let draft = folder.with_file_name(format!(".{last}.{}", std::process::id()));
    let written = fill(&draft, name, checkout).and_then(|()| fs::rename(&draft, folder));
    written.map_err(|error| {
        let _ = fs::remove_dir_all(&draft); // the first error is the one that counts
        Failure::cannot(format!("cannot make {shown}: {error}"))
    })
}

fn fill(folder: &Path, name: &str, checkout: &Path) -> io::Result<()> {
    let library = checkout.join("crates/rackless").display().to_string();
    // As TOML has it within quotes.
    let library = library.replace('\\', "\\\\").replace('"', "\\\"");
    fs::create_dir_all(folder.join("src"))?;
    for (path, text) in FILES {
        let text = text.replace("@NAME@", name).replace("@RACKLESS@", &library);
        fs::write(folder.join(path.replace("@NAME@", name)), text)?;
    }
    // Versions that are there already; cargo takes out what the package does not need.
    let versions = fs::read(checkout.join("Cargo.lock"))?;
    fs::write(folder.join("Cargo.lock"), versions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_cargo_takes() {
        for good in ["my-nf", "_x", "a", "Filter2", "nf_1", "tests"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        let long = "a".repeat(65);
        for bad in
            ["", "1st", "-x", "my nf", "my/nf", "näme", "fn", "test", "deps", "rackless", "a\nb", &long]
        {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_folder_gives_its_name_or_none() {
        assert_eq!(name_of(Path::new("some/my-nf/")).unwrap(), "my-nf");
        for nameless in ["..", "/", "."] {
            assert!(name_of(Path::new(nameless)).is_err(), "{nameless}");
        }
    }
}
