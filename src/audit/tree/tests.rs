//! The trees against an oracle that is RFC 6962's definition word for word, and against what others published.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// `MTH` of RFC 6962 section 2.1.
fn oracle_root(leaves: &[Vec<u8>]) -> Hash {
    match leaves {
        [] => sha256(b""),
        [leaf] => sha256(&[&[0], &leaf[..]].concat()),
        _ => {
            let k = power_below(leaves.len());
            sha256(&[&[1], &oracle_root(&leaves[..k])[..], &oracle_root(&leaves[k..])].concat())
        }
    }
}

fn power_below(n: usize) -> usize {
    (0..).map(|bit| 1 << bit).take_while(|power| *power < n).last().unwrap()
}

/// `PATH` of RFC 6962 section 2.1.1.
fn oracle_path(m: usize, leaves: &[Vec<u8>]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let k = power_below(leaves.len());
    let (mut path, sibling) = if m < k {
        (oracle_path(m, &leaves[..k]), &leaves[k..])
    } else {
        (oracle_path(m - k, &leaves[k..]), &leaves[..k])
    };
    path.push(oracle_root(sibling));
    path
}

/// `SUBPROOF` of RFC 6962 section 2.1.2.
fn oracle_subproof(m: usize, leaves: &[Vec<u8>], whole: bool) -> Vec<Hash> {
    if m == leaves.len() {
        return if whole { Vec::new() } else { vec![oracle_root(leaves)] };
    }
    let k = power_below(leaves.len());
    let (mut path, sibling) = if m <= k {
        (oracle_subproof(m, &leaves[..k], whole), &leaves[k..])
    } else {
        (oracle_subproof(m - k, &leaves[k..], false), &leaves[..k])
    };
    path.push(oracle_root(sibling));
    path
}

fn grown(leaves: &[Vec<u8>]) -> (Frontier, Vec<Hash>) {
    let (mut tree, mut bundles) = (Frontier::new(), Vec::new());
    for leaf in leaves {
        bundles.extend(tree.append(leaf_hash(leaf)));
    }
    (tree, bundles)
}

fn of(leaves: &[Vec<u8>]) -> Leaves {
    Leaves(leaves.iter().map(|leaf| leaf_hash(leaf)).collect())
}

/// Sizes at and beside the places where a tree changes its form, and any other.
fn size() -> impl Strategy<Value = usize> {
    prop_oneof![1..20_usize, 250..262_usize, 506..520_usize, 1..700_usize]
}

fn payloads(n: usize) -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(vec(any::<u8>(), 0..4), n)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The eight leaves that RFC 6962's authors tested with, and the roots of the trees that they grow.
const PUBLISHED: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

