//! Account pages, ready to mount: log in and out, sign up, profile, passwords, sessions.

pub mod accounts;
pub mod admin;
mod agent;
pub mod api;
pub mod assets;
mod error;
mod error_pages;
mod facade;
pub mod home;
pub mod mail;
pub mod panel;
pub mod prelude;
pub mod setup;
pub mod templates;

pub use self::error::{OtherMethod, PageError, not_found};
pub use self::error_pages::{ErrorPages, ErrorPagesFuture, ErrorPagesService};
pub use self::facade::{AccountsExt, SiteError, check_settings, finish, routes, server};
