//! Sessions as Django keeps them: the handle, the engines, and what the answer does with the cookie.
//!
//! [`Sessions`] holds what a site's sessions share. For each request [`Sessions::open`] makes a [`LazySession`], which
//! reads nothing until it is [loaded](LazySession::load); the [`Session`] that comes of it has Django's methods, plain
//! and synchronous. [`Sessions::finish`] ends the request.
//!
//! - A save changes what exists and never makes it: a session that ended stays ended (S12, S66).
//! - Changes of parallel requests are merged by key, where Django lets the last writer win (S69, D6).
//! - "Not there" and "the store failed" are different types to the top (D7).
//! - Nothing here knows HTTP beyond the value of a cookie, nor who is signed in.

mod config;
mod edits;
mod engine;
mod engines;
mod error;
mod examine;
mod finish;
mod index;
mod lazy;
mod lifetime;
mod near;
mod session;
mod sessions;
mod shared;
mod state;
mod text;
mod touches;

pub use self::{
    config::{CookieEnd, DeadCookie, OlderNames, SavePolicy, SessionConfig},
    engine::{AnyEngine, Base, Change, Created, Engine, Loaded, Record, Saved, Version},
    engines::{CacheEngine, CachedDbEngine, DbEngine, FileEngine, MovingEngine, SignedCookiesEngine},
    error::{EngineError, SessionError, ValueError},
    examine::{Contents, Examined, Life, Stored},
    finish::{Finish, Vary},
    index::{Backfilled, SessionIndex, StoredSession, Usage, Visit, Visitor, public_id},
    lazy::LazySession,
    near::{JoinedUser, Keeping},
    session::{Expiry, Session},
    sessions::{FallbackUse, Sessions},
    text::{CookieCodec, Format, TextCodec},
};
