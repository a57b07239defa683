//! Sites, browsers and databases for tests.
//!
//! A [`TestSite`] is the real site on a database of its own in a temporary folder; a [`Browser`] acts on it over HTTP.
//! An [`OwnDatabase`] is one on a real server, and a [`FaultProxy`] before it fails on demand.

mod browser;
mod site;

pub use cloakroom_testservers::{Fault, FaultProxy, OwnDatabase, certificate_authority, redis_url, unique_name};

pub use self::browser::{Answer, Browser, form};
pub use self::site::{TestSite, TestSiteBuilder};
