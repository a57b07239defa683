//! Sessions as Django keeps them: the handle, the engines.
