//! The words and signs of a filter.

use std::ops::Range;

use super::ParseFilterError;

/// A word, a number, an address, or a sign, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'s> {
    pub(super) kind: Kind,
    pub(super) text: &'s str,
    pub(super) span: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyword, a name, a number or an address.
    Word,
    Sign,
}

/// The signs; a longer one stands before its beginning.
const SIGNS: [&str; 24] = [
    "&&", "||", "<<", ">>", "<=", ">=", "==", "!=", "(", ")", "[", "]", "!", "<", ">", "=", "+", "-", "*",
    "/", "%", "&", "|", "^",
];

/// Parts a filter into its tokens. Inside brackets a colon is a sign, else it belongs to an address.
pub(super) fn tokens(source: &str) -> Result<Vec<Token<'_>>, ParseFilterError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    let mut brackets = 0_usize;
    while let Some(c) = source[at..].chars().next() {
        if c.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let rest = &source[at..];
        let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign)).map(|sign| sign.len());
        let (kind, len) = match sign {
            Some(len) => (Kind::Sign, len),
            None if c == ':' && brackets > 0 => (Kind::Sign, 1),
            None => (Kind::Word, word_len(rest, brackets > 0)),
        };
        if len == 0 {
            let expected = "a word, a number or a sign such as '('";
            return Err(ParseFilterError::new(source, at..at + c.len_utf8(), expected));
        }
        match c {
            '[' => brackets += 1,
            ']' => brackets = brackets.saturating_sub(1),
            _ => {}
        }
        tokens.push(Token { kind, text: &rest[..len], span: at..at + len });
        at += len;
    }
    Ok(tokens)
}

/// Returns the length of the word at the start. A hyphen joins letters to a name (`tcp-syn`, `src-port`), not numbers.
fn word_len(text: &str, in_brackets: bool) -> usize {
    let mut previous = ' ';
    let starts_with_letter = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '\\');
    let belongs = |(at, c): (usize, char)| {
        let next = text[at + c.len_utf8()..].chars().next();
        let joins = c == '-' && starts_with_letter && next.is_some_and(|next| next.is_ascii_alphanumeric());
        let belongs = c.is_ascii_alphanumeric()
            || matches!(c, '.' | '_')
            || c == ':' && !in_brackets
            || c == '\\' && at == 0
            || joins && previous.is_ascii_alphanumeric();
        previous = c;
        !belongs
    };
    text.char_indices()
        .position(belongs)
        .map_or(text.len(), |count| text.char_indices().nth(count).map_or(text.len(), |(at, _)| at))
}
