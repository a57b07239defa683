//! The service over a real database, and Django's vectors about it.

mod accounts;
mod authenticate;
mod events;
mod fixture;
mod permissions;
mod recovery;
mod sessions;
mod site;
