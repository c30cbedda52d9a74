//! What configuration files say, and what is wrong with them.

use super::*;

fn parse(text: &str) -> Result<File, Error> {
    File::parse(Path::new("nf.toml"), text.to_owned())
}

#[test]
fn the_runtime_takes_its_keys_and_leaves_the_function_the_rest() {
    let file =
        parse("core = 1\nidle = 'spin'\n[[ports]]\nname='a'\ndevice='null:'\n[[route]]\nvia=[]\n").unwrap();
    assert_eq!(file.config.core, Some(1));
    assert_eq!(file.config.idle, Idle::Spin);
    assert_eq!(file.config.ports.len(), 1);
    assert_eq!(file.rest.keys().collect::<Vec<_>>(), ["route"]);
}

#[test]
fn the_list_of_keys_is_that_of_the_struct() {
    let config = Config {
        nf: Some(String::new()),
        name: Some(String::new()),
        driver: Some(Driver::Dpdk),
        core: Some(0),
        workers: Some(1),
        cores: Some(vec![]),
        control: Some(PathBuf::new()),
        metrics: Some(([0, 0, 0, 0], 0).into()),
        crash: Some(PathBuf::new()),
        ports: vec![],
        ..Config::default()
    };
    let table = toml::Table::try_from(config).unwrap();
    let mut keys: Vec<&str> = table.keys().map(String::as_str).collect();
    let mut known = File::KEYS;
    keys.sort_unstable();
    known.sort_unstable();
    assert_eq!(keys, known);
}

#[test]
fn workers_are_counted_or_named_by_their_cores() {
    let cores = |text: &str| parse(text).unwrap().config.cores_of_workers();
    assert_eq!(cores("").unwrap(), [None]);
    assert_eq!(cores("core = 3").unwrap(), [Some(3)]);
    assert_eq!(cores("workers = 2").unwrap(), [None, None]);
    assert_eq!(cores("cores = [1, 3]").unwrap(), [Some(1), Some(3)]);
    assert_eq!(cores("cores = [2]\nworkers = 1").unwrap(), [Some(2)]);
    for (wrong, says) in [
        ("workers = 0", "1 to 64"),
        ("workers = 65", "1 to 64"),
        ("workers = 99999999999", "1 to 64"),
        ("cores = []", "1 to 64"),
        ("workers = 3\ncores = [1, 2]", "3 workers and 2 cores"),
        ("core = 1\ncores = [1]", "'core' is for one worker"),
        ("core = 1\nworkers = 2", "'core' is for one worker"),
    ] {
        let error = cores(wrong).unwrap_err().to_string();
        assert!(error.contains(says), "{wrong}: {error}");
    }
}

#[test]
fn what_cannot_change_is_found() {
    let config = |text: &str| parse(text).unwrap().config;
    let one = config("nf = 'nat'\nname = 'x'\n[pool]\ncount = 10\n");
    assert_eq!(one.first_difference(&config("name = 'x'\nroute = []\n[pool]\ncount = 10\n")), None);
    for (text, key) in [("name = 'y'\n[pool]\ncount = 10", "name"), ("name = 'x'", "pool")] {
        assert_eq!(one.first_difference(&config(text)).as_deref(), Some(key));
    }
}

#[test]
fn a_pool_without_buffers_is_refused() {
    let chain = |error: Error| crate::chain(&error);
    let error = chain(parse("[pool]\ncount = 0\n").unwrap_err());
    assert!(error.contains("nonzero") && error.contains("line 2"), "{error}");
}

#[test]
fn mistakes_are_named_with_their_place() {
    let error = |text: &str| crate::error::chain(&parse(text).unwrap_err());
    assert!(error("core = 'one'").contains("line 1"), "{}", error("core = 'one'"));
    let unknown = error("[[ports]]\nname = 'a'\ndevise = 'x'");
    assert!(unknown.contains("line 3") && unknown.contains("`name`, `device`, `worker`"), "{unknown}");
    let file = parse("\ncoer = 1").unwrap();
    let unknown = file.unknown_key().unwrap().to_string();
    assert!(unknown.starts_with("nf.toml:2: unknown key 'coer'"), "{unknown}");
}

#[test]
fn a_graphs_text_is_no_toml_and_is_not_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nf.click");
    std::fs::write(&path, "rx:a -> tx:b;").unwrap();
    let file = File::read(&path).unwrap();
    assert_eq!(file.text, "rx:a -> tx:b;");
    let unread = file.unknown_key().unwrap().to_string();
    assert!(unread.ends_with("nf.click is a graph's text, which this program does not read"), "{unread}");
}
