//! The pages' templates: built in, replaceable one by one from a folder, with autoescape on in every `.html` (H02, D16).
//!
//! A page is a type of [`mod@context`]: its fields are what its template may use, and its samples are what
//! [`check_templates`] renders it from.

pub mod context;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use serde::Serialize;

use self::context::{Layout, Page};

macro_rules! built_in {
    ($($name:literal),* $(,)?) => { &[$(($name, include_str!(concat!("../../templates/", $name)))),*] };
}

/// Every built-in template by its name, which is also its path below `templates_dir`.
pub const BUILT_IN: &[(&str, &str)] = built_in![
    "_entered.html",
    "_fields.html",
    "_hanger.html",
    "_messages.html",
    "accounts/delete.html",
    "accounts/logged_out.html",
    "accounts/login.html",
    "accounts/password_change.html",
    "accounts/password_change_done.html",
    "accounts/password_reset.html",
    "accounts/password_reset_complete.html",
    "accounts/password_reset_confirm.html",
    "accounts/password_reset_done.html",
    "accounts/profile.html",
    "accounts/resume.html",
    "accounts/sessions.html",
    "accounts/signup.html",
    "accounts/update.html",
    "admin/_base.html",
    "admin/_errors.html",
    "admin/_field.html",
    "admin/_fields.html",
    "admin/_pages.html",
    "admin/add_user.html",
    "admin/change.html",
    "admin/delete.html",
    "admin/history.html",
    "admin/index.html",
    "admin/list.html",
    "admin/logged_out.html",
    "admin/login.html",
    "admin/password.html",
    "admin/password_change.html",
    "admin/password_change_done.html",
    "base.html",
    "error.html",
    "index.html",
    "mail/password_reset_body.txt",
    "mail/password_reset_subject.txt",
    "panel.html",
    "rest_framework/login.html",
    "setup.html",
];

/// Compiled templates. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Templates(Arc<Environment<'static>>);

impl Templates {
    /// The built-in templates.
    ///
    /// # Errors
    ///
    /// When one does not compile, which a test excludes.
    pub fn built_in() -> Result<Self, TemplateError> {
        Self::load(None)
    }

    /// The built-in templates, with those of `dir` in place of the ones of the same name; files of other names may be
    /// included by them.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or is no template.
    pub fn load(dir: Option<&Path>) -> Result<Self, TemplateError> {
        let mut env = Environment::new();
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, source) in BUILT_IN {
            add(&mut env, name, (*source).to_owned())?;
        }
        if let Some(dir) = dir {
            for (name, path) in files(dir)? {
                let source = fs::read_to_string(&path).map_err(|source| TemplateError::Read { path, source })?;
                add(&mut env, &name, source)?;
            }
        }
        Ok(Self(Arc::new(env)))
    }

    /// Renders a page in its layout.
    ///
    /// # Errors
    ///
    /// When the template uses what the page does not have.
    pub fn page<P: Page>(&self, layout: &Layout<'_>, page: &P) -> Result<String, TemplateError> {
        let Layout { site, urls, nav, messages } = layout;
        let csp_nonce = site.csp_nonce;
        let site = context! {
            name => site.name, lang => site.lang, stylesheet => site.stylesheet, icon => site.icon, home => site.home,
            title => page.title(), in_error => page.in_error(),
        };
        let (urls, nav, messages) = (Value::from(Serde(urls)), Value::from(Serde(nav)), Value::from(Serde(messages)));
        self.render(P::TEMPLATE, context! { site, urls, nav, messages, csp_nonce, ..Value::from(Serde(page)) })
    }

    /// Renders a template that is no page, such as a mail.
    ///
    /// # Errors
    ///
    /// When the template uses what `context` does not have.
    pub fn text(&self, name: &'static str, context: impl Serialize) -> Result<String, TemplateError> {
        self.render(name, Value::from(Serde(context)))
    }

    fn render(&self, name: &'static str, context: Value) -> Result<String, TemplateError> {
        let rendered = self.0.get_template(name).and_then(|template| template.render(context));
        rendered.map_err(|source| TemplateError::Render { name, source })
    }
}

/// Renders every page and mail from its sample contexts and returns what failed (habit: a typo in a page fails the check).
#[must_use]
pub fn check_templates(templates: &Templates) -> Vec<TemplateError> {
    context::samples::render_all(templates).into_iter().filter_map(|(_, rendered)| rendered.err()).collect()
}

/// A template is broken. The message says where.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// A file or folder cannot be read.
    #[error("TEMPLATES_DIR: cannot read {}; name a folder whose files this process can read", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is no template.
    #[error("template {name} does not compile: {source:#}")]
    Compile {
        /// The template.
        name: String,
        /// Where and why.
        source: minijinja::Error,
    },
    /// A template uses what is not there.
    #[error("template {name} cannot be rendered: {source:#}")]
    Render {
        /// The template.
        name: &'static str,
        /// Where and why.
        source: minijinja::Error,
    },
}

fn add(env: &mut Environment<'static>, name: &str, source: String) -> Result<(), TemplateError> {
    env.add_template_owned(name.to_owned(), source)
        .map_err(|source| TemplateError::Compile { name: name.to_owned(), source })
}

/// The templates below a folder, by their path within it with `/` between the parts.
fn files(dir: &Path) -> Result<Vec<(String, PathBuf)>, TemplateError> {
    let mut found = Vec::new();
    let mut folders = vec![(String::new(), dir.to_owned())];
    while let Some((prefix, folder)) = folders.pop() {
        let failed = |source| TemplateError::Read { path: folder.clone(), source };
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            let name = format!("{prefix}{name}");
            if path.is_dir() {
                folders.push((format!("{name}/"), path));
            } else if path.extension().is_some_and(|ext| ext == "html" || ext == "txt") {
                found.push((name, path));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_renders_from_its_samples() {
        let broken = check_templates(&Templates::built_in().unwrap());
        assert!(broken.is_empty(), "{broken:#?}");
    }

    /// No file of the folder is forgotten in the table.
    #[test]
    fn every_file_is_built_in() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        let mut names: Vec<_> = files(&dir).unwrap().into_iter().map(|(name, _)| name).collect();
        names.sort();
        assert_eq!(names, BUILT_IN.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    }

    #[test]
    fn a_folder_replaces_single_templates() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("accounts")).unwrap();
        fs::write(dir.path().join("accounts/logged_out.html"), "bye{% include 'own.html' %}").unwrap();
        fs::write(dir.path().join("own.html"), ", bye").unwrap();
        let templates = Templates::load(Some(dir.path())).unwrap();
        let page = templates.page(&context::samples::layout(), &context::LoggedOut {}).unwrap();
        assert_eq!(page, "bye, bye");
        assert!(check_templates(&templates).is_empty());
    }

    #[test]
    fn a_typo_in_a_replaced_template_is_found() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("error.html"), "{{ statsu }}").unwrap();
        let broken = check_templates(&Templates::load(Some(dir.path())).unwrap());
        assert!(!broken.is_empty() && broken.iter().all(|e| e.to_string().contains("error.html")), "{broken:?}");
        fs::write(dir.path().join("error.html"), "{% if %}").unwrap();
        assert!(matches!(Templates::load(Some(dir.path())), Err(TemplateError::Compile { .. })));
    }
}
