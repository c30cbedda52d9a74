//! The text form of a graph's wiring.
//!
//! ```text
//! rx:lan -> [0]nat[0] -> tx:wan     # a chain; inputs before a name, outputs behind it, 0 when left out
//! rx:wan -> [1]nat; nat[1] -> tx:lan
//! ```

use crate::graph::build::Error;

/// One end of a hop of the text form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Rx(String),
    Tx(String),
    Node { name: String, input: u8, output: u8 },
}

/// Parses statements separated by `;` or line ends into hops; `#` starts a comment.
pub(crate) fn parse(text: &str) -> Result<Vec<(Place, Place)>, Error> {
    let mut hops = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let code = line.split('#').next().unwrap_or_default();
        for statement in code.split(';').map(str::trim).filter(|statement| !statement.is_empty()) {
            let syntax = |what| Error::Syntax { line: index + 1, statement: statement.to_owned(), what };
            let places = statement.split("->").map(place).collect::<Result<Vec<_>, _>>().map_err(syntax)?;
            if places.len() < 2 {
                return Err(syntax("a statement connects two places with '->'"));
            }
            hops.extend(places.windows(2).map(|pair| (pair[0].clone(), pair[1].clone())));
        }
    }
    Ok(hops)
}

fn place(text: &str) -> Result<Place, &'static str> {
    let text = text.trim();
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

    #[test]
    fn a_chain_gives_one_hop_per_arrow() {
        let hops = parse("rx:lan -> [1]nat[2] -> tx:wan  # out\n a -> b; b[1] -> a").unwrap();
        assert_eq!(
            hops,
            [
                (Place::Rx("lan".into()), node("nat", 1, 2)),
                (node("nat", 1, 2), Place::Tx("wan".into())),
                (node("a", 0, 0), node("b", 0, 0)),
                (node("b", 0, 1), node("a", 0, 0)),
            ]
        );
    }

    #[test]
    fn nonsense_names_its_line() {
        for text in ["a ->", "\nrx:a", "a -> [x]b", "a -> b[", "a -> b]["] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with("line "), "{text:?}: {error}");
        }
    }
}
