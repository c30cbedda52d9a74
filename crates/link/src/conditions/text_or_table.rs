//! Values that are a text where one number says it all, and a table where it does not.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// A value with a short form as text and a long form as table.
pub(super) trait TextOrTable: Sized {
    /// The long form.
    type Table<'de>: Deserialize<'de>;

    /// What is wrong with a text.
    type TextError: fmt::Display;

    /// What is expected, for messages.
    const EXPECTED: &'static str;

    /// Reads the short form.
    fn from_text(text: &str) -> Result<Self, Self::TextError>;

    /// Takes the long form, or says what is wrong with it.
    fn from_table(table: Self::Table<'_>) -> Result<Self, &'static str>;
}

/// Reads either form.
pub(super) fn deserialize<'de, T: TextOrTable, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(Either(PhantomData))
}

struct Either<T>(PhantomData<T>);

impl<'de, T: TextOrTable> Visitor<'de> for Either<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::from_text(text).map_err(E::custom)
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<T, M::Error> {
        let table = T::Table::deserialize(MapAccessDeserializer::new(map))?;
        T::from_table(table).map_err(M::Error::custom)
    }
}
