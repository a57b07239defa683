//! [`ModelPermissions`]: `DjangoModelPermissions` and its kin (D10).

use std::any::Any;
use std::collections::HashMap;
use std::ops::{BitAnd, BitOr, Not};

use http::Method;

use super::BoxFuture;
use super::caller::Caller;
use super::error::ApiError;
use super::permissions::{Permission, PermissionRule, combinable};

/// Asks for the permissions of a model by method: POST for `add`, PUT and PATCH for `change`, DELETE for `delete`. Reading
/// needs none, but somebody must be known: REST framework's `DjangoModelPermissions`.
///
/// ```
/// use cloakroom_web::api::{Api, ModelPermissions};
/// use http::Method;
///
/// let users = ModelPermissions::of("auth", "user").with_permissions(Method::GET, ["auth.view_user"]);
/// let shop = ModelPermissions::of("shop", "item").or_anonymous_reads();
/// let api = Api::new().with_permission(users).with_permission(shop);
/// # let _ = api;
/// ```
#[derive(Clone, Debug)]
pub struct ModelPermissions {
    wanted: HashMap<Method, Vec<String>>,
    anonymous: Anonymous,
    objects: Objects,
}

/// What becomes of who is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Anonymous {
    Refused,
    Judged,
}

/// Whether single objects are asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Objects {
    AllAlike,
    Each,
}

impl ModelPermissions {
    /// Of a model, by its app's label and its own name in lower case.
    #[must_use]
    pub fn of(app_label: &str, model: &str) -> Self {
        let perm = |action: &str| vec![format!("{app_label}.{action}_{model}")];
        let wanted = HashMap::from([
            (Method::GET, Vec::new()),
            (Method::HEAD, Vec::new()),
            (Method::OPTIONS, Vec::new()),
            (Method::POST, perm("add")),
            (Method::PUT, perm("change")),
            (Method::PATCH, perm("change")),
            (Method::DELETE, perm("delete")),
        ]);
        Self { wanted, anonymous: Anonymous::Refused, objects: Objects::AllAlike }
    }

    /// Lets those read who are not known: `DjangoModelPermissionsOrAnonReadOnly`.
    #[must_use]
    pub fn or_anonymous_reads(mut self) -> Self {
        self.anonymous = Anonymous::Judged;
        self
    }

    /// Asks the back ends about each object too: `DjangoObjectPermissions`. Who may not even read it is told that there is no
    /// such thing. Django's own back ends grant nothing by object, so one of the application's own must
    /// ([`Backend::has_perm`](cloakroom_auth::backends::Backend::has_perm)).
    #[must_use]
    pub fn with_objects(mut self) -> Self {
        self.objects = Objects::Each;
        self
    }

    /// Sets what a method needs: `perms_map`. A method without an entry is answered 405.
    #[must_use]
    pub fn with_permissions<P: Into<String>>(
        mut self,
        method: Method,
        permissions: impl IntoIterator<Item = P>,
    ) -> Self {
        self.wanted.insert(method, permissions.into_iter().map(Into::into).collect());
        self
    }

    fn wanted(&self, method: &Method) -> Result<&[String], ApiError> {
        self.wanted.get(method).map(Vec::as_slice).ok_or_else(|| ApiError::MethodNotAllowed(method.clone()))
    }
}

impl PermissionRule for ModelPermissions {
    fn has_permission<'a>(&'a self, caller: &'a Caller) -> BoxFuture<'a, Result<bool, ApiError>> {
        Box::pin(async move {
            if caller.user().is_none() && self.anonymous == Anonymous::Refused {
                return Ok(false);
            }
            match self.wanted(caller.method())? {
                [] => Ok(true),
                wanted => Ok(caller.ctx().permissions().await?.has_perms(wanted)),
            }
        })
    }

    fn has_object_permission<'a>(
        &'a self,
        caller: &'a Caller,
        object: &'a (dyn Any + Send + Sync),
    ) -> BoxFuture<'a, Result<bool, ApiError>> {
        Box::pin(async move {
            if self.objects == Objects::AllAlike {
                return Ok(true);
            }
            let wanted = self.wanted(caller.method())?;
            let permissions = caller.ctx().permissions().await?;
            let has = |wanted: &[String]| wanted.iter().all(|perm| permissions.has_perm_on(perm, object));
            if has(wanted) {
                return Ok(true);
            }
            if caller.is_reading() || !has(self.wanted(&Method::GET)?) {
                return Err(ApiError::NotFound);
            }
            Ok(false)
        })
    }
}

combinable!(ModelPermissions);
