//! SHA-256 (FIPS 180-4) of many short texts at once, for processors with AVX-512: two vectors with a
//! word of sixteen texts each, as one alone waits for its own results half of the time.
#![expect(unsafe_code, reason = "as in `avx512.rs`")]
#![expect(clippy::incompatible_msrv, reason = "left out by older compilers, see build.rs")]

use std::arch::x86_64::{
    __m512i, _mm_set_epi64x, _mm512_add_epi32, _mm512_broadcast_i32x4, _mm512_loadu_si512,
    _mm512_ror_epi32, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_shuffle_epi8,
    _mm512_shuffle_i32x4, _mm512_srli_epi32, _mm512_storeu_si512, _mm512_ternarylogic_epi32,
    _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};
use std::hint::black_box;

use super::rounds::ROUND;
use super::vector::{BLOCK, Block, Blocks, DIGEST, Half, LANES, Words};

/// Rounds of a block, of which each takes a word of it as the rounds before left it.
const WORDS: usize = 16;
/// Texts of which a vector has a word.
const TEXTS: usize = 16;
const VECTORS: usize = LANES / TEXTS;

/// The same word of all texts.
type Lanes = [__m512i; VECTORS];

/// The first halves of the keyed digests of texts of which the last block is the only one: from the
/// words after the key, within and without.
#[target_feature(enable = "avx512f,avx512bw")]
pub fn keyed_halves(inner: &Words, outer: &Words, blocks: &Blocks) -> Half {
    let digests = compress(inner, &words(blocks));
    let mut block = [all(0); WORDS];
    block[..digests.len()].copy_from_slice(&digests);
    block[digests.len()] = all(1 << 31);
    block[WORDS - 1] = all((BLOCK + DIGEST) as u32 * 8);
    let digests = compress(outer, &block);
    let mut half = [[0; LANES]; 4];
    for (words, lanes) in half.iter_mut().zip(digests) {
        for (words, vector) in words.chunks_exact_mut(TEXTS).zip(lanes) {
            // SAFETY: there is room for sixteen words.
            unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), vector) };
        }
    }
    half
}

/// Digests a block of each text, of which the digests so far are the same.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw")]
fn compress(begun: &Words, block: &[Lanes; WORDS]) -> [Lanes; 8] {
    // Vectors that are too many for the registers are put where a line of the cache begins only if
    // there is one that has to be in memory: else it takes a third longer.
    black_box(&mut all(0));
    let mut words = *block;
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state(begun);
    // Without a loop over them, nothing has to be moved, and all are where the compiler knows.
    macro_rules! round {
        ($a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident, $word:expr, $added:expr) => {
            ($d, $h) = round([$a, $b, $c, $d, $e, $f, $g, $h], $word, $added);
        };
    }
    macro_rules! eight {
        ($first:literal, $word:ident, $added:expr) => {
            round!(a b c d e f g h, $word!($first), $added[$first]);
            round!(h a b c d e f g, $word!($first + 1), $added[$first + 1]);
            round!(g h a b c d e f, $word!($first + 2), $added[$first + 2]);
            round!(f g h a b c d e, $word!($first + 3), $added[$first + 3]);
            round!(e f g h a b c d, $word!($first + 4), $added[$first + 4]);
            round!(d e f g h a b c, $word!($first + 5), $added[$first + 5]);
            round!(c d e f g h a b, $word!($first + 6), $added[$first + 6]);
            round!(b c d e f g h a, $word!($first + 7), $added[$first + 7]);
        };
    }
    macro_rules! given {
        ($place:expr) => {
            words[$place]
        };
    }
    macro_rules! next {
        ($place:expr) => {{
            words[$place] = next_word(
                words[$place],
                words[($place + 1) % WORDS],
                words[($place + 9) % WORDS],
                words[($place + 14) % WORDS],
            );
            words[$place]
        }};
    }
    eight!(0, given, ROUND);
    eight!(8, given, ROUND);
    for added in ROUND[WORDS..].chunks_exact(WORDS) {
        eight!(0, next, added);
        eight!(8, next, added);
    }
    let mut values = [a, b, c, d, e, f, g, h];
    for (value, begun) in values.iter_mut().zip(state(begun)) {
        *value = add(*value, begun);
    }
    values
}

/// Those words for all texts.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn state(words: &Words) -> [Lanes; 8] {
    let mut lanes = [all(0); 8];
    for (lanes, word) in lanes.iter_mut().zip(words) {
        *lanes = all(*word);
    }
    lanes
}

