//! auth_flows.json: forms, and whole flows of requests over the site (A60–A77, A95–A147).
//!
//! A flow's site is the real one: settings, layer, account pages, and the small views that the note names. Of Django's
//! answers two things are not compared: the subject of mails, whose wording is our own, and the name of a page's template
//! where the answer has no body.

mod answer;
mod browser;
mod flow;
mod forms;
mod site;
mod views;

use cloakroom::core::hashers::DjangoVersion;
use serde_json::Value;
use tokio::runtime::Builder;

use self::site::World;
use super::{Case, File, Verdict};

/// Holds the users, where a file takes them for known.
const SHIPPED: &str = include_str!("../../../vectors/auth_flows.json");

pub(super) fn check(file: &File) -> Vec<Verdict> {
    let users = file.cases_of_kind("users", SHIPPED).swap_remove(0);
    let users = users["out"]["ok"].as_array().cloned().unwrap_or_default();
    let world = runtime().block_on(World::new(file, &users));
    file.each(|case| check_case(&world, case, &users))
}

fn check_case(world: &World, case: &Case<'_>, users: &[Value]) -> Result<(), String> {
    // What 5.2 does otherwise in a flow follows from its versions of the parts, which have cases of their own; its widgets
    // differ by a class (V21). The site here is 6.1's.
    if case.version == DjangoVersion::V5_2 {
        return Ok(());
    }
    match case.kind {
        "form" => case.expect(&forms::widgets(case)),
        "create_form" => case.expect(&forms::creation(case, users)),
        "users" => runtime().block_on(world.has(case.out["ok"].as_array().unwrap())),
        "flow" => runtime().block_on(flow::check(world, case)),
        kind => Err(format!("unknown kind {kind}")),
    }
}

/// One for each case, so that nothing of a flow outlives it.
fn runtime() -> tokio::runtime::Runtime {
    Builder::new_current_thread().enable_all().build().expect("the system gives a runtime")
}
