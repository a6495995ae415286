//! The keys of all tables as trees, which learn the usual order of an object's members.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::kinds::{Seen, Traits};
use crate::simd::equal;

/// Number of a node in a [`KeyTree`]; 0, a table's root, stands for none where a member is meant.
pub type NodeId = usize;

/// Bytes of a text that are compared with a label, which is shorter.
pub const LABEL: usize = 32;
/// Equal to nothing: no valid text has a byte 0xff.
const NO_LABEL: [u8; LABEL] = [0xff; LABEL];

/// A key in a table's tree: what is at its path. One cache line.
#[derive(Clone)]
#[repr(align(64))]
pub struct Node {
    /// How the member usually begins: its key with quotes and the colon, and the space after that if
    /// there is one.
    label: [u8; LABEL],
    /// Which bytes of the label have to be there.
    wanted: u32,
    label_length: u16,
    /// Whether `next` is a member that came in place of this one, after which none ever came.
    is_last: bool,
    /// Whether the space was there at times only.
    has_any_space: bool,
    /// One more than the number of the path's cell in a row, 0 while it has none; of a column that
    /// has no plain cells, see [`column`](super::treatments::column).
    pub column: u32,
    /// The number of the path's table, 0 while it has none.
    pub table: u32,
    /// The member that came after this one.
    next: u32,
    /// The member that an object at this path began with.
    first: u32,
    /// The object that had this member last.
    seen: u64,
}

impl Node {
    fn set_label_length(&mut self, length: usize) {
        self.label_length = length as u16;
        self.wanted = u32::MAX >> (LABEL - length);
    }
}

/// A member that was expected.
pub struct Member {
    /// The node of its path.
    pub node: NodeId,
    /// The column of its cells, as the node has it.
    pub column: u32,
    /// The guess for the member after it.
    pub next: u32,
    /// How long its label is: less than [`LABEL`].
    pub length: usize,
}

/// The place of a node; kept apart, because it is rarely looked at.
struct Place {
    parent: NodeId,
    key: Box<[u8]>,
    /// The object that had the key more than once, and the number to try next there.
    again: (u64, u32),
    /// Whether objects there are read as lists, once that was asked.
    is_map: Option<bool>,
}

/// The trees of all tables.
#[derive(Default)]
pub struct KeyTree {
    nodes: Vec<Node>,
    /// What was seen of the values at each node.
    seen: Vec<Seen>,
    places: Vec<Place>,
    index: HashTable<NodeId>,
    hasher: DefaultHashBuilder,
}

impl KeyTree {
    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The root of another table's tree.
    pub fn add_root(&mut self) -> NodeId {
        let root = self.new_node(self.nodes.len(), b"");
        self.nodes[root].label = NO_LABEL;
        root
    }

    /// Makes the node's path a column: see [`Node::column`].
    pub fn set_column(&mut self, node: NodeId, column: u32) {
        self.nodes[node].column = column;
    }

    /// Makes the node's path the table with that number.
    pub fn set_table(&mut self, node: NodeId, number: usize) {
        self.nodes[node].table = number as u32;
    }

    /// Notes a value that became a node's cell.
    #[inline(always)]
    pub fn note(&mut self, node: NodeId, traits: Traits) {
        self.seen[node].note(traits);
    }

    /// Notes a number that became a node's cell, of any form and length.
    pub fn note_number(&mut self, node: NodeId, number: &[u8]) {
        self.seen[node].note_number(number);
    }

    /// Takes what was seen of the values at a node, as the bits of a column.
    pub fn take_seen(&mut self, node: NodeId) -> u128 {
        self.seen[node].take()
    }

    /// Whether objects at a node are read as lists: asked but once.
    pub fn is_map(&mut self, node: NodeId, is_map: impl FnOnce(&Self) -> bool) -> bool {
        if let Some(known) = self.places[node].is_map {
            return known;
        }
        let found = is_map(self);
        self.places[node].is_map = Some(found);
        found
    }

    /// The path of a node, from its table's root.
    pub fn path(&self, mut node: NodeId) -> Vec<&[u8]> {
        let mut keys = Vec::new();
        while self.places[node].parent != node {
            keys.push(&*self.places[node].key);
            node = self.places[node].parent;
        }
        keys.reverse();
        keys
    }

    /// What is known of a node.
    #[inline(always)]
    pub fn node(&self, node: NodeId) -> &Node {
        &self.nodes[node]
    }

    /// The number to try first for the member of `parent` that comes after `previous` (0: first).
    #[inline(always)]
    pub fn guess(&self, parent: NodeId, previous: NodeId) -> u32 {
        if previous == 0 { self.nodes[parent].first } else { self.nodes[previous].next }
    }

