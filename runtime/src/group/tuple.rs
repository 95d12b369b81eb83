use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::member::{Member, Pass, Requests};
use super::{Group, GroupCondition};
use crate::cancel::CancellationType;
use crate::initiation::Initiation;
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
pub trait Chain<C>: Send {
    /// What they yield: the first, and what the others yield.
    type Outputs;

    #[doc(hidden)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>, pass: &mut Polling<'_, '_, C>);

    #[doc(hidden)]
    fn take(self: Pin<&mut Self>) -> Self::Outputs;
}

/// Hides the pass from the signature of [`Chain`].
#[doc(hidden)]
pub struct Polling<'a, 'b, C>(&'a mut Pass<'b, C>);

impl<C> fmt::Debug for Polling<'_, '_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polling").finish_non_exhaustive()
    }
}

impl<C> Chain<C> for Nil {
    type Outputs = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut Polling<'_, '_, C>) {}

    fn take(self: Pin<&mut Self>) {}
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

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>, pass: &mut Polling<'_, '_, C>) {
        let this = self.project();
        this.first.poll(cx, pass.0);
        pass.0.index += 1;
        this.others.poll(cx, pass);
    }

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
    fn flatten(self) -> Self::Flat;
}

pin_project! {
    /// The future of a group of up to eight operations; `O` is their order.
    #[must_use = "futures do nothing unless polled"]
    pub struct TupleFuture<C, M, O> {
        #[pin]
        members: M,
        condition: C,
        order: O,
        completed: usize,
        requests: Requests,
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
        let mut asked = CancellationType::default();
        loop {
            let (order, count) = (&mut *this.order, &mut *this.completed);
            let mut completed = |index| {
                order.as_mut()[*count] = index;
                *count += 1;
            };
            let mut pass = Pass {
                condition: &mut *this.condition,
                news: this.requests.news(asked),
                asked,
                index: 0,
                completed: &mut completed,
                outstanding: 0,
            };
            let members = this.members.as_mut();
            members.poll(cx, &mut Polling(&mut pass));
            if pass.outstanding == 0 {
                let outputs = this.members.take().flatten();
                return Poll::Ready((*this.order, outputs));
            }
            // All have been started before any is asked to stop; those that are
            // asked are polled again.
            if pass.asked == asked {
                return Poll::Pending;
            }
            asked = pass.asked;
        }
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
                    completed: 0,
                    requests: Requests::default(),
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
