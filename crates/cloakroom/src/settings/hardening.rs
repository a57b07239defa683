//! Where Django's own defaults are the weaker side: which of those a site is still on, and what to do (D11, F11).
//!
//! `cloakroom init` writes the stronger side of each. A site that came from Django keeps Django's, until it says otherwise:
//! [`weaker`] names what is left, one finding each, with the requirement that it is about.

use super::checks::Finding;
use super::{SecurityProfile, Settings, ValidatorSetting};

/// Characters of a password that is the only factor (A01; NIST SP 800-63B-4, 3.1.1.2).
const MIN_PASSWORD: u64 = 15;

/// What Django's validator asks for where nothing is said.
const DJANGO_MIN_PASSWORD: u64 = 8;

/// How long a reset link should work, in seconds (R01).
const MAX_RESET_SECS: i64 = 3_600;

/// Hashers that should verify nothing any more, by a part of their names (T07).
const WEAK_HASHERS: [&str; 3] = ["sha1", "md5", "unsalted"];

/// Whether a requirement that Django's defaults do not meet depends on settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Row {
    /// It does: [`weaker`] names it where it is not met.
    BySettings,
    /// Both profiles meet it; why, in words.
    Always(&'static str),
}

/// Every requirement that Django's defaults do not meet, by its id.
pub const ROWS: [(&str, Row); 14] = [
    ("A01", Row::BySettings),
    ("A06", Row::BySettings),
    (
        "A18",
        Row::Always("no page shows a hash, and an administrator's page to choose others' passwords does not exist"),
    ),
    ("C01", Row::BySettings),
    ("C04", Row::BySettings),
    ("C12", Row::BySettings),
    ("E03", Row::BySettings),
    ("E04", Row::BySettings),
    ("E07", Row::BySettings),
    ("R01", Row::BySettings),
    ("S04", Row::BySettings),
    ("S05", Row::BySettings),
    ("T07", Row::BySettings),
    ("X05", Row::BySettings),
];

/// What `check --deploy` says beyond Django: each requirement that these settings leave on the weaker side.
///
/// ```
/// use cloakroom::settings::{Settings, hardening};
///
/// let found = hardening::weaker(&Settings::default());
/// assert!(found.iter().any(|finding| finding.message.contains("A01")));
/// ```
#[must_use]
pub fn weaker(s: &Settings) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut say = |wrong: bool, id, message: &str, hint| {
        if wrong {
            found.push(Finding::warning(id, message, hint));
        }
    };
    say(
        min_length(&s.auth_password_validators) < MIN_PASSWORD,
        "cloakroom.W101",
        "passwords of fewer than 15 characters are taken, although a password is the only factor (A01)",
        "set min_length = 15 for MinimumLengthValidator in AUTH_PASSWORD_VALIDATORS",
    );
    say(
        !checks_breaches(&s.auth_password_validators),
        "cloakroom.W102",
        "new passwords are compared with Django's 20,000 common ones, not with those of known breaches (A06)",
        "get a list of breached passwords, one a line, and name it as password_list_path of CommonPasswordValidator in \
         AUTH_PASSWORD_VALIDATORS",
    );
    say(
        s.security_profile == SecurityProfile::Django,
        "cloakroom.W103",
        "a log-in over the same user's session keeps its key (S04)",
        "set SECURITY_PROFILE = \"hardened\"",
    );
    say(
        !s.session_save_every_request,
        "cloakroom.W104",
        "a session that nobody uses lives as long as one in use: there is no idle limit (S05)",
        "set SESSION_SAVE_EVERY_REQUEST = true, and SESSION_COOKIE_AGE to the idle limit in seconds",
    );
    say(
        s.session_absolute_age.is_none(),
        "cloakroom.W105",
        "a session that is used lives for ever: there is no absolute limit (S05)",
        "set SESSION_ABSOLUTE_AGE, such as 2592000 for 30 days",
    );
    cookies(s, &mut say);
    say(
        s.security_profile == SecurityProfile::Django,
        "cloakroom.W109",
        "a slow answer to a request from before a log-in can sign the user out again (C12)",
        "set SECURITY_PROFILE = \"hardened\"",
    );
    say(
        s.password_reset_timeout > MAX_RESET_SECS,
        "cloakroom.W110",
        "links to reset a password work for more than an hour (R01)",
        "set PASSWORD_RESET_TIMEOUT = 3600",
    );
    say(
        s.password_hashers.iter().any(|name| is_weak_hasher(name)),
        "cloakroom.W111",
        "PASSWORD_HASHERS takes hashes that are made by SHA-1 or MD5 (T07)",
        "take those hashers out once nobody's password is kept by them",
    );
    // By names alone: sign-up never asks whether somebody has this address.
    say(
        s.auth_user_model.username_field().to_lowercase().contains("mail"),
        "cloakroom.W114",
        "people sign in by their mail address, and sign-up tells strangers which addresses have an account (E03)",
        "have the proxy in front answer signup/ and /api/auth/signup/ with 404 and make accounts for people, or let them \
         sign in by a name",
    );
    say(
        s.throttle == cloakroom_auth::ThrottleLimits::none(),
        "cloakroom.W112",
        "passwords may be guessed as often as anybody likes (E04)",
        "set THROTTLE = true",
    );
    say(
        s.secure_proxy_ssl_header.is_some() && s.trusted_proxies.is_empty(),
        "cloakroom.W113",
        "the site is behind a proxy that it does not know, so all clients count as one when guesses are counted (E07)",
        "set TRUSTED_PROXIES to the proxy's addresses",
    );
    found
}