    /// The guessed member, if the text begins with its label and `object` has not had it yet.
    ///
    /// The object has it then.
    #[inline(always)]
    pub fn expect(&mut self, mut guess: u32, object: u64, text: &[u8; LABEL]) -> Option<Member> {
        // Where members are missing, the ones that come after them are next.
        let mut tries = 4;
        while tries > 0 {
            let node = self.nodes.get_mut(guess as usize)?;
            if node.wanted & !equal(text, &node.label) == 0 {
                if node.seen == object {
                    return None;
                }
                node.seen = object;
                let length = usize::from(node.label_length) % LABEL;
                let Node { column, next, .. } = *node;
                return Some(Member { node: guess as usize, column, next, length });
            }
            guess = node.next;
            // Whatever else came in place of that one is not near.
            tries = if node.is_last { tries.min(2) - 1 } else { tries - 1 };
        }
        None
    }

    /// Learns that `node` came after `previous` (0: first) in `parent`.
    pub fn learn(&mut self, parent: NodeId, previous: NodeId, node: NodeId) {
        let guess = self.guess(parent, previous) as NodeId;
        if guess != 0 && guess != node && (self.nodes[guess].next == 0 || self.nodes[guess].is_last)
        {
            (self.nodes[guess].next, self.nodes[guess].is_last) = (node as u32, true);
        }
        self.set_guess(parent, previous, node);
        if previous != 0 {
            self.nodes[previous].is_last = false;
        }
    }

    /// Expects a space after the member's colon from now on, unless it was missing once.
    #[inline(never)]
    pub fn expect_space(&mut self, node: NodeId) {
        let node = &mut self.nodes[node];
        let length = usize::from(node.label_length);
        if !node.has_any_space && (1..LABEL - 1).contains(&length) && node.label[length - 1] == b':'
        {
            node.label[length] = b' ';
            node.set_label_length(length + 1);
        }
    }

    /// Never again expects a space after the member's colon if it was expected.
    pub fn expect_no_space(&mut self, node: NodeId) {
        let node = &mut self.nodes[node];
        let length = usize::from(node.label_length);
        if length > 0 && node.label[length - 1] == b' ' {
            node.has_any_space = true;
            node.set_label_length(length - 1);
        }
    }

    /// Learns that `node`, which was expected, came after `previous` in `parent`, if it is one that came in
    /// place of the first guess: where records have one of several members in turn, the next of
    /// them is found so.
    #[inline(always)]
    pub fn learn_other(&mut self, parent: NodeId, previous: NodeId, node: NodeId) {
        let guess = self.guess(parent, previous) as NodeId;
        if self.nodes[guess].is_last {
            self.set_guess(parent, previous, node);
        }
    }

    #[inline(always)]
    fn set_guess(&mut self, parent: NodeId, previous: NodeId, node: NodeId) {
        if previous == 0 {
            self.nodes[parent].first = node as u32;
        } else {
            self.nodes[previous].next = node as u32;
        }
    }

    /// The member of `parent` with that key.
    pub fn member(&mut self, parent: NodeId, key: &[u8]) -> NodeId {
        let hash = self.hasher.hash_one((parent, key));
        if let Some(node) = self.find(hash, parent, key) {
            return node;
        }
        let node = self.new_node(parent, key);
        let (hasher, places) = (&self.hasher, &self.places);
        self.index.insert_unique(hash, node, |&node| {
            hasher.hash_one((places[node].parent, &*places[node].key))
        });
        node
    }

    fn find(&self, hash: u64, parent: NodeId, key: &[u8]) -> Option<NodeId> {
        let places = &self.places;
        let is_it = |&node: &NodeId| places[node].parent == parent && *places[node].key == *key;
        self.index.find(hash, is_it).copied()
    }

    /// Whether nothing came of a member of `object`, the last one that got a node.
    pub fn is_in_vain(&self, node: NodeId, object: u64) -> bool {
        let is_used = |node: &Node| node.column != 0 || node.table != 0;
        self.places[node].again.0 != object && !self.nodes[node..].iter().rev().any(is_used)
    }

    /// Forgets the last nodes, from this one on, which was not learned to come after any.
    pub fn forget(&mut self, node: NodeId) {
        for (number, Place { parent, key, .. }) in (node..).zip(self.places.drain(node..)) {
            let hash = self.hasher.hash_one((parent, &*key));
            if let Ok(entry) = self.index.find_entry(hash, |&found| found == number) {
                entry.remove();
            }
        }
        self.nodes.truncate(node);
        self.seen.truncate(node);
    }

    fn new_node(&mut self, parent: NodeId, key: &[u8]) -> NodeId {
        let (label, wanted, label_length) = label(key);
        self.nodes.push(Node {
            label,
            wanted,
            label_length: label_length as u16,
            is_last: false,
            has_any_space: false,
            column: 0,
            table: 0,
            next: 0,
            first: 0,
            seen: 0,
        });
        self.seen.push(Seen::default());
        self.places.push(Place { parent, key: key.into(), again: (0, 0), is_map: None });
        self.nodes.len() - 1
    }

    /// Notes that `object` has this member; false if it has had it already.
    #[inline(always)]
    pub fn claim(&mut self, node: NodeId, object: u64) -> bool {
        let seen = &mut self.nodes[node].seen;
        let is_new = *seen != object;
        *seen = object;
        is_new
    }

