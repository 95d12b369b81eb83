use super::*;
use crate::{IoContext, SystemExecutor};

#[test]
fn what_is_erased_is_still_the_same() {
    let (context, other) = (IoContext::new().unwrap(), IoContext::new().unwrap());
    let own = context.executor();
    let erased = AnyExecutor::new(own);
    let bound = Immediate::Bound(erased.clone());
    assert!(is_same(&own, &erased) && is_same(&erased, &own));
    assert!(is_same(&bound, &erased) && is_same(&erased, &bound));
    assert!(is_same(&own, &bound) && is_same(&bound, &own));
    assert!(AnyExecutor::new(erased.clone()) == erased);
    assert!(!is_same(&other.executor(), &erased) && !is_same(&erased, &other.executor()));
    assert!(!is_same(&own, &SystemExecutor));
}

#[test]
fn a_post_is_known_whatever_its_type() {
    let context = IoContext::new().unwrap();
    let own = context.executor();
    let erased = AnyExecutor::new(own);
    assert!(is_post_to(&PostOnly(own), &own));
    assert!(is_post_to(&Immediate::Own(erased.clone()), &own));
    assert!(is_post_to(&Immediate::Own(erased.clone()), &erased));
    assert!(!is_post_to(&Immediate::Bound(erased), &own));
    assert!(!is_post_to(&own, &own));
}
