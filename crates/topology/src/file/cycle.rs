//! What waits for each other.

use std::collections::BTreeSet;

/// Returns things each of which waits for the next, and the last for the first; `waits` has what each one waits for.
pub(super) fn find(waits: &[Vec<usize>]) -> Option<Vec<usize>> {
    // Things whose predecessors are all done are done; what is left when nothing moves waits for a cycle.
    let mut left: BTreeSet<usize> = (0..waits.len()).collect();
    let next = |index: usize, left: &BTreeSet<usize>| {
        waits[index].iter().copied().find(|other| left.contains(other))
    };
    loop {
        let before = left.len();
        for index in 0..waits.len() {
            if next(index, &left).is_none() {
                left.remove(&index);
            }
        }
        if left.len() == before {
            break;
        }
    }
    let mut path = vec![*left.first()?];
    loop {
        let next = next(*path.last()?, &left)?;
        if let Some(start) = path.iter().position(|index| *index == next) {
            return Some(path.split_off(start));
        }
        path.push(next);
    }
}
