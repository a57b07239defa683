//! The implementation that is written.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::parse::{Field, Model};

pub(crate) fn implementation(model: &Model) -> TokenStream {
    let (ident, label) = (&model.ident, &model.label);
    let (impl_generics, type_generics, where_clause) = model.generics.split_for_impl();
    let table = model.table.iter().map(|table| quote! { .with_table(#table) });
    let username = model.username_field.iter().map(|field| quote! { .with_username_field(#field) });
    let email = model.email_field.iter().map(|field| quote! { .with_email_field(#field) });
    let required = model.required_fields.iter().map(|fields| quote! { .with_required_fields([#(#fields),*]) });
    let required = if model.required_fields.as_ref().is_some_and(Vec::is_empty) {
        quote! { .with_required_fields(::core::iter::empty::<::std::string::String>()) }
    } else {
        quote! { #(#required)* }
    };
    let details = model.fields.iter().map(detail);
    let reads = model.fields.iter().map(|field| read(model, field));
    quote! {
        impl #impl_generics ::cloakroom::user_model::UserModel for #ident #type_generics #where_clause {
            type Loaded = ::std::sync::Arc<Self>;

            fn table() -> ::cloakroom::user_model::UserTable {
                ::cloakroom::user_model::UserTable::new(#label).expect("the derive has looked at the label")
                    #(#table)* #(#username)* #(#email)* #required #(#details)*
            }

            fn load(
                row: &::cloakroom::core::models::User,
            ) -> ::core::result::Result<Self::Loaded, ::cloakroom::user_model::ColumnError> {
                ::core::result::Result::Ok(::std::sync::Arc::new(Self { #(#reads),* }))
            }

            fn view<'a>(_: &'a ::cloakroom::core::models::User, loaded: &'a Self::Loaded) -> &'a Self {
                loaded
            }
        }
    }
}

/// What the table must have for a field.
fn detail(field: &Field) -> TokenStream {
    let (column, ty) = (&field.column, &field.ty);
    let verbose_name = field.verbose_name.iter().map(|name| quote! { .with_verbose_name_of(#column, #name) });
    let default = field.default.iter().map(|value| quote! { .with_default(#column, #value) });
    quote! {
        .with_column(
            #column,
            <#ty as ::cloakroom::user_model::Field>::KIND,
            <#ty as ::cloakroom::user_model::Field>::NULLS,
        )
        #(#verbose_name)*
        #(#default)*
    }
}

fn read(model: &Model, field: &Field) -> TokenStream {
    let (ident, column) = (&field.ident, &field.column);
    let slot = match column.as_str() {
        _ if field.is_key => "Key",
        name if name == model.username_column() => "Username",
        name if name == model.email_column() => "Email",
        "password" => "Password",
        "last_login" => "LastLogin",
        "is_superuser" => "Superuser",
        "first_name" => "FirstName",
        "last_name" => "LastName",
        "is_staff" => "Staff",
        "is_active" => "Active",
        "date_joined" => "DateJoined",
        _ => "Extra",
    };
    let slot = format_ident!("{slot}");
    quote! { #ident: ::cloakroom::user_model::column(row, ::cloakroom::user_model::Slot::#slot, #column)? }
}
