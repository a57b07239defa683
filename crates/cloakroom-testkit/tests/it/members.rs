//! A user type of the application's own, by the derive (A17), and what its owner may do (A80 to A83).

use axum::Router;
use axum::routing::get;
use cloakroom::auth::permissions::{Granted, Holder, ModelMeta};
use cloakroom::auth::{Created, NewAccount};
use cloakroom::core::keys::UserId;
use cloakroom::db::{Database, DatabaseUrl, Options, migrations, users};
use cloakroom::prelude::*;
use cloakroom::user_model::ColumnValue;
use cloakroom::web::Ctx;
use cloakroom::web::guards::{Permission, Permitted};
use cloakroom_testkit::{Browser, TestSite};
use http::StatusCode;

#[derive(UserModel, Debug)]
#[user_model(label = "accounts.Member", username_field = "email", required_fields("full_name", "birth_year"))]
struct Member {
    id: UserId,
    #[user_model(verbose_name = "email address")]
    email: String,
    full_name: String,
    #[user_model(default = "1970")]
    birth_year: i64,
    #[user_model(column = "nick")]
    nickname: Option<String>,
    is_staff: bool,
}

/// A table as Django makes it, and one of its columns too few for the other type.
const TABLES: &str = r#"
    CREATE TABLE "accounts_member" ("id" char(32) NOT NULL PRIMARY KEY, "password" varchar(128) NOT NULL,
        "last_login" datetime NULL, "is_superuser" bool NOT NULL, "email" varchar(254) NOT NULL UNIQUE,
        "full_name" varchar(100) NOT NULL, "birth_year" integer NOT NULL, "nick" varchar(30) NULL,
        "is_active" bool NOT NULL, "is_staff" bool NOT NULL);
    CREATE TABLE "accounts_member_groups" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
        "member_id" char(32) NOT NULL REFERENCES "accounts_member" ("id") DEFERRABLE INITIALLY DEFERRED,
        "group_id" integer NOT NULL REFERENCES "auth_group" ("id") DEFERRABLE INITIALLY DEFERRED);
    CREATE TABLE "accounts_member_user_permissions" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
        "member_id" char(32) NOT NULL REFERENCES "accounts_member" ("id") DEFERRABLE INITIALLY DEFERRED,
        "permission_id" integer NOT NULL REFERENCES "auth_permission" ("id") DEFERRABLE INITIALLY DEFERRED);"#;

struct Site {
    site: TestSite,
    _folder: tempfile::TempDir,
}

impl Site {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db.sqlite3");
        rusqlite::Connection::open(&path).unwrap().execute_batch(TABLES).unwrap();
        let options = Options::default().with_user_table(<Member as UserModel>::table());
        let db = Database::open(&DatabaseUrl::sqlite_file(path), options).await.unwrap();
        let site = TestSite::builder().database(db).start().await;
        users::check(site.cloakroom().db()).await.unwrap();
        Self { site, _folder: folder }
    }

    async fn ada(&self) -> UserId {
        let account = NewAccount::new("ada@Example.ORG")
            .with_password("ada-pass-9Z".to_owned())
            .with_column("full_name", ColumnValue::Text("Ada Lovelace".into()));
        match self.site.cloakroom().auth().create_user(account).await.unwrap() {
            Created::Yes(user) => user.id,
            other => panic!("{other:?}"),
        }
    }

    async fn browser(&self, routes: Router) -> Browser {
        let mut pages = self.site.browser();
        pages.sign_in("/accounts/login/", "ada@example.org", "ada-pass-9Z").await;
        let app = routes.layer(self.site.cloakroom().layer());
        Browser::new(app).with_cookies_of(&pages)
    }
}

async fn describe(user: User<Member>) -> String {
    let nick = user.nickname.as_deref().unwrap_or("none");
    format!("{} {} {} {nick} {} {}", user.email, user.full_name, user.birth_year, user.is_staff, user.id)
}

