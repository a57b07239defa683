//! What the attributes say.

use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::{Attribute, Data, DeriveInput, Error, Fields, Generics, Ident, LitStr, Result, Token, Type, parenthesized};

/// A struct with its attributes.
pub(crate) struct Model {
    pub(crate) ident: Ident,
    pub(crate) generics: Generics,
    pub(crate) label: LitStr,
    pub(crate) table: Option<LitStr>,
    pub(crate) username_field: Option<LitStr>,
    pub(crate) email_field: Option<LitStr>,
    pub(crate) required_fields: Option<Vec<LitStr>>,
    pub(crate) fields: Vec<Field>,
}

/// A field with its attributes.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) column: String,
    pub(crate) is_key: bool,
    pub(crate) verbose_name: Option<LitStr>,
    pub(crate) default: Option<LitStr>,
}

impl Model {
    pub(crate) fn of(input: &DeriveInput) -> Result<Self> {
        let Data::Struct(data) = &input.data else {
            return Err(Error::new_spanned(&input.ident, "a user model is a struct"));
        };
        let Fields::Named(fields) = &data.fields else {
            return Err(Error::new_spanned(&input.ident, "a user model has named fields, one for each column"));
        };
        let mut label = None;
        let (mut table, mut username_field, mut email_field, mut required_fields) = (None, None, None, None);
        each(&input.attrs, |meta| {
            if meta.path.is_ident("label") {
                label = Some(text(&meta)?);
            } else if meta.path.is_ident("table") {
                table = Some(text(&meta)?);
            } else if meta.path.is_ident("username_field") {
                username_field = Some(text(&meta)?);
            } else if meta.path.is_ident("email_field") {
                email_field = Some(text(&meta)?);
            } else if meta.path.is_ident("required_fields") {
                let list;
                parenthesized!(list in meta.input);
                let names = Punctuated::<LitStr, Token![,]>::parse_terminated(&list)?;
                required_fields = Some(names.into_iter().collect());
            } else {
                return Err(meta.error("known are label, table, username_field, email_field and required_fields(…)"));
            }
            Ok(())
        })?;
        let Some(label) = label else {
            let text = "say which model this is: #[user_model(label = \"app_label.Model\")]";
            return Err(Error::new_spanned(&input.ident, text));
        };
        if !is_label(&label.value()) {
            return Err(Error::new_spanned(&label, "a label is of the form app_label.Model"));
        }
        let fields = fields.named.iter().map(Field::of).collect::<Result<Vec<_>>>()?;
        let keys: Vec<_> = fields.iter().filter(|field| field.is_key).collect();
        if let [_, second, ..] = &*keys {
            return Err(Error::new_spanned(&second.ident, "a table has one primary key"));
        }
        Ok(Self {
            ident: input.ident.clone(),
            generics: input.generics.clone(),
            label,
            table,
            username_field,
            email_field,
            required_fields,
            fields,
        })
    }

    /// The column of the name to sign in with.
    pub(crate) fn username_column(&self) -> String {
        self.username_field.as_ref().map_or_else(|| "username".to_owned(), LitStr::value)
    }

    /// The column of the mail address.
    pub(crate) fn email_column(&self) -> String {
        self.email_field.as_ref().map_or_else(|| "email".to_owned(), LitStr::value)
    }
}

impl Field {
    fn of(field: &syn::Field) -> Result<Self> {
        let Some(ident) = field.ident.clone() else {
            return Err(Error::new_spanned(field, "a user model has named fields, one for each column"));
        };
        let (mut column, mut is_key, mut verbose_name, mut default) = (None, ident == "id", None, None);
        each(&field.attrs, |meta| {
            if meta.path.is_ident("column") {
                column = Some(text(&meta)?.value());
            } else if meta.path.is_ident("key") {
                is_key = true;
            } else if meta.path.is_ident("verbose_name") {
                verbose_name = Some(text(&meta)?);
            } else if meta.path.is_ident("default") {
                default = Some(text(&meta)?);
            } else {
                return Err(meta.error("known are key, column, verbose_name and default"));
            }
            Ok(())
        })?;
        let name = ident.to_string();
        let column = column.unwrap_or_else(|| name.strip_prefix("r#").unwrap_or(&name).to_owned());
        Ok(Self { ty: field.ty.clone(), ident, column, is_key, verbose_name, default })
    }
}

fn each(attrs: &[Attribute], mut read: impl FnMut(ParseNestedMeta<'_>) -> Result<()>) -> Result<()> {
    attrs.iter().filter(|a| a.path().is_ident("user_model")).try_for_each(|a| a.parse_nested_meta(&mut read))
}

fn text(meta: &ParseNestedMeta<'_>) -> Result<LitStr> {
    meta.value()?.parse()
}

/// As `UserTable::new` has it.
fn is_label(label: &str) -> bool {
    let is_name = |s: &str| {
        !s.is_empty()
            && s.chars().all(|c| c.is_alphanumeric() || c == '_')
            && !s.starts_with(|c: char| c.is_ascii_digit())
    };
    label.split_once('.').is_some_and(|(app, model)| is_name(app) && is_name(model))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(text: &str) -> Result<Model> {
        Model::of(&syn::parse_str(text).expect("the text is Rust"))
    }

    fn refusal(text: &str) -> String {
        model(text).err().expect("it is refused").to_string()
    }

    #[test]
    fn what_is_missing_or_unknown_is_said() {
        assert!(refusal("struct A { id: i64 }").contains("say which model"));
        assert!(refusal("#[user_model(label = \"a\")] struct A { id: i64 }").contains("app_label.Model"));
        assert!(refusal("#[user_model(label = \"a.A\", username = \"x\")] struct A { id: i64 }").contains("known are"));
        assert!(refusal("#[user_model(label = \"a.A\")] struct A(i64);").contains("named fields"));
        assert!(refusal("#[user_model(label = \"a.A\")] enum A {}").contains("a struct"));
        let two = "#[user_model(label = \"a.A\")] struct A { id: i64, #[user_model(key)] pk: i64 }";
        assert!(refusal(two).contains("one primary key"));
    }

    #[test]
    fn columns_are_called_as_their_fields_unless_said() {
        let text =
            "#[user_model(label = \"a.A\")] struct A { r#type: String, #[user_model(column = \"c_id\")] c: i64 }";
        let columns: Vec<_> =
            model(text).unwrap_or_else(|e| panic!("{e}")).fields.into_iter().map(|f| f.column).collect();
        assert_eq!(columns, ["type", "c_id"]);
    }
}
