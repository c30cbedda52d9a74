//! The text form of a graph's wiring.
//!
//! ```text
//! rx:lan -> [0]nat[1] -> tx:wan     # a chain; inputs before a name, outputs behind it, 0 when left out
//! rx:wan -> [1]nat[0]
//!     -> tx:lan                     # an arrow at a line's end or beginning joins lines
//! ```

use std::sync::Arc;

use super::{Place, Wire};
use crate::graph::error::{Error, Mistake, Origin};

/// Parses statements separated by `;` or line ends into wires; `#` starts a comment. Lines count from `first_line`.
pub(super) fn parse(text: &str, file: Option<&str>, first_line: usize) -> Result<Vec<Wire>, Error> {
    let mut parser = Parser { file: file.map(Arc::from), open: Statement::default(), wires: Vec::new() };
    for (index, line) in text.lines().enumerate() {
        let code = line.split('#').next().unwrap_or_default();
        for (position, part) in code.split(';').enumerate() {
            if position > 0 {
                parser.close()?;
            }
            parser.read(part.trim(), first_line + index)?;
        }
    }
    parser.close()?;
    Ok(parser.wires)
}

struct Parser {
    file: Option<Arc<str>>,
    open: Statement,
    wires: Vec<Wire>,
}

/// A statement that the next line may go on with.
#[derive(Default)]
struct Statement {
    text: String,
    /// What stands between the arrows, and on which line.
    places: Vec<(String, usize)>,
}

impl Parser {
    /// Reads a part of a line that has no `;`.
    fn read(&mut self, part: &str, line: usize) -> Result<(), Error> {
        if part.is_empty() {
            return Ok(());
        }
        let (waits, goes_on) = (self.open.text.ends_with("->"), part.starts_with("->"));
        if !waits && !goes_on {
            self.close()?;
        }
        let mut places = part.split("->").map(|place| (place.trim().to_owned(), line));
        if waits {
            self.open.places.pop();
        } else if goes_on && !self.open.places.is_empty() {
            places.next();
        }
        self.open.places.extend(places);
        if !self.open.text.is_empty() {
            self.open.text.push(' ');
        }
        self.open.text.push_str(part);
        Ok(())
    }

    fn close(&mut self) -> Result<(), Error> {
        let Statement { text, places } = std::mem::take(&mut self.open);
        let Some((_, first)) = places.first() else { return Ok(()) };
        let origin = |line: usize| Origin { file: self.file.clone(), line };
        let syntax = |what, line| Mistake::Syntax { statement: text.clone(), what }.at(Some(&origin(line)));
        if places.len() < 2 {
            return Err(syntax("a statement connects two places with '->'", *first));
        }
        let parsed = places.iter().map(|(text, line)| place(text).map_err(|what| syntax(what, *line)));
        let parsed = parsed.collect::<Result<Vec<_>, _>>()?;
        let wire = |(pair, (_, line)): (&[Place], &(String, usize))| Wire {
            from: pair[0].clone(),
            to: pair[1].clone(),
            origin: Some(origin(*line)),
        };
        self.wires.extend(parsed.windows(2).zip(&places[1..]).map(wire));
        Ok(())
    }
}

fn place(text: &str) -> Result<Place, &'static str> {
    if let Some(port) = text.strip_prefix("rx:") {
        return name(port).map(Place::Rx);
    }
    if let Some(port) = text.strip_prefix("tx:") {
        return name(port).map(Place::Tx);
    }
    let (input, text) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or("'[' without ']'")?,
        None => ("0", text),
    };
    let (text, output) = match text.split_once('[') {
        Some((text, rest)) => (text, rest.strip_suffix(']').ok_or("'[' without ']'")?),
        None => (text, "0"),
    };
    let number = |text: &str| text.trim().parse().map_err(|_| "inputs and outputs are numbers from 0 to 255");
    Ok(Place::Node { name: name(text)?, input: number(input)?, output: number(output)? })
}

fn name(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if text.is_empty() || !text.chars().all(allowed) {
        return Err(
            "a place is rx:PORT, tx:PORT or [INPUT]NODE[OUTPUT]; names have letters, digits, '_', '-' and '.'",
        );
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, input: u8, output: u8) -> Place {
        Place::Node { name: name.to_owned(), input, output }
    }

    fn wires(text: &str) -> Vec<(Place, Place, usize)> {
        let line = |origin: Option<Origin>| origin.map_or(0, |origin| origin.line);
        let wires = parse(text, None, 1).unwrap().into_iter();
        wires.map(|wire| (wire.from, wire.to, line(wire.origin))).collect()
    }

    #[test]
    fn a_chain_gives_one_wire_per_arrow() {
        assert_eq!(
            wires("rx:lan -> [1]nat[2] -> tx:wan  # out\n a -> b; b[1] -> a"),
            [
                (Place::Rx("lan".into()), node("nat", 1, 2), 1),
                (node("nat", 1, 2), Place::Tx("wan".into()), 1),
                (node("a", 0, 0), node("b", 0, 0), 2),
                (node("b", 0, 1), node("a", 0, 0), 2),
            ]
        );
    }

    #[test]
    fn an_arrow_joins_lines_and_a_semicolon_parts_them() {
        let joined = [(node("a", 0, 0), node("b", 0, 0), 2), (node("b", 0, 0), node("c", 0, 0), 4)];
        assert_eq!(wires("a ->\nb # here\n\n-> c"), joined);
        for text in ["a;\n-> b", "a ->; b", "a ->\n-> b"] {
            assert!(parse(text, None, 1).is_err(), "{text:?}");
        }
    }

    #[test]
    fn nonsense_names_its_line() {
        for (text, line) in
            [("a ->", 1), ("\nrx:a", 2), ("a -> [x]b", 1), ("a ->\nb[", 2), ("a -> b][", 1), ("-> a", 1)]
        {
            let error = parse(text, None, 1).unwrap_err().to_string();
            assert!(error.starts_with(&format!("line {line}: '")), "{text:?}: {error}");
        }
        let error = parse("a", Some("nf.toml"), 7).unwrap_err().to_string();
        assert_eq!(error, "nf.toml:7: 'a': a statement connects two places with '->'");
    }
}
