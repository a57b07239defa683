//! The `Cookie` header and what is written back: nothing panics, the two readers agree, and no value breaks out of its line.

#![no_main]

use cloakroom_core::clock::Timestamp;
use cloakroom_core::cookies::{SetCookie, find, header_text, parse, quote, unquote};
use libfuzzer_sys::fuzz_target;

const NOW: Timestamp = Timestamp::from_micros(1_767_323_045_678_901);

fuzz_target!(|data: &[u8]| {
    let headers: Vec<&[u8]> = data.split(|&b| b == b'\n').collect();
    let text = header_text(headers);
    let jar = parse(&text);
    for (name, value) in jar.iter() {
        assert_eq!(jar.get(name), Some(value));
        assert_eq!(find(&text, name).as_deref(), Some(value), "the reader of one cookie is the reader of all");
        assert!(!name.contains(';') && !name.contains('='));
        write_and_read(name, value);
    }
    assert_eq!(find(&text, "absent from every corpus; as no name has a semicolon"), None);
    assert_eq!(jar.len(), jar.iter().count());

    let (name, value) = text.split_once('=').unwrap_or((&text, ""));
    write_and_read(name, value);
});

/// What is sent is one line, and the name and value come back from it.
fn write_and_read(name: &str, value: &str) {
    assert_eq!(unquote(&quote(value)), value);
    let Ok(line) = SetCookie::new(name, value).path("/").http_only().to_header_value(NOW) else { return };
    assert!(!line.contains(['\r', '\n', '\0']), "a header of its own: {line:?}");
    let (pair, attributes) = line.split_once("; ").expect("the attributes follow the pair");
    assert_eq!(attributes, "HttpOnly; Path=/", "the value wrote an attribute: {line:?}");
    assert_eq!(parse(pair).iter().collect::<Vec<_>>(), [(name, value)], "{line:?}");
}
