//! Who may pass, by which method, and what no cache may keep: Django's decorators and mixins (A117, A140–A145).
//!
//! [`LoginRequired`] keeps the anonymous out of a whole router.
//!
//! [`Guard`] is a rule about users, as a layer on a route or asked from a handler; [`Permitted`] and [`Staff`] are the same
//! rules as types. [`require_post`] and its kin are rules about methods.

mod everywhere;
mod guard;
mod layer;
mod methods;
mod never_cache;
mod rejection;
mod typed;

pub use self::everywhere::LoginRequired;
pub use self::guard::{Guard, OnRefusal};
pub use self::methods::{
    RequireMethods, RequireMethodsService, require_get, require_methods, require_post, require_safe,
};
pub use self::never_cache::{NeverCache, NeverCacheFuture, NeverCacheService, never_cache};
pub use self::rejection::GuardRejection;
pub use self::typed::{Permission, Permitted, Staff};
