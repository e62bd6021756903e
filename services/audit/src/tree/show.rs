//! `GET /audit/proof`: that an entry is in the log, or that the log was only added to.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Problem, Violations};
use galen_service::{Answer, Cx, Needs, Outcome, Params, Requires};
use galen_storage::Error;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::{IntoParams, ToSchema};

use super::growth::{join, peaks};
use super::hash::Hash;
use super::proof::{self, Range};
use super::store;
use crate::Audit;

/// Which proof: `index` and `treeSize`, or `first` and `second`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ShowProof {
    /// Of this entry, counted from 0.
    #[param(minimum = 0, maximum = 9223372036854775807i64)]
    index: Option<i64>,
    /// In the tree of this size; that of a signed root, for example.
    #[param(minimum = 1, maximum = 9223372036854775807i64)]
    tree_size: Option<i64>,
    /// That the tree of this size
    #[param(minimum = 1, maximum = 9223372036854775807i64)]
    first: Option<i64>,
    /// is the beginning of the tree of this size.
    #[param(minimum = 1, maximum = 9223372036854775807i64)]
    second: Option<i64>,
}

impl Requires for ShowProof {
    const NEEDS: Needs = Needs::Permission(Permission::AuditRead);
}

/// A proof (RFC 6962). Hashes are SHA-256 in base64.
#[derive(Debug, Serialize, ToSchema)]
#[serde(
    tag = "kind",
    rename_all = "SCREAMING_SNAKE_CASE",
    rename_all_fields = "camelCase"
)]
pub(crate) enum ProofView {
    /// The entry is in the tree.
    Inclusion {
        /// The entry's place.
        #[schema(minimum = 0)]
        index: u64,
        /// The tree's size.
        #[schema(minimum = 1)]
        tree_size: u64,
        /// The hash of the entry.
        leaf_hash: String,
        /// The root of the tree.
        root_hash: String,
        /// The hashes beside the way from the leaf to the root.
        path: Vec<String>,
    },
    /// The first tree is the beginning of the second.
    Consistency {
        /// Size of the first tree.
        #[schema(minimum = 1)]
        first: u64,
        /// Size of the second tree.
        #[schema(minimum = 1)]
        second: u64,
        /// The root of the first.
        first_root_hash: String,
        /// The root of the second.
        second_root_hash: String,
        /// The nodes that both are made of.
        path: Vec<String>,
    },
}

/// What is to be proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Inclusion { index: u64, size: u64 },
    Consistency { first: u64, second: u64 },
}

impl ShowProof {
    fn wanted(&self) -> Result<Wanted, Problem> {
        let mut wrong = Violations::new();
        for (value, pointer, least) in [
            (self.index, "?index", 0),
            (self.tree_size, "?treeSize", 1),
            (self.first, "?first", 1),
            (self.second, "?second", 1),
        ] {
            let fits = value.is_none_or(|value| value >= least);
            wrong.require(fits, pointer, "OUT_OF_RANGE", "is too small");
        }
        wrong.finish()?;
        let number = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok());
        match (
            number(self.index),
            number(self.tree_size),
            number(self.first),
            number(self.second),
        ) {
            (Some(index), Some(size), None, None) => Ok(Wanted::Inclusion { index, size }),
            (None, None, Some(first), Some(second)) => Ok(Wanted::Consistency { first, second }),
            _ => Err(Problem::invalid_field(
                "?index",
                "ONE_PROOF",
                "give index and treeSize, or first and second",
            )),
        }
    }
}

/// A proof that an entry is in the log, or that the log was only added to.
#[utoipa::path(
    get,
    path = "/audit/proof",
    params(ShowProof),
    responses((status = 200, description = "The proof", body = ProofView)),
    tag = "audit"
)]
pub(crate) async fn proof(
    _cx: Cx<ShowProof>,
    State(audit): State<Arc<Audit>>,
    Params(query): Params<ShowProof>,
) -> Outcome {
    let wanted = query.wanted()?;
    let mut tx = audit.db.begin().await?;
    let there = store::tree_size(tx.conn()).await?;
    let view = match wanted {
        Wanted::Inclusion { index, size } => {
            let nodes = proof::inclusion(index, size)
                .filter(|_| size <= there)
                .ok_or_else(Problem::not_found)?;
            ProofView::Inclusion {
                index,
                tree_size: size,
                leaf_hash: one(&store::complete(tx.conn(), &[(0, index)]).await?),
                root_hash: root(tx.conn(), size).await?.base64(),
                path: path(tx.conn(), &nodes).await?,
            }
        }
        Wanted::Consistency { first, second } => {
            let nodes = proof::consistency(first, second)
                .filter(|_| second <= there)
                .ok_or_else(Problem::not_found)?;
            ProofView::Consistency {
                first,
                second,
                first_root_hash: root(tx.conn(), first).await?.base64(),
                second_root_hash: root(tx.conn(), second).await?.base64(),
                path: path(tx.conn(), &nodes).await?,
            }
        }
    };
    Ok(Answer::ok(&view))
}

fn one(hashes: &[Hash]) -> String {
    hashes.first().map(Hash::base64).unwrap_or_default()
}

/// The root of the tree when it had this size.
pub(crate) async fn root(db: &mut PgConnection, size: u64) -> Result<Hash, Error> {
    Ok(join(&store::complete(db, &peaks(size)).await?))
}

/// The hashes of nodes, each of which is made of complete subtrees.
async fn path(db: &mut PgConnection, nodes: &[Range]) -> Result<Vec<String>, Error> {
    let parts: Vec<Vec<(u8, u64)>> = nodes.iter().map(|node| node.subtrees()).collect();
    let hashes = store::complete(db, &parts.concat()).await?;
    let mut rest = hashes.as_slice();
    Ok(parts
        .iter()
        .map(|part| {
            let (own, others) = rest.split_at(part.len());
            rest = others;
            Range::hash(own).base64()
        })
        .collect())
}
