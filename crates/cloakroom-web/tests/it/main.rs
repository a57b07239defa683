//! The layer, its extractors and guards, in a router in process, on a database of their own.

#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of test functions")]

mod api;
mod browser;
mod csp;
mod csrf;
mod csrf_requests;
mod failures;
mod forms;
mod guards;
mod hosts;
mod login_required;
mod messages;
mod remote_user;
mod sessions;
mod users;

/// No test file is forgotten.
#[test]
fn every_file_is_a_module() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let main = std::fs::read_to_string(folder.join("main.rs")).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.trim_end_matches(".rs");
        assert!(module == "main" || main.contains(&format!("mod {module};")), "{name} is not tested");
    }
}
