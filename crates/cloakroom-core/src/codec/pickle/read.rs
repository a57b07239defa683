//! The stack machine of `pickle.loads`, over nodes that refer to each other by number.

use std::collections::HashMap;

use foldhash::quality::RandomState;

use super::objects::{self, Global};
use super::{MAX_BYTES, MAX_DEPTH, MAX_VALUES, bigint};
use crate::value::{Object, Text, Value};

/// Why a pickle was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PickleError {
    /// It stops before its end.
    #[error("the pickle is cut")]
    Cut,
    /// It uses an opcode that plain data of protocols 2 to 5 do not need.
    #[error("opcode 0x{opcode:02x} is not of plain data")]
    Opcode {
        /// The opcode.
        opcode: u8,
    },
    /// It refers to a type or function that is not on the list.
    #[error("it refers to {module}.{name}")]
    Global {
        /// The module.
        module: String,
        /// The name in the module.
        name: String,
    },
    /// It breaks a rule of the format or of a type.
    #[error("{0}")]
    Malformed(&'static str),
    /// Values nest deeper than [`MAX_DEPTH`], or contain themselves.
    #[error("values nest deeper than {MAX_DEPTH} or contain themselves")]
    TooDeep,
    /// It is longer than [`MAX_BYTES`], holds more than [`MAX_VALUES`], or an integer too wide.
    #[error("the pickle is too large")]
    TooLarge,
}

/// Reads a pickle of plain data; bytes behind its end are ignored, as in Python.
///
/// ```
/// use cloakroom_core::codec::pickle::loads;
/// use cloakroom_core::value::Value;
///
/// assert_eq!(loads(b"\x80\x04]\x94(K\x01K\x02e."), Ok(Value::List(vec![Value::Int(1), Value::Int(2)])));
/// assert!(loads(b"cos\nsystem\n(S'true'\ntR.").is_err());
/// ```
///
/// # Errors
///
/// When the pickle is damaged, too large, or of more than plain data.
pub fn loads(bytes: &[u8]) -> Result<Value, PickleError> {
    if bytes.len() > MAX_BYTES {
        return Err(PickleError::TooLarge);
    }
    let mut machine = Machine {
        rest: bytes,
        nodes: Vec::with_capacity(16),
        stack: Vec::with_capacity(16),
        marks: Vec::new(),
        memo: HashMap::default(),
        is_shared: false,
    };
    let root = machine.run()?;
    let mut left = MAX_VALUES;
    machine.value(root, 0, &mut left)
}

type Id = usize;

#[derive(Clone)]
enum Node {
    /// Without children.
    Leaf(Value),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Set(Vec<Id>),
    FrozenSet(Vec<Id>),
    Global(Global),
    /// A time zone, as its offset: no value by itself, but an argument of times.
    Zone(Value),
    /// A UUID whose number has not come yet.
    EmptyUuid,
}

struct Machine<'a> {
    rest: &'a [u8],
    nodes: Vec<Node>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u32, Id, RandomState>,
    /// Whether a node may have been put into more than one place.
    is_shared: bool,
}

const MARK_MISSING: PickleError = PickleError::Malformed("a mark is missing");
const STACK_EMPTY: PickleError = PickleError::Malformed("the stack is empty");

