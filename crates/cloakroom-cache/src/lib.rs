//! Django's cache: memory.
