//! What holds for every value: round trips, and no panic whatever comes in.

use cloakroom_core::clock::Timestamp;
use cloakroom_core::codec::json::{self, Style, dumps, dumps_with, loads, loads_latin1};
use cloakroom_core::codec::pickle;
use cloakroom_core::codec::session::{SESSION_STORE_SALT, SessionCodec};
use cloakroom_core::pydatetime::DateTime;
use cloakroom_core::secret::{SecretKey, SecretKeys};
use cloakroom_core::signing::{
    Compression, MaxAge, Signer, TimestampSigner, b62_decode, b62_encode, b64_decode, b64_encode, decode_payload,
};
use cloakroom_core::tokens::{base36_decode, base36_encode, uid_decode, uid_decode_int, uid_encode};
use cloakroom_core::value::{Dict, Text, Value};
use proptest::prelude::*;

fn keys() -> SecretKeys {
    SecretKeys::new(SecretKey::new("current").unwrap(), vec![SecretKey::new("older").unwrap()])
}

fn text() -> impl Strategy<Value = Text> {
    prop_oneof![
        any::<String>().prop_map(Text::from),
        "[a-z_]{0,8}".prop_map(Text::from),
        prop::collection::vec(prop_oneof![any::<u16>(), 0xd800_u16..0xe000], 0..6).prop_map(|u| Text::from_utf16(&u)),
    ]
}

/// What JSON gives back as it was.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        "-?[1-9][0-9]{19,60}".prop_map(|digits| Value::BigInt(digits.into())),
        any::<f64>().prop_map(Value::Float),
        Just(Value::Float(f64::INFINITY)),
        text().prop_map(Value::Str),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
            prop::collection::vec((text(), inner), 0..6).prop_map(|items| Value::Dict(items.into_iter().collect())),
        ]
    })
}

/// Opcodes with their arguments, so that a row of them goes on for a while.
fn opcode() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::sample::select(b"(012N)]}teudalsbR\x81\x85\x86\x87\x88\x8f\x90\x91\x93\x94".to_vec())
            .prop_map(|b| vec![b]),
        any::<u8>().prop_map(|n| vec![b'K', n]),
        (0_u8..8).prop_map(|n| vec![b'h', n]),
        (0_u8..8).prop_map(|n| vec![b'q', n]),
        prop::sample::select(vec![
            "datetime",
            "timedelta",
            "timezone",
            "date",
            "int",
            "uuid",
            "UUID",
            "builtins",
            "set"
        ])
        .prop_map(|s| [&[0x8c, s.len() as u8], s.as_bytes()].concat()),
        prop::sample::select(vec!["cdatetime\ndate\n", "cuuid\nUUID\n", "cbuiltins\nset\n", "cpytz\nUTC\n"])
            .prop_map(|s| s.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..12).prop_map(|b| [&[b'C', b.len() as u8], &*b].concat()),
    ]
}

