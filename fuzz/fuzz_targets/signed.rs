//! Signed texts, and what they vouch for: session data, payloads, pickles and the sessions of older Django.

#![no_main]

use std::sync::LazyLock;

use cloakroom_core::clock::Timestamp;
use cloakroom_core::codec::session::{SESSION_STORE_SALT, SessionCodec};
use cloakroom_core::codec::{json, legacy, pickle};
use cloakroom_core::secret::{SecretKey, SecretKeys};
use cloakroom_core::signing::{Compression, MaxAge, Signer, TimestampSigner};
use libfuzzer_sys::fuzz_target;

const NOW: Timestamp = Timestamp::from_micros(1_767_323_045_678_901);

struct Signers {
    keys: SecretKeys,
    plain: Signer,
    stamped: TimestampSigner,
    sessions: SessionCodec,
}

static SIGNERS: LazyLock<Signers> = LazyLock::new(|| {
    let key = |text: &str| SecretKey::new(text).expect("the key is not empty");
    let keys = SecretKeys::new(key("the key of the fuzzer"), vec![key("the key before it")]);
    Signers {
        plain: Signer::new(&keys, "fuzz"),
        stamped: TimestampSigner::new(&keys, "fuzz"),
        sessions: SessionCodec::new(&keys, SESSION_STORE_SALT),
        keys,
    }
});

fuzz_target!(|data: &[u8]| {
    let s = &*SIGNERS;
    let text = String::from_utf8_lossy(data);

    // Nobody has the key, so that nothing that comes in is genuine.
    assert!(s.plain.unsign(&text).is_err());
    assert!(s.stamped.loads(&text, NOW, None).is_err());
    assert!(legacy::read(&text, &s.keys).is_err());
    assert!(s.sessions.decode(&text).data.is_empty());

    // What was signed comes back, and a changed text does not.
    let signed = s.plain.sign(&text);
    assert_eq!(s.plain.unsign(&signed).map(|u| u.value), Ok(&*text));
    let stamped = s.stamped.sign(&text, NOW);
    let none = MaxAge::from_secs(0);
    assert_eq!(s.stamped.unsign(&stamped, NOW, None).map(|u| u.value), Ok(&*text));
    assert!(s.stamped.unsign(&stamped, Timestamp::from_secs(1_767_323_046), Some(none)).is_err(), "too old");
    if let Some((at, c)) = stamped.char_indices().nth(data.len() / 2) {
        let mut other = stamped.clone();
        other.replace_range(at..at + c.len_utf8(), if c == 'x' { "y" } else { "x" });
        assert!(s.stamped.unsign(&other, NOW, None).is_err(), "{stamped:?} as {other:?}");
    }
    for compression in [Compression::Never, Compression::IfSmaller] {
        let packed = s.stamped.sign_bytes(data, compression, NOW);
        assert_eq!(s.stamped.unsign_bytes(&packed, NOW, None).as_ref().map(|(bytes, _)| &**bytes), Ok(data));
    }

    // What somebody with the key signed need not be what we write: it is read or refused.
    let _ = s.stamped.loads(&s.stamped.sign(&text, NOW), NOW, None);
    let session = TimestampSigner::new(&s.keys, SESSION_STORE_SALT);
    let _ = s.sessions.decode(&session.sign_bytes(data, Compression::Never, NOW));
    let _ = legacy::read(&session.sign_bytes(data, Compression::Never, NOW), &s.keys);
    if let Ok(value) = json::loads_latin1(data)
        && let Ok(again) = json::dumps(&value)
    {
        assert_eq!(
            json::loads(&again).and_then(|v| Ok(json::dumps(&v))),
            Ok(Ok(again)),
            "the second reading is another"
        );
    }
    if let Ok(value) = pickle::loads(data)
        && let Ok(again) = pickle::dumps(&value)
    {
        assert_eq!(
            pickle::loads(&again).and_then(|v| Ok(pickle::dumps(&v))),
            Ok(Ok(again)),
            "the second reading is another"
        );
    }
});
