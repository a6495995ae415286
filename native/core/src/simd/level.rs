//! Which vectors are used: those that the processor has, unless others are to be measured.

use std::env;
use std::sync::LazyLock;

/// Says which vectors to use at most; for tests and measurements.
const VARIABLE: &str = "MYD_VECTORS";

/// Kinds of vectors, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Those that every processor has.
    Any,
    /// Instructions for 32 bytes at once, and for counting bits.
    Avx2,
    /// Instructions for 64 bytes at once.
    Avx512,
}

/// All of them by name.
pub const LEVELS: [(&str, Level); 3] =
    [("any", Level::Any), ("avx2", Level::Avx2), ("avx512", Level::Avx512)];

impl Level {
    /// The widest vectors that this was compiled for, this processor has, and `MYD_VECTORS` allows,
    /// which is looked at once.
    #[inline]
    pub fn in_use() -> Self {
        static IN_USE: LazyLock<Level> = LazyLock::new(|| {
            let asked = env::var(VARIABLE).unwrap_or_default();
            let allowed = LEVELS.iter().find(|(name, _)| *name == asked);
            widest().min(allowed.map_or(Level::Avx512, |&(_, level)| level))
        });
        *IN_USE
    }

    /// The widest vectors that this was compiled for.
    pub const fn compiled() -> Self {
        if cfg!(has_avx512) {
            Self::Avx512
        } else if cfg!(target_arch = "x86_64") {
            Self::Avx2
        } else {
            Self::Any
        }
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        LEVELS[self as usize].0
    }
}

/// The widest vectors that this was compiled for and this processor has.
fn widest() -> Level {
    #[cfg(has_avx512)]
    if super::processor::has_avx512() {
        return Level::Avx512;
    }
    #[cfg(target_arch = "x86_64")]
    if super::processor::has_avx2() {
        return Level::Avx2;
    }
    Level::Any
}

#[cfg(test)]
mod tests {
    use super::{LEVELS, Level};

    #[test]
    fn levels_are_named_in_their_order() {
        for (place, (name, level)) in LEVELS.into_iter().enumerate() {
            assert_eq!((level as usize, level.name()), (place, name));
        }
        assert!(Level::in_use() <= Level::compiled());
    }
}