fn cookies(s: &Settings, say: &mut dyn FnMut(bool, &'static str, &str, &'static str)) {
    say(
        !has_prefix(&s.session_cookie_name, s.session_cookie_domain.as_deref()),
        "cloakroom.W106",
        "another host of the same domain can plant a session cookie here (C01)",
        "set SESSION_COOKIE_NAME = \"__Host-sessionid\" (\"__Secure-sessionid\" with a SESSION_COOKIE_DOMAIN); \
         SESSION_COOKIE_NAME_FALLBACKS keeps people signed in",
    );
    say(
        !s.csrf_use_sessions && !s.csrf_cookie_name.starts_with("__Host-"),
        "cloakroom.W107",
        "another host of the same domain can plant a CSRF token here (X05)",
        "set CSRF_COOKIE_NAME = \"__Host-csrftoken\", or CSRF_USE_SESSIONS = true",
    );
    let is_none = |value: &Option<String>| value.as_ref().is_none_or(|v| v.eq_ignore_ascii_case("none"));
    say(
        is_none(&s.session_cookie_samesite) || (!s.csrf_use_sessions && is_none(&s.csrf_cookie_samesite)),
        "cloakroom.W108",
        "other sites' requests carry this site's cookies, or browsers decide whether they do (C04)",
        "set SESSION_COOKIE_SAMESITE and CSRF_COOKIE_SAMESITE to \"Lax\"",
    );
}

/// Whether browsers keep a cookie of this name from being planted by other hosts.
fn has_prefix(name: &str, domain: Option<&str>) -> bool {
    match domain {
        None => name.starts_with("__Host-"),
        Some(_) => name.starts_with("__Secure-"),
    }
}

fn of_class<'v>(validators: &'v [ValidatorSetting], class: &str, short: &str) -> Option<&'v ValidatorSetting> {
    validators.iter().find(|v| v.name == short || v.name.rsplit('.').next() == Some(class))
}

fn min_length(validators: &[ValidatorSetting]) -> u64 {
    match of_class(validators, "MinimumLengthValidator", "minimum_length") {
        None => 0,
        Some(v) => v.options.get("min_length").map_or(DJANGO_MIN_PASSWORD, |n| n.as_u64().unwrap_or(0)),
    }
}

fn checks_breaches(validators: &[ValidatorSetting]) -> bool {
    of_class(validators, "CommonPasswordValidator", "common_password")
        .is_some_and(|v| v.options.contains_key("password_list_path"))
}

