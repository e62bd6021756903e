//! Top-ups and payouts, with a provider that behaves as badly as real ones do.

mod counter;
mod placing;
mod pursuing;
mod resolving;
mod settled;
mod stopping;
mod webhooks;
