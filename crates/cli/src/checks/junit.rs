//! JUnit's XML, as continuous integration reads it.

use std::borrow::Cow;
use std::fmt::Write;

use super::{Outcome, Report};

/// Writes a report as one test suite with one case a check.
///
/// With `error`, a case that says why the lab did not come up goes before the checks.
pub(crate) fn junit(report: &Report, error: Option<&str>) -> String {
    let lab = escape(&report.lab);
    let counts = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.3}\"",
        report.outcomes.len() + usize::from(error.is_some()),
        report.failed(),
        u8::from(error.is_some()),
        report.time.as_secs_f64()
    );
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"rackless\" {counts}>\n\
         \x20 <testsuite name=\"{lab}\" {counts} skipped=\"0\">\n"
    );
    if let Some(error) = error {
        let _ = writeln!(
            text,
            "    <testcase name=\"the lab comes up\" classname=\"{lab}\" time=\"0.000\">\n      \
             <error type=\"lab\" message=\"{}\"/>\n    </testcase>",
            escape(error)
        ); // a String takes all
    }
    for outcome in &report.outcomes {
        case(&mut text, &lab, outcome);
    }
    text + "  </testsuite>\n</testsuites>\n"
}

fn case(text: &mut String, lab: &str, outcome: &Outcome) {
    let name = escape(&outcome.name);
    let time = outcome.time.as_secs_f64();
    let _ = write!(text, "    <testcase name=\"{name}\" classname=\"{lab}\" time=\"{time:.3}\"");
    if outcome.ok {
        text.push_str("/>\n");
        return;
    }
    let sentences: Vec<String> = outcome
        .failed()
        .map(|node| format!("on {}, found: {}; expected: {}", node.node, node.found, node.expected))
        .collect();
    let (first, all) = (sentences.first().map_or("", String::as_str), sentences.join("\n"));
    let (message, all) = (escape(first), escape(&all));
    let _ = writeln!(
        text,
        ">\n      <failure type=\"check\" message=\"{message}\">{all}</failure>\n    </testcase>"
    );
}

/// Makes a text fit for an attribute or content; characters that XML 1.0 cannot express are replaced.
fn escape(text: &str) -> Cow<'_, str> {
    let special = |c: char| matches!(c, '&' | '<' | '>' | '"' | '\'' | '\n' | '\t' | '\r') || !allowed(c);
    if !text.contains(special) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\n' | '\t' | '\r' => escaped.push_str(&format!("&#{};", u32::from(c))), // else a blank in attributes
            c if allowed(c) => escaped.push(c),
            _ => escaped.push(char::REPLACEMENT_CHARACTER),
        }
    }
    Cow::Owned(escaped)
}

/// Whether XML 1.0 knows the character (section 2.2).
fn allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::checks::NodeOutcome;

    #[test]
    fn texts_cannot_break_out_of_the_document() {
        let node = NodeOutcome {
            node: "h1".into(),
            ok: false,
            time: Duration::ZERO,
            attempts: 1,
            found: "the answer '</failure>\u{1}'".into(),
            expected: "\"a & b\"".into(),
        };
        let outcome = Outcome {
            name: "<x> 'y'".into(),
            ok: false,
            time: Duration::from_millis(1500),
            nodes: vec![node],
        };
        let report = Report { lab: "a&b".into(), outcomes: vec![outcome], time: Duration::from_secs(2) };
        let text = junit(&report, Some("no \"root\"\nhere"));
        insta::assert_snapshot!(text, @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="rackless" tests="2" failures="1" errors="1" time="2.000">
          <testsuite name="a&amp;b" tests="2" failures="1" errors="1" time="2.000" skipped="0">
            <testcase name="the lab comes up" classname="a&amp;b" time="0.000">
              <error type="lab" message="no &quot;root&quot;&#10;here"/>
            </testcase>
            <testcase name="&lt;x&gt; &apos;y&apos;" classname="a&amp;b" time="1.500">
              <failure type="check" message="on h1, found: the answer &apos;&lt;/failure&gt;�&apos;; expected: &quot;a &amp; b&quot;">on h1, found: the answer &apos;&lt;/failure&gt;�&apos;; expected: &quot;a &amp; b&quot;</failure>
            </testcase>
          </testsuite>
        </testsuites>
        "#);
    }
}