#[test]
fn the_published_trees_have_the_published_roots() {
    assert_eq!(hex(&empty_root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    let mut tree = Frontier::new();
    assert_eq!(tree.root(), empty_root());
    for (leaf, root) in PUBLISHED.iter().zip(ROOTS) {
        tree.append(leaf_hash(leaf));
        assert_eq!(hex(&tree.root()), root, "{}", tree.size());
    }
}

#[test]
fn a_leaf_is_hashed_alike_whatever_its_length() {
    for n in [0, 1, 55, 63, 64, 510, 511, 512, 513, 70_000] {
        let payload = vec![7; n];
        assert_eq!(leaf_hash(&payload), sha256(&[&[0], &payload[..]].concat()), "{n}");
    }
}

#[test]
fn proofs_of_every_leaf_and_of_every_pair_of_sizes_hold_up_to_seventy() {
    let leaves: Vec<Vec<u8>> = (0..70_u8).map(|n| vec![n]).collect();
    for new in 1..=leaves.len() {
        let (mut source, root) = (of(&leaves[..new]), oracle_root(&leaves[..new]));
        for index in 0..new {
            let path = inclusion(&mut source, index as u64, new as u64).unwrap();
            assert_eq!(path, oracle_path(index, &leaves[..new]), "{index} of {new}");
            assert!(is_included(&leaf_hash(&leaves[index]), index as u64, new as u64, &path, &root));
        }
        for old in 1..=new {
            let path = consistency(&mut source, old as u64, new as u64).unwrap();
            assert_eq!(path, oracle_subproof(old, &leaves[..new], true), "{old} to {new}");
            let old_root = oracle_root(&leaves[..old]);
            assert!(is_consistent(old as u64, new as u64, &path, &old_root, &root), "{old} to {new}");
        }
    }
}

#[test]
fn what_is_not_within_a_tree_has_no_proof_and_the_empty_tree_begins_each() {
    let leaves: Vec<Vec<u8>> = (0..5_u8).map(|n| vec![n]).collect();
    let (mut source, root) = (of(&leaves), oracle_root(&leaves));
    assert_eq!(inclusion(&mut source, 5, 5), Err(Unproven::Outside));
    assert_eq!(inclusion(&mut source, 0, 0), Err(Unproven::Outside));
    assert_eq!(inclusion(&mut source, 0, 6), Err(Unproven::Short(0)));
    assert_eq!(consistency(&mut source, 6, 5), Err(Unproven::Outside));
    assert_eq!(consistency(&mut source, 0, 5), Ok(Vec::new()));
    assert!(is_consistent(0, 5, &[], &empty_root(), &root));
    assert!(!is_consistent(0, 5, &[], &root, &root));
    assert!(!is_consistent(0, 5, &[root], &empty_root(), &root));
    assert!(is_consistent(5, 5, &[], &root, &root) && !is_consistent(5, 5, &[root], &root, &root));
    assert!(!is_consistent(6, 5, &[], &root, &root) && !is_consistent(3, 5, &[], &root, &root));
    assert!(!is_included(&root, 0, 0, &[], &root) && !is_included(&root, 1, 1, &[], &root));
    let mut odd = Frontier::new();
    odd.append(root);
    assert!(!odd.append_bundle(root));
}

proptest! {
    #[test]
    fn a_grown_tree_has_the_root_and_the_bundles_of_its_definition(leaves in size().prop_flat_map(payloads)) {
        let (tree, bundles) = grown(&leaves);
        prop_assert_eq!(tree.root(), oracle_root(&leaves));
        prop_assert_eq!(tree.size(), leaves.len() as u64);
        let expected: Vec<Hash> = leaves.chunks_exact(256).map(oracle_root).collect();
        prop_assert_eq!(&bundles, &expected);
        // From its bundles and what is left over it grows to the same.
        let mut again = Frontier::new();
        for bundle in &bundles {
            prop_assert!(again.append_bundle(*bundle));
        }
        for leaf in &leaves[bundles.len() * 256..] {
            again.append(leaf_hash(leaf));
        }
        prop_assert_eq!(again, tree);
    }

    #[test]
    fn a_tree_is_read_as_it_was_written(leaves in size().prop_flat_map(payloads), behind in vec(any::<u8>(), 0..9)) {
        let (tree, _) = grown(&leaves);
        let mut bytes = Vec::new();
        tree.encode(&mut bytes);
        let whole = bytes.len();
        prop_assert!(Frontier::decode(&mut &bytes[..whole - 1]).is_none());
        bytes.extend(&behind);
        let mut rest = &bytes[..];
        prop_assert_eq!(Frontier::decode(&mut rest), Some(tree));
        prop_assert_eq!(rest, &behind[..]);
    }

    #[test]
    fn an_inclusion_proof_is_that_of_the_definition_and_no_changed_one_holds(
        (leaves, index) in size().prop_flat_map(payloads).prop_flat_map(|all| { let n = all.len(); (Just(all), 0..n) }),
        changed in any::<prop::sample::Index>(),
    ) {
        let (n, root) = (leaves.len() as u64, oracle_root(&leaves));
        let (leaf, at) = (leaf_hash(&leaves[index]), index as u64);
        let path = inclusion(&mut of(&leaves), at, n).unwrap();
        prop_assert_eq!(&path, &oracle_path(index, &leaves));
        prop_assert!(is_included(&leaf, at, n, &path, &root));
        // One bit of the leaf, the root or the path, wherever it is.
        let all = [&[leaf, root], &path[..]].concat();
        let bit = changed.index(all.len() * 256);
        let mut other = all;
        other[bit / 256][bit % 256 / 8] ^= 1 << (bit % 8);
        prop_assert!(!is_included(&other[0], at, n, &other[2..], &other[1]));
        // Longer, shorter, or of the tree of another height.
        prop_assert!(!is_included(&leaf, at, n, &[&path[..], &[root]].concat(), &root));
        prop_assert!(path.is_empty() || !is_included(&leaf, at, n, &path[1..], &root));
        prop_assert!(!is_included(&leaf, at, n * 2 + 1, &path, &root));
    }

    #[test]
    fn a_consistency_proof_is_that_of_the_definition_and_no_changed_one_holds(
        (leaves, old) in size().prop_flat_map(payloads).prop_flat_map(|all| { let n = all.len(); (Just(all), 1..=n) }),
        changed in any::<prop::sample::Index>(),
    ) {
        let (n, root, old_root) = (leaves.len() as u64, oracle_root(&leaves), oracle_root(&leaves[..old]));
        let path = consistency(&mut of(&leaves), old as u64, n).unwrap();
        prop_assert_eq!(&path, &oracle_subproof(old, &leaves, true));
        prop_assert!(is_consistent(old as u64, n, &path, &old_root, &root));
        let all = [&[old_root, root], &path[..]].concat();
        let bit = changed.index(all.len() * 256);
        let mut other = all;
        other[bit / 256][bit % 256 / 8] ^= 1 << (bit % 8);
        prop_assert!(!is_consistent(old as u64, n, &other[2..], &other[0], &other[1]));
        prop_assert!(!is_consistent(old as u64, n, &[&path[..], &[root]].concat(), &old_root, &root));
        prop_assert!(path.is_empty() || !is_consistent(old as u64, n, &path[1..], &old_root, &root));
    }
}

/// The stretch of a tree, and its leaves.
fn stretch(leaves: &[Hash], from: usize, to: usize) -> Stretch {
    let mut before = Frontier::new();
    for leaf in &leaves[..from] {
        before.append(*leaf);
    }
    let mut behind = Behind::new(to as u64, leaves.len() as u64);
    leaves[to..].iter().for_each(|leaf| behind.append(*leaf));
    Stretch {
        from: from as u64,
        to: to as u64,
        size: leaves.len() as u64,
        before: before.peaks().to_vec(),
        behind: behind.finish().unwrap(),
    }
}

proptest! {
    #[test]
    fn a_stretch_of_leaves_makes_the_root_and_no_other_leaves_do(
        (n, from, to, other) in (1..600_usize).prop_flat_map(|n| (Just(n), 0..=n, 0..=n, 0..n)),
    ) {
        let leaves: Vec<Hash> = (0..n).map(|at| leaf_hash(&at.to_le_bytes())).collect();
        let (from, to) = (from.min(to), from.max(to));
        let part = stretch(&leaves, from, to);
        let root = Leaves(leaves.clone()).root();
        prop_assert_eq!(part.root(leaves[from..to].iter().copied()), Some(root));
        prop_assert!(part.before.len() + part.behind.len() <= 20);
        // One left out, one changed, one more.
        if from < to {
            prop_assert_ne!(part.root(leaves[from..to - 1].iter().copied()), Some(root));
            let mut changed = leaves[from..to].to_vec();
            let at = other % changed.len();
            changed[at][0] ^= 1;
            prop_assert_ne!(part.root(changed), Some(root));
        }
        let more = leaves[from..to].iter().copied().chain([[7; 32]]);
        prop_assert_ne!(part.root(more), Some(root));
        for hashes in [&part.before, &part.behind] {
            if let Some(at) = hashes.len().checked_sub(1) {
                let mut short = part.clone();
                if hashes == &part.before { short.before.remove(at) } else { short.behind.remove(at) };
                prop_assert_ne!(short.root(leaves[from..to].iter().copied()), Some(root));
            }
        }
    }
}
