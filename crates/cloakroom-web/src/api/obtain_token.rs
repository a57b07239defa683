//! [`obtain_auth_token`] (D30).

use axum::routing::{MethodRouter, any};

/// Placeholder.
pub fn obtain_auth_token<S: Clone + Send + Sync + 'static>() -> MethodRouter<S> {
    any(async || todo!("D30") as () )
}
