//! Proofs (RFC 6962, sections 2.1.1 and 2.1.2) and their verification (RFC 9162,
//! sections 2.1.3.2 and 2.1.4.2, which spells it out).
//!
//! A proof is a list of nodes. Which nodes is a matter of numbers alone, so it is
//! worked out first, as ranges of leaves; their hashes come from complete subtrees,
//! of which a range holds O(log n).

use super::growth::{join, peaks};
use super::hash::{self, Hash};

/// Leaves from `start` on, `length` of them: a node of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first leaf.
    pub start: u64,
    /// How many.
    pub length: u64,
}

impl Range {
    /// The complete subtrees whose hashes make this node's, from the left: their
    /// levels and indexes.
    #[must_use]
    pub fn subtrees(self) -> Vec<(u8, u64)> {
        // A node starts at a multiple of the power of two that it fits into.
        peaks(self.length)
            .into_iter()
            .map(|(level, index)| (level, (self.start >> level) + index))
            .collect()
    }

    /// Its hash, given those of [`Range::subtrees`].
    #[must_use]
    pub fn hash(hashes: &[Hash]) -> Hash {
        join(hashes)
    }
}

/// The largest power of two below `n`, which is at least 2.
const fn split(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

/// The nodes that prove that leaf `index` is in the tree of `size` leaves, from the
/// leaf upwards. `None` when it is not.
#[must_use]
pub fn inclusion(index: u64, size: u64) -> Option<Vec<Range>> {
    if index >= size {
        return None;
    }
    let (mut nodes, mut start, mut length) = (Vec::new(), 0, size);
    while length > 1 {
        let half = split(length);
        if index - start < half {
            nodes.push(Range {
                start: start + half,
                length: length - half,
            });
            length = half;
        } else {
            nodes.push(Range {
                start,
                length: half,
            });
            start += half;
            length -= half;
        }
    }
    nodes.reverse();
    Some(nodes)
}

/// The nodes that prove that the tree of `second` leaves continues that of `first`.
/// `None` unless `0 < first <= second`.
#[must_use]
pub fn consistency(first: u64, second: u64) -> Option<Vec<Range>> {
    if first == 0 || first > second {
        return None;
    }
    let (mut nodes, mut start, mut length) = (Vec::new(), 0, second);
    // Whether the node is a prefix of the first tree whose root the verifier knows.
    let mut known = true;
    while first - start != length {
        let half = split(length);
        if first - start <= half {
            nodes.push(Range {
                start: start + half,
                length: length - half,
            });
            length = half;
        } else {
            nodes.push(Range {
                start,
                length: half,
            });
            start += half;
            length -= half;
            known = false;
        }
    }
    if !known {
        nodes.push(Range { start, length });
    }
    nodes.reverse();
    Some(nodes)
}

/// Whether a proof shows that `leaf` is the `index`th of the `size` leaves under `root`.
#[must_use]
pub fn includes(leaf: Hash, index: u64, size: u64, proof: &[Hash], root: Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut fnode, mut snode, mut hash) = (index, size - 1, leaf);
    for &sibling in proof {
        if snode == 0 {
            return false;
        }
        if fnode & 1 == 1 || fnode == snode {
            hash = hash::node(sibling, hash);
            while fnode & 1 == 0 && fnode != 0 {
                fnode >>= 1;
                snode >>= 1;
            }
        } else {
            hash = hash::node(hash, sibling);
        }
        fnode >>= 1;
        snode >>= 1;
    }
    snode == 0 && hash == root
}

