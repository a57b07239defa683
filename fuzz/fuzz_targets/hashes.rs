//! The password column: nothing panics, hangs or allocates without bound, and no text opens to a password by chance.

#![no_main]

use std::sync::LazyLock;

use cloakroom_core::hashers::{Algorithm, Checked, Cost, Derivation, DjangoVersion, Hasher, HasherSet, Upgrade};
use cloakroom_core::models::EncodedHash;
use libfuzzer_sys::fuzz_target;

/// What a check may cost here, so that the fuzzer gets on: dearer ones are judged and not computed.
const MAX_MEMORY_KIB: u32 = 1024;
const MAX_COST: i64 = 5000;

/// Every algorithm once as the preferred one, at next to no cost.
static SETS: LazyLock<Vec<HasherSet>> = LazyLock::new(|| {
    let cheap = |algorithm, version| {
        let hasher = Hasher::new(algorithm, version);
        hasher.with_cost(match hasher.cost() {
            Cost::Pbkdf2 { .. } => Cost::Pbkdf2 { iterations: 10 },
            Cost::Argon2 { .. } => Cost::Argon2 { time_cost: 1, memory_kib: 64, parallelism: 8 },
            Cost::Bcrypt { .. } => Cost::Bcrypt { rounds: 4 },
            Cost::Scrypt { .. } => Cost::Scrypt { work_factor: 16, block_size: 8, parallelism: 1 },
            other => other,
        })
    };
    let set = |(first, version)| {
        let mut order = Algorithm::ALL.to_vec();
        order.rotate_left(first);
        HasherSet::new(order.into_iter().map(|a| cheap(a, version)).collect()).expect("the list is not empty")
    };
    let versions = [DjangoVersion::V5_2, DjangoVersion::V6_1];
    (0..Algorithm::ALL.len()).flat_map(|n| versions.map(|v| (n, v))).map(set).collect()
});

fuzz_target!(|data: &[u8]| {
    let (password, text) = data.split_at(data.len().min(8));
    let text = String::from_utf8_lossy(text);
    check(password, &text);
    // Past the name, which the fuzzer would have to guess.
    for algorithm in Algorithm::ALL {
        check(password, &format!("{}${text}", algorithm.name()));
    }
});

fn check(password: &[u8], text: &str) {
    let encoded = EncodedHash::new(text);
    for set in &*SETS {
        let judged = set.must_update(&encoded);
        if let Ok(decoded) = set.decode(&encoded) {
            assert!(text.starts_with(decoded.algorithm().name()));
            let summary = set.safe_summary(&encoded).expect("what was decoded has a summary");
            assert_eq!(summary.len(), decoded.fields().count() + 1);
        }
        // 16 MiB of scrypt's and 1 GiB of Argon2's are the most that is ever taken.
        assert!(set.memory_kib(&encoded) <= 1 << 20);
        if !is_cheap(set, &encoded) {
            continue;
        }
        let checked = set.verify_unevenly(password, &encoded);
        assert!(!checked.is_match() || was_made_for(set, password, &encoded), "{text:?} opens");
        match (checked, judged) {
            (Checked::Mismatch(upgrade), judged) => assert_eq!(judged, Ok(upgrade)),
            (Checked::Unknown, judged) => assert!(judged.is_err()),
            _ => {}
        }
        let mut work = set.begin_check(password, &encoded);
        Derivation::run_all(&mut work.derivation().into_iter().collect::<Vec<_>>());
        assert_eq!(set.finish_check(work), checked, "together and alone differ: {text:?}");
    }
}

/// A match needs the whole of a hash, which only that password's own can be.
fn was_made_for(set: &HasherSet, password: &[u8], encoded: &EncodedHash) -> bool {
    let other = [password, b"!"].concat();
    // bcrypt takes 72 bytes, and Argon2's hash may be as short as four.
    !matches!(set.check(other, encoded), Checked::Match(Upgrade::Current))
}

fn is_cheap(set: &HasherSet, encoded: &EncodedHash) -> bool {
    let Ok(decoded) = set.decode(encoded) else { return true };
    let costs = ["iterations", "time_cost", "work_factor", "block_size", "parallelism"];
    let cheap = |name| match decoded.get(name) {
        Some(cloakroom_core::hashers::Field::Number(n)) => {
            let most = if matches!(decoded.algorithm(), Algorithm::BcryptSha256 | Algorithm::Bcrypt) { 6 } else { MAX_COST };
            // What is beyond every limit costs nothing either.
            n.to_i64().is_none_or(|n| n <= most || n > i64::from(u32::MAX))
        }
        _ => true,
    };
    set.memory_kib(encoded) <= MAX_MEMORY_KIB && costs.into_iter().all(cheap)
}
