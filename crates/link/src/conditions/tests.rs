use super::*;
use crate::units::{Probability, Size};

fn read(text: &str) -> Conditions {
    toml::from_str(text).unwrap()
}

fn refusal(text: &str) -> String {
    toml::from_str::<Conditions>(text).unwrap_err().message().to_owned()
}

fn percent(percent: f64) -> Probability {
    Probability::from_ratio(percent / 100.0).unwrap()
}

#[test]
fn every_key_is_read_in_its_short_form() {
    let conditions = read(
        r#"
        rate = "10 Mbit/s"
        layer = "L1"
        limit = "100 frames"
        queue = "codel"
        delay = "10 ms"
        jitter = "2 ms"
        loss = "0.1 %"
        duplicate = "1 %"
        reorder = "2 %"
        corrupt = "3 %"
        mtu = 1400
        "#,
    );
    let expected = Conditions {
        rate: Some(Rate::from_bits_per_second(10_000_000)),
        layer: Layer::L1,
        trace: None,
        limit: Some(Limit::Frames(100)),
        queue: Queue::CoDel(CoDel::default()),
        delay: "10 ms".parse().unwrap(),
        jitter: Some(Jitter::from("2 ms".parse::<Duration>().unwrap())),
        loss: Some(percent(0.1).into()),
        duplicate: Some(percent(1.0).into()),
        reorder: Some(percent(2.0).into()),
        corrupt: Some(percent(3.0).into()),
        mtu: Some(1400),
    };
    assert_eq!(conditions, expected);
}

#[test]
fn every_key_is_read_in_its_long_form() {
    let conditions = read(
        r#"
        trace = [0, 5, 5, 9]
        limit = "64 KiB"
        queue = { kind = "red", min = "30 kB", max = "90 kB", ecn = true }
        jitter = { spread = "2 ms", distribution = "pareto-normal", correlation = "25 %", overtake = true }
        loss = { p = "1 %", r = "10 %", loss_bad = "50 %" }
        duplicate = { probability = "1 %", correlation = "50 %" }
        reorder = { probability = "100 %", gap = 5 }
        "#,
    );
    let red = Red {
        min: Size::from_bytes(30_000),
        max: Size::from_bytes(90_000),
        probability: percent(10.0),
        ecn: true,
    };
    assert_eq!(conditions.queue, Queue::Red(red));
    assert_eq!(conditions.limit, Some(Limit::Bytes(Size::from_bytes(65_536))));
    assert_eq!(conditions.trace.unwrap().opportunities_ms(), [0, 5, 5, 9]);
    assert_eq!(
        conditions.loss,
        Some(LossModel::GilbertElliott {
            p: percent(1.0),
            r: percent(10.0),
            loss_good: Probability::NONE,
            loss_bad: percent(50.0),
        })
    );
    let jitter = conditions.jitter.unwrap();
    assert_eq!((jitter.distribution, jitter.overtake), (Distribution::ParetoNormal, true));
    assert_eq!(conditions.duplicate.unwrap().correlation, percent(50.0));
    assert_eq!(conditions.reorder.unwrap().gap.get(), 5);
}

