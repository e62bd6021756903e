//! Pages of a list as the API documents them: a handler answers
//! `Answer::ok(&PageView::from(page))` and documents `body = PageView<ItemView>`.

use galen_kernel::Page;
use serde::Serialize;
use utoipa::ToSchema;

/// One page of a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PageView<T: ToSchema> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Give it back as `cursor` for the next page; null at the end.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
}

impl<T: ToSchema> From<Page<T>> for PageView<T> {
    fn from(page: Page<T>) -> Self {
        Self {
            items: page.items,
            next_cursor: page.next_cursor,
        }
    }
}
