//! The cloakroom server and command line.

fn main() {}
