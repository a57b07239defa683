//! Users and sessions for a store, by the library's own calls.

use cloakroom::Cloakroom;
use cloakroom::auth::{Created, NewAccount};
use cloakroom::core::models::User;
use cloakroom::core::secret::Secret;

use crate::Failure;

/// The password of everybody.
pub(crate) const PASSWORD: &str = "bench-pass-9Z";

/// The users whose sessions are stored.
const USERS: u64 = 100;

/// Makes users (alice, and `user1` to `user99`) and `sessions` sessions of theirs, and prints a session key a line.
///
/// One password is hashed and given to all: hashing a hundred would take longer than all the rest.
pub(crate) async fn run(sessions: u64) -> Result<(), Failure> {
    let site = Cloakroom::from_env().await?;
    let mut users: Vec<User> = Vec::new();
    for n in 0..USERS {
        let name = if n == 0 { "alice".to_owned() } else { format!("user{n}") };
        let mut account = NewAccount::new(name);
        account.password = (n == 0).then(|| Secret::new(PASSWORD.to_owned()));
        match site.auth().create_user(account).await? {
            Created::Yes(user) => users.push(user),
            other => return Err(format!("the store holds users already: {other:?}").into()),
        }
    }
    let backend = "django.contrib.auth.backends.ModelBackend";
    for n in 0..sessions {
        let user = &users[usize::try_from(n % USERS)?];
        let session = site.sessions().open(None).load().await?;
        session.set_value("_auth_user_id", user.id.to_string());
        session.set_value("_auth_user_backend", backend);
        session.set_value("_auth_user_hash", site.auth().session_auth_hash(user));
        session.save().await?;
        let key = session.key().ok_or("a saved session has no key")?;
        println!("{}", key.expose());
        if n % 10_000 == 9_999 {
            eprintln!("{} of {sessions} sessions stored", n + 1);
        }
    }
    site.close().await;
    Ok(())
}
