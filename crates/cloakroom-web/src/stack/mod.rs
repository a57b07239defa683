//! The way of a request inward and of its answer outward (M16, M32).
//!
//! One service in Django's order: security ▸ session ▸ host ▸ CSRF ▸ authentication ▸ messages ▸ frames ▸ handler, and back in
//! reverse. What a step needs of the session it asks for; a request that touches nothing passes without a box, without
//! an await of its own, and with one allocation, the context (D4).

mod future;
mod headers;
mod inward;
mod layer;
mod outward;

pub use self::future::CloakroomFuture;
pub(crate) use self::headers::AnswerHeaders;
pub use self::layer::{CloakroomLayer, CloakroomService};
pub use self::outward::XFrameOptionsExempt;
