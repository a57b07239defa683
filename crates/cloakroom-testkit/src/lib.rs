//! Sites, browsers and databases for tests.
