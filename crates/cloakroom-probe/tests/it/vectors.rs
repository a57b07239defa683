//! Every case that ships passes, and what is no vector is told.

use std::fs;
use std::path::{Path, PathBuf};

use cloakroom_probe::vectors::{Tally, check_dir};
use serde_json::Value;

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

fn check(dir: &Path) -> (Tally, String) {
    let mut said = Vec::new();
    let tally = check_dir(dir, &mut said).unwrap();
    (tally, String::from_utf8(said).unwrap())
}

#[test]
fn every_vector_passes() {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(shipped()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if !path.is_file() {
            continue;
        }
        fs::copy(&path, folder.path().join(name)).unwrap();
    }
    let (tally, said) = check(folder.path());
    assert_eq!(tally.failed, 0, "{said}");
    assert!(tally.passed > 10_000, "{said}");
}

/// Files that take their world for known are checked against the one that ships.
#[test]
fn a_file_without_its_world_takes_the_known_one() {
    let text = fs::read_to_string(shipped().join("permissions.json")).unwrap();
    let mut file: Value = serde_json::from_str(&text).unwrap();
    let cases = file["cases"].as_array_mut().unwrap();
    cases.retain(|case| case["kind"] == "has_perm" || case["kind"] == "with_perm");
    let asked = cases.len();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("permissions.json"), file.to_string()).unwrap();
    let (tally, said) = check(folder.path());
    assert_eq!(tally, Tally { passed: asked, failed: 0 }, "{said}");
}

/// A file, a kind or a shape that nobody knows is a failure, never a pass.
#[test]
fn what_is_not_understood_fails() {
    let wrong = [
        ("unknown.json", r#"{"cases":[{"id":"a","kind":"b","in":{},"out":{}}]}"#),
        ("csrf.json", r#"{"cases":[{"id":"a","kind":"no such kind","in":{},"out":{}}]}"#),
        ("signing.json", r#"{"cases":[]}"#),
        ("session.json", "no JSON"),
        ("cookies.json", r#"{"cases":[{"kind":"parse"}]}"#),
        ("emails.json", r#"{"cases":[{"id":"a","kind":"valid","in":{},"out":{"ok":true}}]}"#),
    ];
    for (name, text) in wrong {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(name), text).unwrap();
        let (tally, said) = check(folder.path());
        assert_eq!(tally, Tally { passed: 0, failed: 1 }, "{name}: {said}");
        assert!(said.ends_with("0 passed, 1 failed\n"), "{said}");
    }
}

/// An answer that is not Django's fails its own case and leaves the others.
#[test]
fn a_wrong_answer_fails_its_case_alone() {
    let folder = tempfile::tempdir().unwrap();
    let case = |id: &str, ok: bool| {
        format!(r#"{{"id":"{id}","kind":"valid","in":{{"email":"a@example.com"}},"out":{{"ok":{ok}}}}}"#)
    };
    let text = format!(r#"{{"cases":[{},{}]}}"#, case("right", true), case("wrong", false));
    fs::write(folder.path().join("emails.json"), text).unwrap();
    let (tally, said) = check(folder.path());
    assert_eq!(tally, Tally { passed: 1, failed: 1 });
    assert!(said.contains("FAILED wrong:") && said.contains("emails.json: 1 passed, 1 failed\n"), "{said}");
}
