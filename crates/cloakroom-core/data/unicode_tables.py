#!/usr/bin/env python3.13
"""Writes src/pytext/tables.rs and prints the digests that src/pytext/mod.rs tests against.

Run with Python 3.13, whose unicodedata is that of Unicode 15.1:  python3.13 data/unicode_tables.py src/pytext/tables.rs
"""
import hashlib
import sys
import unicodedata as u

assert u.unidata_version == "15.1.0", u.unidata_version
CHARS = [chr(c) for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]


def bounds(holds):
    """The code points where the property begins or ends to hold."""
    out, now = [], False
    for c in range(0x110000):
        # Surrogates are in no Rust string: they take the property of what stands before them.
        is_so = now if 0xD800 <= c <= 0xDFFF else holds(chr(c))
        if is_so != now:
            out.append(c)
            now = is_so
    return out


def final(text):
    return (text + "\u03a3").lower().endswith("\u03c2")


def array(name, doc, numbers):
    lines, line = [], "   "
    for n in numbers:
        item = " %#x," % n
        if len(line) + len(item) > 118:
            lines.append(line)
            line = "   "
        line += item
    return "/// %s\npub(super) const %s: &[u32] = &[\n%s\n];\n" % (doc, name, "\n".join(lines + [line]))


def fold_table():
    lines, line = [], "   "
    for c in CHARS:
        if c.casefold() != c.lower() and not 0x13A0 <= ord(c) <= 0x13F5 and not 0xAB70 <= ord(c) <= 0xABBF:
            item = " (%#x, \"%s\")," % (ord(c), "".join("\\u{%x}" % ord(x) for x in c.casefold()))
            if len(line) + len(item) > 118:
                lines.append(line)
                line = "   "
            line += item
    doc = "/// Characters whose case folding is not their lower case, Cherokee (U+13A0-U+13F5, U+AB70-U+ABBF) left out."
    return "%s\npub(super) const FOLDS: &[(u32, &str)] = &[\n%s\n];\n" % (doc, "\n".join(lines + [line]))


def digest(answer):
    """SHA-256 over one line per code point."""
    h = hashlib.sha256()
    for c in CHARS:
        h.update((answer(c) + "\n").encode())
    return h.hexdigest()


parts = [
    "//! Properties of characters in Unicode 15.1. Written by `data/unicode_tables.py`; do not edit.\n//!\n"
    "//! Each list of bounds holds, in ascending order, the code points where a property begins and ends to hold.\n\n"
    "#![cfg_attr(rustfmt, rustfmt_skip)]\n",
    array("ALNUM", "`str.isalnum()`.", bounds(str.isalnum)),
    array("DIGIT", "`str.isdigit()`.", bounds(str.isdigit)),
    array("DECIMAL", "`str.isdecimal()`; each run is of whole tens, `0` first.", bounds(str.isdecimal)),
    array("ASSIGNED", "Code points that Unicode 15.1 assigns.", bounds(lambda c: u.category(c) != "Cn")),
    array("CASED", "Cased and not ignored, for the final sigma.", bounds(final)),
    array("IGNORED", "Case-ignorable, for the final sigma.", bounds(lambda c: not final(c) and final("a" + c))),
    fold_table(),
]
run = bounds(str.isdecimal)
assert all((b - a) % 10 == 0 and u.decimal(chr(a)) == 0 for a, b in zip(run[::2], run[1::2]))
with open(sys.argv[1], "w") as f:
    f.write("\n".join(parts))
sigma = "\u03a3"
print("flags", digest(lambda c: "%d%d%d%d" % (c.isalnum(), c.isdigit(), c.isspace(), c.isdecimal())))
print("lower", digest(lambda c: c.lower() + " " + ("a" + c + sigma).lower() + " " + (c + sigma + c).lower()))
print("upper", digest(str.upper))
print("casefold", digest(str.casefold))
print("nfkc", digest(lambda c: u.normalize("NFKC", c) + " " + u.normalize("NFKC", "e" + c + "\u0301\u0323")))
print("nfkd", digest(lambda c: u.normalize("NFKD", c) + " " + u.normalize("NFKD", c + "\u0301\u0323")))
