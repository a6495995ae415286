//! SHA-256 (FIPS 180-4) of many short texts with the instructions that x86-64 has for it: of four at
//! once, as one alone waits for its own results half of the time.
#![expect(unsafe_code, reason = "as in `avx512.rs`")]
#![expect(clippy::incompatible_msrv, reason = "left out by older compilers, see build.rs")]

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_blend_epi16, _mm_set_epi64x, _mm_setr_epi32,
    _mm_setzero_si128, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32,
    _mm_shuffle_epi8, _mm_shuffle_epi32, _mm_storeu_si128,
};

use super::rounds::ROUND;
use super::vector::{BLOCK, Block, Blocks, DIGEST, Half, LANES, Words};

/// Texts that are digested at once.
const TEXTS: usize = 4;
const _: () = assert!(LANES % TEXTS == 0);
/// Words of a vector, and rounds that take them.
const WIDTH: usize = 4;
/// The words of a block.
type Message = [__m128i; BLOCK / 4 / WIDTH];

/// The words of a digest as the instructions have them, each the last first.
#[derive(Clone, Copy)]
struct State {
    abef: __m128i,
    cdgh: __m128i,
}

/// The first halves of the keyed digests of texts of which the last block is the only one: from the
/// words after the key, within and without; None if the processor has no instructions for that.
#[inline]
pub fn keyed_halves(inner: &Words, outer: &Words, blocks: &Blocks) -> Option<Half> {
    let is_there = is_x86_feature_detected!("sha")
        && is_x86_feature_detected!("ssse3")
        && is_x86_feature_detected!("sse4.1");
    // SAFETY: the processor has all that the function is compiled for.
    is_there.then(|| unsafe { keyed_halves_here(inner, outer, blocks) })
}

#[inline(never)]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn keyed_halves_here(inner: &Words, outer: &Words, blocks: &Blocks) -> Half {
    let (inner, outer) = (begun(inner), begun(outer));
    let length = (BLOCK + DIGEST) as i32 * 8;
    let end = [_mm_setr_epi32(i32::MIN, 0, 0, 0), _mm_setr_epi32(0, 0, 0, length)];
    let mut half = [[0; LANES]; 4];
    for (group, blocks) in blocks.chunks_exact(TEXTS).enumerate() {
        let mut messages = [[_mm_setzero_si128(); 4]; TEXTS];
        for (message, Block(block)) in messages.iter_mut().zip(blocks) {
            *message = words(block);
        }
        let digests = compress(inner, messages);
        for (message, digest) in messages.iter_mut().zip(digests) {
            *message = [first_half(digest), last_half(digest), end[0], end[1]];
        }
        for (text, digest) in compress(outer, messages).into_iter().enumerate() {
            let mut words = [0_u32; WIDTH];
            // SAFETY: there is room for four words.
            unsafe { _mm_storeu_si128(words.as_mut_ptr().cast(), first_half(digest)) };
            for (lanes, word) in half.iter_mut().zip(words) {
                lanes[group * TEXTS + text] = word;
            }
        }
    }
    half
}

/// Digests a block of each text, of which the digests so far are the same.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn compress(begun: State, mut messages: [Message; TEXTS]) -> [State; TEXTS] {
    let mut states = [begun; TEXTS];
    for (round, added) in ROUND.chunks_exact(WIDTH).enumerate() {
        let added = four(added);
        // Four rounds of each text: while one waits, the next ones are worked on.
        for (state, message) in states.iter_mut().zip(&mut messages) {
            let place = round % message.len();
            if round >= message.len() {
                message[place] = next_words(message, place);
            }
            let words = _mm_add_epi32(message[place], added);
            state.cdgh = _mm_sha256rnds2_epu32(state.cdgh, state.abef, words);
            let words = _mm_shuffle_epi32::<0x0e>(words);
            state.abef = _mm_sha256rnds2_epu32(state.abef, state.cdgh, words);
        }
    }
    for state in &mut states {
        state.abef = _mm_add_epi32(state.abef, begun.abef);
        state.cdgh = _mm_add_epi32(state.cdgh, begun.cdgh);
    }
    states
}

/// The four words that come sixteen after those at a place.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn next_words(message: &Message, place: usize) -> __m128i {
    let [first, second, third, last] =
        [0, 1, 2, 3].map(|after| message[(place + after) % message.len()]);
    let sum = _mm_sha256msg1_epu32(first, second);
    _mm_sha256msg2_epu32(_mm_add_epi32(sum, _mm_alignr_epi8::<4>(last, third)), last)
}

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn begun(words: &Words) -> State {
    let cdab = _mm_shuffle_epi32::<0xb1>(four(&words[..4]));
    let efgh = _mm_shuffle_epi32::<0x1b>(four(&words[4..]));
    State { abef: _mm_alignr_epi8::<8>(cdab, efgh), cdgh: _mm_blend_epi16::<0xf0>(efgh, cdab) }
}

/// The first four words, in their order.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn first_half(state: State) -> __m128i {
    let feba = _mm_shuffle_epi32::<0x1b>(state.abef);
    _mm_blend_epi16::<0xf0>(feba, _mm_shuffle_epi32::<0xb1>(state.cdgh))
}

/// The last four words, in their order.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn last_half(state: State) -> __m128i {
    let feba = _mm_shuffle_epi32::<0x1b>(state.abef);
    _mm_alignr_epi8::<8>(_mm_shuffle_epi32::<0xb1>(state.cdgh), feba)
}

/// The words of a block.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn words(block: &[u8; BLOCK]) -> Message {
    let reversed = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    let mut words = [_mm_setzero_si128(); 4];
    for (words, bytes) in words.iter_mut().zip(block.chunks_exact(4 * WIDTH)) {
        let [a, b] = [&bytes[..8], &bytes[8..]]
            .map(|bytes| bytes.first_chunk().map_or(0, |eight| i64::from_le_bytes(*eight)));
        *words = _mm_shuffle_epi8(_mm_set_epi64x(b, a), reversed);
    }
    words
}

/// Four words; compiled to one load.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn four(words: &[u32]) -> __m128i {
    let [a, b, c, d] = [0, 1, 2, 3].map(|place| words[place].cast_signed());
    _mm_setr_epi32(a, b, c, d)
}
