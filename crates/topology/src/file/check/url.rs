//! `http`: what is asked for.

use crate::error::Diagnostic;
use crate::file::reader::{Reader, Value};
use crate::model::Url;

/// The port of HTTP.
const PORT: u16 = 80;

/// Reads `http://ADDRESS[:PORT][/PATH]`.
pub(super) fn read<'s>(reader: &mut Reader<'s>, value: &Value<'s>) -> Option<Url> {
    let text = reader.string(value, "http")?;
    let url = parse(text.text);
    if url.is_none() {
        let problem = match text.text {
            text if text.starts_with("https:") => "HTTP over TLS is not spoken".to_owned(),
            text => format!("'{text}' is no address for HTTP"),
        };
        let found = Diagnostic::new(text.span, problem);
        reader.report(found.help("write http = \"http://[fd00::1]:8080/path\" or \"http://10.0.0.1/\""));
    }
    url
}

fn parse(text: &str) -> Option<Url> {
    let rest = text.strip_prefix("http://")?;
    let (server, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let with_port = || format!("{server}:{PORT}").parse().ok();
    let address = server.parse().ok().or_else(with_port)?;
    let fit = |c: char| c.is_ascii_graphic(); // RFC 3986: all else is written with %
    let path = if path.is_empty() { "/" } else { path };
    path.chars().all(fit).then(|| Url { address, path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_and_path_may_be_left_out() {
        let shown = |text: &str| parse(text).map(|url| url.to_string());
        assert_eq!(shown("http://10.0.0.1").as_deref(), Some("http://10.0.0.1:80/"));
        assert_eq!(shown("http://[fd00::1]:8080/a?b=c").as_deref(), Some("http://[fd00::1]:8080/a?b=c"));
        for wrong in
            ["10.0.0.1", "https://10.0.0.1", "http://web", "http://fd00::1", "http://10.0.0.1/a b", "http://"]
        {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
    }
}