#[test]
fn what_is_written_is_short_and_reads_back() {
    let json = |conditions: &Conditions| serde_json::to_string(conditions).unwrap();
    assert_eq!(json(&Conditions::default()), "{}");
    assert_eq!(
        json(&read("delay = \"10ms\"\nloss = \"0.10%\"\nqueue = \"codel\"\nlimit = \"1 frames\"")),
        r#"{"limit":"1 frame","queue":"codel","delay":"10 ms","loss":"0.1 %"}"#
    );
    let long = "queue = { kind = \"codel\", ecn = true }\njitter = { spread = \"1 ms\", overtake = true }\n\
                reorder = { probability = \"1 %\", gap = 5 }\nloss = { p = \"1 %\", r = \"9 %\", loss_bad = \"50 %\" }";
    assert_eq!(
        json(&read(long)),
        r#"{"queue":{"kind":"codel","ecn":true},"jitter":{"spread":"1 ms","overtake":true},"loss":{"p":"1 %","r":"9 %","loss_bad":"50 %"},"reorder":{"probability":"1 %","gap":5}}"#
    );
    let red = "queue = { kind = \"red\", min = \"30 kB\", max = \"90 kB\", probability = \"10 %\" }";
    assert_eq!(json(&read(red)), r#"{"queue":{"kind":"red","min":"30 kB","max":"90 kB"}}"#);
}

#[test]
fn what_is_wrong_is_said() {
    assert!(refusal("latency = \"1 ms\"").contains("unknown field `latency`"));
    assert!(refusal("delay = 10").contains("invalid type"));
    assert!(refusal("jitter = 10").contains("expected a duration such as \"2 ms\", or a table"));
    assert!(refusal("jitter = { spread = \"1 ms\", shape = 3 }").contains("unknown field `shape`"));
    assert!(refusal("loss = \"0.1\"").contains("has no unit"));
    assert!(refusal("loss = { p = \"1 %\" }").contains("'p' and 'r'"));
    assert!(refusal("loss = { probability = \"1 %\", loss_bad = \"1 %\" }").contains("'p' and 'r'"));
    assert!(refusal("limit = \"100\"").contains("has no unit"));
    assert!(refusal("limit = \"-1 frames\"").contains("invalid number of frames '-1'"));
    assert!(refusal("queue = \"red\"").contains("'min' and 'max'"));
    assert!(refusal("queue = \"fifo\"").contains("the kinds are drop-tail, red, codel"));
    assert!(refusal("queue = { kind = \"codel\", min = \"1 B\" }").contains("unknown field `min`"));
    assert!(refusal("reorder = { probability = \"1 %\", gap = 0 }").contains("nonzero"));
    assert!(refusal("trace = []").contains("the trace is empty"));
    assert!(refusal("trace = [5, 4]").contains("line 2: 4 ms is before 5 ms"));
}

#[test]
fn contradictions_are_found() {
    let check = |text: &str| read(text).check();
    assert_eq!(check("rate = \"0 bit/s\""), Err(ConditionsError::NoRate));
    assert_eq!(check("rate = \"1 bit/s\"\ntrace = [1]"), Err(ConditionsError::RateAndTrace));
    assert_eq!(check("reorder = \"1 %\""), Err(ConditionsError::ReorderWithoutDelay));
    let red = "queue = { kind = \"red\", min = \"2 kB\", max = \"2 kB\" }";
    assert_eq!(check(red), Err(ConditionsError::RedThresholds));
    assert_eq!(
        check("queue = { kind = \"codel\", interval = \"5 ms\" }"),
        Err(ConditionsError::CoDelInterval)
    );
    assert_eq!(check("reorder = \"1 %\"\ndelay = \"1 ms\"\nrate = \"1 bit/s\""), Ok(()));
}

#[test]
fn a_cable_that_does_nothing_is_perfect() {
    for text in
        ["", "limit = \"1 frame\"\nqueue = \"codel\"\nlayer = \"L1\"", "loss = \"0 %\"\njitter = \"0 s\""]
    {
        assert!(read(text).is_perfect(), "{text}");
    }
    for text in ["delay = \"1 ps\"", "rate = \"1 Gbit/s\"", "trace = [1]", "mtu = 1500", "corrupt = \"1 %\""]
    {
        assert!(!read(text).is_perfect(), "{text}");
    }
}

#[test]
fn the_default_limit_is_the_largest_of_three() {
    let limit = |text: &str| read(text).default_limit();
    assert_eq!(limit(""), Limit::bytes(32 * 1514));
    assert_eq!(limit("rate = \"1 Mbit/s\""), Limit::bytes(32 * 1514));
    assert_eq!(limit("rate = \"100 Mbit/s\"\ndelay = \"10 ms\""), Limit::bytes(625_000));
    assert_eq!(limit("rate = \"100 Mbit/s\"\ndelay = \"100 ms\""), Limit::bytes(2_500_000));
    let most = "rate = \"18446744 Tbit/s\"\ndelay = \"5124 h\"";
    assert_eq!(limit(most), Limit::bytes(u64::MAX));
    // Twenty opportunities of 1504 bytes in ten milliseconds are 3,008,000 bytes a second.
    let trace: Vec<u64> = (1..=20).map(|half| half / 2).collect();
    assert_eq!(limit(&format!("trace = {trace:?}")), Limit::bytes(150_400));
}

#[test]
fn a_trace_names_the_line_that_is_wrong() {
    let error = |text: &str| text.parse::<Trace>().unwrap_err().to_string();
    assert_eq!(error(""), "the trace is empty");
    assert_eq!(error("1\n\n2"), "line 2: '' is not a number of milliseconds");
    assert_eq!(error("1\n+2"), "line 2: '+2' is not a number of milliseconds");
    assert_eq!(error("1\n5\n4"), "line 3: 4 ms is before 5 ms in the line above");
    assert_eq!(error("0\n0"), "line 2: the trace ends at 0 ms and so cannot repeat");
    assert_eq!(error("18446744074"), "line 1: the trace is longer than 213 days");
    assert_eq!("1\r\n2\r\n".parse::<Trace>().unwrap().opportunities_ms(), [1, 2]);
}

#[test]
fn every_preset_is_free_of_contradictions_and_found_by_name() {
    for each in presets() {
        assert_eq!((each.down.check(), each.up.check()), (Ok(()), Ok(())), "{}", each.name);
        assert!(each.down.rate >= each.up.rate, "{}", each.name);
        assert_eq!(preset(each.name), Some(each));
    }
    assert_eq!(preset("5g"), None);
}
