//! The life of an account and its password (A09, A19, A20, A23, M19, R07, Z02).

use cloakroom_auth::events::{Activity, AuthEvent, PasswordChange, Switch};
use cloakroom_auth::{Created, NewAccount, NotCreated, PasswordChanged, PasswordSet, ProfileUpdate};
use cloakroom_core::hashers::MAX_PASSWORD_BYTES;
use cloakroom_core::validators::UserFacts;
use cloakroom_db::Updated;

use crate::site::{Site, secret};

/// A20: NFKC, the address's domain in small letters, no password by default, no flags.
#[tokio::test]
async fn accounts_are_made_as_django_makes_them() {
    let site = Site::new().await;
    let account = NewAccount::new("\u{fb01}sh").with_email(" A@EXAMPLE.COM ");
    let Created::Yes(fish) = site.auth.create_user(account).await.unwrap() else { panic!() };
    assert_eq!((fish.username.as_str(), fish.email.as_str()), ("fish", "A@example.com"));
    assert!(!fish.password.is_usable() && fish.is_active && !fish.is_staff && !fish.is_superuser);
    assert_eq!(fish.date_joined, site.auth.now());

    let refused = async |account| match site.auth.create_user(account).await.unwrap() {
        Created::No(why) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(NewAccount::new("")).await, NotCreated::EmptyUsername);
    assert_eq!(refused(NewAccount::new("fish")).await, NotCreated::UsernameTaken);
    let huge = NewAccount::new("huge").with_password("x".repeat(MAX_PASSWORD_BYTES + 1));
    assert_eq!(refused(huge).await, NotCreated::PasswordTooLong);
    let mut root = NewAccount::new("root");
    root.is_staff = Some(false);
    assert!(matches!(site.auth.create_superuser(root).await.unwrap(), Created::No(NotCreated::NotSuper)));
    let Created::Yes(root) = site.auth.create_superuser(NewAccount::new("root")).await.unwrap() else { panic!() };
    assert!(root.is_staff && root.is_superuser);
    assert_eq!(site.events(), ["user_created", "user_created"]);
}

/// A161: an empty password is one.
#[tokio::test]
async fn an_empty_password_opens() {
    let site = Site::new().await;
    let account = NewAccount::new("empty").with_password(String::new());
    let Created::Yes(mut user) = site.auth.create_user(account).await.unwrap() else { panic!() };
    assert!(site.auth.check_password(&mut user, &secret("")).await.unwrap().is_match());
}

/// A09, A98: the old password first, then the rules, then the change.
#[tokio::test]
async fn changing_a_password_asks_for_the_old_one() {
    let site = Site::new().await;
    let mut alice = site.user("alice").await;
    let before = alice.password.clone();
    let good = secret("correct horse battery");
    let outcome = site.auth.change_password(&mut alice, &secret("wrong"), &good, None).await.unwrap();
    assert_eq!(outcome, PasswordChanged::WrongOld);
    let old = secret("alice-pass-9Z");
    let outcome = site.auth.change_password(&mut alice, &old, &secret("12345"), None).await.unwrap();
    let PasswordChanged::Refused(errors) = outcome else { panic!("{outcome:?}") };
    let codes: Vec<_> = errors.iter().map(|e| &*e.code).collect();
    assert_eq!(codes, ["password_too_short", "password_too_common", "password_entirely_numeric"]);
    let huge = secret("x".repeat(MAX_PASSWORD_BYTES + 1));
    let outcome = site.auth.change_password(&mut alice, &old, &huge, None).await.unwrap();
    assert!(matches!(&outcome, PasswordChanged::Refused(e) if e[0].code == "password_too_long"), "{outcome:?}");
    assert_eq!(alice.password, before);

    site.take_events();
    assert_eq!(site.auth.change_password(&mut alice, &old, &good, None).await.unwrap(), PasswordChanged::Yes);
    assert_ne!(alice.password, before);
    assert_eq!(site.auth.user_by_id(&alice.id).await.unwrap().unwrap().password, alice.password);
    let events = site.take_events();
    assert!(matches!(&events[..], [AuthEvent::PasswordChanged { how: PasswordChange::ByOwner, .. }]), "{events:?}");
}

