//! [`Permission`]: who may pass, alone and combined (D10, D11).

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::ops::{BitAnd, BitOr, Not};
use std::sync::Arc;

use super::BoxFuture;
use super::caller::Caller;
use super::error::ApiError;

/// What an object is to a rule: ask for its type by `downcast_ref`.
type Object = dyn Any + Send + Sync;

/// Whether a caller may pass: one of REST framework's `permission_classes`, to be written for rules of one's own.
///
/// ```
/// use std::any::Any;
/// use cloakroom_core::keys::UserId;
/// use cloakroom_web::api::{Api, ApiError, BoxFuture, Caller, IsAdminUser, Permission, PermissionRule};
///
/// struct Note { owner: UserId }
///
/// /// Lets everybody read, and owners write.
/// #[derive(Debug)]
/// struct IsOwnerOrReadOnly;
///
/// impl PermissionRule for IsOwnerOrReadOnly {
///     fn has_object_permission<'a>(
///         &'a self,
///         caller: &'a Caller,
///         object: &'a (dyn Any + Send + Sync),
///     ) -> BoxFuture<'a, Result<bool, ApiError>> {
///         let is_owner = match (caller.user(), object.downcast_ref::<Note>()) {
///             (Some(user), Some(note)) => user.id == note.owner,
///             _ => false,
///         };
///         Box::pin(async move { Ok(caller.is_reading() || is_owner) })
///     }
/// }
///
/// let api = Api::new().with_permission(Permission::new(IsOwnerOrReadOnly) | IsAdminUser);
/// # let _ = api;
/// ```
pub trait PermissionRule: fmt::Debug + Send + Sync + 'static {
    /// Whether the caller may do what they ask at all. By itself: yes.
    fn has_permission<'a>(&'a self, caller: &'a Caller) -> BoxFuture<'a, Result<bool, ApiError>> {
        let _ = caller;
        Box::pin(async { Ok(true) })
    }

    /// Whether the caller may do it to this object; asked by [`Caller::check_object`]. By itself: yes.
    fn has_object_permission<'a>(
        &'a self,
        caller: &'a Caller,
        object: &'a Object,
    ) -> BoxFuture<'a, Result<bool, ApiError>> {
        let _ = (caller, object);
        Box::pin(async { Ok(true) })
    }

    /// What somebody who is known and may not pass is told, in place of REST framework's sentence. A combination has none.
    fn message(&self) -> Option<Cow<'static, str>> {
        None
    }
}

/// A rule, or rules combined by `&`, `|` and `!` as REST framework combines them by `&`, `|` and `~`.
///
/// ```
/// use cloakroom_web::api::{Api, IsAdminUser, IsAuthenticated, IsAuthenticatedOrReadOnly};
///
/// let staff_writes = IsAuthenticated & (IsAdminUser | IsAuthenticatedOrReadOnly);
/// let api = Api::new().with_permission(staff_writes).with_permission(!IsAdminUser);
/// # let _ = api;
/// ```
#[derive(Clone, Debug)]
pub struct Permission(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Rule(Arc<dyn PermissionRule>),
    And(Arc<(Permission, Permission)>),
    Or(Arc<(Permission, Permission)>),
    Not(Arc<Permission>),
}

impl Permission {
    /// One rule.
    #[must_use]
    pub fn new(rule: impl PermissionRule) -> Self {
        Self(Kind::Rule(Arc::new(rule)))
    }

    pub(super) fn message(&self) -> Option<Cow<'static, str>> {
        match &self.0 {
            Kind::Rule(rule) => rule.message(),
            _ => None,
        }
    }

    pub(super) fn has_permission<'a>(&'a self, caller: &'a Caller) -> BoxFuture<'a, Result<bool, ApiError>> {
        match &self.0 {
            Kind::Rule(rule) => rule.has_permission(caller),
            Kind::And(both) => {
                Box::pin(
                    async move { Ok(both.0.has_permission(caller).await? && both.1.has_permission(caller).await?) },
                )
            }
            Kind::Or(either) => {
                Box::pin(
                    async move { Ok(either.0.has_permission(caller).await? || either.1.has_permission(caller).await?) },
                )
            }
            Kind::Not(rule) => Box::pin(async move { Ok(!rule.has_permission(caller).await?) }),
        }
    }

    pub(super) fn has_object_permission<'a>(
        &'a self,
        caller: &'a Caller,
        object: &'a Object,
    ) -> BoxFuture<'a, Result<bool, ApiError>> {
        match &self.0 {
            Kind::Rule(rule) => rule.has_object_permission(caller, object),
            Kind::And(both) => Box::pin(async move {
                Ok(both.0.has_object_permission(caller, object).await?
                    && both.1.has_object_permission(caller, object).await?)
            }),
            // A side that would not let the caller in at all has no word on objects: permissions.py, OR.
            Kind::Or(either) => Box::pin(async move {
                for side in [&either.0, &either.1] {
                    if side.has_permission(caller).await? && side.has_object_permission(caller, object).await? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }),
            Kind::Not(rule) => Box::pin(async move { Ok(!rule.has_object_permission(caller, object).await?) }),
        }
    }
}

impl<R: PermissionRule> From<R> for Permission {
    fn from(rule: R) -> Self {
        Self::new(rule)
    }
}

impl<R: Into<Permission>> BitAnd<R> for Permission {
    type Output = Self;

    fn bitand(self, other: R) -> Self {
        Self(Kind::And(Arc::new((self, other.into()))))
    }
}

impl<R: Into<Permission>> BitOr<R> for Permission {
    type Output = Self;

    fn bitor(self, other: R) -> Self {
        Self(Kind::Or(Arc::new((self, other.into()))))
    }
}

impl Not for Permission {
    type Output = Self;

    fn not(self) -> Self {
        Self(Kind::Not(Arc::new(self)))
    }
}

/// `&`, `|` and `!` for a rule itself.
macro_rules! combinable {
    ($rule:ty) => {
        impl<R: Into<Permission>> BitAnd<R> for $rule {
            type Output = Permission;

            fn bitand(self, other: R) -> Permission {
                Permission::new(self) & other
            }
        }

        impl<R: Into<Permission>> BitOr<R> for $rule {
            type Output = Permission;

            fn bitor(self, other: R) -> Permission {
                Permission::new(self) | other
            }
        }

        impl Not for $rule {
            type Output = Permission;

            fn not(self) -> Permission {
                !Permission::new(self)
            }
        }
    };
}
pub(super) use combinable;

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $test:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $name;

        impl PermissionRule for $name {
            fn has_permission<'a>(&'a self, caller: &'a Caller) -> BoxFuture<'a, Result<bool, ApiError>> {
                let test: fn(&Caller) -> bool = $test;
                let passes = test(caller);
                Box::pin(async move { Ok(passes) })
            }
        }

        combinable!($name);
    )*};
}

rules! {
    /// Lets everybody pass.
    AllowAny = |_| true;
    /// Lets pass who is known.
    IsAuthenticated = |caller| caller.user().is_some();
    /// Lets the staff pass.
    IsAdminUser = |caller| caller.user().is_some_and(|user| user.is_staff);
    /// Lets everybody read, and who is known write.
    IsAuthenticatedOrReadOnly = |caller| caller.is_reading() || caller.user().is_some();
}
