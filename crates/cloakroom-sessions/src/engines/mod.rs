//! Django's engines.

mod cache;
mod cached_db;
mod db;
mod entries;
mod file;
mod locks;
mod moving;
mod signed_cookies;

pub use self::{
    cache::CacheEngine, cached_db::CachedDbEngine, db::DbEngine, file::FileEngine, moving::MovingEngine,
    signed_cookies::SignedCookiesEngine,
};
