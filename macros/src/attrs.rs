use proc_macro2::Span;
use syn::punctuated::Punctuated;
use syn::{parse_quote, parse_quote_spanned, Attribute, Meta, MetaList, Token};

/// The author's attributes, by the function they go to.
#[derive(Default)]
pub(crate) struct Attrs {
    /// The text of the documentation.
    pub(crate) docs: Vec<Attribute>,
    /// On the initiating function.
    pub(crate) outer: Vec<Attribute>,
    /// On the function that returns the operation not yet started.
    pub(crate) twin: Vec<Attribute>,
    /// On the author's body.
    pub(crate) body: Vec<Attribute>,
}

impl Attrs {
    pub(crate) fn route(attrs: &[Attribute]) -> Self {
        let mut routed = Self::default();
        for attr in attrs {
            routed.route_one(attr);
        }
        if !attrs
            .iter()
            .any(|attr| attr.path().is_ident("track_caller"))
        {
            routed.on_doors(&track_caller());
        }
        routed.on_doors(&captures_as_before());
        routed
    }

    fn route_one(&mut self, attr: &Attribute) {
        let name = attr.path().get_ident().map(ToString::to_string);
        match name.as_deref().unwrap_or_default() {
            "doc" => match &attr.meta {
                Meta::NameValue(_) => self.docs.push(attr.clone()),
                Meta::List(list) if is_of_both_pages(list) => self.on_doors(attr),
                _ => self.outer.push(attr.clone()),
            },
            "must_use" => self.outer.push(attr.clone()),
            "track_caller" => self.on_doors(attr),
            "deprecated" => {
                self.on_doors(attr);
                // It calls the other door.
                self.twin.push(parse_quote!(#[allow(deprecated)]));
            }
            "inline" | "cold" | "cfg" | "cfg_attr" | "allow" | "warn" | "deny" | "forbid" => {
                self.on_doors(attr);
                self.body.push(attr.clone());
            }
            "expect" => self.route_expected(attr),
            // Attribute macros like `instrument` want the author's own code.
            _ => self.body.push(attr.clone()),
        }
    }

    /// What the author expects is in the body, and nowhere else: but for what is said
    /// of an operation that nobody starts.
    fn route_expected(&mut self, attr: &Attribute) {
        let lints = attr.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
        let lints: Vec<_> = lints.into_iter().flatten().collect();
        let (reason, lints): (Vec<_>, Vec<_>) =
            (lints.into_iter()).partition(|lint| matches!(lint, Meta::NameValue(_)));
        let (unused, others): (Vec<_>, Vec<_>) =
            (lints.into_iter()).partition(|lint| lint.path().is_ident("dead_code"));
        if !unused.is_empty() {
            let expected = unused.iter().chain(&reason);
            self.outer.push(parse_quote!(#[expect(#(#expected),*)]));
        }
        if !others.is_empty() {
            let expected = others.iter().chain(&reason);
            self.on_doors(&parse_quote!(#[allow(#(#others),*)]));
            self.body.push(parse_quote!(#[expect(#(#expected),*)]));
        }
    }

    fn on_doors(&mut self, attr: &Attribute) {
        self.outer.push(attr.clone());
        self.twin.push(attr.clone());
    }
}

/// Whether it says of both functions where they are shown, and what for.
fn is_of_both_pages(list: &MetaList) -> bool {
    let says = list.tokens.to_string();
    says == "hidden" || says.starts_with("cfg")
}

/// What rustc says of each `impl` of ours to who goes over to edition 2024, or has done so: that
/// it would capture more there. It stays one of 2021, and what `cargo fix` would write is no code.
pub(crate) fn captures_as_before() -> Attribute {
    parse_quote_spanned! {Span::mixed_site()=>
        #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    }
}

/// What a trace says of an operation is the line of whoever made it.
///
/// Last, and ours: of a second one, in a `cfg_attr`, rustc says nothing then.
pub(crate) fn track_caller() -> Attribute {
    parse_quote_spanned!(Span::mixed_site()=> #[track_caller])
}
