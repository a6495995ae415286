//! SHA-256 (FIPS 180-4) of one block of each of sixteen texts at once, for processors with AVX-512.
#![expect(unsafe_code, reason = "as in `avx512.rs`")]
#![expect(clippy::incompatible_msrv, reason = "left out by older compilers, see build.rs")]

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_loadu_si512, _mm512_ror_epi32, _mm512_set1_epi32,
    _mm512_setzero_si512, _mm512_srli_epi32, _mm512_storeu_si512, _mm512_ternarylogic_epi32,
};

use super::vector::{Block, LANES, State};

/// Rounds of a block, of which each takes a word of it as the rounds before left it.
const WORDS: usize = 16;

/// What is added in each round.
const ROUND: [u32; 64] = [
    0x428a_2f98,
    0x7137_4491,
    0xb5c0_fbcf,
    0xe9b5_dba5,
    0x3956_c25b,
    0x59f1_11f1,
    0x923f_82a4,
    0xab1c_5ed5,
    0xd807_aa98,
    0x1283_5b01,
    0x2431_85be,
    0x550c_7dc3,
    0x72be_5d74,
    0x80de_b1fe,
    0x9bdc_06a7,
    0xc19b_f174,
    0xe49b_69c1,
    0xefbe_4786,
    0x0fc1_9dc6,
    0x240c_a1cc,
    0x2de9_2c6f,
    0x4a74_84aa,
    0x5cb0_a9dc,
    0x76f9_88da,
    0x983e_5152,
    0xa831_c66d,
    0xb003_27c8,
    0xbf59_7fc7,
    0xc6e0_0bf3,
    0xd5a7_9147,
    0x06ca_6351,
    0x1429_2967,
    0x27b7_0a85,
    0x2e1b_2138,
    0x4d2c_6dfc,
    0x5338_0d13,
    0x650a_7354,
    0x766a_0abb,
    0x81c2_c92e,
    0x9272_2c85,
    0xa2bf_e8a1,
    0xa81a_664b,
    0xc24b_8b70,
    0xc76c_51a3,
    0xd192_e819,
    0xd699_0624,
    0xf40e_3585,
    0x106a_a070,
    0x19a4_c116,
    0x1e37_6c08,
    0x2748_774c,
    0x34b0_bcb5,
    0x391c_0cb3,
    0x4ed8_aa4a,
    0x5b9c_ca4f,
    0x682e_6ff3,
    0x748f_82ee,
    0x78a5_636f,
    0x84c8_7814,
    0x8cc7_0208,
    0x90be_fffa,
    0xa450_6ceb,
    0xbef9_a3f7,
    0xc671_78f2,
];

/// Digests the next block of each text.
#[target_feature(enable = "avx512f")]
pub fn compress(state: &mut State, block: &Block) {
    let mut words = [_mm512_setzero_si512(); WORDS];
    for (word, lanes) in words.iter_mut().zip(block) {
        *word = load(lanes);
    }
    let mut values = [_mm512_setzero_si512(); 8];
    for (value, lanes) in values.iter_mut().zip(&*state) {
        *value = load(lanes);
    }
    for (group, added) in ROUND.chunks_exact(WORDS).enumerate() {
        for place in 0..WORDS {
            if group > 0 {
                let at = |ahead| words[(place + ahead) % WORDS];
                words[place] = next_word(at(0), at(1), at(9), at(14));
            }
            values = round(values, words[place], added[place]);
        }
    }
    for (lanes, value) in state.iter_mut().zip(values) {
        let sum = _mm512_add_epi32(load(lanes), value);
        // SAFETY: there is room for sixteen words.
        unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), sum) };
    }
}

/// The word that comes sixteen after the first of these, which are 1, 9 and 14 apart from it.
#[inline]
#[target_feature(enable = "avx512f")]
fn next_word(first: __m512i, second: __m512i, tenth: __m512i, last: __m512i) -> __m512i {
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
    _mm512_add_epi32(_mm512_add_epi32(first, low), _mm512_add_epi32(tenth, high))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn round([a, b, c, d, e, f, g, h]: [__m512i; 8], word: __m512i, added: u32) -> [__m512i; 8] {
    const CHOICE: i32 = 0xca;
    const MAJORITY: i32 = 0xe8;
    let upper = xor(_mm512_ror_epi32::<6>(e), _mm512_ror_epi32::<11>(e), _mm512_ror_epi32::<25>(e));
    let chosen = _mm512_ternarylogic_epi32::<CHOICE>(e, f, g);
    let given = _mm512_add_epi32(word, _mm512_set1_epi32(added.cast_signed()));
    let first = _mm512_add_epi32(_mm512_add_epi32(h, given), _mm512_add_epi32(upper, chosen));
    let lower = xor(_mm512_ror_epi32::<2>(a), _mm512_ror_epi32::<13>(a), _mm512_ror_epi32::<22>(a));
    let second = _mm512_add_epi32(lower, _mm512_ternarylogic_epi32::<MAJORITY>(a, b, c));
    [_mm512_add_epi32(first, second), a, b, c, _mm512_add_epi32(d, first), e, f, g]
}

#[inline]
#[target_feature(enable = "avx512f")]
fn xor(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    const XOR: i32 = 0x96;
    _mm512_ternarylogic_epi32::<XOR>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(lanes: &[u32; LANES]) -> __m512i {
    // SAFETY: sixteen words are there.
    unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) }
}
