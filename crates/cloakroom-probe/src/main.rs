//! The site and the probe routes of the conformance contract.

fn main() {}
