//! `#[derive(UserModel)]`: a user type of the application's own, on a table of its own (A17). Use it from `cloakroom`,
//! which exports it with the trait.

mod expand;
mod parse;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct a user model: it stands for a row of its table.
///
/// On the struct, `#[user_model(…)]` takes `label` (`app_label.Model`, as Django's `AUTH_USER_MODEL`), and, where they are not
/// Django's defaults, `table`, `username_field`, `email_field` and `required_fields(…)`. On a field it takes `key` for the
/// primary key where that is not called `id`, `column` for a column that is called otherwise, `verbose_name`, and `default`,
/// what a new row holds where nothing is given.
///
/// The struct needs only the columns that the application reads. Each must be in the database, with a type that fits and,
/// unless the field is an `Option`, NOT NULL: that is looked at when the database is opened.
///
/// ```
/// use cloakroom::UserModel;
/// use cloakroom::core::keys::UserId;
///
/// #[derive(UserModel)]
/// #[user_model(label = "accounts.Member", username_field = "email", required_fields("full_name", "birth_year"))]
/// struct Member {
///     id: UserId,
///     #[user_model(verbose_name = "email address")]
///     email: String,
///     full_name: String,
///     #[user_model(default = "1970")]
///     birth_year: i64,
///     #[user_model(column = "nick")]
///     nickname: Option<String>,
/// }
///
/// let table = <Member as UserModel>::table();
/// assert_eq!((table.table(), table.username_field()), ("accounts_member", "email"));
/// assert_eq!(table.verbose_name_of("email"), "email address");
/// # let _ = |m: Member| (m.id, m.email, m.full_name, m.birth_year, m.nickname);
/// ```
///
/// What makes no sense does not compile:
///
/// ```compile_fail
/// #[derive(cloakroom::UserModel)]
/// #[user_model(label = "Member")]
/// struct Member {
///     id: i64,
/// }
/// ```
#[proc_macro_derive(UserModel, attributes(user_model))]
pub fn derive_user_model(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    parse::Model::of(&input).map(|model| expand::implementation(&model)).unwrap_or_else(|e| e.to_compile_error()).into()
}