impl<'a> Machine<'a> {
    fn run(&mut self) -> Result<Id, PickleError> {
        loop {
            let [opcode] = *self.take_array()?;
            match opcode {
                b'.' => return self.pop(),
                0x80 => {
                    let [protocol] = *self.take_array()?;
                    if !(2..=5).contains(&protocol) {
                        return Err(PickleError::Malformed("the protocol is none of 2 to 5"));
                    }
                }
                // A frame is a hint for readers of streams.
                0x95 => {
                    self.take_array::<8>()?;
                }
                b'(' => self.marks.push(self.stack.len()),
                b'0' => match self.marks.last() {
                    Some(&mark) if mark == self.stack.len() => {
                        self.marks.pop();
                    }
                    _ => {
                        self.pop()?;
                    }
                },
                b'1' => {
                    self.pop_mark()?;
                }
                b'2' => {
                    let top = self.top()?;
                    self.is_shared = true;
                    self.stack.push(top);
                }
                b'N' => self.leaf(Value::None)?,
                0x88 => self.leaf(Value::Bool(true))?,
                0x89 => self.leaf(Value::Bool(false))?,
                b'J' => {
                    let n = i32::from_le_bytes(*self.take_array()?);
                    self.leaf(Value::Int(n.into()))?;
                }
                b'K' => {
                    let [n] = *self.take_array()?;
                    self.leaf(Value::Int(n.into()))?;
                }
                b'M' => {
                    let n = u16::from_le_bytes(*self.take_array()?);
                    self.leaf(Value::Int(n.into()))?;
                }
                0x8a => {
                    let [len] = *self.take_array()?;
                    self.long(len.into())?;
                }
                0x8b => {
                    let len = self.take_len32()?;
                    self.long(len)?;
                }
                b'G' => {
                    let f = f64::from_be_bytes(*self.take_array()?);
                    self.leaf(Value::Float(f))?;
                }
                0x8c | b'X' | 0x8d => {
                    let bytes = self.take_counted(opcode, [0x8c, b'X'])?;
                    let text = wtf8(bytes).ok_or(PickleError::Malformed("a text is no UTF-8"))?;
                    self.leaf(Value::Str(text))?;
                }
                // Python 2's str: Django reads it as ASCII.
                b'U' | b'T' => {
                    let bytes = self.take_counted(opcode, [b'U', b'T'])?;
                    let text = std::str::from_utf8(bytes).ok().filter(|s| s.is_ascii());
                    self.leaf(Value::from(text.ok_or(PickleError::Malformed("a Python 2 text is no ASCII"))?))?;
                }
                b'C' | b'B' | 0x8e => {
                    let bytes = self.take_counted(opcode, [b'C', b'B'])?;
                    self.leaf(Object::Bytes(bytes.into()).into())?;
                }
                b']' => self.push(Node::List(Vec::new()))?,
                b'}' => self.push(Node::Dict(Vec::new()))?,
                b')' => self.push(Node::Tuple(Vec::new()))?,
                0x8f => self.push(Node::Set(Vec::new()))?,
                b'l' => {
                    let items = self.pop_mark()?;
                    self.push(Node::List(items))?;
                }
                b't' => {
                    let items = self.pop_mark()?;
                    self.push(Node::Tuple(items))?;
                }
                0x91 => {
                    let items = self.pop_mark()?;
                    self.push(Node::FrozenSet(items))?;
                }
                b'd' => {
                    let items = self.pop_mark()?;
                    self.push(Node::Dict(pairs(&items)?))?;
                }
                0x85..=0x87 => {
                    let at = self.stack.len().checked_sub(usize::from(opcode - 0x84)).ok_or(STACK_EMPTY)?;
                    let items = self.stack.split_off(at);
                    self.push(Node::Tuple(items))?;
                }
                b'a' => {
                    let item = self.pop()?;
                    self.extend(&[item])?;
                }
                b'e' => {
                    let items = self.pop_mark()?;
                    self.extend(&items)?;
                }
                0x90 => {
                    let items = self.pop_mark()?;
                    match self.top_node()? {
                        Node::Set(set) => set.extend(items),
                        _ => return Err(PickleError::Malformed("items are added to what is no set")),
                    }
                }
                b's' => {
                    let value = self.pop()?;
                    let key = self.pop()?;
                    self.set_items(&[key, value])?;
                }
                b'u' => {
                    let items = self.pop_mark()?;
                    self.set_items(&items)?;
                }
                b'q' => {
                    let [n] = *self.take_array()?;
                    self.put(n.into())?;
                }
                b'r' => {
                    let n = u32::from_le_bytes(*self.take_array()?);
                    self.put(n)?;
                }
                // The memo has no more entries than the nodes that go into it, which are bounded.
                0x94 => self.put(u32::try_from(self.memo.len()).unwrap_or(u32::MAX))?,
                b'h' => {
                    let [n] = *self.take_array()?;
                    self.get(n.into())?;
                }
                b'j' => {
                    let n = u32::from_le_bytes(*self.take_array()?);
                    self.get(n)?;
                }
                b'c' => {
                    let module = self.take_line()?;
                    let name = self.take_line()?;
                    self.global(module, name)?;
                }
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    let (Some(module), Some(name)) = (self.str_of(module), self.str_of(name)) else {
                        return Err(PickleError::Malformed("a name is no text"));
                    };
                    let (module, name) = (module.to_owned(), name.to_owned());
                    self.global(&module, &name)?;
                }
                b'R' | 0x81 => {
                    let args = self.pop()?;
                    let callee = self.pop()?;
                    self.build_object(callee, args)?;
                }
                b'b' => {
                    let state = self.pop()?;
                    self.set_state(state)?;
                }
                opcode => return Err(PickleError::Opcode { opcode }),
            }
        }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], PickleError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(PickleError::Cut)?;
        self.rest = rest;
        Ok(taken)
    }

    fn take_array<const N: usize>(&mut self) -> Result<&'a [u8; N], PickleError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(PickleError::Cut)?;
        self.rest = rest;
        Ok(taken)
    }

    fn take_len32(&mut self) -> Result<usize, PickleError> {
        usize::try_from(u32::from_le_bytes(*self.take_array()?)).map_err(|_| PickleError::TooLarge)
    }

    /// Bytes behind their length: of one byte or four after the given opcodes, else of eight.
    fn take_counted(&mut self, opcode: u8, [one, four]: [u8; 2]) -> Result<&'a [u8], PickleError> {
        let len = if opcode == one {
            usize::from(self.take_array::<1>()?[0])
        } else if opcode == four {
            self.take_len32()?
        } else {
            usize::try_from(u64::from_le_bytes(*self.take_array()?)).map_err(|_| PickleError::TooLarge)?
        };
        self.take(len)
    }

    fn take_line(&mut self) -> Result<&'a str, PickleError> {
        let len = self.rest.iter().position(|&b| b == b'\n').ok_or(PickleError::Cut)?;
        let line = self.take(len)?;
        self.take(1)?;
        std::str::from_utf8(line).map_err(|_| PickleError::Malformed("a name is no UTF-8"))
    }

    fn new_node(&mut self, node: Node) -> Result<Id, PickleError> {
        if self.nodes.len() >= MAX_VALUES {
            return Err(PickleError::TooLarge);
        }
        self.nodes.push(node);
        Ok(self.nodes.len() - 1)
    }

    fn push(&mut self, node: Node) -> Result<(), PickleError> {
        let id = self.new_node(node)?;
        self.stack.push(id);
        Ok(())
    }

    fn leaf(&mut self, value: Value) -> Result<(), PickleError> {
        self.push(Node::Leaf(value))
    }

    fn long(&mut self, len: usize) -> Result<(), PickleError> {
        if len > bigint::MAX_BYTES {
            return Err(PickleError::TooLarge);
        }
        let digits = bigint::to_decimal(self.take(len)?);
        self.leaf(digits.parse().map_or_else(|_| Value::BigInt(digits.into()), Value::Int))
    }

    /// Nothing below the last mark is taken: what lies there belongs to an outer value.
    fn pop(&mut self) -> Result<Id, PickleError> {
        if self.marks.last().is_some_and(|&mark| mark >= self.stack.len()) {
            return Err(STACK_EMPTY);
        }
        self.stack.pop().ok_or(STACK_EMPTY)
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>, PickleError> {
        let mark = self.marks.pop().ok_or(MARK_MISSING)?;
        if mark > self.stack.len() {
            return Err(STACK_EMPTY);
        }
        Ok(self.stack.split_off(mark))
    }

    fn top(&self) -> Result<Id, PickleError> {
        self.stack.last().copied().ok_or(STACK_EMPTY)
    }

    fn top_node(&mut self) -> Result<&mut Node, PickleError> {
        let top = self.top()?;
        self.nodes.get_mut(top).ok_or(STACK_EMPTY)
    }

    fn extend(&mut self, items: &[Id]) -> Result<(), PickleError> {
        match self.top_node()? {
            Node::List(list) => {
                list.extend(items);
                Ok(())
            }
            _ => Err(PickleError::Malformed("items are appended to what is no list")),
        }
    }

    fn set_items(&mut self, items: &[Id]) -> Result<(), PickleError> {
        let items = pairs(items)?;
        match self.top_node()? {
            Node::Dict(dict) => {
                dict.extend(items);
                Ok(())
            }
            _ => Err(PickleError::Malformed("items are set in what is no dictionary")),
        }
    }

    fn put(&mut self, n: u32) -> Result<(), PickleError> {
        let top = self.top()?;
        self.memo.insert(n, top);
        Ok(())
    }

    fn get(&mut self, n: u32) -> Result<(), PickleError> {
        let id = *self.memo.get(&n).ok_or(PickleError::Malformed("it refers to what it did not keep"))?;
        self.is_shared = true;
        self.stack.push(id);
        if self.stack.len() > MAX_VALUES {
            return Err(PickleError::TooLarge);
        }
        Ok(())
    }

    fn str_of(&self, id: Id) -> Option<&str> {
        match &self.nodes[id] {
            Node::Leaf(value) => value.as_str(),
            _ => None,
        }
    }

    fn global(&mut self, module: &str, name: &str) -> Result<(), PickleError> {
        match Global::find(module, name) {
            Some(global) => self.push(Node::Global(global)),
            None => Err(PickleError::Global { module: module.to_owned(), name: name.to_owned() }),
        }
    }

    /// What calling a known type with a tuple of arguments gives.
    fn build_object(&mut self, callee: Id, args: Id) -> Result<(), PickleError> {
        let (Node::Global(global), Node::Tuple(args)) = (&self.nodes[callee], &self.nodes[args]) else {
            return Err(PickleError::Malformed("what is called is no type, or its arguments are no tuple"));
        };
        let (global, args) = (*global, args.clone());
        // A set's one argument is a list, whose items may be of any kind.
        match (global, &*args) {
            (Global::Set | Global::FrozenSet, &[list]) => {
                let Node::List(items) = &self.nodes[list] else {
                    return Err(PickleError::Malformed("a set is made of what is no list"));
                };
                let items = items.clone();
                return self.push(if global == Global::Set { Node::Set(items) } else { Node::FrozenSet(items) });
            }
            (Global::Uuid, []) => return self.push(Node::EmptyUuid),
            _ => {}
        }
        let leaves: Option<Vec<&Value>> = args
            .iter()
            .map(|&id| match &self.nodes[id] {
                Node::Leaf(value) => Some(value),
                Node::Zone(offset) if global == Global::DateTime => Some(offset),
                _ => None,
            })
            .collect();
        let made = leaves.and_then(|args| objects::construct(global, &args));
        let made = made.ok_or(PickleError::Malformed("a type is made of what it cannot be made of"))?;
        self.push(if global.is_zone() { Node::Zone(made) } else { Node::Leaf(made) })
    }

    /// A UUID gets its number as its state.
    fn set_state(&mut self, state: Id) -> Result<(), PickleError> {
        const BAD: PickleError = PickleError::Malformed("the state is not one of a UUID");
        let Node::Dict(items) = &self.nodes[state] else { return Err(BAD) };
        let number = items.iter().find(|&&(key, _)| self.str_of(key) == Some("int")).ok_or(BAD)?.1;
        let Node::Leaf(number) = &self.nodes[number] else { return Err(BAD) };
        let uuid = objects::uuid(number).ok_or(BAD)?;
        match self.top_node()? {
            node @ Node::EmptyUuid => {
                *node = Node::Leaf(uuid);
                Ok(())
            }
            _ => Err(BAD),
        }
    }

    /// Takes the tree under a node, or a copy of it where others may have the same; `left` counts down, so that shared nodes
    /// cannot multiply.
    fn value(&mut self, id: Id, depth: usize, left: &mut usize) -> Result<Value, PickleError> {
        *left = left.checked_sub(1).ok_or(PickleError::TooLarge)?;
        if depth > MAX_DEPTH {
            return Err(PickleError::TooDeep);
        }
        if let Node::Leaf(value) = &self.nodes[id] {
            weigh(value, left)?;
        }
        let node = &mut self.nodes[id];
        let node = if self.is_shared { node.clone() } else { std::mem::replace(node, Node::EmptyUuid) };
        Ok(match node {
            Node::Leaf(value) => value,
            Node::List(items) => Value::List(self.values(&items, depth, left)?),
            Node::Tuple(items) => Value::Tuple(self.values(&items, depth, left)?),
            Node::Set(items) => Object::Set(hashable(self.values(&items, depth, left)?)?).into(),
            Node::FrozenSet(items) => Object::FrozenSet(hashable(self.values(&items, depth, left)?)?).into(),
            Node::Dict(items) => self.dict(&items, depth, left)?,
            Node::Global(_) | Node::Zone(_) | Node::EmptyUuid => {
                return Err(PickleError::Malformed("a type stands where a value should"));
            }
        })
    }

    fn values(&mut self, ids: &[Id], depth: usize, left: &mut usize) -> Result<Vec<Value>, PickleError> {
        ids.iter().map(|&id| self.value(id, depth + 1, left)).collect()
    }

    fn dict(&mut self, items: &[(Id, Id)], depth: usize, left: &mut usize) -> Result<Value, PickleError> {
        let (keys, values): (Vec<Id>, Vec<Id>) = items.iter().copied().unzip();
        let keys = hashable(self.values(&keys, depth, left)?)?;
        let values = self.values(&values, depth, left)?;
        Ok(dict_of(keys, values))
    }
}

