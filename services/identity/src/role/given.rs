//! Which roles an account may be given: those that there are.

use galen_kernel::{Problem, Violations};
use sqlx::PgExecutor;

use super::{RoleName, store};

/// 400 at `/roles` for every name that no role has. Roles are not deleted, so that
/// what is there now is there when the account is stored.
///
/// # Errors
/// 400, or when the database fails.
pub(crate) async fn expect_known(
    db: impl PgExecutor<'_>,
    wished: &[RoleName],
) -> Result<(), Problem> {
    let custom: Vec<&str> = wished
        .iter()
        .filter(|name| matches!(name, RoleName::Custom(_)))
        .map(RoleName::as_str)
        .collect();
    let unknown = store::unknown(db, &custom).await?;
    let mut wrong = Violations::new();
    for (place, name) in wished.iter().enumerate() {
        wrong.require(
            !unknown.iter().any(|unknown| unknown == name.as_str()),
            &format!("/roles/{place}"),
            "UNKNOWN_ROLE",
            "is not the name of a role",
        );
    }
    wrong.finish()
}
