//! Decryption as it is done piece by piece, and the padding at the end.

use aes::Aes256;
use aes::cipher::{BlockCipherDecrypt, InOutBuf, KeyInit};
use multiversion::multiversion;

/// Bytes of one AES block.
pub const BLOCK: usize = 16;
/// Bytes that are read, and then decrypted: few enough to stay in a core's own cache meanwhile.
pub const PIECE_BYTES: usize = 256 << 10;

/// AES-256 in CBC mode, in which every block can be decrypted by itself (NIST SP 800-38A, 6.2):
/// P[i] = D(C[i]) xor C[i-1].
pub struct Cipher {
    aes: Aes256,
    /// The block before, what waits, and then room for a piece of ciphertext.
    chained: Vec<u8>,
    /// How many bytes of ciphertext wait for what comes after them.
    waiting: usize,
}

impl Cipher {
    /// Begins after the block `iv`: that of ciphertext before, or the file's own.
    pub fn new(key: &[u8; 32], iv: &[u8; BLOCK]) -> Self {
        let mut chained = vec![0; BLOCK + BLOCK + PIECE_BYTES];
        chained[..BLOCK].copy_from_slice(iv);
        Self { aes: Aes256::new(key.into()), chained, waiting: 0 }
    }

    /// Where to put so many bytes of ciphertext, a piece at most, after a block at most that waits.
    pub fn room(&mut self, size: usize) -> &mut [u8] {
        &mut self.chained[BLOCK + self.waiting..][..size]
    }

    /// How many bytes of ciphertext wait.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Decrypts as much as there is room for in `plain`, after so many bytes were put into the room;
    /// the others wait. None if that is not whole blocks.
    pub fn decrypt(&mut self, added: usize, plain: &mut [u8]) -> Option<()> {
        let (size, there) = (plain.len(), self.waiting + added);
        let pairs = InOutBuf::new(&self.chained[BLOCK..BLOCK + size], plain).ok()?;
        let (blocks, rest) = pairs.into_chunks();
        if !rest.is_empty() {
            return None;
        }
        self.aes.decrypt_blocks_inout(blocks);
        xor(plain, &self.chained[..size]);
        self.chained.copy_within(size..BLOCK + there, 0);
        self.waiting = there - size;
        Some(())
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn xor(plain: &mut [u8], chained: &[u8]) {
    for (byte, before) in plain.iter_mut().zip(chained) {
        *byte ^= before;
    }
}

/// How long a text is without its PKCS#7 padding (RFC 5652, 6.3), if it has one.
pub fn unpadded(text: &[u8]) -> Option<usize> {
    let &count = text.last()?;
    let length = text.len().checked_sub(usize::from(count))?;
    let is_padding = (1..=BLOCK).contains(&usize::from(count))
        && text[length..].iter().all(|&byte| byte == count);
    is_padding.then_some(length)
}

#[cfg(test)]
mod tests {
    use super::unpadded;

    #[test]
    fn padding_is_taken_off() {
        assert_eq!(unpadded(b"abc\x01"), Some(3));
        assert_eq!(unpadded(&[16; 16]), Some(0));
        for bad in [&b""[..], b"abc\0", b"abc\x11", b"a\x02\x03\x03", &[17; 17], b"\x02"] {
            assert_eq!(unpadded(bad), None, "{bad:?}");
        }
    }
}
