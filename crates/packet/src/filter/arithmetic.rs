//! Numbers in comparisons: `tcp[tcpflags] & tcp-syn`, `len`, `ip[2:2] - 20`.

use super::constants;
use super::parser::{Parsed, Parser, int};
use super::primitive::Protocol;
use super::program::{Number, Operator, Program, Size};

/// The operators from those that bind least to those that bind most.
const LEVELS: [&[(&str, Operator)]; 5] = [
    &[("|", Operator::Or), ("^", Operator::Xor)],
    &[("&", Operator::And)],
    &[("<<", Operator::ShiftLeft), (">>", Operator::ShiftRight)],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("/", Operator::Divide), ("%", Operator::Modulo)],
];

/// A number, and what must hold for it to be there.
pub(super) type Checked = (Program, Number);

impl Parser<'_> {
    /// Whether a number follows, which no address or keyword can be.
    pub(super) fn is_number(&self) -> bool {
        let Some(text) = self.peek() else { return false };
        let signs =
            ["[", "<", ">", "<=", ">=", "=", "==", "!=", "+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"];
        let behind = self.peek_second().is_some_and(|sign| signs.contains(&sign));
        text == "-"
            || text == "len"
            || behind && (int(text).is_some() || constants::find(text).is_some())
            || self.peek_second() == Some("[") && Protocol::of_name(text).is_some()
    }

    /// Reads a number with all its operators.
    pub(super) fn number(&mut self) -> Parsed<Checked> {
        self.level(0)
    }

    fn level(&mut self, level: usize) -> Parsed<Checked> {
        let Some(operators) = LEVELS.get(level) else { return self.atom() };
        let (mut is, mut left) = self.level(level + 1)?;
        while let Some((_, operator)) = operators.iter().find(|(sign, _)| self.peek() == Some(*sign)).copied()
        {
            self.at += 1;
            let start = self.at;
            let (right_is, right) = self.level(level + 1)?;
            let divides = matches!(operator, Operator::Divide | Operator::Modulo);
            if divides && matches!(right, Number::Constant(0)) {
                return Err(self.wrong(start, "a divisor other than 0"));
            }
            is = is.and(right_is);
            left = left.with(operator, right);
        }
        Ok((is, left))
    }

    fn atom(&mut self) -> Parsed<Checked> {
        if self.accept(&["-"]) {
            let (is, number) = self.nested(Self::atom)?;
            return Ok((is, Number::Constant(0).with(Operator::Subtract, number)));
        }
        if self.accept(&["("]) {
            let number = self.nested(Self::number)?;
            self.expect(")", "')'")?;
            return Ok(number);
        }
        if self.accept(&["len"]) {
            return Ok((Program::All, Number::Length));
        }
        match self.peek().and_then(Protocol::of_name) {
            Some(protocol) => {
                self.at += 1;
                self.bytes(protocol)
            }
            None => {
                let number = |text: &str| int(text).or_else(|| constants::find(text));
                let number = self.value("a number", number)?;
                Ok((Program::All, Number::Constant(number)))
            }
        }
    }

    /// Reads `[offset]` or `[offset:size]`.
    fn bytes(&mut self, protocol: Protocol) -> Parsed<Checked> {
        self.expect("[", "'[' and an offset")?;
        let (mut is, offset) = self.nested(Self::number)?;
        let size = |text: &str| match text {
            "1" => Some(Size::Byte),
            "2" => Some(Size::Half),
            "4" => Some(Size::Word),
            _ => None,
        };
        let size = match self.accept(&[":"]) {
            true => self.value("a size of 1, 2 or 4 bytes", size)?,
            false => Size::Byte,
        };
        self.expect("]", "']'")?;
        let (there, number) = self.place.bytes(protocol, offset, size);
        is = is.and(there);
        Ok((is, number))
    }
}
