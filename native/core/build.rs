//! Tells the core whether it can be compiled for AVX-512, and with the instructions of x86-64 for what
//! the compiler does not make of a loop: older compilers cannot.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(has_avx512, has_x86_vectors)");
    let is_x86_64 = env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|name| name == "x86_64");
    if is_x86_64 && rustversion::cfg!(since(1.89)) {
        println!("cargo::rustc-cfg=has_avx512");
    }
    // What they do without memory is safe to call from then on.
    if is_x86_64 && rustversion::cfg!(since(1.87)) {
        println!("cargo::rustc-cfg=has_x86_vectors");
    }
}
