//! The texts and bytes in which Django keeps session data.

pub mod json;
pub mod session;