/// A handler's type is the application's own, whichever way it asks.
#[tokio::test(flavor = "multi_thread")]
async fn handlers_take_the_applications_type() {
    let site = Site::start().await;
    let id = site.ada().await;
    let routes = Router::new()
        .route("/me/", get(describe))
        .route("/maybe/", get(async |user: Option<User<Member>>| user.map_or(0, |user| user.birth_year).to_string()))
        .route(
            "/lazy/",
            get(async |user: CurrentUser| {
                let user = user.get_as::<Member>().await?;
                Ok::<_, GuardRejection>(user.map_or_else(String::new, |user| user.as_arc().username.clone()))
            }),
        )
        .route("/row/", get(async |user: User| user.username.clone()));
    let mut ada = site.browser(routes.clone()).await;
    assert_eq!(ada.get("/me/").await.text(), format!("ada@example.org Ada Lovelace 1970 none false {id}"));
    assert_eq!(ada.get("/maybe/").await.text(), "1970");
    assert_eq!(ada.get("/lazy/").await.text(), "ada@example.org");
    assert_eq!(ada.get("/row/").await.text(), "ada@example.org");

    let values = [("nick".to_owned(), ColumnValue::Text("Countess".into()))];
    let updated = users::set_columns(site.site.cloakroom().db(), &id, &values).await.unwrap();
    assert_eq!(updated, cloakroom::db::Updated::Yes);
    assert!(ada.get("/me/").await.text().contains("Countess"));

    let mut stranger = Browser::new(routes.layer(site.site.cloakroom().layer()));
    assert_eq!(stranger.get("/me/").await.status, StatusCode::FOUND);
    assert_eq!(stranger.get("/maybe/").await.text(), "0");
}

/// A type that the database was not opened with is a mistake in the program: 500, and never somebody else's page.
#[tokio::test(flavor = "multi_thread")]
async fn a_type_that_the_row_does_not_fit_is_a_mistake() {
    #[derive(UserModel)]
    #[user_model(label = "accounts.Other", username_field = "email")]
    struct Other {
        shoe_size: i64,
    }
    let site = Site::start().await;
    site.ada().await;
    let routes = Router::new().route("/size/", get(async |user: User<Other>| user.shoe_size.to_string()));
    let mut ada = site.browser(routes).await;
    assert_eq!(ada.get("/size/").await.status, StatusCode::INTERNAL_SERVER_ERROR);
}

struct ChangePost;

impl Permission for ChangePost {
    const NAME: &'static str = "blog.change_blogpost";
}

/// A81, R13: however often it is asked what a user may do, the database is asked once.
#[tokio::test(flavor = "multi_thread")]
async fn permissions_cost_one_query_a_request() {
    let site = Site::start().await;
    let id = site.ada().await;
    let (auth, db) = (site.site.cloakroom().auth(), site.site.cloakroom().db());
    let mut post = ModelMeta::new("BlogPost");
    post.permissions.push(("publish_blogpost".into(), "Can publish".into()));
    let made = auth.create_permissions(&[("blog".into(), post)]).await.unwrap();
    assert_eq!(made[0].permissions, 5);
    assert_eq!(auth.grant(&Holder::User(id), ChangePost::NAME).await.unwrap(), Granted::Yes);
    let routes = Router::new().route("/plain/", get(async |_: User<Member>| "plain")).route(
        "/asked/",
        get(async |_: Permitted<ChangePost>, ctx: Ctx| {
            let mut answers = Vec::new();
            for _ in 0..3 {
                let may = ctx.permissions().await?;
                answers.extend([
                    may.has_perm("blog.change_blogpost"),
                    may.has_perms(["blog.change_blogpost", "blog.publish_blogpost"]),
                    may.has_module_perms("blog"),
                    may.has_perm_on("blog.change_blogpost", &7_i32),
                ]);
            }
            Ok::<_, GuardRejection>(format!("{:?}", &answers[8..]))
        }),
    );
    let mut ada = site.browser(routes).await;
    let mut cost = [0; 2];
    for (path, cost) in ["/plain/", "/asked/"].into_iter().zip(&mut cost) {
        ada.get(path).await;
        let before = db.round_trips();
        let answer = ada.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        *cost = db.round_trips() - before;
    }
    assert_eq!(ada.get("/asked/").await.text(), "[true, false, true, false]");
    assert!(cost[1] <= cost[0] + 1, "{cost:?}");
}

/// The application's own migrations may make the table after ours: it is looked for again, and until then said to be missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_may_be_made_after_ours() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db.sqlite3");
    let options = Options::default().with_user_table(<Member as UserModel>::table());
    let db = Database::open(&DatabaseUrl::sqlite_file(&path), options).await.unwrap();
    let now = cloakroom::core::clock::Timestamp::from_secs(1_767_323_045);
    migrations::migrate(&db, now, &mut |_| {}).await.unwrap();
    assert!(users::check(&db).await.unwrap_err().to_string().contains("no table accounts_member"));
    rusqlite::Connection::open(&path).unwrap().execute_batch(TABLES).unwrap();
    users::check(&db).await.unwrap();
    assert_eq!(users::count(&db).await.unwrap(), 0);
}
