//! permissions.json: A03, A05, A20, A80–A88, A150.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cloakroom::auth::permissions::{
    Abstractness, Granted, Holder, ModelMeta, PermissionName, PermissionSet, Source, Superusers, WithPerm,
};
use cloakroom::auth::{Created, NewAccount};
use cloakroom::core::hashers::DjangoVersion;
use cloakroom::core::models::User;
use cloakroom::db::{content_types, groups, permissions as rows};
use serde_json::{Value, json};
use tokio::runtime::Builder;

use super::site::Site;
use super::{Case, File, Verdict, secret_keys};

/// Holds the models and the world, where a file takes them for known.
const SHIPPED: &str = include_str!("../../vectors/permissions.json");

pub(super) fn check(file: &File) -> Vec<Verdict> {
    let runtime = Builder::new_current_thread().enable_all().build().expect("the system gives a runtime");
    let described = file.cases_of_kind("world", SHIPPED).swap_remove(0);
    let models = file.cases_of_kind("models", SHIPPED);
    let world = runtime.block_on(World::new(file, &models, &described["out"]["ok"]));
    // A name that one case makes is taken for those after it.
    file.in_order(|case| runtime.block_on(check_case(&world, case)))
}

async fn check_case(world: &World, case: &Case<'_>) -> Result<(), String> {
    // 5.2 makes the rows in another order; ours is 6.1's.
    if case.version == DjangoVersion::V5_2 {
        return Ok(());
    }
    match case.kind {
        "world" => world.is_as_described(&case.out["ok"]).await,
        "content_types" => same_rows(content_type_rows(&case.out["ok"]), our_content_types(&world.site).await),
        "auth_permission" => {
            let types = case.file.cases_of_kind("content_types", SHIPPED).swap_remove(0);
            same_rows(permission_rows(&case.out["ok"], &types["out"]["ok"]), our_permissions(&world.site).await)
        }
        kind => case.expect(&answer(world, kind, case.input).await),
    }
}

/// The site with the vectors' users and groups.
struct World {
    site: Site,
    users: BTreeMap<String, Option<Arc<User>>>,
}

impl World {
    /// Migrated, with the models of `models`, and `described` in it.
    async fn new(file: &File, models: &[Value], described: &Value) -> Self {
        let site = Site::empty(&secret_keys(file.secret_key(), &Value::Null), file.t0()).await;
        for case in models {
            let app = case["in"]["app_label"].as_str().unwrap();
            site.auth.create_permissions(&[(app.to_owned(), meta(&case["in"]["model"]))]).await.unwrap();
        }
        for (name, perms) in described["groups"].as_object().unwrap() {
            let groups::Created::Yes(group) = groups::create(&site.db, name).await.unwrap() else { panic!("{name}") };
            give(&site, &Holder::Group(group.id), perms).await;
        }
        let mut users = BTreeMap::new();
        for (name, facts) in described["users"].as_object().unwrap() {
            let user = if facts.is_null() { None } else { Some(Arc::new(make_user(&site, name, facts).await)) };
            users.insert(name.clone(), user);
        }
        Self { site, users }
    }

    /// What is in the database is what the description says.
    async fn is_as_described(&self, described: &Value) -> Result<(), String> {
        let db = &self.site.db;
        let sorted = |list: &Value| {
            let mut texts: Vec<_> =
                list.as_array().into_iter().flatten().map(|t| t.as_str().unwrap().to_owned()).collect();
            texts.sort_unstable();
            texts
        };
        let groups: Vec<_> = groups::all(db).await.unwrap().into_iter().map(|g| g.name).collect();
        if !described["groups"].as_object().unwrap().keys().all(|name| groups.contains(name)) {
            return Err(format!("the groups are {groups:?}"));
        }
        for (name, told) in described["users"].as_object().unwrap() {
            let Some(user) = &self.users[name] else { continue };
            let user = self.site.auth.user_by_username(&user.username).await.unwrap().expect("the user is there");
            let flags = [user.is_active, user.is_staff, user.is_superuser];
            let expected = [told["is_active"] != false, told["is_staff"] == true, told["is_superuser"] == true];
            let own = rows::of_user(db, &user.id).await.unwrap();
            let member: Vec<_> = groups::of_user(db, &user.id).await.unwrap().into_iter().map(|g| g.name).collect();
            if flags != expected || own != sorted(&told["user_perms"]) || member != sorted(&told["groups"]) {
                return Err(format!("{name} is {flags:?} with {own:?} in {member:?}"));
            }
        }
        Ok(())
    }

