//! messages.json: M01–M07, K43.

use cloakroom::core::codec::json::DecodeError;
use cloakroom::core::cookies::{CookieSpec, SameSite};
use cloakroom::core::messages::{
    Completeness, CookieState, Entry, Keep, Level, Markup, Message, MessageSigner, MessagesError, ShapeError, Stored,
    decode_session, encode_session,
};
use cloakroom::core::value::Value;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha512};

use super::Case;
use super::signing::error_name;
use super::typed::to_typed;

fn entries(list: &Json) -> Vec<Entry> {
    let text = |json: &Json| json.as_str().unwrap().to_owned();
    let message = |m: &Json| {
        let level = m[0].as_i64().unwrap();
        let made =
            if m[3] == true { Message::dangerous_html(level, text(&m[1])) } else { Message::new(level, text(&m[1])) };
        let made = if m[2].is_null() { made.without_extra_tags() } else { made.with_extra_tags(text(&m[2])) };
        made.into()
    };
    list.as_array().unwrap().iter().map(message).collect()
}

/// As the vectors write something inside a list of messages that is none of them.
fn typed(entry: &Entry) -> Json {
    match entry {
        Entry::Message(m) => json!({ "__type__": "Message", "value": m.text() }),
        Entry::List(items) => items.iter().map(typed).collect(),
        Entry::Dict(items) => Json::Object(items.iter().map(|(k, v)| (k.to_string_lossy(), typed(v))).collect()),
        other => to_typed(&other.to_value()),
    }
}

fn back(stored: &Stored) -> Json {
    let each = |entry: &Entry| match entry {
        Entry::Message(m) => {
            let Value::List(fields) = m.to_value() else { panic!("a message is a list") };
            let tags = fields.get(4).map_or(Json::Null, Json::from);
            json!([Json::from(&fields[2]), Json::from(&fields[3]), tags, m.markup() == Markup::Safe])
        }
        other => typed(other),
    };
    match stored {
        Stored::Nothing => Json::Null,
        Stored::List(entries) => entries.iter().map(each).collect(),
        Stored::Other(other) => json!({ "not_a_list": typed(other) }),
    }
}

fn class(error: &MessagesError) -> &'static str {
    match error {
        MessagesError::Cookie(error) => error_name(error),
        MessagesError::Session(DecodeError::Syntax { .. }) => "JSONDecodeError",
        MessagesError::Shape(ShapeError::Cut) => "IndexError",
        MessagesError::Shape(ShapeError::Arity | ShapeError::LevelType | ShapeError::NoList) => "TypeError",
        MessagesError::Session(DecodeError::IntTooLong) | MessagesError::Shape(ShapeError::LevelText) => "ValueError",
        MessagesError::Shape(ShapeError::LevelInfinite) => "OverflowError",
        MessagesError::Shape(ShapeError::Dictionary) => "KeyError",
        MessagesError::Session(DecodeError::TooDeep) | MessagesError::Shape(ShapeError::TooDeep) => "RecursionError",
        other => panic!("no name for {other}"),
    }
}

fn store(case: &Case<'_>, signer: &MessageSigner) -> Result<(), String> {
    let keep = if case.text("storage") == "CookieStorage" { Keep::Newest } else { Keep::Oldest };
    let number = |name: &str| usize::try_from(case.input[name].as_u64().unwrap()).unwrap();
    let (count, size) = (number("count"), number("size"));
    let mut random = PyRandom::seeded(&format!("{count}-{size}"));
    let texts: Vec<String> = (0..count).map(|_| random.letters(size)).collect();
    if !case.input["messages"].is_null() && case.input["messages"] != json!(texts) {
        return Err("the texts are not those of Python's generator".to_owned());
    }
    let entries: Vec<Entry> = texts.iter().map(|t| Message::new(25, t.as_str()).into()).collect();
    let packed = signer.pack(&entries, keep, case.file.t0()).map_err(|e| e.to_string())?;
    let left = count - packed.kept.len();
    let (in_session, unstored) = if keep == Keep::Oldest { (left, 0) } else { (0, left) };
    let first = (!packed.kept.is_empty()).then_some(packed.kept.start);
    case.expect(&json!({ "ok": {
        "in_cookie": packed.kept.len(), "first_in_cookie": first, "cookie_length": packed.cookie.map(|c| c.len()),
        "in_session": in_session, "unstored": unstored,
    } }))
}

/// Python's `random.Random(seed)`, a Mersenne Twister: cases of many messages name the seed instead of the texts.
struct PyRandom {
    state: [u32; 624],
    next: usize,
}