    /// The node that stands for a key which `object` has again: `key~2`, or the next free one.
    ///
    /// Names that have no node may be taken, too.
    #[cold]
    pub fn again(&mut self, node: NodeId, object: u64, is_taken: impl Fn(&[u8]) -> bool) -> NodeId {
        let Place { parent, ref key, again, .. } = self.places[node];
        let stem = [key, &b"~"[..]].concat();
        let mut number = if again.0 == object { again.1 } else { 2 };
        loop {
            let key = [&stem, number.to_string().as_bytes()].concat();
            number += 1;
            self.places[node].again = (object, number);
            if is_taken(&key) {
                continue;
            }
            let candidate = self.member(parent, &key);
            if self.claim(candidate, object) {
                return candidate;
            }
        }
    }

    /// Whether `again` has tried that name for a key of `object`: if it had no use for its node,
    /// that may be forgotten.
    pub fn has_tried(&self, parent: NodeId, name: &[u8], object: u64) -> bool {
        let mut parts = name.rsplitn(2, |&byte| byte == b'~');
        let (Some(digits), Some(stem)) = (parts.next(), parts.next()) else { return false };
        if !matches!(digits.first(), Some(b'1'..=b'9')) {
            return false;
        }
        let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u32>().ok());
        let hash = self.hasher.hash_one((parent, stem));
        let again = self.find(hash, parent, stem).map(|node| self.places[node].again);
        again
            .zip(number)
            .is_some_and(|((whose, next), number)| whose == object && (2..next).contains(&number))
    }
}

/// How a member with that key begins, if it is written without escapes and is not too long.
fn label(key: &[u8]) -> ([u8; LABEL], u32, u32) {
    let length = key.len() + 3;
    let plain = key.iter().all(|&byte| byte >= b' ' && byte != b'"' && byte != b'\\');
    if length >= LABEL || !plain {
        return (NO_LABEL, u32::MAX, 0);
    }
    let mut label = NO_LABEL;
    label[0] = b'"';
    label[1..=key.len()].copy_from_slice(key);
    label[key.len() + 1..length].copy_from_slice(b"\":");
    (label, u32::MAX >> (LABEL - length), length as u32)
}

#[cfg(test)]
mod tests {
    use super::{KeyTree, LABEL, NodeId};

    /// Whether a member with that key was expected after `previous`; and its node.
    fn is_expected(
        keys: &mut KeyTree,
        parent: NodeId,
        previous: NodeId,
        key: &str,
        object: u64,
    ) -> (bool, NodeId) {
        let mut text = [b' '; LABEL];
        let label = format!("\"{key}\":1");
        text[..label.len()].copy_from_slice(label.as_bytes());
        let guess = keys.guess(parent, previous);
        if let Some(member) = keys.expect(guess, object, &text) {
            keys.learn_other(parent, previous, member.node);
            return (true, member.node);
        }
        let node = keys.member(parent, key.as_bytes());
        assert!(keys.claim(node, object));
        keys.learn(parent, previous, node);
        (false, node)
    }

    #[test]
    fn one_of_several_members_in_turn_is_expected() {
        let mut keys = KeyTree::default();
        let root = keys.add_root();
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let mut unexpected = 0;
        for object in 1..=80 {
            let (_, id) = is_expected(&mut keys, root, 0, "id", object);
            let name = names[object as usize % names.len()];
            let (was_expected, _) = is_expected(&mut keys, root, id, name, object);
            unexpected += u32::from(!was_expected);
        }
        // Each for the first time, and the first one when it comes again.
        assert_eq!(unexpected, 9);
    }

    #[test]
    fn a_member_that_is_missing_at_times_stays_expected() {
        let mut keys = KeyTree::default();
        let root = keys.add_root();
        let mut unexpected = 0;
        for object in 1..=80 {
            let (_, a) = is_expected(&mut keys, root, 0, "a", object);
            let names: &[_] = if object % 2 == 1 { &["b", "c"] } else { &["c"] };
            let mut previous = a;
            for name in names {
                let (was_expected, node) = is_expected(&mut keys, root, previous, name, object);
                unexpected += u32::from(!was_expected);
                previous = node;
            }
        }
        assert_eq!(unexpected, 2);
    }

    #[test]
    fn a_space_is_expected_until_it_is_missing() {
        let mut keys = KeyTree::default();
        let root = keys.add_root();
        let node = keys.member(root, b"a");
        keys.learn(root, 0, node);
        let mut object = 0;
        let mut length = |keys: &mut KeyTree, start: &str| {
            object += 1;
            let mut text = [b'1'; LABEL];
            text[..start.len()].copy_from_slice(start.as_bytes());
            keys.expect(keys.guess(root, 0), object, &text).map(|member| member.length)
        };
        assert_eq!(length(&mut keys, "\"a\": "), Some(4));
        keys.expect_space(node);
        keys.expect_space(node);
        assert_eq!((length(&mut keys, "\"a\": "), length(&mut keys, "\"a\":")), (Some(5), None));
        keys.expect_no_space(node);
        keys.expect_space(node);
        assert_eq!((length(&mut keys, "\"a\": "), length(&mut keys, "\"a\":")), (Some(4), Some(4)));
    }
}
