//! The texts and bytes in which Django keeps session data.

pub mod json;
pub mod legacy;
pub mod pickle;
pub mod session;
