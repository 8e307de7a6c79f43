//! What holds for every root key.

use std::sync::Arc;

use tenon_vault::ports::{RootKey, RootKeyError};

pub type Outcome = anyhow::Result<()>;

const KEY: [u8; 32] = *b"a ring key of exactly 32 bytes..";
const CONTEXT: &[u8] = b"install 1, project 2, ring key 3";

/// Root keys of one provider.
pub struct Roots {
    /// The one under test.
    pub root: Arc<dyn RootKey>,
    /// The same key, opened once more.
    pub again: Arc<dyn RootKey>,
    /// Another key of the same provider, which this caller may use.
    pub other: Arc<dyn RootKey>,
    /// The same key at a service that is not there; none for a file.
    pub away: Option<Arc<dyn RootKey>>,
}

/// Runs every rule.
pub async fn holds(roots: &Roots) -> Outcome {
    a_key_comes_back(roots).await?;
    another_context_is_refused(roots).await?;
    any_changed_bit_is_refused(roots).await?;
    anything_cut_or_empty_is_refused(roots).await?;
    another_key_is_refused(roots).await?;
    a_service_that_is_away_is_unavailable(roots).await?;
    ids_are_stable_and_apart(roots);
    Ok(())
}

async fn a_key_comes_back(roots: &Roots) -> Outcome {
    let wrapped = roots.root.wrap(&KEY, CONTEXT).await?;
    assert_eq!(*roots.root.unwrap(&wrapped, CONTEXT).await?, KEY);
    assert_eq!(*roots.again.unwrap(&wrapped, CONTEXT).await?, KEY, "after it was opened again");
    assert!(!wrapped.windows(8).any(|part| KEY.windows(8).any(|key| key == part)));
    let empty = roots.root.wrap(&KEY, b"").await?;
    assert_eq!(*roots.root.unwrap(&empty, b"").await?, KEY);
    Ok(())
}

async fn another_context_is_refused(roots: &Roots) -> Outcome {
    let wrapped = roots.root.wrap(&KEY, CONTEXT).await?;
    let cut = &CONTEXT[..CONTEXT.len() - 1];
    for context in [&b""[..], b"install 1, project 2, ring key 4", cut] {
        is_refused(roots.root.unwrap(&wrapped, context).await, "another context");
    }
    Ok(())
}

async fn any_changed_bit_is_refused(roots: &Roots) -> Outcome {
    let wrapped = roots.root.wrap(&KEY, CONTEXT).await?;
    for index in 0..wrapped.len() {
        let mut changed = wrapped.clone();
        changed[index] ^= 1 << (index % 8);
        let what = format!("bit {} of byte {index}", index % 8);
        is_refused(roots.root.unwrap(&changed, CONTEXT).await, &what);
    }
    Ok(())
}

async fn anything_cut_or_empty_is_refused(roots: &Roots) -> Outcome {
    let wrapped = roots.root.wrap(&KEY, CONTEXT).await?;
    let longer = [&wrapped[..], b"A"].concat();
    for damaged in [&[][..], &wrapped[..1], &wrapped[..wrapped.len() - 1], &longer] {
        let what = format!("{} of {} bytes", damaged.len(), wrapped.len());
        is_refused(roots.root.unwrap(damaged, CONTEXT).await, &what);
    }
    Ok(())
}

async fn another_key_is_refused(roots: &Roots) -> Outcome {
    let wrapped = roots.root.wrap(&KEY, CONTEXT).await?;
    is_refused(roots.other.unwrap(&wrapped, CONTEXT).await, "another key");
    let wrapped = roots.other.wrap(&KEY, CONTEXT).await?;
    is_refused(roots.root.unwrap(&wrapped, CONTEXT).await, "another key");
    Ok(())
}

async fn a_service_that_is_away_is_unavailable(roots: &Roots) -> Outcome {
    let Some(away) = &roots.away else { return Ok(()) };
    let wrapped = roots.root.wrap(&KEY, CONTEXT).await?;
    for result in
        [away.wrap(&KEY, CONTEXT).await.map(drop), away.unwrap(&wrapped, CONTEXT).await.map(drop)]
    {
        assert!(matches!(result, Err(RootKeyError::Unavailable { .. })), "it was {result:?}");
    }
    Ok(())
}

fn ids_are_stable_and_apart(roots: &Roots) {
    assert_eq!(roots.root.id(), roots.again.id());
    assert_ne!(roots.root.id(), roots.other.id());
}

/// Refused, and not merely away: nobody is to try it again.
pub fn is_refused<T>(result: Result<T, RootKeyError>, what: &str) {
    match result {
        Err(RootKeyError::Refused { .. }) => {}
        Err(error) => panic!("{what}: {error:?}"),
        Ok(_) => panic!("{what} was unwrapped"),
    }
}