/// Whether a proof shows that the `second` leaves under one root begin with the
/// `first` leaves under the other.
#[must_use]
pub fn continues(
    (first, first_root): (u64, Hash),
    (second, second_root): (u64, Hash),
    proof: &[Hash],
) -> bool {
    if first == 0 || first > second {
        return false;
    }
    if first == second {
        return proof.is_empty() && first_root == second_root;
    }
    // A first tree that is complete is a node of the second, and not sent.
    let mut path = proof.iter().copied();
    let start = if first.is_power_of_two() {
        Some(first_root)
    } else {
        path.next()
    };
    let Some(start) = start else { return false };
    let (mut fnode, mut snode) = (first - 1, second - 1);
    while fnode & 1 == 1 {
        fnode >>= 1;
        snode >>= 1;
    }
    let (mut old, mut new) = (start, start);
    for sibling in path {
        if snode == 0 {
            return false;
        }
        if fnode & 1 == 1 || fnode == snode {
            old = hash::node(sibling, old);
            new = hash::node(sibling, new);
            while fnode & 1 == 0 && fnode != 0 {
                fnode >>= 1;
                snode >>= 1;
            }
        } else {
            new = hash::node(new, sibling);
        }
        fnode >>= 1;
        snode >>= 1;
    }
    snode == 0 && old == first_root && new == second_root
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::growth::tests::{leaves, naive};
    use super::*;

    /// The hashes of a proof, by the definition of the tree.
    fn hashes(of: Option<Vec<Range>>, leaves: &[Hash]) -> Vec<Hash> {
        let slice = |range: Range| {
            let start = usize::try_from(range.start).unwrap();
            &leaves[start..start + usize::try_from(range.length).unwrap()]
        };
        of.unwrap().into_iter().map(|r| naive(slice(r))).collect()
    }

    /// Section 2.1.1, word for word.
    fn path(m: usize, leaves: &[Hash]) -> Vec<Hash> {
        if leaves.len() == 1 {
            return Vec::new();
        }
        let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
        if m < left.len() {
            [path(m, left), vec![naive(right)]].concat()
        } else {
            [path(m - left.len(), right), vec![naive(left)]].concat()
        }
    }

    /// Section 2.1.2, word for word.
    fn subproof(m: usize, leaves: &[Hash], known: bool) -> Vec<Hash> {
        if m == leaves.len() {
            return if known {
                Vec::new()
            } else {
                vec![naive(leaves)]
            };
        }
        let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
        if m <= left.len() {
            [subproof(m, left, known), vec![naive(right)]].concat()
        } else {
            [subproof(m - left.len(), right, false), vec![naive(left)]].concat()
        }
    }

    /// The worked example of section 2.1.3.
    #[test]
    fn the_proofs_of_the_standards_example_have_their_nodes() {
        let range = |start, length| Range { start, length };
        // PATH(0, D[7]) = [b, h, l], PATH(6, D[7]) = [i, k].
        let (b, h, l) = (range(1, 1), range(2, 2), range(4, 3));
        assert_eq!(inclusion(0, 7).unwrap(), [b, h, l]);
        assert_eq!(inclusion(6, 7).unwrap(), [range(4, 2), range(0, 4)]);
        // PROOF(3, D[7]) = [c, d, g, l], PROOF(4, D[7]) = [l], PROOF(6, D[7]) = [i, j, k].
        let (c, d, g) = (range(2, 1), range(3, 1), range(0, 2));
        assert_eq!(consistency(3, 7).unwrap(), [c, d, g, l]);
        assert_eq!(consistency(4, 7).unwrap(), [l]);
        assert_eq!(
            consistency(6, 7).unwrap(),
            [range(4, 2), range(6, 1), range(0, 4)]
        );
    }

    #[test]
    fn there_is_no_proof_of_what_is_not_there() {
        assert_eq!(inclusion(7, 7), None);
        assert_eq!(consistency(0, 7), None);
        assert_eq!(consistency(8, 7), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn inclusion_is_proved_as_the_standard_says(size in 1usize..130, pick in any::<prop::sample::Index>(), wrong in any::<prop::sample::Index>()) {
            let leaves = leaves(size);
            let (index, root) = (pick.index(size), naive(&leaves));
            let (i, n) = (index as u64, size as u64);
            let proof = hashes(inclusion(i, n), &leaves);
            prop_assert_eq!(&proof, &path(index, &leaves));
            prop_assert!(includes(leaves[index], i, n, &proof, root));
            // Of another leaf, at another place or with another node it proves nothing.
            let other = wrong.index(size);
            if other != index {
                prop_assert!(!includes(leaves[other], i, n, &proof, root));
                prop_assert!(!includes(leaves[index], other as u64, n, &proof, root));
            }
            if !proof.is_empty() {
                let mut bent = proof.clone();
                bent[wrong.index(proof.len())].0[0] ^= 1;
                prop_assert!(!includes(leaves[index], i, n, &bent, root));
                prop_assert!(!includes(leaves[index], i, n, &proof[1..], root));
            }
        }

        #[test]
        fn consistency_is_proved_as_the_standard_says(size in 1usize..130, pick in any::<prop::sample::Index>(), wrong in any::<prop::sample::Index>()) {
            let leaves = leaves(size);
            let first = pick.index(size) + 1;
            let (m, n) = (first as u64, size as u64);
            let (before, after) = (naive(&leaves[..first]), naive(&leaves));
            let proof = hashes(consistency(m, n), &leaves);
            prop_assert_eq!(&proof, &subproof(first, &leaves, true));
            prop_assert!(continues((m, before), (n, after), &proof));
            // A history that was rewritten is not continued.
            let mut rewritten = leaves;
            rewritten[wrong.index(first)].0[0] ^= 1;
            prop_assert!(!continues((m, naive(&rewritten[..first])), (n, after), &proof));
            prop_assert!(!continues((m, before), (n, naive(&rewritten)), &proof));
        }

        #[test]
        fn the_nodes_of_a_proof_are_made_of_complete_subtrees(size in 1u64..5000, pick in any::<prop::sample::Index>()) {
            let some = pick.index(usize::try_from(size).unwrap()) as u64;
            let nodes = [inclusion(some, size).unwrap(), consistency(some + 1, size).unwrap()].concat();
            for range in nodes {
                let mut at = range.start;
                for (level, index) in range.subtrees() {
                    prop_assert_eq!(index << level, at);
                    at += 1 << level;
                }
                prop_assert_eq!(at, range.start + range.length);
            }
        }
    }
}
