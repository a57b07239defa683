//! Tokens of REST framework's kind: whose a token is, and whether its account is open (D06, A09).

use cloakroom_core::keys::{TokenKey, UserId};
use cloakroom_core::models::User;
use cloakroom_db::tokens::{self, Token};

use crate::auth::Auth;
use crate::error::AuthError;

/// What a token that somebody shows is worth.
#[must_use = "only TokenCheck::Yes lets somebody in"]
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one is made a request, and taken apart at once")]
pub enum TokenCheck {
    /// It is this user's.
    Yes(User, Token),
    /// It is nobody's.
    Unknown,
    /// The account is closed, or gone.
    Inactive,
}

impl Auth {
    /// Whose token this is. One that is nobody's costs one query.
    ///
    /// # Errors
    ///
    /// The database gave no answer; [`DbError::NotMigrated`](cloakroom_db::DbError::NotMigrated) where the site has no tokens.
    pub async fn check_token(&self, key: &str) -> Result<TokenCheck, AuthError> {
        let Some(token) = tokens::find(self.db(), key).await? else { return Ok(TokenCheck::Unknown) };
        Ok(match self.user_by_id(&token.user_id).await? {
            Some(user) if user.is_active => TokenCheck::Yes(user, token),
            _ => TokenCheck::Inactive,
        })
    }

    /// The user's token, drawn now if there was none; `None` if the user is gone.
    ///
    /// # Errors
    ///
    /// As [`check_token`](Self::check_token).
    pub async fn token_of(&self, user: &UserId) -> Result<Option<Token>, AuthError> {
        let new = TokenKey::generate(self.random());
        Ok(tokens::get_or_create(self.db(), user, &new, self.now()).await?)
    }

    /// A new token in place of the user's old one, which opens nothing any more; `None` if the user is gone.
    ///
    /// # Errors
    ///
    /// As [`check_token`](Self::check_token).
    pub async fn renew_token(&self, user: &UserId) -> Result<Option<Token>, AuthError> {
        let new = TokenKey::generate(self.random());
        Ok(tokens::replace(self.db(), user, &new, self.now()).await?)
    }
}
