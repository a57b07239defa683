//! `multipart/form-data` from a body in memory, as leniently as Django reads it.
//!
//! Written by hand because Django's leniency is part of the answer: what stands before the first boundary is skipped,
//! a missing end is no error, a part without `Content-Disposition` is passed over. Source: `MultiPartParser`,
//! `django/http/multipartparser.py`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::content_type::{Charset, HeaderValue};
use super::{BodyError, FormData, Upload};
use crate::config::Limits;

/// A part's headers must end within this many bytes.
const MAX_HEADER_BYTES: usize = 1024;

pub(super) fn parse(body: &Bytes, content_type: &HeaderValue, limits: &Limits) -> Result<FormData, BodyError> {
    let boundary = content_type.param("boundary").filter(|b| is_boundary(b));
    let boundary = boundary.ok_or(BodyError::Malformed("the multipart boundary is missing or invalid"))?;
    let charset = content_type.charset().unwrap_or(Charset::Utf8);
    let separator = [b"--", boundary.as_bytes()].concat();
    let mut form = FormData::default();
    let (mut parts, mut field_bytes) = (0_usize, 0_usize);
    let all = Parts { rest: Some(body), separator: &separator };
    for part in all {
        let part = Part::read(part)?;
        let disposition = part.header("content-disposition");
        let file_name = disposition.and_then(|d| d.param("filename")).filter(|name| !name.is_empty());
        if file_name.is_none() {
            parts += 1;
            // Two more for what stands before the first and after the last boundary.
            if parts > limits.fields + 2 {
                return Err(BodyError::TooManyFields);
            }
        }
        let Some(name) = disposition.and_then(|d| d.param("name")) else { continue };
        let name = name.trim();
        let base64 = part.header("content-transfer-encoding").is_some_and(|e| e.main == "base64");
        match file_name {
            None => {
                let data = match base64.then(|| STANDARD.decode(part.content)) {
                    Some(Ok(decoded)) => decoded,
                    _ => part.content.to_vec(),
                };
                // Two more for the `=` and `&` that the other form type would have.
                field_bytes += data.len() + name.len() + 2;
                if field_bytes > limits.body_bytes {
                    return Err(BodyError::TooLarge);
                }
                form.fields.push(name, charset.decode(&data));
            }
            Some(file_name) => {
                if form.files.len() >= limits.files {
                    return Err(BodyError::TooManyFiles);
                }
                let Some(file_name) = safe_file_name(file_name) else { continue };
                let content = if base64 {
                    let packed: Vec<u8> = part.content.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
                    STANDARD.decode(packed).map_err(|_| BodyError::Malformed("base64 of a file"))?.into()
                } else {
                    body.slice_ref(part.content)
                };
                let content_type = part.header("content-type").map(|t| t.main.clone()).unwrap_or_default();
                form.files.push(Upload { field: name.to_owned(), name: file_name, content_type, content });
            }
        }
    }
    Ok(form)
}

/// At most 201 printable ASCII characters, the last no space.
fn is_boundary(text: &str) -> bool {
    text.len() <= 201
        && text.bytes().all(|b| (b' '..=b'~').contains(&b))
        && text.bytes().last().is_some_and(|b| b != b' ')
}

/// The file's name without folders and unprintable characters; `None` when nothing usable remains.
fn safe_file_name(name: &str) -> Option<String> {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    (!matches!(name.as_str(), "" | "." | "..")).then_some(name)
}

/// What stands between the boundaries, without the line end before each.
struct Parts<'a> {
    rest: Option<&'a [u8]>,
    separator: &'a [u8],
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest.filter(|rest| !rest.is_empty())?;
        match find(rest, self.separator) {
            None => {
                self.rest = None;
                Some(rest)
            }
            Some(at) => {
                self.rest = Some(&rest[at + self.separator.len()..]);
                let part = &rest[..at];
                let part = part.strip_suffix(b"\n").unwrap_or(part);
                Some(part.strip_suffix(b"\r").unwrap_or(part))
            }
        }
    }
}

struct Part<'a> {
    headers: Vec<(String, HeaderValue)>,
    content: &'a [u8],
}

impl<'a> Part<'a> {
    fn read(part: &'a [u8]) -> Result<Self, BodyError> {
        let Some(end) = find(&part[..part.len().min(MAX_HEADER_BYTES)], b"\r\n\r\n") else {
            return if part.len() < MAX_HEADER_BYTES {
                Ok(Self { headers: Vec::new(), content: part })
            } else {
                Err(BodyError::Malformed("the headers of a multipart part are too long"))
            };
        };
        let headers = part[..end]
            .split(|&b| b == b'\n')
            .filter_map(|line| {
                let line = std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line)).ok()?;
                let (name, value) = line.split_once(':')?;
                Some((name.trim_end_matches(' ').to_lowercase(), HeaderValue::parse(value.trim_start()).ok()?))
            })
            .collect();
        Ok(Self { headers, content: &part[end + 4..] })
    }

    fn header(&self, name: &str) -> Option<&HeaderValue> {
        self.headers.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v)
    }
}

/// Where `needle` starts in `haystack`. Jumps from one first byte to the next, so text costs one pass.
fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let (&first, rest) = needle.split_first()?;
    let mut from = 0;
    while let Some(at) = haystack[from..].iter().position(|&b| b == first) {
        let at = from + at;
        if haystack[at + 1..].starts_with(rest) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<FormData, BodyError> {
        let content_type = HeaderValue::parse("multipart/form-data; boundary=XyZ").unwrap();
        parse(&Bytes::from(body.to_owned()), &content_type, &Limits::default())
    }

    #[test]
    fn fields_and_files_are_told_apart() {
        let form = read(concat!(
            "preamble\r\n--XyZ\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\ny\r\n",
            "--XyZ\r\nContent-Disposition: form-data; name=f; filename=\"C:\\\\d\\\\n.txt\"\r\n",
            "Content-Type: text/plain\r\n\r\nhello\r\n--XyZ--\r\n"
        ))
        .unwrap();
        assert_eq!(form.get("a"), Some("x\r\ny"));
        let file = form.file("f").unwrap();
        assert_eq!(
            (file.name.as_str(), file.content_type.as_str(), &file.content[..]),
            ("n.txt", "text/plain", &b"hello"[..])
        );
        assert_eq!(form.fields().len(), 1);
    }

    /// As Django: the end may be missing, and a part without a name is passed over.
    #[test]
    fn a_cut_body_gives_what_is_there() {
        let form =
            read("--XyZ\r\nX: y\r\n\r\nq\r\n--XyZ\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx").unwrap();
        assert_eq!(form.fields().iter().collect::<Vec<_>>(), [("a", "x")]);
        assert!(read("nothing of the kind").unwrap().fields().is_empty());
    }

    #[test]
    fn without_a_boundary_it_is_malformed() {
        for text in ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\"a \""] {
            let content_type = HeaderValue::parse(text).unwrap();
            assert!(matches!(parse(&Bytes::new(), &content_type, &Limits::default()), Err(BodyError::Malformed(_))));
        }
    }

    /// F04.
    #[test]
    fn limits_hold() {
        let one = "--XyZ\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n";
        assert!(matches!(read(&one.repeat(1003)), Err(BodyError::TooManyFields)));
        assert!(read(&one.repeat(1000)).is_ok());
        let header = format!("--XyZ\r\nX: {}\r\n\r\n", "a".repeat(2000));
        assert!(matches!(read(&header), Err(BodyError::Malformed(_))));
    }
}
