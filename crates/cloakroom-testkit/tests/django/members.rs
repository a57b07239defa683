//! A user model of one's own at both: a UUID for a key, an address to sign in with, further columns (A17).

use std::path::{Path, PathBuf};
use std::process::Command;

use cloakroom::auth::permissions::Source;
use cloakroom::auth::{Created, NewAccount};
use cloakroom::core::keys::UserId;
use cloakroom::db::permissions::{Granted, Holder};
use cloakroom::user_model::ColumnValue;
use cloakroom_testkit::TestSite;
use http::StatusCode;
use serde_json::json;

/// Where Django finds the database: a variable and its value.
pub(crate) type Place = (&'static str, String);

/// Runs Python with Django and its two apps set up, and returns what it prints.
fn django((name, value): &Place, code: &str) -> String {
    let venv = std::env::var_os("ORACLE_VENV").expect("ORACLE_VENV names a Python environment with Django");
    let script = format!("{}\n{code}", include_str!("settings.py"));
    let output = Command::new(PathBuf::from(venv).join("bin/python"))
        .args(["-B", "-W", "ignore", "-c", &script])
        .env("PYTHONPATH", Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/django"))
        .env(name, value)
        .env("SITE_SECRET_KEY", TestSite::SECRET_KEY)
        .env("SITE_APPS", "accounts blog")
        .env("SITE_USER_MODEL", "accounts.Member")
        .output()
        .expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A site that knows the model by settings alone.
async fn site_on(url: &str) -> TestSite {
    TestSite::builder()
        .setting("DATABASE_URL", url)
        .setting("AUTH_USER_MODEL", "accounts.Member")
        .setting("USERNAME_FIELD", "email")
        .setting("REQUIRED_FIELDS", json!(["full_name", "birth_year"]))
        .setting("AUTH_USER_VERBOSE_NAMES", json!({"email": "email address"}))
        .setting("AUTH_USER_DEFAULTS", json!({"birth_year": 1970}))
        .start()
        .await
}

const PASSWORD: &str = "quite another 5 words";

/// The whole of it, on a database that Django is given first.
pub(crate) async fn members_are_known_to_both(place: &Place, url: &str) {
    let made = "call_command('migrate', verbosity=0)\n\
                z = User.objects.create_user('zoë@Site.Example', 'zoë-pass-9Z', full_name='Zoë', nickname='Z')\n\
                print(z.pk, sign_in('zoë@site.example', 'zoë-pass-9Z'))";
    let made = django(place, made);
    let (pk, key) = made.split_once(' ').unwrap();
    let site = site_on(url).await;
    let (auth, db) = (site.cloakroom().auth(), site.cloakroom().db());
    cloakroom::db::users::check(db).await.unwrap();

    // Signed in there, known here, and the other way round.
    let mut zoe = site.browser().with_cookie("sessionid", key);
    assert_eq!(zoe.get("/accounts/profile/").await.status, StatusCode::OK);
    let mut again = site.browser();
    assert!(again.get("/accounts/login/").await.text().contains("Email address"));
    again.sign_in("/accounts/login/", "zoë@site.example", "zoë-pass-9Z").await;
    let here = again.cookie("sessionid").unwrap().to_owned();
    assert_eq!(django(place, &format!("print(who('{here}'))")), "zoë@site.example");
    let kept = format!("print(request('{here}').session['_auth_user_id'])");
    assert_eq!(django(place, &kept), pk);
    let row = auth.user_by_username("zoë@site.example").await.unwrap().unwrap();
    assert_eq!((row.id.to_string().as_str(), row.id.clone()), (pk, UserId::parse_uuid(pk).unwrap()));
    assert!(row.last_login.is_some());
    assert_eq!(row.extra.get("nickname"), Some(&ColumnValue::Text("Z".into())));
    assert_eq!(row.extra.get("birth_year"), Some(&ColumnValue::Int(1970)));

    // Rows that either makes are the same but for the key.
    let account = NewAccount::new("max@SITE.Example")
        .with_password(PASSWORD.to_owned())
        .with_column("full_name", ColumnValue::Text("Max".into()));
    let Created::Yes(max) = auth.create_user(account).await.unwrap() else { panic!("the account can be made") };
    let told = django(
        place,
        &format!(
            "User.objects.create_user('max2@SITE.Example', '{PASSWORD}', full_name='Max')\n\
             rows = [{{k: v for k, v in row.items() if k not in ('id', 'password', 'email')}} \
                     for row in User.objects.filter(full_name='Max').values()]\n\
             m = User.objects.get(email='max@site.example')\n\
             print(rows[0] == rows[1], len(rows), m.pk, m.check_password('{PASSWORD}'), m.pk.version)"
        ),
    );
    assert_eq!(told, format!("True 2 {} True 4", max.id));

    // Groups and permissions hang on the model's own tables.
    assert_eq!(auth.grant(&Holder::User(max.id.clone()), "accounts.add_member").await.unwrap(), Granted::Yes);
    let told = django(
        place,
        &format!(
            "from django.contrib.auth.models import Group, Permission\n\
             g = Group.objects.create(name='editors')\n\
             g.permissions.add(Permission.objects.get(codename='view_member'))\n\
             m = User.objects.get(pk='{}')\n\
             m.groups.add(g)\n\
             print(sorted(m.get_all_permissions()))",
            max.id
        ),
    );
    assert_eq!(told, "['accounts.add_member', 'accounts.view_member']");
    let set = auth.permissions(Some(&max.clone().into())).await.unwrap();
    assert_eq!(
        auth.permission_labels(&set, Source::All).await.unwrap(),
        ["accounts.add_member", "accounts.view_member"]
    );

    // A link to a new password opens at both.
    let link = auth.make_reset_link(&max).unwrap();
    let told = django(
        place,
        &format!(
            "from django.contrib.auth.tokens import default_token_generator as tokens\n\
             from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode\n\
             m = User.objects.get(pk=urlsafe_base64_decode('{}').decode())\n\
             print(m.email, tokens.check_token(m, '{}'))\n\
             print(urlsafe_base64_encode(str(m.pk).encode()), tokens.make_token(m))",
            link.uid,
            link.token.expose()
        ),
    );
    let (checked, theirs) = told.split_once('\n').unwrap();
    assert_eq!(checked, "max@site.example True");
    let (uid, token) = theirs.split_once(' ').unwrap();
    assert_eq!(uid, link.uid);
    let found = auth.user_of_uid(uid).await.unwrap().unwrap();
    assert!(auth.check_reset_token(&found, token));
    assert!(auth.user_of_uid("Nw").await.unwrap().is_none());

    // Neither finds anything to make, in its tables or its rows.
    assert_eq!(site.cloakroom().create_permissions().await.unwrap(), []);
    let plan = django(place, "call_command('migrate', plan=True, no_color=True)");
    assert!(plan.contains("No planned migration operations."), "{plan}");
    assert!(auth.delete_user(&max).await.unwrap());
    assert_eq!(django(place, "print(User.objects.filter(email='max@site.example').exists())"), "False");
    site.cloakroom().close().await;
}

/// The rows of content types and permissions, with their keys.
const ROWS: &str = "from django.contrib.auth.models import Permission\n\
    from django.contrib.contenttypes.models import ContentType\n\
    print(list(ContentType.objects.order_by('id').values_list()))\n\
    print(list(Permission.objects.order_by('id').values_list()))";

/// A80, A87: the rows that we make for models of an application are those that Django makes, and each finds the other's.
pub(crate) async fn permissions_of_models_are_djangos(ours: (&Place, &str), theirs: &Place) {
    let create = "from django.apps import apps\nfrom django.contrib.auth.management import create_permissions\n\
                  create_permissions(apps.get_app_config('blog'), verbosity=0)\n";
    // On both the app comes after all others, whose tables Django makes.
    for place in [ours.0, theirs] {
        let migrate = "from django.contrib.auth.models import Permission\n\
                       from django.contrib.contenttypes.models import ContentType\n\
                       call_command('migrate', verbosity=0)\n\
                       Permission.objects.filter(content_type__app_label='blog').delete()\n\
                       ContentType.objects.filter(app_label='blog').delete()";
        django(place, migrate);
    }
    let models = json!([
        {"name": "blog.BlogPost",
         "permissions": [["publish_blogpost", "Can publish blog post"], ["pin", "Pin to the top"]]},
        {"name": "blog.Tag", "default_permissions": ["add", "view"], "verbose_name": "key word"},
        {"name": "blog.Archive", "default_permissions": []},
        {"name": "blog.HTTPLog"},
    ]);
    let site = TestSite::builder()
        .setting("DATABASE_URL", ours.1)
        .setting("AUTH_USER_MODEL", "accounts.Member")
        .setting("USERNAME_FIELD", "email")
        .setting("MODELS", models)
        .start()
        .await;
    let made = site.cloakroom().create_permissions().await.unwrap();
    assert_eq!(made.iter().map(|rows| rows.permissions).sum::<u64>(), 12);
    assert_eq!(made.iter().filter(|rows| rows.content_type).count(), 4);
    assert_eq!(site.cloakroom().create_permissions().await.unwrap(), []);
    let expected = django(theirs, &format!("{create}{ROWS}"));
    assert!(expected.contains("'Can add key word'") && expected.contains("'Can view http log'"), "{expected}");
    assert_eq!(django(ours.0, ROWS), expected);
    assert_eq!(django(ours.0, &format!("{create}{ROWS}")), expected);
    site.cloakroom().close().await;
}
