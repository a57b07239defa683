//! Grants take effect at once (Z01).

use std::sync::Arc;

use cloakroom_auth::permissions::{Granted, Holder};

use crate::site::Site;

/// Z01: what is granted, revoked or joined acts at the next look.
#[tokio::test]
async fn changes_act_at_once() {
    let site = Site::new().await;
    let user = Arc::new(site.user("alice").await);
    let holder = Holder::User(user.id.clone());
    let can = async || site.auth.permissions(Some(&user)).await.unwrap().has_perm("auth.add_user");
    assert!(!can().await);
    assert_eq!(site.auth.grant(&holder, "auth.add_user").await.unwrap(), Granted::Yes);
    assert!(can().await);
    assert_eq!(site.auth.grant(&holder, "auth.add_user").await.unwrap(), Granted::Already);
    assert!(site.auth.revoke(&holder, "auth.add_user").await.unwrap());
    assert!(!can().await);
    assert_eq!(site.auth.grant(&holder, "auth.no_such").await.unwrap(), Granted::Unknown);
    assert_eq!(site.auth.grant(&holder, "add_user").await.unwrap(), Granted::Unknown);
    assert_eq!(site.events(), ["user_created", "access_changed", "access_changed"]);
}
