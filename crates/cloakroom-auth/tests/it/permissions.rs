//! permissions.json: A03, A05, A20, A80–A88, A150.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use cloakroom_auth::permissions::{
    Abstractness, Granted, Holder, ModelMeta, PermissionName, PermissionSet, Source, Superusers, WithPerm,
};
use cloakroom_auth::{Created, NewAccount};
use cloakroom_core::models::User;
use cloakroom_db::{groups, permissions as rows};
use serde_json::{Value, json};

use crate::site::Site;

/// The app `shop` of the vectors.
const SHOP: &str = r#"[
    {"name": "Item", "options": {}},
    {"name": "OrderLine", "options": {"verbose_name": "order line"}},
    {"name": "Secret", "options": {"default_permissions": []}},
    {"name": "ReadOnly", "options": {"default_permissions": ["view"]}},
    {"name": "Ticket", "options": {"permissions": [["close_ticket", "Can close a ticket"], ["assign", "May assign"]]}},
    {"name": "UnicodeThing", "options": {"verbose_name": "\u0432\u0435\u0449\u044c"}},
    {"name": "CamelCaseModel2", "options": {}},
    {"name": "Unmanaged", "options": {"managed": false}},
    {"name": "ItemProxy", "options": {"proxy": true}},
    {"name": "ItemProxyCustom", "options": {"proxy": true, "permissions": [["ship_item", "Can ship"]]}},
    {"name": "Abstract", "options": {"abstract": true}},
    {"name": "SpecialItem", "options": {}},
    {"name": "HTTPServer", "options": {}}
]"#;

/// The site with the vectors' users and groups.
struct World {
    site: Site,
    users: BTreeMap<String, Option<Arc<User>>>,
}

impl World {
    async fn new(described: &Value) -> Self {
        let site = Site::new().await;
        let shop: Value = serde_json::from_str(SHOP).unwrap();
        for model in shop.as_array().unwrap() {
            site.auth.ensure_permissions("shop", &meta(model)).await.unwrap();
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

/// A03, A05, A20, A80–A88, A150.
#[tokio::test]
async fn permissions_are_djangos() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cloakroom-probe/vectors/permissions.json");
    let vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    let world = cases.iter().find(|c| c["kind"] == "world").unwrap();
    let world = World::new(&world["out"]["ok"]).await;
    let mut failures = Vec::new();
    let mut judged = 0;
    for case in cases {
        let kind = case["kind"].as_str().unwrap();
        // The world is what the others are asked about; the rows of `migrate` have a test of their own.
        if ["world", "content_types", "auth_permission"].contains(&kind) {
            continue;
        }
        let ours = answer(&world, kind, &case["in"]).await;
        judged += 1;
        if ours != case["out"] {
            failures.push(format!("{}: ours {ours}, Django's {}", case["id"], case["out"]));
        }
    }
    assert!(failures.is_empty(), "{} of {judged} differ:\n{}", failures.len(), failures.join("\n"));
    assert!(judged > 500);
}

/// A05, A11, A80: the same content types and permissions, by their natural keys. Their primary keys and the labels that
/// Django's `str()` makes of app names are not looked at: both depend on the order and the names of installed apps.
#[tokio::test]
async fn migrate_and_ensure_write_djangos_rows() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cloakroom-probe/vectors/permissions.json");
    let vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let rows_of = |kind: &str| {
        let case = vectors["cases"].as_array().unwrap().iter().find(|c| c["kind"] == kind).unwrap();
        case["out"]["ok"].as_array().unwrap().clone()
    };
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let models: BTreeMap<i64, (String, String)> =
        rows_of("content_types").iter().map(|row| (row[0].as_i64().unwrap(), (text(&row[1]), text(&row[2])))).collect();
    let world = World::new(&json!({ "groups": {}, "users": {} })).await;

    let ours = cloakroom_db::content_types::all(&world.site.db).await.unwrap();
    let ours: BTreeSet<_> = ours.into_iter().map(|c| (c.app_label, c.model)).collect();
    assert_eq!(ours, models.values().cloned().collect());

    let theirs: BTreeSet<_> = rows_of("auth_permission")
        .iter()
        .map(|row| {
            let (app_label, model) = models[&row[1].as_i64().unwrap()].clone();
            (app_label, model, text(&row[2]), text(&row[3]))
        })
        .collect();
    let ours = rows::all(&world.site.db).await.unwrap();
    let ours: BTreeSet<_> = ours.into_iter().map(|p| (p.app_label, p.model, p.codename, p.name)).collect();
    assert_eq!(ours, theirs);
    assert_eq!(theirs.len(), 68);
}

/// Z01: what is granted, revoked or joined acts at the next look.
#[tokio::test]
async fn changes_act_at_once() {
    let site = Site::new().await;
    let user = Arc::new(site.user("alice").await);
    let holder = Holder::User(user.id.clone());
    let can = async || site.auth.permissions(Some(&user)).await.unwrap().has_perm("auth.add_user");
    assert!(!can().await);
    assert_eq!(site.auth.grant(&holder, "auth.add_user").await.unwrap(), Granted::Yes);
    assert!(can().await);
    assert_eq!(site.auth.grant(&holder, "auth.add_user").await.unwrap(), Granted::Already);
    assert!(site.auth.revoke(&holder, "auth.add_user").await.unwrap());
    assert!(!can().await);
    assert_eq!(site.auth.grant(&holder, "auth.no_such").await.unwrap(), Granted::Unknown);
    assert_eq!(site.auth.grant(&holder, "add_user").await.unwrap(), Granted::Unknown);
    assert_eq!(site.events(), ["user_created", "access_changed", "access_changed"]);
}