    async fn permissions(&self, case: &Value) -> PermissionSet {
        let user = self.users[case["user"].as_str().unwrap()].as_ref();
        self.site.auth.permissions(user).await.unwrap()
    }
}

async fn make_user(site: &Site, name: &str, facts: &Value) -> User {
    let mut account = NewAccount::new(name);
    account.is_active = facts["is_active"].as_bool().unwrap_or(true);
    account.is_staff = facts["is_staff"].as_bool();
    account.is_superuser = facts["is_superuser"].as_bool();
    let Created::Yes(user) = site.auth.create_user(account).await.unwrap() else { panic!("{name}") };
    give(site, &Holder::User(user.id.clone()), &facts["user_perms"]).await;
    for group in facts["groups"].as_array().into_iter().flatten() {
        let joined = site.auth.join_group(&user.id, group.as_str().unwrap()).await.unwrap();
        assert_eq!(joined, groups::Joined::Yes);
    }
    user
}

async fn give(site: &Site, holder: &Holder, perms: &Value) {
    for perm in perms.as_array().into_iter().flatten() {
        assert_eq!(site.auth.grant(holder, perm.as_str().unwrap()).await.unwrap(), Granted::Yes, "{perm}");
    }
}

/// An app's label, and what a row says beside its keys, which differ from database to database (A11).
type Row = (String, Vec<String>);

/// Django's rows of `django_content_type`. How it would name them is not stored.
fn content_type_rows(rows: &Value) -> Vec<Row> {
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    rows.as_array().unwrap().iter().map(|row| (text(&row[1]), vec![text(&row[2])])).collect()
}

async fn our_content_types(site: &Site) -> Vec<Row> {
    let mut all = content_types::all(&site.db).await.unwrap();
    all.sort_by_key(|t| t.id);
    all.into_iter().map(|t| (t.app_label, vec![t.model])).collect()
}

/// Django's rows of `auth_permission`, with their content types in place of their keys.
fn permission_rows(rows: &Value, types: &Value) -> Vec<Row> {
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let row = |row: &Value| {
        let of = types.as_array().unwrap().iter().find(|t| t[0] == row[1]).expect("the content type is listed");
        (text(&of[1]), vec![text(&of[2]), text(&row[2]), text(&row[3])])
    };
    rows.as_array().unwrap().iter().map(row).collect()
}

async fn our_permissions(site: &Site) -> Vec<Row> {
    let mut all = rows::all(&site.db).await.unwrap();
    all.sort_by_key(|p| p.id);
    all.into_iter().map(|p| (p.app_label, vec![p.model, p.codename, p.name])).collect()
}

/// The same rows; those of Django's own apps also in the same order. Models of the site are made when they are known here,
/// and in the order of their migrations there.
fn same_rows(theirs: Vec<Row>, ours: Vec<Row>) -> Result<(), String> {
    let split = |rows: Vec<Row>| -> (Vec<Row>, BTreeSet<Row>) {
        let (built_in, own): (Vec<_>, Vec<_>) = rows
            .into_iter()
            .partition(|(app, _)| matches!(app.as_str(), "admin" | "auth" | "contenttypes" | "sessions"));
        (built_in, own.into_iter().collect())
    };
    let (theirs, ours) = (split(theirs), split(ours));
    if ours == theirs { Ok(()) } else { Err(format!("ours {ours:?}, Django's {theirs:?}")) }
}

fn meta(model: &Value) -> ModelMeta {
    let options = &model["options"];
    let mut meta = ModelMeta::new(model["name"].as_str().unwrap());
    meta.verbose_name = options["verbose_name"].as_str().map(String::from);
    if let Some(list) = options["default_permissions"].as_array() {
        meta.default_permissions = list.iter().map(|a| a.as_str().unwrap().to_owned()).collect();
    }
    for own in options["permissions"].as_array().into_iter().flatten() {
        meta.permissions.push((own[0].as_str().unwrap().to_owned(), own[1].as_str().unwrap().to_owned()));
    }
    if options["abstract"] == true {
        meta.abstractness = Abstractness::Abstract;
    }
    meta
}

