//! Orders to payment providers, as the API shows them.

use galen_kernel::Timestamp;
use galen_service::MoneyView;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::State;
use super::store::{NewOrder, Order};
use crate::provider::{ProviderReference, Reason};

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ProviderOrderStatus)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// The provider has it, or will have it soon.
    Pending,
    /// Its deadline has passed, and the provider cannot say what became of it. It is
    /// still asked for; somebody should look.
    Unknown,
    /// Done: the money has moved.
    Captured,
    /// Not done, and never will be.
    Failed,
}

impl Status {
    /// What the caller sees of a state.
    #[must_use]
    pub const fn of(state: State) -> Self {
        match state {
            // The books follow within moments.
            State::Pending | State::Succeeded | State::Declined => Self::Pending,
            State::Unknown => Self::Unknown,
            State::Captured => Self::Captured,
            State::Failed => Self::Failed,
        }
    }

    /// The states that look like it.
    #[must_use]
    pub fn states(self) -> Vec<State> {
        let mut states = State::ALL.to_vec();
        states.retain(|state| Self::of(*state) == self);
        states
    }
}

/// Money that comes into a wallet, or leaves it, through a payment provider.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ProviderOrder)]
#[serde(rename_all = "camelCase")]
pub struct OrderView {
    /// Its id, and our reference with the provider.
    pub id: Uuid,
    /// Of which wallet.
    pub wallet_id: Uuid,
    /// How much.
    pub amount: MoneyView,
    /// What became of it.
    pub status: Status,
    /// Why it was not done, as a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "INSUFFICIENT_FUNDS")]
    pub reason_code: Option<String>,
    /// What the provider calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_reference: Option<String>,
    /// When it was asked for.
    #[schema(value_type = String, format = "date-time")]
    pub requested_at: Timestamp,
    /// Until when it is decided, unless the provider itself cannot say.
    #[schema(value_type = String, format = "date-time")]
    pub deadline: Timestamp,
    /// When it was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = "date-time")]
    pub decided_at: Option<Timestamp>,
}

impl From<&NewOrder> for OrderView {
    fn from(order: &NewOrder) -> Self {
        Self {
            id: order.id,
            wallet_id: order.wallet,
            amount: order.amount.into(),
            status: Status::Pending,
            reason_code: None,
            provider_reference: None,
            requested_at: order.requested_at,
            deadline: order.deadline,
            decided_at: None,
        }
    }
}

impl From<&Order> for OrderView {
    fn from(order: &Order) -> Self {
        let progress = &order.progress;
        Self {
            id: order.id,
            wallet_id: order.wallet,
            amount: order.amount.into(),
            status: Status::of(progress.state),
            reason_code: progress.reason.as_ref().map(Reason::code).map(Into::into),
            provider_reference: progress
                .provider_reference
                .as_ref()
                .map(ProviderReference::as_str)
                .map(Into::into),
            requested_at: order.requested_at,
            deadline: progress.deadline,
            decided_at: progress.decided_at,
        }
    }
}

/// Money that leaves a wallet through a payment provider.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Payout)]
#[serde(rename_all = "camelCase")]
pub struct PayoutView {
    /// The order to the provider.
    #[serde(flatten)]
    pub order: OrderView,
    /// The last four characters of the IBAN that it goes to; absent when whoever it is for
    /// was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 4, max_length = 4, example = "3000")]
    pub destination_ending: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_shown_as_exactly_one_status() {
        let all = [
            Status::Pending,
            Status::Unknown,
            Status::Captured,
            Status::Failed,
        ];
        let shown: Vec<State> = all.into_iter().flat_map(Status::states).collect();
        assert_eq!(shown.len(), State::ALL.len());
        assert!(State::ALL.iter().all(|state| shown.contains(state)));
    }
}
