//! Command lines of scripts.

use crate::Script;

const SCRIPT: &str = r#"
    function configure(parser)
        parser:name "test"
        parser:description "Does things."
        parser:argument("dev", "Devices."):args("+"):convert(tonumber)
        parser:option("-r --rate", "Rate in Mbit/s."):default(10000):convert(tonumber)
        parser:option("-n --name", "A name."):default("12"):convert(function(text) return "<" .. text .. ">" end)
        parser:option("-s --size"):args(2):convert(tonumber)
        parser:option("--mode"):choices { "cbr", "poisson" }
        parser:option("--words"):args("*"):combine()
        parser:flag("-v --verbose", "Say more."):count("*")
        parser:mutex(parser:flag("--a"), parser:flag("--b"))
    end
    local function show(value)
        if type(value) ~= "table" then return tostring(value) end
        local keys, parts = {}, {}
        for k in pairs(value) do keys[#keys + 1] = tostring(k) end
        table.sort(keys)
        for i, k in ipairs(keys) do parts[i] = k .. "=" .. show(value[tonumber(k) or k]) end
        return "{" .. table.concat(parts, " ") .. "}"
    end
    function master(args) print(show(args)) end
"#;

fn parsed(args: &[&str]) -> String {
    Script::new(SCRIPT).args(args).output()
}

fn refused(args: &[&str]) -> String {
    let (status, output) = Script::new(SCRIPT).args(args).run();
    assert_eq!(status.code(), 2, "{output}");
    let (usage, error) = output.split_once("\n\nError: ").expect("a usage and an error");
    assert!(usage.starts_with("Usage: test [-h] [-r <rate>]"), "{usage}");
    error.trim_end().to_owned()
}

#[test]
fn defaults_and_conversions() {
    assert_eq!(parsed(&["0"]), "{dev={1=0} name=<12> rate=10000}\n");
    assert_eq!(parsed(&["3", "4", "-r", "5", "--name=x"]), "{dev={1=3 2=4} name=<x> rate=5}\n");
}

#[test]
fn forms_of_options() {
    let all = parsed(&["1", "-r7", "-s", "1", "-2", "-vv", "--mode", "poisson", "--a"]);
    assert_eq!(all, "{a=true dev={1=1} mode=poisson name=<12> rate=7 size={1=1 2=-2} verbose=2}\n");
    assert_eq!(parsed(&["--words", "a", "b", "--", "1"]), "{dev={1=1} name=<12> rate=10000 words=a b}\n");
}

#[test]
fn errors_say_what_is_wrong_after_the_usage() {
    assert_eq!(refused(&[]), "missing argument 'dev'");
    assert_eq!(refused(&["x"]), "malformed argument 'x'");
    assert_eq!(refused(&["0", "--rat", "5"]), "unknown option '--rat'");
    assert_eq!(refused(&["0", "-z"]), "unknown option '-z'");
    assert_eq!(refused(&["0", "-r"]), "option '-r' requires an argument");
    assert_eq!(refused(&["0", "-s", "1"]), "option '-s' requires at least 2 arguments");
    assert_eq!(refused(&["0", "-r", "1", "-r", "2"]), "option '-r' must be used at most once");
    assert_eq!(refused(&["0", "--verbose=3"]), "option '--verbose' does not take arguments");
    assert_eq!(
        refused(&["0", "--mode", "fast"]),
        "argument for option '--mode' must be one of 'cbr', 'poisson'"
    );
    assert_eq!(refused(&["0", "--a", "--b"]), "option '--b' can not be used together with option '--a'");
}

#[test]
fn help_is_printed_and_nothing_runs() {
    let (status, output) = Script::new(SCRIPT).args(&["--help"]).run();
    assert!(status.is_success());
    assert_eq!(
        output,
        "Usage: test [-h] [-r <rate>] [-n <name>] [-s <size> <size>]
       [--mode <mode>] [--words [<words>] ...] [-v] [--a] [--b]
       <dev> ...

Does things.

Arguments:
   dev                   Devices.

Options:
   -h, --help            Show this help message and exit.
   -r <rate>, --rate <rate>
                         Rate in Mbit/s. (default: 10000)
   -n <name>, --name <name>
                         A name. (default: 12)
   -s <size> <size>, --size <size> <size>
   --mode <mode>
   --words [<words>] ...
   -v, --verbose         Say more.
   --a
   --b
"
    );
}

#[test]
fn commands_have_options_of_their_own() {
    let script = r#"
        function configure(parser)
            parser:name "tool"
            parser:flag "-q"
            local start = parser:command("start", "Starts.")
            start:argument "what"
            start:option "-n":default "1"
            parser:command "list"
        end
        function master(args) print(args.start, args.what, args.n, args.q, args.list) end"#;
    assert_eq!(
        Script::new(script).args(&["start", "it", "-n", "5", "-q"]).output(),
        "true\tit\t5\ttrue\tnil\n"
    );
    assert_eq!(Script::new(script).args(&["list"]).output(), "nil\tnil\tnil\tnil\ttrue\n");
    for (args, error) in [(&[][..], "a command is required"), (&["stop"][..], "unknown command 'stop'")] {
        let (status, output) = Script::new(script).args(args).run();
        assert_eq!(status.code(), 2);
        assert!(output.ends_with(&format!("Error: {error}\n")), "{output}");
    }
}

#[test]
fn a_script_may_return_what_it_parsed_and_gets_the_words_too() {
    let script = "function configure(parser, ...)
            parser:argument('n'):convert(tonumber)
            return parser:parse().n * 2, 'extra'
        end
        function master(...) print(...) end";
    assert_eq!(Script::new(script).args(&["21"]).output(), "42\textra\t21\n");
}

#[test]
fn the_name_in_the_usage_is_that_of_the_script() {
    let script = Script::new("function configure(parser) parser:argument('x') end function master() end");
    let (_, output) = script.run();
    assert!(output.starts_with("Usage: libmoon /") && output.contains("test.lua [-h] <x>"), "{output}");
}
