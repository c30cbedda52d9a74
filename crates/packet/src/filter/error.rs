//! What is wrong with a filter, and where.

use std::fmt;
use std::ops::Range;

/// A text is no filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseFilterError {
    /// What stands at the place; empty at the end of the text.
    found: String,
    /// What is allowed there.
    expected: &'static str,
    span: Range<usize>,
    column: usize,
}

impl ParseFilterError {
    /// Makes an error about a part of `source`.
    pub(super) fn new(source: &str, span: Range<usize>, expected: &'static str) -> Self {
        let found = source.get(span.clone()).unwrap_or_default().to_owned();
        let column = source.get(..span.start).map_or(0, |before| before.chars().count()) + 1;
        Self { found, expected, span, column }
    }

    /// Returns the place in the filter, in bytes.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }
}

impl fmt::Display for ParseFilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { found, expected, column, .. } = self;
        match found.as_str() {
            "" => write!(f, "the filter ends, expected {expected}"),
            found => write!(f, "unexpected '{found}' at column {column} of the filter, expected {expected}"),
        }
    }
}

impl std::error::Error for ParseFilterError {}