/// R07: of two who change the same password at once, one wins.
#[tokio::test]
async fn one_of_two_changes_wins() {
    let site = Site::new().await;
    let mut one = site.user("alice").await;
    let mut two = one.clone();
    let old = secret("alice-pass-9Z");
    let won = site.auth.change_password(&mut one, &old, &secret("the first new one"), None).await.unwrap();
    let lost = site.auth.change_password(&mut two, &old, &secret("the second new one"), None).await.unwrap();
    assert_eq!((won, lost), (PasswordChanged::Yes, PasswordChanged::WrongOld));
}

/// A19, A35: setting without the old one; taking it away.
#[tokio::test]
async fn passwords_are_set_and_taken_away() {
    let site = Site::new().await;
    let mut alice = site.user("alice").await;
    assert_eq!(site.auth.set_password(&mut alice, &secret("new")).await.unwrap(), PasswordSet::Yes);
    assert!(site.auth.check_password(&mut alice, &secret("new")).await.unwrap().is_match());
    assert_eq!(site.auth.set_unusable_password(&mut alice).await.unwrap(), PasswordSet::Yes);
    assert!(!alice.password.is_usable());
    assert_eq!(alice.password.expose().len(), 41);
    assert!(!site.auth.check_password(&mut alice, &secret("new")).await.unwrap().is_match());
    assert!(site.auth.delete_user(&alice).await.unwrap());
    assert_eq!(site.auth.set_password(&mut alice, &secret("new")).await.unwrap(), PasswordSet::Gone);
    assert!(!site.auth.delete_user(&alice).await.unwrap());
}

/// M19: the profile changes what it names, and no more.
#[tokio::test]
async fn a_profile_is_changed_in_parts() {
    let site = Site::new().await;
    let mut alice = site.user("alice").await;
    let update = ProfileUpdate::new().with_first_name("Alice").with_email("Alice@EXAMPLE.org");
    assert_eq!(site.auth.update_profile(&mut alice, update).await.unwrap(), Updated::Yes);
    let stored = site.auth.user_by_id(&alice.id).await.unwrap().unwrap();
    for user in [&alice, &stored] {
        assert_eq!((user.first_name.as_str(), user.last_name.as_str()), ("Alice", ""));
        assert_eq!(user.email, "Alice@example.org");
    }
    assert_eq!(site.auth.set_staff(&mut alice, Switch::On).await.unwrap(), Updated::Yes);
    assert_eq!(site.auth.set_superuser(&mut alice, Switch::On).await.unwrap(), Updated::Yes);
    assert_eq!(site.auth.set_activity(&mut alice, Activity::Inactive).await.unwrap(), Updated::Yes);
    let stored = site.auth.user_by_id(&alice.id).await.unwrap().unwrap();
    assert!(stored.is_staff && stored.is_superuser && !stored.is_active);
    let expected = ["user_created", "profile_changed", "access_changed", "access_changed", "activity_changed"];
    assert_eq!(site.events(), expected);
}

/// A50, A54: the configured rules, with what is known of the user.
#[tokio::test]
async fn new_passwords_are_judged() {
    let site = Site::new().await;
    let alice = site.user("alexandra").await;
    let codes = |password: &str, facts: Option<&UserFacts>| -> Vec<String> {
        site.auth.validate_password(&secret(password), facts).iter().map(|e| e.code.to_string()).collect()
    };
    let facts = UserFacts::from(&alice);
    assert_eq!(codes("alexandra-7z", Some(&facts)), ["password_too_similar"]);
    assert_eq!(codes("alexandra-7z", None), [""; 0]);
    assert_eq!(codes("correct horse battery", Some(&facts)), [""; 0]);
}
