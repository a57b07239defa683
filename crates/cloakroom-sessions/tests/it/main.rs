//! Outer tests: every engine by one suite, and the golden vectors of Django's middleware.

mod suite;
mod vectors;
mod world;
