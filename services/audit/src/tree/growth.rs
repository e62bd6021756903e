//! How a tree grows: the roots of its complete subtrees are all that is needed to
//! add to it and to know its root. A complete subtree never changes again.

use super::hash::{self, Hash};

/// The root of a complete subtree: of `2^level` leaves, the `index`th of its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subtree {
    /// 0 is a leaf.
    pub level: u8,
    /// Counted from 0, along its level.
    pub index: u64,
    /// Its hash.
    pub hash: Hash,
}

/// The complete subtrees that a tree of some size consists of, largest first: one
/// for each bit that is set in the size.
#[must_use]
pub fn peaks(size: u64) -> Vec<(u8, u64)> {
    let mut peaks = Vec::with_capacity(size.count_ones() as usize);
    let mut start = 0;
    for level in (0..64u8).rev() {
        let length = 1u64 << level;
        if size & length != 0 {
            peaks.push((level, start >> level));
            start += length;
        }
    }
    peaks
}

/// A tree that can be added to.
#[derive(Debug, Clone, Default)]
pub struct Growth {
    size: u64,
    peaks: Vec<Hash>,
}

impl Growth {
    /// A tree that has grown to `size` already; `hashes` are those of [`peaks`].
    /// `None` when there are more or fewer.
    #[must_use]
    pub fn resumed(size: u64, hashes: Vec<Hash>) -> Option<Self> {
        (hashes.len() == size.count_ones() as usize).then_some(Self {
            size,
            peaks: hashes,
        })
    }

    /// How many leaves there are.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf; tells every complete subtree that came to be, the leaf first.
    pub fn push(&mut self, leaf: Hash, mut made: impl FnMut(Subtree)) {
        let (mut hash, mut index, mut level) = (leaf, self.size, 0);
        made(Subtree { level, index, hash });
        while index & 1 == 1 {
            let left = self
                .peaks
                .pop()
                .expect("a set bit of the size has its peak");
            hash = hash::node(left, hash);
            index >>= 1;
            level += 1;
            made(Subtree { level, index, hash });
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root: the peaks, joined from the right.
    #[must_use]
    pub fn root(&self) -> Hash {
        join(&self.peaks)
    }
}

/// The root over adjacent subtrees that grow smaller to the right.
#[must_use]
pub fn join(peaks: &[Hash]) -> Hash {
    let mut from_right = peaks.iter().rev().copied();
    match from_right.next() {
        None => hash::empty(),
        Some(last) => from_right.fold(last, |right, left| hash::node(left, right)),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Section 2.1, word for word.
    pub(crate) fn naive(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => hash::empty(),
            [leaf] => *leaf,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                hash::node(naive(&leaves[..split]), naive(&leaves[split..]))
            }
        }
    }

    /// `n` leaves that differ.
    pub(crate) fn leaves(n: usize) -> Vec<Hash> {
        (0..n).map(|i| hash::leaf(&i.to_be_bytes())).collect()
    }

    /// The inputs and roots that the implementations of Certificate Transparency
    /// share as their test vectors.
    #[test]
    fn the_known_trees_have_their_known_roots() {
        let inputs: [&[u8]; 8] = [
            b"",
            &[0x00],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[
                0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d,
                0x6e, 0x6f,
            ],
        ];
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut growth = Growth::default();
        assert_eq!(hex::encode(growth.root().0), roots[0]);
        for (input, root) in inputs.iter().zip(&roots[1..]) {
            growth.push(hash::leaf(input), |_| {});
            assert_eq!(hex::encode(growth.root().0), *root);
        }
    }

    #[test]
    fn peaks_are_the_bits_of_the_size() {
        assert_eq!(peaks(0), []);
        assert_eq!(peaks(1), [(0, 0)]);
        assert_eq!(peaks(7), [(2, 0), (1, 2), (0, 6)]);
        assert_eq!(peaks(8), [(3, 0)]);
        assert_eq!(peaks(10), [(3, 0), (1, 4)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_tree_that_grows_has_the_root_of_the_definition(n in 0usize..200, pause in 0usize..200) {
            let leaves = leaves(n);
            let mut growth = Growth::default();
            let mut subtrees = Vec::new();
            for (i, leaf) in leaves.iter().enumerate() {
                if i == pause {
                    // What is stored is enough to go on.
                    let size = growth.size();
                    let hashes = peaks(size)
                        .into_iter()
                        .map(|(level, index)| {
                            let stored = subtrees.iter().find(|s: &&Subtree| (s.level, s.index) == (level, index));
                            stored.unwrap().hash
                        })
                        .collect();
                    growth = Growth::resumed(size, hashes).unwrap();
                }
                growth.push(*leaf, |subtree| subtrees.push(subtree));
            }
            prop_assert_eq!(growth.root(), naive(&leaves));
            for Subtree { level, index, hash } in subtrees {
                let start = usize::try_from(index << level).unwrap();
                prop_assert_eq!(hash, naive(&leaves[start..start + (1 << level)]));
            }
        }
    }
}
