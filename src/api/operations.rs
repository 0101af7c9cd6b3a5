//! The bits that say what a client may do. Without an authorizer it may do all that there is.

/// Every operation on a topic: read, write, create, delete, alter, describe, and both on configs.
pub(super) const ON_TOPIC: i32 = bits(&[3, 4, 5, 6, 7, 8, 10, 11]);
/// Every operation on a group: read, delete, describe, and both on configs.
pub(super) const ON_GROUP: i32 = bits(&[3, 6, 8, 10, 11]);
/// Every operation on the cluster.
pub(super) const ON_CLUSTER: i32 = bits(&[5, 7, 8, 9, 10, 11, 12]);
/// Not asked for.
pub(super) const UNKNOWN: i32 = i32::MIN;

const fn bits(operations: &[u32]) -> i32 {
    let mut all = 0i32;
    let mut rest = operations;
    while let [first, more @ ..] = rest {
        all |= 1 << *first;
        rest = more;
    }
    all
}
