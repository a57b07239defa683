//! The site over HTTP, as its users meet it.

mod accounts;
mod faults;
mod logins;
mod sessions;
