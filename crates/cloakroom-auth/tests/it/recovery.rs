//! Reset links (A90–A93, A105, A106, E02, R01, R05, R07).

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cloakroom_auth::events::Activity;
use cloakroom_auth::mail::{Mail, MailError, Mailer, ResetMail, Site as Origin};
use cloakroom_auth::{NewAccount, PasswordSet, ProfileUpdate, ResetOutcome};
use cloakroom_core::models::User;
use cloakroom_db::users;

use crate::site::{Site, secret};

/// A105: open accounts with a usable password whose address is the same by Unicode's rule.
#[tokio::test]
async fn links_go_to_open_accounts_with_a_password() {
    let site = Site::new().await;
    let account = |name: &str, email: &str| NewAccount::new(name).with_email(email).with_password("pw".to_owned());
    for (name, email) in
        [("one", "Alice@example.com"), ("two", "alice@EXAMPLE.com"), ("three", "al\u{131}ce@example.com")]
    {
        let _ = site.auth.create_user(account(name, email)).await.unwrap();
    }
    let _ = site.auth.create_user(NewAccount::new("sso").with_email("alice@example.com")).await.unwrap();
    let mut closed = account("closed", "alice@example.com");
    closed.is_active = false;
    let _ = site.auth.create_user(closed).await.unwrap();
    let names = async |email: &str| -> Vec<String> {
        site.auth.reset_users(email).await.unwrap().into_iter().map(|u| u.username).collect()
    };
    assert_eq!(names("ALICE@example.com").await, ["one", "two"]);
    assert_eq!(names("alice_@example.com").await, [""; 0]);
    assert_eq!(names("nobody@example.com").await, [""; 0]);
    assert_eq!(names(&"\u{be}".repeat(500_000)).await, [""; 0], "A20");
}

/// R01, A91, A92: a link dies by use, log-in, change of password or address, and age.
#[tokio::test]
async fn links_die() {
    let site = Site::new().await;
    let mut alice = site.user("alice").await;
    let link = site.auth.make_reset_link(&alice).unwrap();
    let token = link.token.expose();
    assert_eq!(site.auth.user_of_uid(&link.uid).await.unwrap().unwrap().id, alice.id);
    assert!(site.auth.check_reset_token(&alice, token));
    for bad in ["", "-", "x", &token.to_uppercase(), &token[1..]] {
        assert!(!site.auth.check_reset_token(&alice, bad), "R08: {bad}");
    }
    site.clock.advance(Duration::from_secs(259_200));
    assert!(site.auth.check_reset_token(&alice, token), "exactly three days");
    site.clock.advance(Duration::from_secs(1));
    assert!(!site.auth.check_reset_token(&alice, token));

    let fresh = |user: &User| site.auth.make_reset_link(user).unwrap().token.expose().clone();
    let token = fresh(&alice);
    let _ = site.auth.update_profile(&mut alice, ProfileUpdate::new().with_email("b@example.com")).await.unwrap();
    assert!(!site.auth.check_reset_token(&alice, &token), "address");
    let token = fresh(&alice);
    let _ = users::set_last_login(&site.db, &alice.id, site.auth.now()).await.unwrap();
    let mut alice = site.auth.user_by_id(&alice.id).await.unwrap().unwrap();
    assert!(!site.auth.check_reset_token(&alice, &token), "log-in");
    let token = fresh(&alice);
    assert_eq!(site.auth.set_password(&mut alice, &secret("alice-pass-9Z")).await.unwrap(), PasswordSet::Yes);
    assert!(!site.auth.check_reset_token(&alice, &token), "password, even the same");
    let token = fresh(&alice);
    let _ = site.auth.set_activity(&mut alice, Activity::Inactive).await.unwrap();
    assert!(site.auth.check_reset_token(&alice, &token), "not by closing (A92)");
}

/// A116: a password that will not do leaves the link alive; a good one uses it up.
#[tokio::test]
async fn a_link_sets_a_password_once() {
    let site = Site::new().await;
    let alice = site.user("alice").await;
    let link = site.auth.make_reset_link(&alice).unwrap();
    let reset = async |new: &str| site.auth.reset_password(&link.uid, link.token.expose(), &secret(new)).await.unwrap();
    assert!(matches!(reset("123").await, ResetOutcome::Refused(errors) if errors.len() == 3));
    let ResetOutcome::Yes(mut user) = reset("correct horse battery").await else { panic!() };
    assert!(site.auth.check_password(&mut user, &secret("correct horse battery")).await.unwrap().is_match());
    assert!(matches!(reset("another horse battery").await, ResetOutcome::BadLink));
    for uid in ["", "!!!", "MTAwMA", "bm90IGEgbnVtYmVy", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5"] {
        let outcome = site.auth.reset_password(uid, "x-y", &secret("correct horse battery")).await.unwrap();
        assert!(matches!(outcome, ResetOutcome::BadLink), "{uid}");
    }
}

/// R07: of fifty uses at once one wins.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_uses_at_once_one_wins() {
    let site = Site::with(|b| {
        let mut config = cloakroom_auth::lane::LaneConfig::default();
        config.max_waiting = 200;
        b.with_lane_config(config)
    })
    .await;
    let alice = site.user("alice").await;
    let link = site.auth.make_reset_link(&alice).unwrap();
    let tasks: Vec<_> = (0..50)
        .map(|n| {
            let (auth, link) = (site.auth.clone(), link.clone());
            tokio::spawn(async move {
                auth.reset_password(&link.uid, link.token.expose(), &secret(format!("correct horse {n}")))
                    .await
                    .unwrap()
            })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        won += usize::from(matches!(task.await.unwrap(), ResetOutcome::Yes(_)));
    }
    assert_eq!(won, 1);
}

/// Keeps what it is given; fails for one address.
#[derive(Debug, Default)]
struct Outbox(Mutex<Vec<ResetMail>>);

impl Mailer for Outbox {
    fn send<'a>(&'a self, mail: &'a Mail) -> Pin<Box<dyn Future<Output = Result<(), MailError>> + Send + 'a>> {
        Box::pin(async move {
            let Mail::PasswordReset(mail) = mail else { unreachable!() };
            if mail.user.username == "bounce" {
                return Err(MailError("no such mailbox".into()));
            }
            self.0.lock().unwrap().push(mail.clone());
            Ok(())
        })
    }
}

/// A106, E02, R05: mail goes to the stored address, one for each account; a failure keeps the others going.
#[tokio::test]
async fn mail_goes_to_the_stored_address() {
    let site = Site::new().await;
    for (name, email) in [("bounce", "a@example.com"), ("alice", "A@Example.com")] {
        let account = NewAccount::new(name).with_email(email).with_password("pw".to_owned());
        let _ = site.auth.create_user(account).await.unwrap();
    }
    site.take_events();
    let outbox = Arc::new(Outbox::default());
    let origin = Origin { name: "Example".into(), origin: "https://example.com".into() };
    for typed in ["a@EXAMPLE.com", "unknown@example.com"] {
        site.auth.send_reset_links(typed.into(), origin.clone(), outbox.clone()).await.unwrap();
    }
    let sent = outbox.0.lock().unwrap();
    let [mail] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!(mail.user.email, "A@example.com");
    assert_eq!(mail.site, origin);
    assert!(site.auth.check_reset_token(&mail.user, mail.token.expose()));
    assert!(!format!("{mail:?}").contains(mail.token.expose().as_str()), "L03");
    assert_eq!(site.events(), ["reset_requested", "reset_requested"]);
}
