//! What a filter comes down to: comparisons of numbers that lie in the frame.

/// A condition on a frame.
#[derive(Debug, Clone)]
pub(super) enum Program {
    /// Every frame.
    All,
    /// Both; the second is looked at if the first holds.
    And(Box<Program>, Box<Program>),
    /// Either; the second is looked at if the first does not hold.
    Or(Box<Program>, Box<Program>),
    Not(Box<Program>),
    Compare(Number, Relation, Number),
}

/// How two numbers without a sign compare.
#[derive(Debug, Clone, Copy)]
pub(super) enum Relation {
    Equal,
    Greater,
    NotLess,
}

/// A number of 32 bits that is computed from a frame.
#[derive(Debug, Clone)]
pub(super) enum Number {
    Constant(u32),
    /// The length of the whole frame.
    Length,
    Load {
        base: Base,
        offset: Box<Number>,
        size: Size,
    },
    Binary(Box<Number>, Operator, Box<Number>),
}

/// Where an offset counts from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Base {
    /// A number of bytes into the frame.
    Fixed(u32),
    /// Behind the IPv4 header that starts there.
    BehindIpv4(u32),
}

/// How many bytes a number has in a frame.
#[derive(Debug, Clone, Copy)]
pub(super) enum Size {
    Byte,
    Half,
    Word,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    And,
    Or,
    Xor,
    ShiftLeft,
    ShiftRight,
}

/// A frame that is being looked at.
struct Frame<'a> {
    bytes: &'a [u8],
    original_len: u32,
}

impl Program {
    /// Whether a frame passes; one that lacks what is asked for does not.
    pub(super) fn passes(&self, bytes: &[u8], original_len: u32) -> bool {
        self.holds(&Frame { bytes, original_len }) == Some(true)
    }

    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, one) | (one, Self::All) => one,
            (one, other) => Self::And(Box::new(one), Box::new(other)),
        }
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self::Or(Box::new(self), Box::new(other))
    }

    pub(super) fn negate(self) -> Self {
        Self::Not(Box::new(self))
    }

    fn holds(&self, frame: &Frame<'_>) -> Option<bool> {
        match self {
            Self::All => Some(true),
            Self::And(one, other) => Some(one.holds(frame)? && other.holds(frame)?),
            Self::Or(one, other) => Some(one.holds(frame)? || other.holds(frame)?),
            Self::Not(one) => one.holds(frame).map(|holds| !holds),
            Self::Compare(left, relation, right) => {
                let (left, right) = (left.value(frame)?, right.value(frame)?);
                Some(match relation {
                    Relation::Equal => left == right,
                    Relation::Greater => left > right,
                    Relation::NotLess => left >= right,
                })
            }
        }
    }
}

impl Number {
    /// A field of the frame.
    pub(super) fn field(offset: u32, size: Size) -> Self {
        Self::Load { base: Base::Fixed(offset), offset: Box::new(Self::Constant(0)), size }
    }

    /// The bits of the number that are in a mask.
    pub(super) fn masked(self, mask: u32) -> Self {
        match mask {
            u32::MAX => self,
            mask => self.with(Operator::And, Self::Constant(mask)),
        }
    }

    pub(super) fn with(self, operator: Operator, other: Self) -> Self {
        Self::Binary(Box::new(self), operator, Box::new(other))
    }

    pub(super) fn equals(self, value: u32) -> Program {
        Program::Compare(self, Relation::Equal, Self::Constant(value))
    }

    pub(super) fn at_least(self, value: u32) -> Program {
        Program::Compare(self, Relation::NotLess, Self::Constant(value))
    }

    pub(super) fn greater(self, value: u32) -> Program {
        Program::Compare(self, Relation::Greater, Self::Constant(value))
    }

    fn value(&self, frame: &Frame<'_>) -> Option<u32> {
        match self {
            Self::Constant(value) => Some(*value),
            Self::Length => Some(frame.original_len),
            Self::Load { base, offset, size } => frame.load(*base, offset.value(frame)?, *size),
            Self::Binary(left, operator, right) => operator.apply(left.value(frame)?, right.value(frame)?),
        }
    }
}

impl Frame<'_> {
    fn load(&self, base: Base, offset: u32, size: Size) -> Option<u32> {
        let start = match base {
            Base::Fixed(start) => start,
            Base::BehindIpv4(start) => {
                start.wrapping_add(u32::from(*self.bytes.get(start as usize)? & 0xf) * 4)
            }
        };
        let rest = self.bytes.get(start.wrapping_add(offset) as usize..)?;
        Some(match size {
            Size::Byte => u32::from(*rest.first()?),
            Size::Half => u32::from(u16::from_be_bytes(*rest.first_chunk()?)),
            Size::Word => u32::from_be_bytes(*rest.first_chunk()?),
        })
    }
}

impl Operator {
    /// Computes as the kernel's packet filter does; a division by 0 has no result.
    fn apply(self, left: u32, right: u32) -> Option<u32> {
        Some(match self {
            Self::Add => left.wrapping_add(right),
            Self::Subtract => left.wrapping_sub(right),
            Self::Multiply => left.wrapping_mul(right),
            Self::Divide => left.checked_div(right)?,
            Self::Modulo => left.checked_rem(right)?,
            Self::And => left & right,
            Self::Or => left | right,
            Self::Xor => left ^ right,
            Self::ShiftLeft => left.checked_shl(right).unwrap_or(0),
            Self::ShiftRight => left.checked_shr(right).unwrap_or(0),
        })
    }
}
