//! Cookies as Python's `http.cookies` writes them and as Django reads them (K10–K19).
//!
//! - [`parse`] and [`find`] read a `Cookie` header; [`header_text`] makes its text from the bytes on the wire.
//! - [`SetCookie`] builds one `Set-Cookie` value, [`ResponseCookies`] keeps one per name (K16).
//! - [`CookieSpec`] is what the settings say of a cookie: its name and attributes without its value.
//! - [`CookieSigner`] signs values and checks them (K40–K42).
//! - Names and values are Django's: no percent-decoding, no limit of their own; see [`SetCookie::check_size`].

mod parse;
mod quote;
mod set;
mod signed;

pub use self::parse::{CookieJar, find, find_in_bytes, header_text, parse};
pub use self::quote::{is_legal_name, quote, unquote};
pub use self::set::{CookieError, CookieSpec, Expires, ResponseCookies, SameSite, SetCookie};
pub use self::signed::{CookieSigner, LegacySalt};