/// Answers one case as Django would.
async fn answer(world: &World, kind: &str, input: &Value) -> Value {
    let auth = &world.site.auth;
    match kind {
        "models" => {
            let model = meta(&input["model"]);
            let mut rows: Vec<_> =
                model.permission_rows().into_iter().map(|(c, n)| json!([c, n, model.model_name()])).collect();
            rows.sort_by_key(|row| row[0].as_str().unwrap().to_owned());
            json!({ "ok": rows })
        }
        "has_perm" => {
            let set = world.permissions(input).await;
            let perm = input["perm"].as_str().unwrap();
            json!({ "ok": if input["obj"] == true { set.has_perm_on(perm, &()) } else { set.has_perm(perm) } })
        }
        "has_module_perms" => {
            json!({ "ok": world.permissions(input).await.has_module_perms(input["app_label"].as_str().unwrap()) })
        }
        "has_perms" => match input["perms"].as_array() {
            Some(perms) => {
                let set = world.permissions(input).await;
                json!({ "ok": set.has_perms(perms.iter().map(|p| p.as_str().unwrap())) })
            }
            // A text is no list of permissions: here the type says so.
            None => json!({ "error": "ValueError" }),
        },
        "all_permissions" => {
            let set = world.permissions(input).await;
            let superuser = set.user().is_some_and(|u| u.is_superuser);
            let mut out = json!({ "with_obj": [] });
            for (name, source) in [("all", Source::All), ("user", Source::User), ("group", Source::Groups)] {
                let labels = auth.permission_labels(&set, source).await.unwrap();
                out[name] = if superuser { json!(labels.len()) } else { json!(labels) };
            }
            json!({ "ok": out })
        }
        "perm_wrapper" => {
            let set = world.permissions(input).await;
            json!({ "ok": {
                "perms.shop": set.has_module_perms("shop"), "perms.shop.add_item": set.has_perm("shop.add_item"),
                "'shop' in perms": set.contains("shop"), "'shop.add_item' in perms": set.contains("shop.add_item"),
                "iterate": "TypeError",
            } })
        }
        "with_perm" => {
            let Some(perm) = PermissionName::parse(input["perm"].as_str().unwrap()) else {
                return json!({ "error": "ValueError" });
            };
            if input["obj"] == true {
                return json!({ "ok": [] });
            }
            let superusers =
                if input["include_superusers"] == true { Superusers::Included } else { Superusers::ByGrant };
            let which = WithPerm { is_active: input["is_active"].as_bool(), superusers };
            let found = auth.with_perm(perm, which).await.unwrap();
            let mut names: Vec<_> = found.into_iter().map(|u| u.username).collect();
            names.sort_unstable();
            json!({ "ok": names })
        }
        "create_superuser" => create_superuser(&world.site, &input["kwargs"]).await,
        "natural_key" => {
            let codename = input["codename"].as_str().unwrap();
            let all = rows::all(&world.site.db).await.unwrap();
            let found = all.iter().find(|p| p.codename == codename).unwrap();
            json!({ "ok": [found.codename, found.app_label, found.model] })
        }
        "default_order" => {
            let all = rows::all(&world.site.db).await.unwrap();
            json!({ "ok": all.iter().take(20).map(|p| &p.codename).collect::<Vec<_>>() })
        }
        kind => panic!("unknown kind {kind}"),
    }
}

async fn create_superuser(site: &Site, kwargs: &Value) -> Value {
    let mut account =
        NewAccount::new(kwargs["username"].as_str().unwrap()).with_email(kwargs["email"].as_str().unwrap_or_default());
    account.is_staff = kwargs["is_staff"].as_bool();
    account.is_superuser = kwargs["is_superuser"].as_bool();
    match site.auth.create_superuser(account).await.unwrap() {
        Created::Yes(user) => json!({ "ok": {
            "username": user.username, "email": user.email, "is_staff": user.is_staff,
            "is_superuser": user.is_superuser, "usable_password": user.password.is_usable(),
        } }),
        Created::No(why) => json!({ "error": why.django_name() }),
        _ => unreachable!(),
    }
}
