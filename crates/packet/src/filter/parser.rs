//! The grammar of a filter.

use std::ops::Range;

use super::ParseFilterError;
use super::lexer::{Kind, Token, tokens};
use super::primitive::{Place, Protocol, Side};
use super::program::{Number, Program, Relation};
use crate::mac::MacAddr;

/// The longest filter in bytes, so that its depth is bounded.
const MAX_LEN: usize = 4096;
/// How deep parentheses, signs and `not` may be nested.
const MAX_DEPTH: usize = 100;

/// Reads a filter.
pub(super) fn parse(source: &str) -> Result<Program, ParseFilterError> {
    if source.len() > MAX_LEN {
        let end = source.floor_char_boundary(MAX_LEN);
        return Err(ParseFilterError::new(source, end..end, "at most 4096 bytes"));
    }
    let tokens = tokens(source)?;
    if tokens.is_empty() {
        return Ok(Program::All);
    }
    let mut parser = Parser { source, tokens, at: 0, depth: 0, place: Place::default(), last: None };
    let program = parser.expression()?;
    match parser.peek() {
        None => Ok(program),
        Some(_) => Err(parser.expected("'and', 'or' or the end")),
    }
}

pub(super) type Parsed<T> = Result<T, ParseFilterError>;

/// What stands before an address or number: `tcp dst port`.
#[derive(Debug, Clone)]
pub(super) struct Qualifiers {
    pub(super) protocol: Option<(Protocol, Range<usize>)>,
    pub(super) side: Side,
    pub(super) kind: IdKind,
}

/// What an address or number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdKind {
    Host,
    Net,
    Port,
    PortRange,
    Proto,
}

pub(super) struct Parser<'s> {
    pub(super) source: &'s str,
    tokens: Vec<Token<'s>>,
    pub(super) at: usize,
    depth: usize,
    pub(super) place: Place,
    /// The qualifiers that an address or number without its own takes over.
    last: Option<Qualifiers>,
}

impl<'s> Parser<'s> {
    fn expression(&mut self) -> Parsed<Program> {
        let mut all = self.factor()?;
        loop {
            let both = match self.peek() {
                Some("and" | "&&") => true,
                Some("or" | "||") => false,
                _ => return Ok(all),
            };
            self.at += 1;
            let next = self.operand()?;
            all = if both { all.and(next) } else { all.or(next) };
        }
    }

    /// Reads what may follow `and` and `or`: a factor, or an address or number that takes over qualifiers.
    fn operand(&mut self) -> Parsed<Program> {
        if self.accept(&["not", "!"]) {
            return self.nested(Self::operand).map(Program::negate);
        }
        match self.last.clone().filter(|last| self.is_id(last.kind)) {
            Some(qualifiers) => self.id(&qualifiers),
            None => self.factor(),
        }
    }

    fn factor(&mut self) -> Parsed<Program> {
        if self.accept(&["not", "!"]) {
            return self.nested(Self::factor).map(Program::negate);
        }
        if self.peek() == Some("(") {
            return self.parenthesis();
        }
        if self.is_number() { self.relation() } else { self.primitive() }
    }

    /// Reads an expression in parentheses, or a comparison that starts with one.
    fn parenthesis(&mut self) -> Parsed<Program> {
        let (start, last, place) = (self.at, self.last.clone(), self.place);
        if let Ok(relation) = self.nested(Self::relation) {
            return Ok(relation);
        }
        (self.at, self.last, self.place) = (start + 1, last, place);
        let inner = self.nested(Self::expression)?;
        self.expect(")", "')'")?;
        Ok(inner)
    }

    fn relation(&mut self) -> Parsed<Program> {
        let (mut is, left) = self.number()?;
        let sign = self.peek().unwrap_or_default();
        let (relation, holds) = match sign {
            ">" => (Relation::Greater, true),
            ">=" => (Relation::NotLess, true),
            "=" | "==" => (Relation::Equal, true),
            "<=" => (Relation::Greater, false),
            "<" => (Relation::NotLess, false),
            "!=" => (Relation::Equal, false),
            _ => return Err(self.expected("a comparison such as '='")),
        };
        self.at += 1;
        let (right_is, right) = self.number()?;
        is = is.and(right_is);
        let compared = Program::Compare(left, relation, right);
        self.last = None;
        Ok(is.and(if holds { compared } else { compared.negate() }))
    }

    fn primitive(&mut self) -> Parsed<Program> {
        let start = self.at;
        self.at += 1;
        match self.tokens.get(start).map_or("", |token| token.text) {
            "less" => return self.length(|length| Number::Length.greater(length).negate()),
            "greater" => return self.length(|length| Number::Length.at_least(length)),
            "broadcast" => return Ok(self.broadcast()),
            "multicast" => return Ok(self.place.is_multicast(Protocol::Ether)),
            "vlan" => return self.vlan(),
            _ => self.at = start,
        }
        let protocol = self.peek().and_then(Protocol::of_name).map(|protocol| {
            self.at += 1;
            (protocol, self.tokens[start].span.clone())
        });
        if let Some((protocol, _)) = protocol {
            match (protocol, self.peek()) {
                (Protocol::Ether, Some("broadcast")) => {
                    self.at += 1;
                    return Ok(self.broadcast());
                }
                (Protocol::Ether | Protocol::Ip | Protocol::Ip6, Some("multicast")) => {
                    self.at += 1;
                    return Ok(self.place.is_multicast(protocol));
                }
                _ => {}
            }
        }
        let side = self.side()?;
        let kind = match self.peek() {
            Some("host") => Some(IdKind::Host),
            Some("net") => Some(IdKind::Net),
            Some("port") => Some(IdKind::Port),
            Some("portrange") => Some(IdKind::PortRange),
            Some("proto") => Some(IdKind::Proto),
            _ => None,
        };
        self.at += usize::from(kind.is_some());
        let kind = match (protocol.clone(), side, kind) {
            (_, _, Some(kind)) => kind,
            (_, Some(_), None) => IdKind::Host,
            (Some((protocol, _)), None, None) if protocol != Protocol::Ether => {
                self.last = None;
                return Ok(self.place.is(protocol));
            }
            (Some(_), None, None) => return Err(self.expected("'host', 'proto', 'broadcast' or 'multicast'")),
            (None, None, None) => return Err(self.expected("an expression such as 'tcp port 80'")),
        };
        let qualifiers = Qualifiers { protocol, side: side.unwrap_or(Side::Either), kind };
        self.last = Some(qualifiers.clone());
        self.ids(&qualifiers)
    }

