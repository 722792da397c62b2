//! Trees of books: their heads, the proofs of them, and the file of a seal.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::audit::tree::Leaves;
use crate::audit::tree::leaf_hash;

const BOOKS: [&str; 7] = ["", "acme", "acme/west", "acme-x", "globex", "initech", "z"];

fn records() -> impl Strategy<Value = Vec<(usize, Vec<u8>)>> {
    vec((0..BOOKS.len(), vec(any::<u8>(), 0..5)), 0..600)
}

fn grown(records: &[(usize, Vec<u8>)]) -> Trees {
    let mut trees = Trees::new();
    for (book, payload) in records {
        trees.append(BOOKS[*book], payload);
    }
    trees
}

fn of_book(records: &[(usize, Vec<u8>)], book: &str) -> Leaves {
    Leaves(
        records.iter().filter(|(of, _)| BOOKS[*of] == book).map(|(_, payload)| leaf_hash(payload)).collect(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn each_book_has_the_tree_of_its_own_records_and_all_are_in_the_log(records in records()) {
        let trees = grown(&records);
        let all = Leaves(records.iter().map(|(_, payload)| leaf_hash(payload)).collect());
        prop_assert_eq!((trees.size(), trees.root()), (records.len() as u64, all.root()));
        let mut heads = Vec::new();
        let mut sorted = BOOKS;
        sorted.sort_unstable();
        for book in sorted {
            let own = of_book(&records, book);
            let Some(tree) = trees.book(book) else {
                prop_assert!(own.0.is_empty() && trees.head_proof(book).is_none());
                continue;
            };
            prop_assert_eq!((tree.size(), tree.root()), (own.0.len() as u64, own.root()));
            // The leaf of a head, written out.
            let mut leaf = vec![u8::try_from(book.len()).unwrap()];
            leaf.extend(book.as_bytes());
            leaf.extend(tree.size().to_le_bytes());
            leaf.extend(tree.root());
            heads.push(leaf_hash(&leaf));
        }
        prop_assert_eq!(trees.books(), heads.len());
        prop_assert_eq!(trees.heads_root(), Leaves(heads).root());
    }

    #[test]
    fn a_head_is_proven_for_its_own_book_size_and_root_only(records in records(), bit in any::<prop::sample::Index>()) {
        let trees = grown(&records);
        let root = trees.heads_root();
        for (name, size, _) in trees.heads() {
            let proof = trees.head_proof(name).unwrap();
            prop_assert!(proof.holds(name, &root) && proof.size == size);
            prop_assert!(!proof.holds("other", &root) && !proof.holds(name, &leaf_hash(b"x")));
            let smaller = HeadProof { size: size - 1, ..proof.clone() };
            prop_assert!(!smaller.holds(name, &root));
            let mut other = proof.clone();
            let bit = bit.index((other.path.len() + 1) * 256);
            let hash = other.path.get_mut(bit / 256).unwrap_or(&mut other.root);
            hash[bit % 256 / 8] ^= 1 << (bit % 8);
            prop_assert!(!other.holds(name, &root));
        }
    }

    #[test]
    fn the_file_of_a_seal_is_read_as_it_was_written_or_not_at_all(
        records in records(), seal in vec(any::<u8>(), 0..300), at in any::<prop::sample::Index>(),
    ) {
        let trees = grown(&records);
        let bytes = Sealed::encode(&trees, &seal);
        let read = Sealed::decode(&bytes).unwrap();
        prop_assert_eq!(&read, &Sealed { trees: trees.clone(), record: seal.clone() });
        let mut after = trees;
        after.append("", &seal);
        prop_assert_eq!(read.resume(""), after);
        let mut changed = bytes.clone();
        let bit = at.index(bytes.len() * 8);
        changed[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(Sealed::decode(&changed).is_none());
        prop_assert!(Sealed::decode(&bytes[..bit / 8]).is_none());
        prop_assert!(Sealed::decode(&[&bytes[..], &[0]].concat()).is_none());
    }
}

#[test]
fn names_are_read_up_to_their_bound_and_only_in_order() {
    let long = "a".repeat(crate::limits::BOOK_BYTES_MAX);
    let mut trees = Trees::new();
    trees.append(&long, b"1");
    trees.append("b", b"2");
    assert!(Sealed::decode(&Sealed::encode(&trees, b"")).is_some());
    trees.append(&format!("{long}a"), b"3");
    assert!(Sealed::decode(&Sealed::encode(&trees, b"")).is_none());
    // Two books of one name, or a book without a record, is nothing that was written here.
    let twice = |first: &str, second: &str, sizes: u64| {
        let mut bytes = b"PALISADE HEADS1\n".to_vec();
        let mut log = crate::audit::tree::Frontier::new();
        let mut one = log.clone();
        one.append([1; 32]);
        for _ in 0..2 * sizes {
            log.append([1; 32]);
        }
        log.encode(&mut bytes);
        bytes.extend(2_u32.to_le_bytes());
        for name in [first, second] {
            bytes.push(1);
            bytes.extend(name.as_bytes());
            if sizes == 0 { crate::audit::tree::Frontier::new() } else { one.clone() }.encode(&mut bytes);
        }
        bytes.extend(0_u32.to_le_bytes());
        let digest = crate::ids::Digest::of(&bytes);
        bytes.extend(digest.as_bytes());
        Sealed::decode(&bytes).is_some()
    };
    assert!(twice("a", "b", 1));
    assert!(!twice("a", "a", 1) && !twice("b", "a", 1) && !twice("a", "b", 0));
}
