//! Random JSON text, the same in each run.

/// Numbers by chance.
pub struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Self(1)
    }
}

impl Random {
    /// A number below a bound.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % bound
    }

    /// A value that nests so deep at most.
    pub fn value(&mut self, depth: usize) -> String {
        const SCALARS: [&str; 8] =
            ["1", "-2.50", "null", "true", "\"\"", "\"한,글\"", "\"a\\\"b[{\"", "\"plain\""];
        let count = self.below(6);
        match self.below(if depth == 0 { 1 } else { 3 }) {
            0 => SCALARS[self.below(SCALARS.len())].to_owned(),
            1 => {
                let elements: Vec<_> = (0..count).map(|_| self.value(depth - 1)).collect();
                format!("[{}]", elements.join([",", " , "][self.below(2)]))
            }
            _ => {
                let mut member = || format!("\"k{}\":{}", self.below(5), self.value(depth - 1));
                let members: Vec<_> = (0..count).map(|_| member()).collect();
                format!("{{{}}}", members.join(","))
            }
        }
    }
}