/// The word that comes sixteen after the first of these, which are 1, 9 and 14 apart from it.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn next_word(mut first: Lanes, second: Lanes, tenth: Lanes, last: Lanes) -> Lanes {
    for one in 0..VECTORS {
        let (second, last) = (second[one], last[one]);
        let low = xor(
            _mm512_ror_epi32::<7>(second),
            _mm512_ror_epi32::<18>(second),
            _mm512_srli_epi32::<3>(second),
        );
        let high = xor(
            _mm512_ror_epi32::<17>(last),
            _mm512_ror_epi32::<19>(last),
            _mm512_srli_epi32::<10>(last),
        );
        let sum = _mm512_add_epi32(tenth[one], high);
        first[one] = _mm512_add_epi32(_mm512_add_epi32(first[one], low), sum);
    }
    first
}

/// What the fourth and the last of the values become.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn round([a, b, c, d, e, f, g, h]: [Lanes; 8], word: Lanes, added: u32) -> (Lanes, Lanes) {
    const CHOICE: i32 = 0xca;
    const MAJORITY: i32 = 0xe8;
    let (mut first, mut second) = (h, a);
    for one in 0..VECTORS {
        let (a, e) = (a[one], e[one]);
        let upper =
            xor(_mm512_ror_epi32::<6>(e), _mm512_ror_epi32::<11>(e), _mm512_ror_epi32::<25>(e));
        let chosen = _mm512_ternarylogic_epi32::<CHOICE>(e, f[one], g[one]);
        let added = _mm512_set1_epi32(added.cast_signed());
        let given = _mm512_add_epi32(h[one], _mm512_add_epi32(word[one], added));
        first[one] = _mm512_add_epi32(_mm512_add_epi32(given, chosen), upper);
        let lower =
            xor(_mm512_ror_epi32::<2>(a), _mm512_ror_epi32::<13>(a), _mm512_ror_epi32::<22>(a));
        let majority = _mm512_ternarylogic_epi32::<MAJORITY>(a, b[one], c[one]);
        second[one] = _mm512_add_epi32(lower, majority);
    }
    (add(d, first), add(first, second))
}

/// The words of the blocks: each, of all texts.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn words(blocks: &Blocks) -> [Lanes; WORDS] {
    let reversed = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    let reversed = _mm512_broadcast_i32x4(reversed);
    let mut words = [all(0); WORDS];
    for vector in 0..VECTORS {
        let mut rows = [_mm512_setzero_si512(); TEXTS];
        for (row, Block(block)) in rows.iter_mut().zip(&blocks[vector * TEXTS..]) {
            // SAFETY: sixty-four bytes are there.
            let bytes = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
            *row = _mm512_shuffle_epi8(bytes, reversed);
        }
        for (word, lanes) in words.iter_mut().zip(transposed(&rows)) {
            word[vector] = lanes;
        }
    }
    words
}

/// Makes rows columns: words by two, those by two, and then quarters of vectors.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn transposed(rows: &[__m512i; 16]) -> [__m512i; 16] {
    let zero = _mm512_setzero_si512();
    let (mut pairs, mut fours, mut columns) = ([zero; 16], [zero; 16], [zero; 16]);
    for (two, rows) in pairs.chunks_exact_mut(2).zip(rows.chunks_exact(2)) {
        two[0] = _mm512_unpacklo_epi32(rows[0], rows[1]);
        two[1] = _mm512_unpackhi_epi32(rows[0], rows[1]);
    }
    for (four, pairs) in fours.chunks_exact_mut(4).zip(pairs.chunks_exact(4)) {
        four[0] = _mm512_unpacklo_epi64(pairs[0], pairs[2]);
        four[1] = _mm512_unpackhi_epi64(pairs[0], pairs[2]);
        four[2] = _mm512_unpacklo_epi64(pairs[1], pairs[3]);
        four[3] = _mm512_unpackhi_epi64(pairs[1], pairs[3]);
    }
    for word in 0..4 {
        let (a, b, c, d) = (fours[word], fours[4 + word], fours[8 + word], fours[12 + word]);
        let (first, second) =
            (_mm512_shuffle_i32x4::<0x44>(a, b), _mm512_shuffle_i32x4::<0x44>(c, d));
        columns[word] = _mm512_shuffle_i32x4::<0x88>(first, second);
        columns[word + 4] = _mm512_shuffle_i32x4::<0xdd>(first, second);
        let (first, second) =
            (_mm512_shuffle_i32x4::<0xee>(a, b), _mm512_shuffle_i32x4::<0xee>(c, d));
        columns[word + 8] = _mm512_shuffle_i32x4::<0x88>(first, second);
        columns[word + 12] = _mm512_shuffle_i32x4::<0xdd>(first, second);
    }
    columns
}

/// That word for all texts.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn all(word: u32) -> Lanes {
    [_mm512_set1_epi32(word.cast_signed()); VECTORS]
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn add(mut a: Lanes, b: Lanes) -> Lanes {
    for one in 0..VECTORS {
        a[one] = _mm512_add_epi32(a[one], b[one]);
    }
    a
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn xor(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    const XOR: i32 = 0x96;
    _mm512_ternarylogic_epi32::<XOR>(a, b, c)
}
