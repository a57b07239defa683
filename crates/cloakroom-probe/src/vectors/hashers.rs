//! hashers.json and legacy_hashers.json: A30–A46, V01, V13.

use cloakroom::core::hashers::{
    Algorithm, Checked, Cost, DjangoVersion, Field, HashError, Hasher, HasherSet, Number, Upgrade, make_unusable,
};
use cloakroom::core::models::EncodedHash;
use cloakroom::core::random::OsRandom;
use serde_json::{Map, Value, json};

use super::Case;

/// `PASSWORD_HASHERS` of hashers.json.
const SET: [Algorithm; 7] = [
    Algorithm::Pbkdf2Sha256,
    Algorithm::Pbkdf2Sha1,
    Algorithm::Argon2,
    Algorithm::BcryptSha256,
    Algorithm::Scrypt,
    Algorithm::Bcrypt,
    Algorithm::Md5,
];

fn set(version: DjangoVersion) -> HasherSet {
    HasherSet::new(SET.map(|a| Hasher::new(a, version)).to_vec()).unwrap()
}

pub(super) fn check(case: &Case<'_>) -> Result<(), String> {
    let set = set(case.version);
    let encoded = || EncodedHash::new(case.input["encoded"].as_str().unwrap_or_default());
    case.expect(&match case.kind {
        "encode" => {
            let algorithm = Algorithm::from_name(case.text("algorithm")).unwrap();
            let hasher = Hasher::new(algorithm, case.version);
            let hasher = hasher.with_cost(cost(hasher.cost(), &case.input["params"]));
            answer(hasher.encode_with(case.text("password"), case.text("salt")).map(|e| json!(e.expose())))
        }
        "verify" => match case.input["password"].as_str() {
            Some(password) => pair(set.verify_unevenly(password, &encoded())),
            None => json!({ "ok": [false, false] }),
        },
        "identify" => answer(set.identify(&encoded()).map(|h| json!(h.algorithm().name()))),
        "decode" => answer(set.decode(&encoded()).map(|decoded| {
            let mut map = Map::from_iter([("algorithm".to_owned(), json!(decoded.algorithm().name()))]);
            for (name, field) in decoded.fields() {
                let value = match field {
                    Field::Text(text) => json!(text),
                    Field::Number(n) => number(n),
                };
                map.insert(name.to_owned(), value);
            }
            Value::Object(map)
        })),
        "summary" => answer(set.decode(&encoded()).map(|decoded| {
            let numbers: Vec<&Number> = decoded
                .fields()
                .filter_map(|(_, f)| match f {
                    Field::Number(n) => Some(n),
                    Field::Text(_) => None,
                })
                .collect();
            let pairs = decoded.safe_summary().into_iter().map(|(label, value)| {
                let is_text = matches!(label, "algorithm" | "variety" | "salt" | "hash" | "checksum");
                let found = numbers.iter().find(|n| n.as_str() == value).filter(|_| !is_text);
                (label.to_owned(), found.map_or_else(|| json!(value), |n| number(n)))
            });
            Value::Object(pairs.collect())
        })),
        // No hash at all counts as usable.
        "usable" => json!({ "ok": case.input["encoded"].is_null() || encoded().is_usable() }),
        "defaults" => defaults(&set, case),
        "make_password" if case.input["password"].is_null() => {
            let text = make_unusable(&OsRandom);
            let (prefix, rest) = text.expose().split_at(1);
            assert!(rest.bytes().all(|b| b.is_ascii_alphanumeric()));
            json!({ "ok": { "prefix": prefix, "length": text.expose().len() } })
        }
        // A password of another type does not compile.
        "make_password" => json!({ "error": "TypeError" }),
        kind => return Err(format!("unknown kind {kind}")),
    })
}

pub(super) fn check_legacy(case: &Case<'_>) -> Result<(), String> {
    let encoded = EncodedHash::new(case.text("encoded"));
    let default = HasherSet::for_version(case.version);
    let with_md5 = {
        let md5 = Hasher::new(Algorithm::Md5, case.version);
        HasherSet::new([default.hashers(), &[md5]].concat()).unwrap()
    };
    let password = case.text("password");
    let mut ours = case.out.clone();
    ours["now_default"] = pair(default.verify_unevenly(password, &encoded));
    ours["now_with_md5"] = pair(with_md5.verify_unevenly(password, &encoded));
    case.expect(&ours)
}

/// `[is_correct, must_update]`, or the exception.
fn pair(checked: Checked) -> Value {
    match checked {
        Checked::Match(upgrade) => json!({ "ok": [true, upgrade == Upgrade::Due] }),
        Checked::Mismatch(upgrade) => json!({ "ok": [false, upgrade == Upgrade::Due] }),
        Checked::Unusable | Checked::Unknown => json!({ "ok": [false, false] }),
        Checked::Unreadable(e) => json!({ "error": e.django_name() }),
    }
}

fn answer(result: Result<Value, HashError>) -> Value {
    match result {
        Ok(value) => json!({ "ok": value }),
        Err(e) => json!({ "error": e.django_name() }),
    }
}

/// As the vectors write integers: those beyond 2^53 as text.
fn number(n: &Number) -> Value {
    match n.to_i64().filter(|n| n.unsigned_abs() <= 1 << 53) {
        Some(n) => json!(n),
        None => json!({ "__type__": "int", "value": n.as_str() }),
    }
}

fn cost(default: Cost, params: &Value) -> Cost {
    let param = |name: &str, default: u32| params[name].as_u64().map_or(default, |n| u32::try_from(n).unwrap());
    match default {
        Cost::Pbkdf2 { iterations } => Cost::Pbkdf2 { iterations: param("iterations", iterations) },
        Cost::Argon2 { time_cost, memory_kib, parallelism } => Cost::Argon2 {
            time_cost: param("time_cost", time_cost),
            memory_kib: param("memory_cost", memory_kib),
            parallelism: param("parallelism", parallelism),
        },
        Cost::Scrypt { work_factor, block_size, parallelism } => Cost::Scrypt {
            work_factor: param("n", work_factor),
            block_size: param("r", block_size),
            parallelism: param("p", parallelism),
        },
        other => other,
    }
}

fn defaults(set: &HasherSet, case: &Case<'_>) -> Value {
    let hasher = match case.text("algorithm") {
        "default" => *set.preferred(),
        name => Hasher::new(Algorithm::from_name(name).unwrap(), case.version),
    };
    let class = hasher.algorithm().dotted_path().rsplit('.').next().unwrap();
    let mut out = json!({ "class": class, "algorithm": hasher.algorithm().name(), "salt_entropy": 128 });
    match hasher.cost() {
        Cost::Pbkdf2 { iterations } => out["iterations"] = json!(iterations),
        Cost::Argon2 { time_cost, memory_kib, parallelism } => {
            out["time_cost"] = json!(time_cost);
            out["memory_cost"] = json!(memory_kib);
            out["parallelism"] = json!(parallelism);
        }
        Cost::Bcrypt { rounds } => out["rounds"] = json!(rounds),
        Cost::Scrypt { work_factor, block_size, parallelism } => {
            out["work_factor"] = json!(work_factor);
            out["block_size"] = json!(block_size);
            out["parallelism"] = json!(parallelism);
            out["maxmem"] = json!(0);
        }
        _ => {}
    }
    if hasher.algorithm() != Algorithm::Bcrypt {
        out["salt_length"] = json!(hasher.new_salt(&OsRandom).len());
    }
    json!({ "ok": out })
}