    /// Reads `src`, `dst`, `src or dst`, `src and dst`.
    fn side(&mut self) -> Parsed<Option<Side>> {
        let word = |token: Option<&str>| match token {
            Some("src") => Some(Side::Src),
            Some("dst") => Some(Side::Dst),
            _ => None,
        };
        let Some(first) = word(self.peek()) else { return Ok(None) };
        self.at += 1;
        let other = self.tokens.get(self.at + 1).map(|token| token.text);
        let joined = match (self.peek(), word(other)) {
            (Some("or" | "||"), Some(second)) if second != first => Side::Either,
            (Some("and" | "&&"), Some(second)) if second != first => Side::Both,
            _ => return Ok(Some(first)),
        };
        self.at += 2;
        Ok(Some(joined))
    }

    /// Reads one address or number, or several in parentheses.
    fn ids(&mut self, qualifiers: &Qualifiers) -> Parsed<Program> {
        if self.accept(&["not", "!"]) {
            return self.nested(|parser| parser.ids(qualifiers)).map(Program::negate);
        }
        if !self.accept(&["("]) {
            return self.id(qualifiers);
        }
        let mut all = self.nested(|parser| parser.ids(qualifiers))?;
        loop {
            let both = match self.peek() {
                Some("and" | "&&") => true,
                Some("or" | "||") => false,
                _ => break,
            };
            self.at += 1;
            let next = self.nested(|parser| parser.ids(qualifiers))?;
            all = if both { all.and(next) } else { all.or(next) };
        }
        self.expect(")", "')'")?;
        Ok(all)
    }

    fn vlan(&mut self) -> Parsed<Program> {
        self.last = None;
        let given = self.peek().is_some_and(|text| text.starts_with(|c: char| c.is_ascii_digit()));
        let below_4096 = |text: &str| int(text).filter(|number| *number < 4096);
        let number = match given {
            true => Some(self.value("a VLAN from 0 to 4095", below_4096)?),
            false => None,
        };
        Ok(self.place.vlan(number))
    }

    fn broadcast(&mut self) -> Program {
        self.last = None;
        self.place.station(Side::Dst, MacAddr::BROADCAST)
    }

    fn length(&mut self, holds: impl FnOnce(u32) -> Program) -> Parsed<Program> {
        self.last = None;
        self.value("a number of bytes", int).map(holds)
    }

    /// Whether the next token can be an address or number that takes over qualifiers.
    fn is_id(&self, kind: IdKind) -> bool {
        let Some(token) = self.tokens.get(self.at).filter(|token| token.kind == Kind::Word) else {
            return false;
        };
        let number = token.text.starts_with(|c: char| c.is_ascii_digit()) || token.text.contains(':');
        number && (kind == IdKind::PortRange || token.text.contains(['.', ':']) || !self.is_number())
    }

    /// Runs a part of the grammar that contains itself.
    pub(super) fn nested<T>(&mut self, part: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == MAX_DEPTH {
            return Err(self.expected("at most 100 nested parts"));
        }
        self.depth += 1;
        let result = part(self);
        self.depth -= 1;
        result
    }

    /// Returns the next token's text.
    pub(super) fn peek(&self) -> Option<&'s str> {
        self.tokens.get(self.at).map(|token| token.text)
    }

    /// Returns the text of the token behind the next one.
    pub(super) fn peek_second(&self) -> Option<&'s str> {
        self.tokens.get(self.at + 1).map(|token| token.text)
    }

    /// Takes the next token if it is one of these.
    pub(super) fn accept(&mut self, texts: &[&str]) -> bool {
        let found = self.peek().is_some_and(|text| texts.contains(&text));
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, text: &str, expected: &'static str) -> Parsed<()> {
        if self.accept(&[text]) { Ok(()) } else { Err(self.expected(expected)) }
    }

    /// Takes a token and reads it.
    pub(super) fn value<T>(
        &mut self,
        expected: &'static str,
        read: impl FnOnce(&'s str) -> Option<T>,
    ) -> Parsed<T> {
        let value = self.peek().and_then(read).ok_or_else(|| self.expected(expected))?;
        self.at += 1;
        Ok(value)
    }

    /// Says that the next token is not what it should be.
    pub(super) fn expected(&self, expected: &'static str) -> ParseFilterError {
        let end = self.source.len();
        let span = self.tokens.get(self.at).map_or(end..end, |token| token.span.clone());
        ParseFilterError::new(self.source, span, expected)
    }

    /// Says that the tokens since `start` are not what they should be.
    pub(super) fn wrong(&self, start: usize, expected: &'static str) -> ParseFilterError {
        let span = self.tokens[start].span.start..self.tokens[self.at - 1].span.end;
        ParseFilterError::new(self.source, span, expected)
    }
}

/// Reads a number, decimal or (with `0x`) hexadecimal.
pub(super) fn int(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}
