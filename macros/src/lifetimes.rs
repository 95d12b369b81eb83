//! Lifetimes in types. None of these look into `fn(..)` types and `Fn(..)`
//! sugar, where elided lifetimes stay higher-ranked.

use syn::visit::{self, Visit};
use syn::visit_mut::{self, VisitMut};
use syn::{
    Lifetime, ParenthesizedGenericArguments, Token, TraitBound, Type, TypeFnPtr, TypeImplTrait,
    TypeParamBound, TypeReference,
};

/// Gives the elided lifetimes in `ty` the name `lifetime`.
pub(crate) fn name_elided(ty: &mut Type, lifetime: &Lifetime) {
    NameElided(lifetime).visit_type_mut(ty);
}

pub(crate) fn name_elided_in_bound(bound: &mut TypeParamBound, lifetime: &Lifetime) {
    NameElided(lifetime).visit_type_param_bound_mut(bound);
}

struct NameElided<'a>(&'a Lifetime);

impl VisitMut for NameElided<'_> {
    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        let lifetime = reference
            .lifetime
            .get_or_insert_with(|| at(self.0, reference.and_token.span));
        self.visit_lifetime_mut(lifetime);
        self.visit_type_mut(&mut reference.elem);
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if is_elided(lifetime) {
            *lifetime = at(self.0, lifetime.span());
        }
    }

    fn visit_type_fn_ptr_mut(&mut self, _: &mut TypeFnPtr) {}
    fn visit_parenthesized_generic_arguments_mut(&mut self, _: &mut ParenthesizedGenericArguments) {
    }
}

/// A copy of our own `lifetime` where the user left one out.
fn at(lifetime: &Lifetime, span: proc_macro2::Span) -> Lifetime {
    let mut lifetime = lifetime.clone();
    lifetime.set_span(crate::spans::at(span));
    lifetime
}

pub(crate) fn is_elided(lifetime: &Lifetime) -> bool {
    lifetime.ident == "_"
}

/// Adds `+ 'op` to each `impl Trait` in the type of an argument.
pub(crate) fn bound_impl_traits(ty: &mut Type, lifetime: &Lifetime) {
    BoundImplTraits(lifetime).visit_type_mut(ty);
}

struct BoundImplTraits<'a>(&'a Lifetime);

impl VisitMut for BoundImplTraits<'_> {
    fn visit_type_impl_trait_mut(&mut self, ty: &mut TypeImplTrait) {
        visit_mut::visit_type_impl_trait_mut(self, ty);
        if !ty
            .bounds
            .iter()
            .any(|bound| matches!(bound, TypeParamBound::Lifetime(_)))
        {
            let lifetime = at(self.0, ty.impl_token.span);
            ty.bounds.push(TypeParamBound::Lifetime(lifetime));
        }
    }

    /// `&impl A` needs parentheses once it is `&(impl A + 'op)`.
    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        visit_mut::visit_type_reference_mut(self, reference);
        if let Type::ImplTrait(elem) = &*reference.elem {
            *reference.elem = Type::Paren(syn::TypeParen {
                attrs: Vec::new(),
                paren_token: syn::token::Paren(elem.impl_token.span),
                elem: reference.elem.clone(),
            });
        }
    }
}

/// The first reference or lifetime in `ty` whose lifetime has no name.
pub(crate) fn first_elided(ty: &Type) -> Option<Found> {
    let mut collect = Collect::default();
    collect.visit_type(ty);
    collect
        .found
        .into_iter()
        .find(|found| found.lifetime().is_none())
}

pub(crate) fn elided_in_bound(bound: &TypeParamBound) -> bool {
    let mut collect = Collect::default();
    collect.visit_type_param_bound(bound);
    collect.found.iter().any(|found| found.lifetime().is_none())
}

/// The named lifetimes in `ty`, in order.
pub(crate) fn named(ty: &Type) -> Vec<Lifetime> {
    let mut collect = Collect::default();
    collect.visit_type(ty);
    collect
        .found
        .iter()
        .filter_map(Found::lifetime)
        .cloned()
        .collect()
}

/// The same, of the arguments of `fn(..)` types, too.
pub(crate) fn named_in_signature(signature: &Type) -> Vec<Lifetime> {
    #[derive(Default)]
    struct All(Vec<Lifetime>);

    impl Visit<'_> for All {
        fn visit_lifetime(&mut self, lifetime: &Lifetime) {
            self.0.push(lifetime.clone());
        }
    }

    let mut all = All::default();
    all.visit_type(signature);
    all.0
}

pub(crate) enum Found {
    Lifetime(Lifetime),
    Reference(Token![&]),
}

impl Found {
    pub(crate) fn lifetime(&self) -> Option<&Lifetime> {
        match self {
            Self::Lifetime(lifetime) if !is_elided(lifetime) => Some(lifetime),
            _ => None,
        }
    }
}

impl quote::ToTokens for Found {
    fn to_tokens(&self, tokens: &mut proc_macro2::TokenStream) {
        match self {
            Self::Lifetime(lifetime) => lifetime.to_tokens(tokens),
            Self::Reference(and) => and.to_tokens(tokens),
        }
    }
}

#[derive(Default)]
struct Collect {
    found: Vec<Found>,
}

impl Visit<'_> for Collect {
    fn visit_type_reference(&mut self, reference: &TypeReference) {
        if reference.lifetime.is_none() {
            self.found.push(Found::Reference(reference.and_token));
        }
        visit::visit_type_reference(self, reference);
    }

    fn visit_lifetime(&mut self, lifetime: &Lifetime) {
        self.found.push(Found::Lifetime(lifetime.clone()));
    }

    fn visit_trait_bound(&mut self, bound: &TraitBound) {
        // `for<'a> Tr<'a>` names lifetimes of its own.
        if bound.lifetimes.is_none() {
            visit::visit_trait_bound(self, bound);
        }
    }

    fn visit_type_fn_ptr(&mut self, _: &TypeFnPtr) {}
    fn visit_parenthesized_generic_arguments(&mut self, _: &ParenthesizedGenericArguments) {}
}
