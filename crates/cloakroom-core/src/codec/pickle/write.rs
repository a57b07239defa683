//! Pickles of protocol 4, which every Python from 3.4 on reads.

use super::{MAX_DEPTH, bigint};
use crate::pydatetime::DateTime;
use crate::value::{Dict, Object, Text, Value};

/// Why a value was not written as a pickle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PickleWriteError {
    /// Values nest deeper than [`MAX_DEPTH`].
    #[error("values nest deeper than {MAX_DEPTH}")]
    TooDeep,
    /// A wide integer does not consist of digits.
    #[error("an integer is none")]
    NoInteger,
    /// An integer has more bytes, or a text more than four gigabytes.
    #[error("a value is too large for a pickle")]
    TooLarge,
}

/// Writes a value as a pickle.
///
/// Python reads the same value from it. The bytes are not those of Python's own pickler, which keeps what it wrote and
/// refers to it.
///
/// # Errors
///
/// When values nest too deep, or an integer is too wide.
pub fn dumps(value: &Value) -> Result<Vec<u8>, PickleWriteError> {
    let mut writer = Writer { out: vec![0x80, 4] };
    writer.value(value, 0)?;
    writer.out.push(b'.');
    Ok(writer.out)
}

/// Writes a session's data as a pickle, as [`dumps`] does.
///
/// # Errors
///
/// As [`dumps`].
pub fn dumps_dict(dict: &Dict) -> Result<Vec<u8>, PickleWriteError> {
    let mut writer = Writer { out: vec![0x80, 4] };
    writer.dict(dict, 0)?;
    writer.out.push(b'.');
    Ok(writer.out)
}

struct Writer {
    out: Vec<u8>,
}

impl Writer {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), PickleWriteError> {
        if depth > MAX_DEPTH {
            return Err(PickleWriteError::TooDeep);
        }
        match value {
            Value::None => self.out.push(b'N'),
            Value::Bool(b) => self.out.push(if *b { 0x88 } else { 0x89 }),
            Value::Int(n) => self.int(*n)?,
            Value::BigInt(digits) => self.long(digits)?,
            Value::Float(f) => self.float(*f),
            Value::Str(text) => self.text(text)?,
            Value::List(items) => {
                self.out.push(b']');
                self.marked(items, b'e', depth)?;
            }
            Value::Tuple(items) if items.is_empty() => self.out.push(b')'),
            Value::Tuple(items) => self.marked(items, b't', depth)?,
            Value::Dict(dict) => self.dict(dict, depth)?,
            Value::Map(items) => {
                self.out.extend(b"}(");
                for (key, item) in items {
                    self.value(key, depth + 1)?;
                    self.value(item, depth + 1)?;
                }
                self.out.push(b'u');
            }
            Value::Object(object) => self.object(object, depth)?,
        }
        Ok(())
    }

    fn dict(&mut self, dict: &Dict, depth: usize) -> Result<(), PickleWriteError> {
        self.out.extend(b"}(");
        for (key, item) in dict.iter() {
            self.text(key)?;
            self.value(item, depth + 1)?;
        }
        self.out.push(b'u');
        Ok(())
    }

    fn marked(&mut self, items: &[Value], close: u8, depth: usize) -> Result<(), PickleWriteError> {
        self.out.push(b'(');
        for item in items {
            self.value(item, depth + 1)?;
        }
        self.out.push(close);
        Ok(())
    }

    fn object(&mut self, object: &Object, depth: usize) -> Result<(), PickleWriteError> {
        match object {
            Object::Bytes(bytes) => self.bytes(bytes)?,
            Object::Set(items) => {
                self.out.push(0x8f);
                self.marked(items, 0x90, depth)?;
            }
            Object::FrozenSet(items) => self.marked(items, 0x91, depth)?,
            Object::Complex(re, im) => {
                self.global("builtins", "complex");
                self.float(*re);
                self.float(*im);
                self.out.extend([0x86, b'R']);
            }
            Object::Decimal(text) => {
                self.global("decimal", "Decimal");
                self.str_bytes(text.as_bytes())?;
                self.out.extend([0x85, b'R']);
            }
            Object::Uuid(n) => {
                self.global("uuid", "UUID");
                self.out.extend([b')', 0x81, b'}']);
                self.str_bytes(b"int")?;
                match i64::try_from(*n) {
                    Ok(n) => self.int(n)?,
                    Err(_) => self.long(&n.to_string())?,
                }
                self.out.extend(b"sb");
            }
            Object::Date(date) => {
                self.global("datetime", "date");
                self.bytes(&date_state(*date))?;
                self.out.extend([0x85, b'R']);
            }
            Object::Time(time) => {
                self.global("datetime", "time");
                self.bytes(&time_state(*time))?;
                self.out.extend([0x85, b'R']);
            }
            Object::TimeDelta { days, seconds, microseconds } => {
                self.time_delta([(*days).into(), (*seconds).into(), (*microseconds).into()])?;
            }
            Object::DateTime(at) => self.date_time(at)?,
        }
        Ok(())
    }

    fn date_time(&mut self, at: &DateTime) -> Result<(), PickleWriteError> {
        let civil = at.wall_clock().to_civil();
        self.global("datetime", "datetime");
        self.bytes(&[&date_state(civil.date())[..], &time_state(civil.time())].concat())?;
        match at.offset_micros() {
            None => self.out.push(0x85),
            Some(offset) => {
                self.global("datetime", "timezone");
                let (secs, micros) = (offset.div_euclid(1_000_000), offset.rem_euclid(1_000_000));
                self.time_delta([secs.div_euclid(86_400), secs.rem_euclid(86_400), micros])?;
                self.out.extend([0x85, b'R', 0x86]);
            }
        }
        self.out.push(b'R');
        Ok(())
    }

    fn time_delta(&mut self, parts: [i64; 3]) -> Result<(), PickleWriteError> {
        self.global("datetime", "timedelta");
        for part in parts {
            self.int(part)?;
        }
        self.out.extend([0x87, b'R']);
        Ok(())
    }

    fn global(&mut self, module: &str, name: &str) {
        for part in [module, name] {
            // Names on the list have fewer than 256 bytes.
            self.out.extend([0x8c, part.len() as u8]);
            self.out.extend(part.as_bytes());
        }
        self.out.push(0x93);
    }

    fn int(&mut self, n: i64) -> Result<(), PickleWriteError> {
        if let Ok(n) = u8::try_from(n) {
            self.out.extend([b'K', n]);
        } else if let Ok(n) = i32::try_from(n) {
            self.out.push(b'J');
            self.out.extend(n.to_le_bytes());
        } else {
            self.long(&n.to_string())?;
        }
        Ok(())
    }

    fn long(&mut self, digits: &str) -> Result<(), PickleWriteError> {
        // The conversion takes time by the square of the length.
        if digits.len() > bigint::MAX_BYTES * 3 {
            return Err(PickleWriteError::TooLarge);
        }
        let bytes = bigint::from_decimal(digits).ok_or(PickleWriteError::NoInteger)?;
        if bytes.len() > bigint::MAX_BYTES {
            return Err(PickleWriteError::TooLarge);
        }
        self.counted(&bytes, 0x8a, 0x8b)
    }

    fn float(&mut self, f: f64) {
        self.out.push(b'G');
        self.out.extend(f.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), PickleWriteError> {
        self.counted(bytes, b'C', b'B')
    }

    fn text(&mut self, text: &Text) -> Result<(), PickleWriteError> {
        match text {
            Text::Utf8(s) => self.str_bytes(s.as_bytes()),
            Text::Surrogates(units) => {
                let mut bytes = Vec::new();
                for c in char::decode_utf16(units.iter().copied()) {
                    match c {
                        Ok(c) => bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes()),
                        Err(e) => {
                            let unit = e.unpaired_surrogate();
                            // Six bits each, which the casts keep.
                            bytes.extend([0xed, 0x80 | (unit >> 6 & 0x3f) as u8, 0x80 | (unit & 0x3f) as u8]);
                        }
                    }
                }
                self.str_bytes(&bytes)
            }
        }
    }

    fn str_bytes(&mut self, bytes: &[u8]) -> Result<(), PickleWriteError> {
        self.counted(bytes, 0x8c, b'X')
    }

    fn counted(&mut self, bytes: &[u8], short: u8, long: u8) -> Result<(), PickleWriteError> {
        match (u8::try_from(bytes.len()), u32::try_from(bytes.len())) {
            (Ok(len), _) => self.out.extend([short, len]),
            (Err(_), Ok(len)) => {
                self.out.push(long);
                self.out.extend(len.to_le_bytes());
            }
            (Err(_), Err(_)) => return Err(PickleWriteError::TooLarge),
        }
        self.out.extend(bytes);
        Ok(())
    }
}

