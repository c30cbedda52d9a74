//! What is wrong in a lab file, where, and what is allowed instead.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// More errors than this are not shown: they are rarely read, and each one costs a pass over the source.
const SHOWN: usize = 30;

/// A lab file cannot be understood; it tells everything that was found, in the order of the file.
///
/// [`Display`](fmt::Display) writes plain text with file, line, column, the source line and carets;
/// [`Error::render`] adds colour when asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    file: String,
    source: String,
    diagnostics: Vec<Diagnostic>,
}

/// One thing that is wrong in a lab file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, in one line.
    pub message: String,
    /// The place in the file, in bytes.
    pub span: Range<usize>,
    /// What is said at that place; may be empty.
    pub label: String,
    /// Another place that matters, such as the first use of a name, and what is said there.
    pub other: Option<(Range<usize>, String)>,
    /// What is allowed.
    pub help: Option<String>,
}

impl Error {
    /// Makes an error of at least one diagnostic about a source text.
    pub(crate) fn new(file: &str, source: &str, mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
        Self { file: file.to_owned(), source: source.to_owned(), diagnostics }
    }

    /// Returns everything that was found, in the order of the file.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Returns the line and the column of a diagnostic, both counted from 1, the column in characters.
    pub fn position(&self, diagnostic: &Diagnostic) -> (usize, usize) {
        position(&self.source, self.clamp(&diagnostic.span).start)
    }

    /// Returns the text for a terminal, with colours if `colour`: the first errors, and how many more there are.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let mut texts: Vec<String> = self
            .diagnostics
            .iter()
            .take(SHOWN)
            .map(|diagnostic| renderer.render(&[self.group(diagnostic)]).trim_end().to_owned())
            .collect();
        let more = self.diagnostics.len().saturating_sub(SHOWN);
        if more > 0 {
            texts.push(format!("and {more} more"));
        }
        texts.join("\n\n")
    }

    fn group<'a>(&'a self, diagnostic: &'a Diagnostic) -> Group<'a> {
        let place = AnnotationKind::Primary.span(self.clamp(&diagnostic.span)).label(&diagnostic.label);
        let mut snippet = Snippet::source(&self.source).path(&self.file).annotation(place);
        if let Some((span, label)) = &diagnostic.other {
            snippet = snippet.annotation(AnnotationKind::Context.span(self.clamp(span)).label(label));
        }
        let group = Level::ERROR.primary_title(&diagnostic.message).element(snippet);
        match &diagnostic.help {
            Some(help) => group.element(Level::HELP.message(help)),
            None => group,
        }
    }

    /// Returns the span cut to its first line and to whole characters, so that it can be shown.
    fn clamp(&self, span: &Range<usize>) -> Range<usize> {
        let start = self.source.floor_char_boundary(span.start.min(self.source.len()));
        let line = self.source[start..].find('\n').map_or(self.source.len(), |length| start + length);
        start..self.source.ceil_char_boundary(span.end.clamp(start, line))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Error {}

impl Diagnostic {
    pub(crate) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { message: visible(&message.into()), span, label: String::new(), other: None, help: None }
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = visible(&label.into());
        self
    }

    pub(crate) fn other(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.other = Some((span, visible(&label.into())));
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(visible(&help.into()));
        self
    }
}

/// Returns the line and the column of a byte, both counted from 1, the column in characters.
pub(crate) fn position(source: &str, byte: usize) -> (usize, usize) {
    let before = &source[..byte];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// Writes control characters as escapes, and cuts what is very long: a lab file must not steer or flood the
/// terminal that shows its errors.
fn visible(text: &str) -> String {
    const LENGTH: usize = 1000;
    let mut shown = String::with_capacity(text.len().min(LENGTH));
    let mut chars = text.chars();
    for c in chars.by_ref().take(LENGTH) {
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    if chars.next().is_some() {
        shown.push('…');
    }
    shown
}

/// Returns "did you mean 'x'? " if one of the names is near, then all names.
pub(crate) fn suggest<'a>(found: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    /// More names than this are not read by anyone.
    const SHOWN: usize = 24;
    let names: Vec<&str> = names.into_iter().collect();
    let near = nearest(found, &names).map_or(String::new(), |name| format!("did you mean '{name}'? "));
    let more = names.len().saturating_sub(SHOWN);
    let shown = names[..names.len() - more].join(", ");
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{near}allowed: {shown}{more}")
}

fn nearest<'a>(found: &str, names: &[&'a str]) -> Option<&'a str> {
    /// As in Cargo's suggestions: nearer than this is a slip, farther is another word.
    const NEAR: f64 = 0.75;
    let score = |name: &&str| strsim::jaro_winkler(found, name);
    let best = names.iter().copied().max_by(|a, b| score(a).total_cmp(&score(b)))?;
    (score(&best) >= NEAR).then_some(best)
}
