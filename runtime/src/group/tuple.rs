use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::member::Member;
use super::round::{Roster, Round, Rounds};
use super::{Group, GroupCondition};
use crate::cancel::CancellationType;
use crate::initiation::Initiation;
use crate::shim::AtomicUsize;
use crate::signature::Signature;
use crate::token::Operation;

pin_project! {
    /// The members of a group one by one: the first, and the others.
    pub struct Members<S: Signature, F, M> {
        #[pin]
        first: Member<S, F>,
        #[pin]
        others: M,
    }
}

/// The end of a chain of [`Members`].
#[derive(Debug)]
pub struct Nil;

/// A chain of [`Members`], for the condition `C`.
pub trait Chain<C>: Roster<C> + Send {
    /// What they yield: the first, and what the others yield.
    type Outputs;

    #[doc(hidden)]
    fn take(self: Pin<&mut Self>) -> Self::Outputs;
}

impl<C> Roster<C> for Nil {
    fn poll(self: Pin<&mut Self>, _: usize, _: &mut Context<'_>, _: CancellationType) -> bool {
        false
    }

    fn completed(self: Pin<&mut Self>, _: usize, _: &mut C) -> CancellationType {
        CancellationType::default()
    }
}

impl<C> Chain<C> for Nil {
    type Outputs = ();

    fn take(self: Pin<&mut Self>) {}
}

impl<C, S, F, M> Roster<C> for Members<S, F, M>
where
    C: GroupCondition<S>,
    S: Signature,
    F: Future<Output = S::Output>,
    M: Roster<C>,
{
    fn poll(
        self: Pin<&mut Self>,
        index: usize,
        cx: &mut Context<'_>,
        news: CancellationType,
    ) -> bool {
        let this = self.project();
        match index.checked_sub(1) {
            None => this.first.poll(cx, news),
            Some(index) => this.others.poll(index, cx, news),
        }
    }

    fn completed(self: Pin<&mut Self>, index: usize, condition: &mut C) -> CancellationType {
        let this = self.project();
        match index.checked_sub(1) {
            None => this.first.completed(condition),
            Some(index) => this.others.completed(index, condition),
        }
    }
}

impl<C, S, F, M> Chain<C> for Members<S, F, M>
where
    C: GroupCondition<S>,
    S: Signature,
    S::Output: Send,
    F: Future<Output = S::Output> + Send,
    M: Chain<C>,
{
    type Outputs = (S::Output, M::Outputs);

    fn take(self: Pin<&mut Self>) -> Self::Outputs {
        let this = self.project();
        (this.first.take(), this.others.take())
    }
}

impl<S: Signature, F, M> fmt::Debug for Members<S, F, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Members").finish_non_exhaustive()
    }
}

/// A tuple of pairs as one tuple: `(A, (B, ()))` is `(A, B)`.
pub trait Flatten {
    /// The one tuple.
    type Flat;

    /// Makes it one tuple.
    ///
    /// ```
    /// use async_op::group::Flatten;
    ///
    /// assert_eq!((1, ("two", ())).flatten(), (1, "two"));
    /// ```
    fn flatten(self) -> Self::Flat;
}

/// As many operations a tuple may have.
const MOST: usize = 8;

pin_project! {
    /// The future of a group of up to eight operations; `O` is their order.
    #[must_use = "futures do nothing unless polled"]
    pub struct TupleFuture<C, M, O> {
        #[pin]
        members: M,
        condition: C,
        order: O,
        // From the first poll on.
        rounds: Option<Rounds<[AtomicUsize; MOST]>>,
    }
}

impl<C, M, O> Future for TupleFuture<C, M, O>
where
    M: Chain<C, Outputs: Flatten>,
    O: AsMut<[usize]> + Copy,
{
    type Output = (O, <M::Outputs as Flatten>::Flat);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let rounds = this.rounds.get_or_insert_with(|| {
            let places = [(); MOST].map(|()| AtomicUsize::new(0));
            Rounds::new(places)
        });
        let order = this.order.as_mut();
        let mut round = Round {
            members: this.members.as_mut(),
            condition: &mut *this.condition,
            due: &mut [(0, 0); MOST][..order.len()],
            order,
        };
        ready!(rounds.poll(cx, &mut round));
        let outputs = this.members.take().flatten();
        Poll::Ready((*this.order, outputs))
    }
}

impl<C, M, O> fmt::Debug for TupleFuture<C, M, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TupleFuture").finish_non_exhaustive()
    }
}

macro_rules! chain {
    (type) => { Nil };
    (type ($s:ident $i:ident) $($rest:tt)*) => {
        Members<$s, Operation<$s, $i>, chain!(type $($rest)*)>
    };
    (value) => { Nil };
    (value $operation:ident $($rest:ident)*) => {
        Members {
            first: Member::new($operation),
            others: chain!(value $($rest)*),
        }
    };
    (pairs) => { () };
    (pairs $output:ident $($rest:ident)*) => { ($output, chain!(pairs $($rest)*)) };
}

macro_rules! group {
    ($count:literal, $first:ident $I1:ident, $(($s:ident $i:ident $operation:ident))+) => {
        impl<C, $($s, $i),+> Group<C> for ($(Operation<$s, $i>,)+)
        where
            C: Send,
            $(
                C: GroupCondition<$s>,
                $s: Signature,
                $s::Output: Send,
                $i: Initiation<$s>,
            )+
        {
            type Signature = fn([usize; $count], ($($s::Output,)+));
            type Executor = $I1::Executor;
            type Future = TupleFuture<C, chain!(type $(($s $i))+), [usize; $count]>;

            fn executor(&self) -> Self::Executor {
                Initiation::executor(&self.0).clone()
            }

            fn into_future(self, condition: C) -> Self::Future {
                let ($($operation,)+) = self;
                TupleFuture {
                    members: chain!(value $($operation)+),
                    condition,
                    order: [0; $count],
                    rounds: None,
                }
            }
        }

        impl<$($s),+> Flatten for chain!(pairs $($s)+) {
            type Flat = ($($s,)+);

            fn flatten(self) -> Self::Flat {
                let chain!(pairs $($operation)+) = self;
                ($($operation,)+)
            }
        }
    };
}

group!(1, S1 I1, (S1 I1 a));
group!(2, S1 I1, (S1 I1 a) (S2 I2 b));
group!(3, S1 I1, (S1 I1 a) (S2 I2 b) (S3 I3 c));
group!(4, S1 I1, (S1 I1 a) (S2 I2 b) (S3 I3 c) (S4 I4 d));
group!(5, S1 I1, (S1 I1 a) (S2 I2 b) (S3 I3 c) (S4 I4 d) (S5 I5 e));
group!(6, S1 I1, (S1 I1 a) (S2 I2 b) (S3 I3 c) (S4 I4 d) (S5 I5 e) (S6 I6 f));
group!(7, S1 I1, (S1 I1 a) (S2 I2 b) (S3 I3 c) (S4 I4 d) (S5 I5 e) (S6 I6 f) (S7 I7 g));
group!(8, S1 I1, (S1 I1 a) (S2 I2 b) (S3 I3 c) (S4 I4 d) (S5 I5 e) (S6 I6 f) (S7 I7 g) (S8 I8 h));
