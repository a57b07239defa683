//! Sites, browsers and databases for tests.
//!
//! A [`TestSite`] is the real site on a database of its own in a temporary folder; a [`Browser`] acts on it over HTTP.

mod browser;
mod site;

pub use self::browser::{Answer, Browser, form};
pub use self::site::{TestSite, TestSiteBuilder};