/// Texts count by their length, too, since they may be shared.
fn weigh(value: &Value, left: &mut usize) -> Result<(), PickleError> {
    let bytes = match value {
        Value::Str(Text::Utf8(s)) => s.len(),
        Value::Str(Text::Surrogates(u)) => u.len() * 2,
        Value::BigInt(digits) => digits.len(),
        Value::Object(o) => match &**o {
            Object::Bytes(b) => b.len(),
            _ => 0,
        },
        _ => 0,
    };
    *left = left.checked_sub(bytes / 16).ok_or(PickleError::TooLarge)?;
    Ok(())
}

fn dict_of(keys: Vec<Value>, values: Vec<Value>) -> Value {
    if !keys.iter().all(|key| matches!(key, Value::Str(_))) {
        return Value::Map(keys.into_iter().zip(values).collect());
    }
    let texts = keys.into_iter().filter_map(|key| match key {
        Value::Str(text) => Some(text),
        _ => None,
    });
    Value::Dict(texts.zip(values).collect())
}

fn pairs(items: &[Id]) -> Result<Vec<(Id, Id)>, PickleError> {
    let (pairs, []) = items.as_chunks::<2>() else { return Err(PickleError::Malformed("a key has no value")) };
    Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
}

fn hashable(values: Vec<Value>) -> Result<Vec<Value>, PickleError> {
    fn is_hashable(value: &Value) -> bool {
        match value {
            Value::List(_) | Value::Dict(_) | Value::Map(_) => false,
            Value::Tuple(items) => items.iter().all(is_hashable),
            Value::Object(o) => !matches!(**o, Object::Set(_)),
            _ => true,
        }
    }
    if values.iter().all(is_hashable) {
        Ok(values)
    } else {
        Err(PickleError::Malformed("a key cannot be one in Python"))
    }
}

