//! What Django does after `migrate`: content types and permissions of the application's models (A80).

use std::collections::{BTreeSet, HashSet};

use cloakroom_db::{content_types, permissions as rows};

use super::{Abstractness, ModelMeta};
use crate::auth::Auth;
use crate::error::AuthError;

/// Rows that were made for a model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MadeRows {
    /// The app's label.
    pub app_label: String,
    /// The model's class name in lower case.
    pub model: String,
    /// Whether its content type was made.
    pub content_type: bool,
    /// How many permissions were made.
    pub permissions: u64,
}

impl Auth {
    /// Makes the content types and permissions of models, each given with its app's label, unless they are there, in the
    /// order in which Django's `create_permissions` does. Nothing is renamed and nothing deleted. What was made, for the
    /// models for which something was.
    ///
    /// ```
    /// # async fn run(auth: &cloakroom_auth::Auth) -> Result<(), cloakroom_auth::AuthError> {
    /// use cloakroom_auth::permissions::ModelMeta;
    ///
    /// let mut post = ModelMeta::new("BlogPost");
    /// post.permissions.push(("publish_post".into(), "Can publish posts".into()));
    /// auth.create_permissions(&[("blog".into(), post)]).await?;
    /// # Ok(()) }
    /// # let _ = |auth| drop(run(auth));
    /// ```
    ///
    /// # Errors
    ///
    /// When the database gives no answer: what was made stays, and the next call makes the rest.
    pub async fn create_permissions(&self, models: &[(String, ModelMeta)]) -> Result<Vec<MadeRows>, AuthError> {
        let models: Vec<_> = models.iter().filter(|(_, m)| m.abstractness == Abstractness::Concrete).collect();
        if models.is_empty() {
            return Ok(Vec::new());
        }
        let stored = content_types::all(self.db()).await?;
        let mut types: HashSet<_> = stored.into_iter().map(|t| (t.app_label, t.model)).collect();
        let stored = rows::all(self.db()).await?;
        let mut permissions: HashSet<_> = stored.into_iter().map(|p| (p.app_label, p.model, p.codename)).collect();
        let mut made = Vec::new();
        let mut apps = Vec::new();
        for (app, _) in &models {
            if !apps.contains(&app) {
                apps.push(app);
            }
        }
        for app in apps {
            let of_app = || models.iter().filter(|(label, _)| label == app).map(|(_, meta)| meta);
            // Content types by name, permissions as the app declares its models: so are Django's keys counted up.
            let mut new_types = BTreeSet::new();
            for model in of_app().map(ModelMeta::model_name).collect::<BTreeSet<_>>() {
                if types.insert((app.clone(), model.clone())) {
                    content_types::ensure(self.db(), app, &model).await?;
                    new_types.insert(model);
                }
            }
            for meta in of_app() {
                let model = meta.model_name();
                let mut count = 0;
                for (codename, name) in meta.permission_rows() {
                    if permissions.insert((app.clone(), model.clone(), codename.clone())) {
                        rows::ensure(self.db(), app, &model, &codename, &name).await?;
                        count += 1;
                    }
                }
                let content_type = new_types.remove(&model);
                if content_type || count > 0 {
                    made.push(MadeRows { app_label: app.clone(), model, content_type, permissions: count });
                }
            }
        }
        Ok(made)
    }
}