proptest! {
    /// K21, K22.
    #[test]
    fn what_is_signed_unsigns(value: String, salt: String) {
        let signer = Signer::new(&keys(), &salt);
        let signed = signer.sign(&value);
        prop_assert_eq!(signer.unsign(&signed).unwrap().value, &value);
        let other = Signer::new(&keys(), &format!("{salt}x"));
        prop_assert!(other.unsign(&signed).is_err());
    }

    /// K23, to the second: the stamp is cut.
    #[test]
    fn a_timed_text_unsigns_until_its_age(value: String, micros in 0_i64..4_000_000_000_000_000, age in 0_i64..1_000_000) {
        let signer = TimestampSigner::new(&keys(), "purpose");
        let made = Timestamp::from_micros(micros);
        let signed = signer.sign(&value, made);
        let whole = Timestamp::from_secs(made.as_secs());
        let max_age = Some(MaxAge::from_secs(age));
        prop_assert_eq!(signer.unsign(&signed, whole.plus_secs(age), max_age).unwrap().value, &value);
        prop_assert!(signer.unsign(&signed, whole.plus_secs(age + 1), max_age).is_err());
        prop_assert!(signer.unsign(&signed, whole.plus_secs(-age), max_age).is_ok());
    }

    /// K22: one changed character is enough.
    #[test]
    fn a_changed_text_does_not_unsign(value in "[a-z]{1,20}", at: prop::sample::Index) {
        let signer = Signer::new(&keys(), "purpose");
        let mut signed = signer.sign(&value).into_bytes();
        let at = at.index(signed.len());
        signed[at] = if signed[at] == b'!' { b'?' } else { b'!' };
        prop_assert!(signer.unsign(std::str::from_utf8(&signed).unwrap()).is_err());
    }

    /// G11, G12: through text and back, keys in order.
    #[test]
    fn json_round_trips(value in value()) {
        let json = dumps(&value).unwrap();
        prop_assert!(json.is_ascii());
        let back = loads(&json).unwrap();
        prop_assert_eq!(&back, &value);
        prop_assert_eq!(dumps(&back).unwrap(), json);
        prop_assert_eq!(&loads(&dumps_with(&value, Style::Spaced).unwrap()).unwrap(), &value);
    }

    /// K24, S32: compressed or not.
    #[test]
    fn signed_objects_round_trip(value in value(), packed: bool) {
        let signer = TimestampSigner::new(&keys(), "purpose");
        let compression = if packed { Compression::IfSmaller } else { Compression::Never };
        let text = signer.dumps(&value, compression, Timestamp::UNIX_EPOCH).unwrap();
        let loaded = signer.loads(&text, Timestamp::UNIX_EPOCH, None).unwrap();
        prop_assert_eq!(loaded.value, value);
        prop_assert_eq!(loaded.key, 0);
    }

    #[test]
    fn numbers_and_bytes_round_trip(n in -(1_i128 << 100)..1_i128 << 100, bytes: Vec<u8>, pk: String) {
        prop_assert_eq!(b62_decode(&b62_encode(n)).unwrap(), n);
        prop_assert_eq!(b64_decode(&b64_encode(&bytes)).unwrap(), bytes);
        prop_assert_eq!(uid_decode(&uid_encode(&pk)).unwrap(), pk);
        let small = n.unsigned_abs() as u32;
        prop_assert_eq!(base36_decode(&base36_encode(small.into()).unwrap()).unwrap(), i128::from(small));
    }

    /// S21, S25.
    #[test]
    fn times_round_trip(micros in Timestamp::MIN.as_micros()..=Timestamp::MAX.as_micros(), offset in -86_399_999_999_i64..86_400_000_000) {
        let wall_clock = Timestamp::from_micros(micros);
        for time in [DateTime::naive(wall_clock), DateTime::with_offset(wall_clock, offset).unwrap()] {
            prop_assert_eq!(DateTime::fromisoformat(&time.isoformat()), Some(time));
        }
    }

    #[test]
    fn pickles_round_trip(value in value()) {
        prop_assert_eq!(&pickle::loads(&pickle::dumps(&value).unwrap()).unwrap(), &value);
    }

    /// S36: damage is refused or read as something else, and never worse.
    #[test]
    fn no_damaged_pickle_panics(value in value(), at: prop::sample::Index, with: u8, ops in prop::collection::vec(opcode(), 0..60)) {
        let mut bytes = pickle::dumps(&value).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = with;
        let _ = pickle::loads(&bytes);
        let _ = pickle::loads(&[ops.concat(), b".".to_vec()].concat());
    }

    #[test]
    fn nothing_that_comes_in_panics(text: String, bytes: Vec<u8>, near in "[-0-9:.,TWZ+é{}\\[\\]\"\\\\u_=/ ]{0,40}") {
        for text in [&*text, &*near] {
            let _ = loads(text);
            let _ = b62_decode(text);
            let _ = b64_decode(text);
            let _ = decode_payload(text);
            let _ = uid_decode_int(text);
            let _ = base36_decode(text);
            let _ = DateTime::fromisoformat(text);
            prop_assert!(SessionCodec::new(&keys(), SESSION_STORE_SALT).decode(text).problem.is_some());
        }
        let _ = loads_latin1(&bytes);
        let _ = pickle::loads(&bytes);
        // Behind a good signature, where only key holders come.
        let signer = TimestampSigner::new(&keys(), SESSION_STORE_SALT);
        let inside = signer.sign(&format!(".{}", b64_encode(&bytes)), Timestamp::UNIX_EPOCH);
        prop_assert!(signer.loads(&inside, Timestamp::UNIX_EPOCH, None).is_err());
        let signed = Signer::new(&keys(), SESSION_STORE_SALT).sign(&near);
        let _ = signer.loads(&signed, Timestamp::UNIX_EPOCH, None);
    }
}

/// The deepest values that are read or written leave most of a server thread's two megabytes free.
#[test]
fn the_deepest_values_fit_the_stack() {
    let check = || {
        let json = "[".repeat(json::MAX_DEPTH) + &"]".repeat(json::MAX_DEPTH);
        let value = loads(&json).unwrap();
        assert_eq!(value.clone(), value);
        assert_eq!(dumps(&value).unwrap(), json);
        let inside = |d, _| Dict::from_iter([(Text::from("a"), Value::Dict(d))]);
        let value = Value::Dict((1..pickle::MAX_DEPTH).fold(Dict::new(), inside));
        assert_eq!(pickle::loads(&pickle::dumps(&value).unwrap()).unwrap(), value);
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(check).unwrap().join().unwrap();
}