fn date_state(date: jiff::civil::Date) -> [u8; 4] {
    let [hi, lo] = date.year().to_be_bytes();
    [hi, lo, date.month().unsigned_abs(), date.day().unsigned_abs()]
}

fn time_state(time: jiff::civil::Time) -> [u8; 6] {
    let [_, a, b, c] = (time.subsec_nanosecond() / 1000).to_be_bytes();
    [time.hour().unsigned_abs(), time.minute().unsigned_abs(), time.second().unsigned_abs(), a, b, c]
}

#[cfg(test)]
mod tests {
    use super::super::loads;
    use super::*;

    #[test]
    fn every_type_comes_back() {
        let at = DateTime::fromisoformat("2026-01-02T03:04:05.678901-05:30").unwrap();
        let naive = DateTime::fromisoformat("0001-01-01").unwrap();
        let values = vec![
            Value::None,
            Value::Bool(true),
            Value::Int(-1),
            Value::Int(256),
            Value::Int(i64::MIN),
            Value::BigInt("123456789012345678901234567890".into()),
            Value::Float(-0.5),
            Value::from("é".repeat(200)),
            Value::Str(Text::from_utf16(&[0xdc00, 0x41])),
            Value::Tuple(Vec::new()),
            Value::Tuple(vec![Value::Int(1)]),
            Value::Map(vec![(Value::Int(1), Value::from("one"))]),
            Value::Dict([(Text::from("a"), Value::List(Vec::new()))].into_iter().collect()),
            Object::Bytes((0..=255).collect()).into(),
            Object::Set(vec![Value::Int(1)]).into(),
            Object::FrozenSet(vec![Value::from("x")]).into(),
            Object::Complex(1.0, -2.5).into(),
            Object::Decimal("19.90".into()).into(),
            Object::Uuid(u128::MAX).into(),
            Object::Uuid(1).into(),
            Object::DateTime(at).into(),
            Object::DateTime(naive).into(),
            Object::Date(jiff::civil::date(9999, 12, 31)).into(),
            Object::Time(jiff::civil::time(23, 59, 59, 999_999_000)).into(),
            Object::TimeDelta { days: -1, seconds: 86_399, microseconds: 999_999 }.into(),
        ];
        let list = Value::List(values);
        assert_eq!(loads(&dumps(&list).unwrap()).unwrap(), list);
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth| (0..depth).fold(Value::None, |v, _| Value::List(vec![v]));
        assert!(dumps(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(dumps(&nested(MAX_DEPTH + 1)), Err(PickleWriteError::TooDeep));
    }
}