impl PyRandom {
    fn seeded(seed: &str) -> Self {
        let mut bytes = [seed.as_bytes(), &Sha512::digest(seed)].concat();
        bytes.reverse();
        let word = |chunk: &[u8]| chunk.iter().rev().fold(0, |n, &b| n << 8 | u32::from(b));
        let key: Vec<u32> = bytes.chunks(4).map(word).collect();

        let mut state = [19_650_218_u32; 624];
        for i in 1..624 {
            let mixed = state[i - 1] ^ state[i - 1] >> 30;
            state[i] = mixed.wrapping_mul(1_812_433_253).wrapping_add(i as u32);
        }
        let mut i = 1;
        let mut mix = |factor: u32, summand: &dyn Fn(usize) -> u32| {
            let mixed = (state[i - 1] ^ state[i - 1] >> 30).wrapping_mul(factor);
            state[i] = (state[i] ^ mixed).wrapping_add(summand(i));
            i += 1;
            if i == 624 {
                state[0] = state[623];
                i = 1;
            }
        };
        for k in 0..624.max(key.len()) {
            let j = k % key.len();
            mix(1_664_525, &|_| key[j].wrapping_add(j as u32));
        }
        for _ in 0..623 {
            mix(1_566_083_941, &|i| (i as u32).wrapping_neg());
        }
        state[0] = 1 << 31;
        Self { state, next: 624 }
    }

    fn word(&mut self) -> u32 {
        if self.next == 624 {
            for i in 0..624 {
                let pair = self.state[i] & 1 << 31 | self.state[(i + 1) % 624] & !(1 << 31);
                let odd = if pair & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[i] = self.state[(i + 397) % 624] ^ pair >> 1 ^ odd;
            }
            self.next = 0;
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= y << 7 & 0x9d2c_5680;
        y ^= y << 15 & 0xefc6_0000;
        y ^ y >> 18
    }

    /// `random.choice` of letters and digits, `size` times.
    fn letters(&mut self, size: usize) -> String {
        const LETTERS: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        let mut letter = || loop {
            if let Some(&letter) = LETTERS.get((self.word() >> 26) as usize) {
                break char::from(letter);
            }
        };
        (0..size).map(|_| letter()).collect()
    }
}

/// The messages cookie where no setting differs from Django's.
fn spec() -> CookieSpec {
    CookieSpec { http_only: true, same_site: Some(SameSite::LAX), ..CookieSpec::new("messages") }
}

pub(super) fn check(case: &Case<'_>) -> Result<(), String> {
    let signer = MessageSigner::new(&case.keys("fallbacks"));
    case.expect(&match case.kind {
        "encode" => {
            let packed = signer.pack(&entries(&case.input["messages"]), Keep::Newest, case.at("at"));
            json!({ "ok": packed.map_err(|e| e.to_string())?.cookie })
        }
        "session" => json!({ "ok": encode_session(&entries(&case.input["messages"])).map_err(|e| e.to_string())? }),
        "session_decode" => match decode_session(Some(&case.text("text").into())) {
            Ok(stored) => json!({ "ok": back(&stored) }),
            Err(error) => json!({ "error": class(&error) }),
        },
        "decode" => match signer.decode(case.text("cookie"), case.file.t0()) {
            Ok(read) => json!({ "ok": {
                "messages": back(&read.stored),
                "all_retrieved": read.completeness == Completeness::Whole,
                "marked_used": read.cookie == CookieState::Rejected,
            } }),
            Err(error) => json!({ "error": class(&error) }),
        },
        "store" => return store(case, &signer),
        "set_cookie" => match case.text("what") {
            "deleted" => json!({ "ok": spec().delete().to_header_value(case.file.t0()).map_err(|e| e.to_string())? }),
            _ => {
                let cookie = spec().set("x").to_header_value(case.file.t0()).map_err(|e| e.to_string())?;
                json!({ "ok": cookie.split("; ").skip(1).collect::<Vec<_>>() })
            }
        },
        "levels" => {
            let levels = [Level::DEBUG, Level::INFO, Level::SUCCESS, Level::WARNING, Level::ERROR];
            let names = levels.map(|l| (l.tag().to_uppercase(), json!(l.0)));
            let tags = levels.map(|l| (l.0.to_string(), json!(l.tag())));
            let object = |pairs: [(String, Json); 5]| Json::Object(pairs.into_iter().collect());
            json!({ "ok": [object(names), object(tags)] })
        }
        kind => return Err(format!("unknown kind {kind}")),
    })
}
