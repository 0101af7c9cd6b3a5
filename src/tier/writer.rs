//! Who may write below a prefix: a claim for each start of a broker, numbered, never removed.
//!
//! A broker makes the claim after the highest one. Whoever holds a lower one is fenced: before it acts on a manifest
//! that it has written it looks for the claim after its own. If there is none, then whoever claims later will list,
//! and so see, that manifest. No clock is involved, and a claim is never removed, so that nobody can take its place.
use bytes::Bytes;

use super::layout;
use super::store::{Store, StoreError};
use crate::types::{Timestamp, Uuid};

/// Longest claim that is read, in bytes.
const MAX_BYTES: u64 = 4096;
/// How often a claim is tried when others claim at the same time.
const TRIES: u32 = 100;

/// Why a prefix cannot be written to by this broker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// The store does not do it now.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store replaces an object although it was told to make it only if there is none.
    #[error(
        "the store ignores conditions (`If-None-Match`), without which a second broker on the same prefix could \
        destroy data: use another store, or promise with klamm.remote.single.writer=true that no other broker \
        will ever write below this prefix"
    )]
    IgnoresConditions,
    /// The prefix belongs to another cluster.
    #[error(
        "the prefix belongs to cluster {found}, and this is {own}: choose another prefix in klamm.remote.url"
    )]
    OtherCluster {
        /// Whose it is.
        found: String,
        /// Our own cluster.
        own: String,
    },
}

/// A broker's right to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its number.
    pub epoch: u32,
    /// When it was stored, by the clock of the store.
    pub stored: Timestamp,
}

/// Claims the prefix for this start of a broker of `cluster`. `id` is new for each start. It also finds out whether
/// the store keeps to conditions.
///
/// # Errors
/// [`ClaimError`].
pub async fn claim(store: &Store, cluster: &str, id: Uuid) -> Result<Claim, ClaimError> {
    let text = format!("klamm 1\n{cluster}\n{id}\n");
    for _ in 0..TRIES {
        let names = store.children(layout::WRITERS).await?;
        let last = names.iter().filter_map(|name| layout::parse_writer(name)).max();
        if let Some(last) = last {
            check_cluster(store, last, cluster).await?;
        }
        let epoch = last.map_or(1, |last| last.saturating_add(1));
        let name = layout::writer(epoch);
        match store.put_new(&name, vec![Bytes::from(text.clone())]).await {
            Ok(()) => {}
            // The answer to one's own may have been lost.
            Err(StoreError::Exists(_)) if *store.get(&name, MAX_BYTES).await? == *text.as_bytes() => {}
            Err(StoreError::Exists(_)) => continue,
            Err(error) => return Err(error.into()),
        }
        // Once more, with the same bytes: it must be refused.
        if store.is_conditional() {
            match store.put_new(&name, vec![Bytes::from(text.clone())]).await {
                Err(StoreError::Exists(_)) => {}
                Ok(()) => return Err(ClaimError::IgnoresConditions),
                Err(error) => return Err(error.into()),
            }
        }
        let stored = store.stored(&name).await?.unwrap_or(Timestamp::NONE);
        return Ok(Claim { epoch, stored });
    }
    Err(StoreError::Failed {
        object: layout::WRITERS.to_owned(),
        reason: "too many brokers claim it".to_owned(),
    }
    .into())
}

async fn check_cluster(store: &Store, epoch: u32, own: &str) -> Result<(), ClaimError> {
    let name = layout::writer(epoch);
    let text = store.get(&name, MAX_BYTES).await?;
    let text = String::from_utf8_lossy(&text);
    let mut lines = text.lines();
    match (lines.next(), lines.next()) {
        (Some("klamm 1"), Some(found)) if found == own => Ok(()),
        (Some("klamm 1"), Some(found)) => {
            Err(ClaimError::OtherCluster { found: found.to_owned(), own: own.to_owned() })
        }
        _ => Err(StoreError::damaged(&name, "it is no claim of a broker").into()),
    }
}

/// Makes sure that nobody has claimed the prefix after `claim`: whatever was stored before counts.
///
/// # Errors
/// [`StoreError::Fenced`]; [`StoreError::Failed`] if that cannot be known now.
pub async fn check(store: &Store, claim: &Claim) -> Result<(), StoreError> {
    let writer = claim.epoch.saturating_add(1);
    let object = layout::writer(writer);
    match store.stored(&object).await? {
        None => Ok(()),
        Some(_) => Err(StoreError::Fenced { object, writer }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::memory::InMemory;
    use object_store::path::Path;
    use std::sync::Arc;

    fn store(is_conditional: bool) -> Store {
        Store::new(Arc::new(InMemory::new()), Path::from("p"), is_conditional)
    }

    #[tokio::test]
    async fn a_later_claim_fences_an_earlier_one() {
        let store = store(true);
        let first = claim(&store, "c", Uuid([1; 16])).await.unwrap();
        check(&store, &first).await.unwrap();
        let second = claim(&store, "c", Uuid([2; 16])).await.unwrap();
        assert_eq!((first.epoch, second.epoch), (1, 2));
        assert!(matches!(check(&store, &first).await, Err(StoreError::Fenced { writer: 2, .. })));
        check(&store, &second).await.unwrap();
    }

    #[tokio::test]
    async fn a_prefix_belongs_to_one_cluster() {
        let store = store(true);
        claim(&store, "c", Uuid([1; 16])).await.unwrap();
        let other = claim(&store, "d", Uuid([2; 16])).await;
        assert_eq!(other, Err(ClaimError::OtherCluster { found: "c".into(), own: "d".into() }));
    }
}
