//! How fast ciphertext is read that lies in memory, by how it is written: the best of many rounds.
//!
//!     cargo bench --bench ciphertext

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64_simd::{STANDARD, URL_SAFE};
use hex_simd::AsciiCase;
use myd_core::input::{Encoding, Failure, FileText, Input, ReadAt};

const SIZE: usize = 3 << 20;
const ROUNDS: usize = 300;

/// A file that lies in memory.
struct InMemory(Arc<Vec<u8>>);

impl ReadAt for InMemory {
    fn read_exact_at(&mut self, room: &mut [u8], offset: u64) -> Result<(), Failure> {
        let start = offset as usize;
        let bytes = self.0.get(start..start + room.len()).ok_or(Failure::Unreadable)?;
        room.copy_from_slice(bytes);
        Ok(())
    }
}

fn main() {
    let cipher: Vec<u8> = (0..SIZE).map(|n| ((n * n) >> 7) as u8).collect();
    let base64 = STANDARD.encode_to_string(&cipher).into_bytes();
    let for_urls = URL_SAFE.encode_to_string(&cipher).into_bytes();
    let hex = hex_simd::encode_to_string(&cipher, AsciiCase::Lower).into_bytes();
    let in_lines = |text: &[u8], width: usize| text.chunks(width).collect::<Vec<_>>().join(&b'\n');
    for (name, encoding, text) in [
        ("raw", None, cipher),
        ("base64", Some(Encoding::Base64), base64.clone()),
        ("for URLs", Some(Encoding::Base64), for_urls),
        ("lines of 64", Some(Encoding::Base64), in_lines(&base64, 64)),
        ("lines of 76", Some(Encoding::Base64), in_lines(&base64, 76)),
        ("hex", Some(Encoding::Hex), hex.clone()),
        ("hex in lines", Some(Encoding::Hex), in_lines(&hex, 64)),
        ("hex by bytes", Some(Encoding::Hex), in_lines(&hex, 2)),
    ] {
        let text = Arc::new(text);
        let best = (0..ROUNDS).map(|_| seconds(&text, encoding)).min().unwrap_or_default();
        println!("{name:12} {:7.0} MB/s", SIZE as f64 / 1e6 / best.as_secs_f64());
    }
}

/// How long it takes to read the text; it fails at the end, where there is no padding.
fn seconds(text: &Arc<Vec<u8>>, encoding: Option<Encoding>) -> Duration {
    let file = FileText::new(InMemory(Arc::clone(text)), 0, text.len() as u64, 0);
    let file = file.decrypted(&[7; 32], &[8; 16]);
    let mut input = Input::File(Box::new(match encoding {
        Some(encoding) => file.decoded(encoding, 0, 0),
        None => file,
    }));
    let mut room = vec![0; 4 << 20];
    let begun = Instant::now();
    while input.read(&mut room).is_ok_and(|size| size > 0) {}
    begun.elapsed()
}