/// UTF-8 in which lone surrogates are encoded, too: Python's `surrogatepass`.
fn wtf8(bytes: &[u8]) -> Option<Text> {
    if let Ok(s) = std::str::from_utf8(bytes) {
        return Some(s.into());
    }
    let mut units = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        let good = match std::str::from_utf8(rest) {
            Ok(_) => rest.len(),
            Err(e) => e.valid_up_to(),
        };
        let (text, tail) = rest.split_at(good);
        units.extend(std::str::from_utf8(text).ok()?.encode_utf16());
        rest = match tail {
            [] => tail,
            [0xed, b @ 0xa0..=0xbf, c @ 0x80..=0xbf, tail @ ..] => {
                let unit = 0xd000 | u16::from(b & 0x3f) << 6 | u16::from(c & 0x3f);
                // Two halves encoded apart are two characters to Python, which UTF-16 cannot tell from one.
                if unit >= 0xdc00 && units.last().is_some_and(|u| (0xd800..0xdc00).contains(u)) {
                    return None;
                }
                units.push(unit);
                tail
            }
            _ => return None,
        };
    }
    Some(Text::from_utf16(&units))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pydatetime::DateTime;

    #[test]
    fn shared_values_cannot_multiply() {
        // Each list holds the one before it ten times.
        let mut bomb = b"\x80\x04]\x94".to_vec();
        for n in 0..20_u8 {
            bomb.extend(b"](");
            for _ in 0..10 {
                bomb.extend([b'h', n]);
            }
            bomb.extend(b"e\x94");
        }
        bomb.push(b'.');
        assert_eq!(loads(&bomb), Err(PickleError::TooLarge));
    }

    /// What is in two places is there in both, whether it was kept (`h`) or doubled (`2`).
    #[test]
    fn shared_values_are_in_each_place() {
        let twice = |bytes| {
            let Ok(Value::List(items)) = loads(bytes) else { panic!("{bytes:?}") };
            assert_eq!(items, [Value::from("x"), Value::from("x")]);
        };
        twice(b"\x80\x04](\x8c\x01x\x94h\x00e.");
        twice(b"\x80\x04](\x8c\x01x2e.");
        twice(b"\x80\x04](\x8c\x01x\x8c\x01xe.");
        let list = Value::List(vec![Value::Int(1)]);
        assert_eq!(loads(b"\x80\x04]K\x01a\x94h\x00\x86."), Ok(Value::Tuple(vec![list.clone(), list])));
    }

    #[test]
    fn a_list_that_holds_itself_is_refused() {
        assert_eq!(loads(b"\x80\x04]\x94h\x00a."), Err(PickleError::TooDeep));
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| [vec![b']'; depth + 1], vec![b'a'; depth], vec![b'.']].concat();
        assert!(loads(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(loads(&nested(MAX_DEPTH + 1)), Err(PickleError::TooDeep));
    }

    #[test]
    fn nothing_is_called() {
        for hostile in [
            &b"cos\nsystem\n(X\x04\x00\x00\x00truetR."[..],
            b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.",
            b"\x80\x02cbuiltins\ngetattr\n.",
            b"\x80\x04\x8c\x08datetime\x8c\x11datetime.__init__\x93.",
        ] {
            assert!(matches!(loads(hostile), Err(PickleError::Global { .. })), "{hostile:?}");
        }
        assert_eq!(
            loads(b"\x80\x02K\x01K\x02R."),
            Err(PickleError::Malformed("what is called is no type, or its arguments are no tuple"))
        );
        assert_eq!(loads(b"\x80\x05P0\n."), Err(PickleError::Opcode { opcode: b'P' }));
        assert_eq!(
            loads(b"\x80\x04\x8c\x08datetime\x8c\x04date\x93."),
            Err(PickleError::Malformed("a type stands where a value should"))
        );
    }

    /// What protocol 2 writes for Python 3's bytes and sets.
    #[test]
    fn protocol_2_is_read() {
        let bytes = b"\x80\x02c_codecs\nencode\nX\x03\x00\x00\x00\x00\xc3\xbfX\x06\x00\x00\x00latin1\x86R.";
        assert_eq!(loads(bytes), Ok(Object::Bytes([0, 255].into()).into()));
        let set = b"\x80\x02c__builtin__\nset\n]K\x01a\x85R.";
        assert_eq!(loads(set), Ok(Object::Set(vec![Value::Int(1)]).into()));
    }

    /// What Django before 4.0 put on its times; a zone alone is no value.
    #[test]
    fn zones_of_pytz_are_read_in_times_only() {
        let at = b"\x80\x02cdatetime\ndatetime\nC\x0a\x07\xea\x01\x02\x03\x04\x05\x00\x00\x00cpytz\n_UTC\n)R\x86R.";
        let utc = DateTime::fromisoformat("2026-01-02T03:04:05+00:00").unwrap();
        assert_eq!(loads(at), Ok(Object::DateTime(utc).into()));
        assert!(loads(b"\x80\x02cpytz\n_UTC\n)R.").is_err());
    }

    #[test]
    fn keys_must_be_hashable() {
        assert_eq!(loads(b"\x80\x04}]K\x01s."), Err(PickleError::Malformed("a key cannot be one in Python")));
        assert_eq!(loads(b"\x80\x04}K\x01K\x02s."), Ok(Value::Map(vec![(Value::Int(1), Value::Int(2))])));
    }

    #[test]
    fn lone_surrogates_are_kept() {
        let text = b"\x80\x04\x8c\x05a\xed\xa0\x80b.";
        assert_eq!(loads(text), Ok(Value::Str(Text::from_utf16(&[0x61, 0xd800, 0x62]))));
        let halves = b"\x80\x04\x8c\x06\xed\xa0\x80\xed\xb0\x80.";
        assert_eq!(loads(halves), Err(PickleError::Malformed("a text is no UTF-8")));
    }

    #[test]
    fn a_cut_pickle_is_refused() {
        let whole = b"\x80\x04}\x94(\x8c\x01a\x94K\x01\x8c\x01b\x94G\x3f\xf0\x00\x00\x00\x00\x00\x00u.";
        assert!(loads(whole).is_ok());
        for len in 0..whole.len() {
            assert!(loads(&whole[..len]).is_err());
        }
    }
}
