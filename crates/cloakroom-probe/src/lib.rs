//! The golden vectors of Django, as a library, so that the command and the tests run the same checks.

pub mod vectors;
