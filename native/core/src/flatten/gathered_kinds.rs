//! The kinds of values in the rows of several batches.

use super::few::FewKinds;
use crate::kinds::TableKinds;

/// The bits of tables' columns, of all batches together.
#[derive(Default)]
pub struct GatheredKinds {
    /// Those of the last batches, which had the same tables and columns.
    last: FewKinds,
    /// Those of batches before them, by the number of the table.
    before: Vec<Vec<u8>>,
}

impl GatheredKinds {
    /// Adds those of a batch.
    pub fn add(&mut self, kinds: &FewKinds) {
        if !self.last.add_alike(kinds) {
            self.settle();
            self.last = kinds.clone();
        }
    }

    /// Takes all.
    pub fn take(&mut self) -> Vec<TableKinds> {
        self.settle();
        let kinds = std::mem::take(&mut self.before).into_iter().enumerate();
        let kinds = kinds.filter(|(_, bits)| !bits.is_empty());
        kinds.map(|(table, bits)| TableKinds { table, bits }).collect()
    }

    fn settle(&mut self) {
        for (table, bits) in std::mem::take(&mut self.last).iter() {
            if self.before.len() <= table {
                self.before.resize_with(table + 1, Vec::new);
            }
            let known = &mut self.before[table];
            known.resize(known.len().max(bits.len()), 0);
            known.iter_mut().zip(bits).for_each(|(known, bits)| *known |= bits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FewKinds, GatheredKinds};
    use crate::flatten::few::FewRows;

    fn kinds(tables: &[(usize, &[u128])]) -> FewKinds {
        let mut few = FewRows::default();
        tables.iter().for_each(|&(table, columns)| few.add_kinds(table, columns.iter().copied()));
        few.take_kinds()
    }

    #[test]
    fn kinds_add_up_whichever_tables_a_batch_has() {
        let mut gathered = GatheredKinds::default();
        gathered.add(&kinds(&[(0, &[1]), (2, &[1, 2])]));
        gathered.add(&kinds(&[(0, &[2]), (2, &[4, 0])]));
        gathered.add(&kinds(&[(2, &[8, 8, 8])]));
        gathered.add(&kinds(&[(0, &[2]), (2, &[4, 0])]));
        assert_eq!(gathered.take(), kinds(&[(0, &[3]), (2, &[13, 10, 8])]).table_kinds());
        assert!(gathered.take().is_empty());
    }
}
