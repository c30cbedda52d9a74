//! A lab while it runs: what passes its links each second, and what its nodes cost.

mod rates;
mod screen;
mod table;
mod view;

pub(crate) use rates::Rates;
pub(crate) use screen::{Key, Screen};
pub(crate) use table::table;
pub(crate) use view::View;
