//! Account pages, ready to mount.
