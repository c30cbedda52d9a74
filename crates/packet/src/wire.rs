//! The macros that make newtypes over wire integers with named values.

/// Defines a one-byte wire number with named values.
macro_rules! named_u8 {
    ($(#[$meta:meta])* $name:ident { $($(#[$value_meta:meta])* $value:ident = $number:literal, $text:literal;)* }) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, zerocopy::FromBytes, zerocopy::IntoBytes,
            zerocopy::KnownLayout, zerocopy::Immutable, zerocopy::Unaligned,
        )]
        #[repr(transparent)]
        pub struct $name(pub u8);

        impl $name {
            $($(#[$value_meta])* pub const $value: Self = Self($number);)*

            /// Returns the number as it is on the wire.
            pub const fn get(self) -> u8 {
                self.0
            }

            /// Returns the name of the value, or `None` if it has none here.
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$value => Some($text),)*
                    _ => None,
                }
            }
        }

        crate::wire::show_name!($name);
    };
}

/// Defines a two-byte wire number in network byte order with named values.
macro_rules! named_u16 {
    ($(#[$meta:meta])* $name:ident { $($(#[$value_meta:meta])* $value:ident = $number:literal, $text:literal;)* }) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, zerocopy::FromBytes, zerocopy::IntoBytes,
            zerocopy::KnownLayout, zerocopy::Immutable, zerocopy::Unaligned,
        )]
        #[repr(transparent)]
        pub struct $name([u8; 2]);

        impl $name {
            $($(#[$value_meta])* pub const $value: Self = Self::new($number);)*

            /// Wraps a number in host byte order.
            pub const fn new(number: u16) -> Self {
                Self(number.to_be_bytes())
            }

            /// Returns the number in host byte order.
            pub const fn get(self) -> u16 {
                u16::from_be_bytes(self.0)
            }

            /// Returns the name of the value, or `None` if it has none here.
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$value => Some($text),)*
                    _ => None,
                }
            }
        }

        crate::wire::show_name!($name);
    };
}

/// Gives a named number its `Display` (the name, else the number) and `Debug`.
macro_rules! show_name {
    ($name:ident) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.name() {
                    Some(name) => f.pad(name),
                    None => write!(f, "{:#x}", self.get()),
                }
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

pub(crate) use {named_u8, named_u16, show_name};
