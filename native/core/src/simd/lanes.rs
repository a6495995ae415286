//! Vectors of sixteen bytes, which every processor has or is given by the compiler.

use wide::u8x16;

/// Bytes of a vector.
pub const WIDTH: usize = 16;

/// The sixteen bytes from `at` on; the array is long enough.
#[inline(always)]
pub fn load<const N: usize>(bytes: &[u8; N], at: usize) -> u8x16 {
    let mut lanes = [0; WIDTH];
    lanes.copy_from_slice(&bytes[at..at + WIDTH]);
    u8x16::new(lanes)
}

#[inline(always)]
pub fn is(lanes: u8x16, byte: u8) -> u8x16 {
    lanes.cmp_eq(u8x16::splat(byte))
}

/// One bit for each lane that is all ones.
#[inline(always)]
pub fn bits(lanes: u8x16) -> u32 {
    lanes.move_mask() as u32
}
