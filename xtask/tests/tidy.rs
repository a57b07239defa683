//! The rules that the compiler does not hold: import edges, where drivers and frameworks may be named, file sizes,
//! licences. A plain test, so that nobody needs a tool to be told.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which workspace crates each may import, lowest layer first. A crate absent here fails the test.
const EDGES: &[(&str, &[&str])] = &[
    ("cloakroom-core", &[]),
    // Runs in the compiler. What it writes names the facade's paths; its examples need the facade.
    ("cloakroom-derive", &[]),
    ("cloakroom-db", &["cloakroom-core"]),
    ("cloakroom-cache", &["cloakroom-core"]),
    ("cloakroom-sessions", &["cloakroom-core", "cloakroom-db", "cloakroom-cache"]),
    ("cloakroom-auth", &["cloakroom-core", "cloakroom-db", "cloakroom-cache", "cloakroom-sessions"]),
    ("cloakroom-web", &["cloakroom-core", "cloakroom-db", "cloakroom-cache", "cloakroom-sessions", "cloakroom-auth"]),
    (
        "cloakroom",
        &[
            "cloakroom-core",
            "cloakroom-db",
            "cloakroom-cache",
            "cloakroom-sessions",
            "cloakroom-auth",
            "cloakroom-web",
            "cloakroom-derive",
        ],
    ),
    (
        "cloakroom-site",
        &["cloakroom", "cloakroom-core", "cloakroom-db", "cloakroom-sessions", "cloakroom-auth", "cloakroom-web"],
    ),
    ("cloakroom-server", &["cloakroom", "cloakroom-site"]),
    ("cloakroom-probe", &["cloakroom", "cloakroom-site", "cloakroom-server"]),
    ("cloakroom-bench", &["cloakroom", "cloakroom-site"]),
    ("cloakroom-testservers", &[]),
    ("cloakroom-testkit", &["cloakroom", "cloakroom-site", "cloakroom-testservers"]),
];

/// External crates that only these may name.
const HOMES: &[(&str, &[&str])] = &[
    // The benchmark measures what SQLite alone takes.
    ("rusqlite", &["cloakroom-db", "cloakroom-bench"]),
    ("tokio-postgres", &["cloakroom-db"]),
    ("mysql_async", &["cloakroom-db"]),
    ("redis", &["cloakroom-cache"]),
    (
        "axum",
        &[
            "cloakroom-web",
            "cloakroom",
            "cloakroom-site",
            "cloakroom-server",
            "cloakroom-probe",
            "cloakroom-bench",
            "cloakroom-testkit",
        ],
    ),
    ("clap", &["cloakroom-server", "cloakroom-probe", "cloakroom-bench"]),
    ("minijinja", &["cloakroom-site"]),
];

const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    // For data: the list of root certificates.
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

const MAX_LINES_BEFORE_TESTS: usize = 800;