fn is_weak_hasher(name: &str) -> bool {
    let name = name.to_lowercase();
    WEAK_HASHERS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::RawSettings;
    use serde_json::{Value, json};

    fn settings(pairs: &[(&str, Value)]) -> Settings {
        let mut raw = RawSettings::new();
        for (name, value) in pairs {
            raw.set(name, value.clone()).unwrap();
        }
        Settings::parse(&raw).unwrap()
    }

    fn rows(s: &Settings) -> Vec<String> {
        let row = |f: Finding| f.message.rsplit_once('(').unwrap().1.trim_end_matches(')').to_owned();
        weaker(s).into_iter().map(row).collect()
    }

    fn hardened() -> Vec<(&'static str, Value)> {
        vec![
            ("SECURITY_PROFILE", json!("hardened")),
            (
                "AUTH_PASSWORD_VALIDATORS",
                json!([
                    { "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": { "min_length": 15 } },
                    { "NAME": "CommonPasswordValidator", "OPTIONS": { "password_list_path": "breached.txt" } },
                ]),
            ),
            ("SESSION_SAVE_EVERY_REQUEST", json!(true)),
            ("SESSION_ABSOLUTE_AGE", json!(2_592_000)),
            ("SESSION_COOKIE_NAME", json!("__Host-sessionid")),
            ("SESSION_COOKIE_SECURE", json!(true)),
            ("CSRF_COOKIE_NAME", json!("__Host-csrftoken")),
            ("CSRF_COOKIE_SECURE", json!(true)),
            ("PASSWORD_RESET_TIMEOUT", json!(3_600)),
            ("PASSWORD_HASHERS", json!(["pbkdf2_sha256", "argon2"])),
        ]
    }

    /// F11: Django's defaults are on the weaker side of each of these; the hardened settings of none.
    #[test]
    fn each_row_that_is_left_on_the_weaker_side_is_named() {
        let django = rows(&Settings::default());
        assert_eq!(django, ["A01", "A06", "S04", "S05", "S05", "C01", "X05", "C12", "R01", "T07"]);
        assert_eq!(rows(&settings(&hardened())), Vec::<String>::new());
    }

    /// Each setting by itself brings its own row back, and no other.
    #[test]
    fn each_setting_decides_about_its_own_row() {
        let weaker_side: [(&str, Value, &[&str]); 18] = [
            ("AUTH_PASSWORD_VALIDATORS", json!([]), &["A01", "A06"]),
            ("AUTH_PASSWORD_VALIDATORS", json!([{ "NAME": "MinimumLengthValidator" }]), &["A01", "A06"]),
            (
                "AUTH_PASSWORD_VALIDATORS",
                json!([{ "NAME": "minimum_length", "OPTIONS": { "min_length": 14 } },
                       { "NAME": "common_password", "OPTIONS": { "password_list_path": "x" } }]),
                &["A01"],
            ),
            (
                "AUTH_PASSWORD_VALIDATORS",
                json!([{ "NAME": "minimum_length", "OPTIONS": { "min_length": 20 } }, { "NAME": "common_password" }]),
                &["A06"],
            ),
            ("SECURITY_PROFILE", json!("django"), &["S04", "C12"]),
            ("SESSION_SAVE_EVERY_REQUEST", json!(false), &["S05"]),
            ("SESSION_ABSOLUTE_AGE", json!(null), &["S05"]),
            ("SESSION_COOKIE_NAME", json!("sessionid"), &["C01"]),
            ("SESSION_COOKIE_NAME", json!("__Secure-sessionid"), &["C01"]),
            ("CSRF_COOKIE_NAME", json!("csrftoken"), &["X05"]),
            ("SESSION_COOKIE_SAMESITE", json!("None"), &["C04"]),
            ("CSRF_COOKIE_SAMESITE", json!(false), &["C04"]),
            ("PASSWORD_RESET_TIMEOUT", json!(3_601), &["R01"]),
            (
                "PASSWORD_HASHERS",
                json!(["pbkdf2_sha256", "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher"]),
                &["T07"],
            ),
            ("PASSWORD_HASHERS", json!(["md5", "pbkdf2_sha256"]), &["T07"]),
            ("USERNAME_FIELD", json!("email"), &["E03"]),
            ("THROTTLE", json!(false), &["E04"]),
            ("SECURE_PROXY_SSL_HEADER", json!(["HTTP_X_FORWARDED_PROTO", "https"]), &["E07"]),
        ];
        let mut named = std::collections::BTreeSet::new();
        for (name, value, expected) in weaker_side {
            let mut all = hardened();
            all.retain(|(n, _)| *n != name);
            all.push((name, value.clone()));
            if name == "USERNAME_FIELD" {
                all.push(("AUTH_USER_MODEL", json!("members.Member")));
            }
            let found = rows(&settings(&all));
            assert_eq!(found, expected, "{name} = {value}");
            named.extend(found);
        }
        let by_settings: std::collections::BTreeSet<String> =
            ROWS.iter().filter(|(_, row)| *row == Row::BySettings).map(|(id, _)| (*id).to_owned()).collect();
        assert_eq!(named, by_settings, "each row has a setting here");
        let domain = [("SESSION_COOKIE_DOMAIN", json!("example.com")), ("SESSION_COOKIE_NAME", json!("__Secure-sid"))];
        let mut all = hardened();
        all.retain(|(n, _)| *n != "SESSION_COOKIE_NAME");
        all.extend(domain);
        assert_eq!(rows(&settings(&all)), Vec::<String>::new());
        all.push(("CSRF_USE_SESSIONS", json!(true)));
        all.push(("CSRF_COOKIE_NAME", json!("csrftoken")));
        assert_eq!(rows(&settings(&all)), Vec::<String>::new(), "a token in the session needs no prefix");
    }
}
