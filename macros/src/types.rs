//! What types and bounds look like.

use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{
    GenericArgument, GenericParam, NamedArg, PathArguments, PathSegment, ReturnType, Signature,
    Token, Type, TypeImplTrait, TypeParamBound, TypePath, WherePredicate,
};

/// The type inside the invisible groups of `macro_rules!` fragments and inside
/// parentheses.
pub(crate) fn ungroup(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungroup(&group.elem),
        Type::Paren(paren) => ungroup(&paren.elem),
        ty => ty,
    }
}

pub(crate) fn ungroup_mut(ty: &mut Type) -> &mut Type {
    match ty {
        Type::Group(group) => ungroup_mut(&mut group.elem),
        Type::Paren(paren) => ungroup_mut(&mut paren.elem),
        ty => ty,
    }
}

/// Whether the function says that it never returns.
pub(crate) fn is_never(sig: &Signature) -> bool {
    matches!(&sig.output, ReturnType::Type(_, ty) if matches!(ungroup(ty), Type::Never(_)))
}

pub(crate) fn is_unit(ty: &Type) -> bool {
    matches!(ungroup(ty), Type::Tuple(tuple) if tuple.elems.is_empty())
}

pub(crate) fn is_fn(ty: &Type) -> bool {
    matches!(ungroup(ty), Type::FnPtr(_))
}

/// Types that are surely no alias of a signature.
pub(crate) fn is_plain_value(ty: &TypePath) -> bool {
    const VALUES: [&str; 20] = [
        "Result", "Option", "Vec", "String", "Box", "Arc", "bool", "char", "u8", "u16", "u32",
        "u64", "usize", "i8", "i16", "i32", "i64", "isize", "f32", "f64",
    ];
    let last = ty.path.segments.last();
    last.is_some_and(|last| VALUES.iter().any(|value| last.ident == value))
}

pub(crate) fn has_impl_trait(ty: &Type) -> bool {
    first_impl_trait(ty).is_some()
}

pub(crate) fn first_impl_trait(ty: &Type) -> Option<TypeImplTrait> {
    #[derive(Default)]
    struct First(Option<TypeImplTrait>);

    impl Visit<'_> for First {
        fn visit_type_impl_trait(&mut self, ty: &TypeImplTrait) {
            self.0.get_or_insert_with(|| ty.clone());
        }
    }

    let mut first = First::default();
    first.visit_type(ty);
    first.0
}

/// The types among the arguments of `segment`.
pub(crate) fn types(segment: &PathSegment) -> impl Iterator<Item = &Type> {
    let arguments = match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
        _ => None,
    };
    let arguments = arguments.into_iter().flatten();
    arguments.filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// The bounds of an `impl Trait`.
pub(crate) fn bounds_of_impl(ty: &Type) -> impl Iterator<Item = &TypeParamBound> {
    let bounds = match ungroup(ty) {
        Type::ImplTrait(ty) => Some(&ty.bounds),
        _ => None,
    };
    bounds.into_iter().flatten()
}

/// The bounds of an `impl Trait`, or of a type parameter of the function.
pub(crate) fn bounds_of<'a>(ty: &'a Type, sig: &'a Signature) -> Vec<&'a TypeParamBound> {
    let name = match ungroup(ty) {
        Type::ImplTrait(_) => return bounds_of_impl(ty).collect(),
        Type::Path(path) => path.path.get_ident(),
        _ => None,
    };
    let Some(name) = name else {
        return Vec::new();
    };
    let inline = sig.generics.params.iter().filter_map(|param| match param {
        GenericParam::Type(param) if param.ident == *name => Some(&param.bounds),
        _ => None,
    });
    let predicates = sig.generics.where_clause.iter();
    let predicates = predicates.flat_map(|clause| &clause.predicates);
    let bounds = predicates.filter_map(|predicate| match predicate {
        WherePredicate::Type(predicate) => match &predicate.bounded_ty {
            Type::Path(path) if path.path.is_ident(name) => Some(&predicate.bounds),
            _ => None,
        },
        _ => None,
    });
    inline.chain(bounds).flatten().collect()
}

/// The `A, B` in the bound `Fn(A, B) -> C`.
pub(crate) fn parameters(bound: &TypeParamBound) -> Option<&Punctuated<NamedArg, Token![,]>> {
    match bound {
        TypeParamBound::Trait(bound) => match bound.path.segments.last() {
            Some(PathSegment {
                arguments: PathArguments::Parenthesized(arguments),
                ..
            }) => Some(&arguments.inputs),
            _ => None,
        },
        _ => None,
    }
}

pub(crate) fn last_segment<'a>(bound: &'a TypeParamBound, name: &str) -> Option<&'a PathSegment> {
    match bound {
        TypeParamBound::Trait(bound) => bound
            .path
            .segments
            .last()
            .filter(|segment| segment.ident == name),
        _ => None,
    }
}

/// The first segment of a path, anywhere in `ty`, that is `wanted`.
pub(crate) fn find_segment(
    ty: &Type,
    wanted: impl Fn(&PathSegment) -> bool,
) -> Option<PathSegment> {
    struct Find<F> {
        wanted: F,
        found: Option<PathSegment>,
    }

    impl<F: Fn(&PathSegment) -> bool> Visit<'_> for Find<F> {
        fn visit_path_segment(&mut self, segment: &PathSegment) {
            if self.found.is_none() && (self.wanted)(segment) {
                self.found = Some(segment.clone());
            }
            visit::visit_path_segment(self, segment);
        }
    }

    let mut find = Find {
        wanted,
        found: None,
    };
    find.visit_type(ty);
    find.found
}