/// A library's root is a table of contents.
const MAX_CODE_LINES_OF_LIB: usize = 60;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn metadata() -> serde_json::Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--filter-platform", "x86_64-unknown-linux-gnu", "--manifest-path"])
        .arg(root().join("Cargo.toml"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn tracked_files(pattern: &str) -> Vec<PathBuf> {
    let output =
        Command::new("git").args(["ls-files", "--", pattern]).current_dir(root()).output().expect("git is there");
    let files: Vec<_> = String::from_utf8(output.stdout).unwrap().lines().map(|line| root().join(line)).collect();
    assert!(!files.is_empty(), "no tracked file matches {pattern}");
    files.into_iter().filter(|path| path.exists()).collect()
}

fn dependencies(package: &serde_json::Value) -> BTreeMap<String, bool> {
    package["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| (d["name"].as_str().unwrap().to_owned(), d["kind"].as_str() == Some("dev")))
        .collect()
}

/// The part of a source file that is not its unit tests.
fn before_tests(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap()
}

#[test]
fn crates_import_lower_layers_only() {
    let metadata = metadata();
    let edges: BTreeMap<_, _> = EDGES.iter().copied().collect();
    let homes: BTreeMap<_, _> = HOMES.iter().copied().collect();
    let mut wrong = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        if !manifest.starts_with(root().join("crates")) {
            continue;
        }
        let Some(allowed) = edges.get(name) else {
            wrong.push(format!("{name} has no layer: add it to EDGES"));
            continue;
        };
        for (dependency, dev) in dependencies(package) {
            if dependency.starts_with("cloakroom") && !dev && !allowed.contains(&dependency.as_str()) {
                wrong.push(format!("{name} imports {dependency}, which is not below it"));
            }
            if homes.get(dependency.as_str()).is_some_and(|home| !dev && !home.contains(&name)) {
                wrong.push(format!("{name} imports {dependency}, whose home is elsewhere"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_dependency_has_a_free_licence() {
    let mut wrong = BTreeSet::new();
    for package in metadata()["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let licence = package["license"].as_str().unwrap_or("").replace('/', " OR ");
        // Enough for the expressions in use: one acceptable alternative, all of whose parts are acceptable.
        let free = licence.split(" OR ").any(|alternative| {
            alternative
                .trim_matches(['(', ')', ' '])
                .split(" AND ")
                .all(|l| LICENCES.contains(&l.trim_matches(['(', ')', ' '])))
        });
        if !free {
            wrong.insert(format!("{name}: {licence}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_source_file_outgrows_its_subject() {
    let mut wrong = Vec::new();
    for path in tracked_files("*.rs") {
        let lines = before_tests(&fs::read_to_string(&path).unwrap()).lines().count();
        if lines > MAX_LINES_BEFORE_TESTS && path.components().any(|c| c.as_os_str() == "src") {
            wrong.push(format!("{}: {lines} lines; split it by subject", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn library_roots_are_tables_of_contents() {
    for path in tracked_files("crates/*/src/lib.rs") {
        let text = fs::read_to_string(&path).unwrap();
        let code = before_tests(&text)
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with("//"))
            .count();
        assert!(code <= MAX_CODE_LINES_OF_LIB, "{}: {code} lines of code", path.display());
    }
}

/// `unsafe` stands apart: where hashing uses the processor's instructions, and where memory of other processes is read.
#[test]
fn unsafe_code_stands_in_few_places() {
    let places = ["crates/cloakroom-core/src/hashers/pbkdf2/x86/mod.rs", "crates/cloakroom-db/src/sqlite/shm.rs"];
    let found: Vec<PathBuf> = tracked_files("crates/*/src/**.rs")
        .into_iter()
        .filter(|path| {
            let text = fs::read_to_string(path).unwrap();
            text.lines().any(|line| line.contains("unsafe {") || line.contains("unsafe fn"))
        })
        .collect();
    assert_eq!(found, places.map(|place| root().join(place)));
}

#[test]
fn set_cookie_is_written_in_one_place() {
    let mut places = Vec::new();
    for path in tracked_files("crates/*/src/**.rs") {
        if path.components().any(|c| matches!(c.as_os_str().to_str(), Some("vectors" | "cloakroom-testkit"))) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let writes = before_tests(&text)
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .filter(|line| line.contains("SET_COOKIE") || line.to_lowercase().contains("\"set-cookie\""))
            .filter(|line| line.contains("append(") || line.contains("insert("))
            .count();
        if writes > 0 {
            places.push((path, writes));
        }
    }
    assert!(places.len() == 1 && places[0].1 == 1, "Set-Cookie is written at {places:#?}");
}

#[test]
fn outer_tests_forget_no_file() {
    for main in tracked_files("crates/*/tests/it/main.rs") {
        let text = fs::read_to_string(&main).unwrap();
        for entry in fs::read_dir(main.parent().unwrap()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let module = path.is_dir() && path.join("mod.rs").exists() || path.extension().is_some_and(|e| e == "rs");
            if module && name != "main" {
                assert!(text.contains(&format!("mod {name};")), "{} lacks `mod {name};`", main.display());
            }
        }
    }
}
