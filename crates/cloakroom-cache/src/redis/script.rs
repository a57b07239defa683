//! The steps that the server does in one: one key each, so that a cluster can do them too.

use std::fmt::Write as _;

use redis::Cmd;
use sha1::{Digest, Sha1};

/// Stores `ARGV[2]` for `ARGV[3]` seconds where `ARGV[1]` is stored: 1, nil where nothing is, else what is. No seconds
/// mean for good, 0 removes.
const REPLACE_IF: &str = "\
local stored = redis.call('GET', KEYS[1])
if not stored then return false end
if stored ~= ARGV[1] then return stored end
if ARGV[3] == '' then redis.call('SET', KEYS[1], ARGV[2])
elseif ARGV[3] == '0' then redis.call('DEL', KEYS[1])
else redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end
return 1";

/// Gives what is stored `ARGV[2]` seconds where it is `ARGV[1]`: 1, else 0.
const TOUCH_IF: &str = "\
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('PERSIST', KEYS[1])
else redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return 1";

/// A script and the name by which a server knows it once it has run.
pub(super) struct Script {
    body: &'static str,
    sha: String,
}

/// Whether the server has seen the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Yes,
    No,
}

impl Script {
    pub(super) fn replace_if() -> Self {
        Self::new(REPLACE_IF)
    }

    pub(super) fn touch_if() -> Self {
        Self::new(TOUCH_IF)
    }

    fn new(body: &'static str) -> Self {
        let sha = Sha1::digest(body).iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").ok();
            hex
        });
        Self { body, sha }
    }

    pub(super) fn call(&self, known: Known, key: &str, arguments: &[&[u8]]) -> Cmd {
        let mut command = Cmd::new();
        match known {
            Known::Yes => command.arg("EVALSHA").arg(&self.sha),
            Known::No => command.arg("EVAL").arg(self.body),
        };
        command.arg(1).arg(key);
        for argument in arguments {
            command.arg(*argument);
        }
        command
    }
}
