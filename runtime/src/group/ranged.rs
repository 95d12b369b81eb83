use std::alloc::Layout;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use allocator_api2::vec::Vec as VecIn;

use super::member::Member;
use super::round::{Roster, Round, Rounds};
use super::tickets::Due;
use super::{Group, GroupCondition, NAME};
use crate::alloc::{Allocator, AnyAllocator, Recycling, out_of_memory};
use crate::cancel::CancellationType;
use crate::executor::{AnyExecutor, SystemExecutor};
use crate::initiation::Initiation;
use crate::shim::AtomicUsize;
use crate::signature::Signature;
use crate::task::{FrameBox, scope};
use crate::token::Operation;

/// The future of a group of any number of operations.
#[must_use = "futures do nothing unless polled"]
pub struct RangedFuture<C, S: Signature, F> {
    stage: Stage<S, F>,
    condition: C,
    order: Vec<usize>,
}

enum Stage<S: Signature, F> {
    Unstarted(Vec<F>),
    Started(Started<S>),
}

struct Started<S: Signature> {
    list: List<S>,
    rounds: Rounds<VecIn<AtomicUsize, Recycling>>,
    due: VecIn<Due, Recycling>,
}

/// In the operation's own memory.
struct List<S: Signature>(VecIn<Boxed<S>, AnyAllocator>);

type Boxed<S> = Member<S, FrameBox<'static, <S as Signature>::Output>>;

impl<C, S, I> Group<C> for Vec<Operation<S, I>>
where
    C: GroupCondition<S>,
    S: Signature + 'static,
    S::Output: Send + 'static,
    I: Initiation<S> + 'static,
{
    type Signature = fn(Vec<usize>, Vec<S::Output>);
    type Executor = AnyExecutor;
    type Future = RangedFuture<C, S, Operation<S, I>>;

    /// Of none, the system's.
    fn executor(&self) -> AnyExecutor {
        match self.first() {
            Some(first) => AnyExecutor::new(first.executor().clone()),
            None => AnyExecutor::new(SystemExecutor),
        }
    }

    fn into_future(self, condition: C) -> Self::Future {
        let mut order = with_room(self.len());
        order.resize(self.len(), 0);
        RangedFuture {
            stage: Stage::Unstarted(self),
            condition,
            order,
        }
    }
}

impl<S> Started<S>
where
    S: Signature + 'static,
{
    fn new<F: Future<Output = S::Output> + Send + 'static>(futures: Vec<F>) -> Self {
        let count = futures.len();
        let mut members = with_room_in(count, scope::allocator());
        members.extend(
            futures
                .into_iter()
                .map(|future| Member::new(FrameBox::new(future))),
        );
        let mut places = with_room_in(count, Recycling);
        places.resize_with(count, || AtomicUsize::new(0));
        let mut due = with_room_in(count, Recycling);
        due.resize(count, (0, 0));
        Self {
            list: List(members),
            rounds: Rounds::new(places),
            due,
        }
    }
}

impl<C: GroupCondition<S>, S: Signature> Roster<C> for List<S> {
    fn poll(
        mut self: Pin<&mut Self>,
        index: usize,
        cx: &mut Context<'_>,
        news: CancellationType,
    ) -> bool {
        Pin::new(&mut self.0[index]).poll(cx, news)
    }

    fn completed(mut self: Pin<&mut Self>, index: usize, condition: &mut C) -> CancellationType {
        Pin::new(&mut self.0[index]).completed(condition)
    }
}

fn with_room_in<T, A: Allocator>(len: usize, allocator: A) -> VecIn<T, A> {
    let mut list = VecIn::new_in(allocator);
    if list.try_reserve_exact(len).is_err() {
        no_room_for::<T>(len);
    }
    list
}

/// Makes an empty list with room for `len` values.
fn with_room<T>(len: usize) -> Vec<T> {
    let mut list = Vec::new();
    if list.try_reserve_exact(len).is_err() {
        no_room_for::<T>(len);
    }
    list
}

fn no_room_for<T>(len: usize) -> ! {
    // One that is too large for a layout has been refused as well.
    out_of_memory(NAME, Layout::array::<T>(len).unwrap_or(Layout::new::<T>()))
}

// Members are boxed before they are polled; nothing else is ever pinned.
impl<C, S: Signature, F> Unpin for RangedFuture<C, S, F> {}

impl<C, S, F> Future for RangedFuture<C, S, F>
where
    C: GroupCondition<S>,
    S: Signature + 'static,
    F: Future<Output = S::Output> + Send + 'static,
{
    type Output = (Vec<usize>, Vec<S::Output>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Stage::Unstarted(futures) = &mut this.stage {
            let futures = std::mem::take(futures);
            this.stage = Stage::Started(Started::new(futures));
        }
        let Stage::Started(started) = &mut this.stage else {
            unreachable!("it has just been started")
        };
        let mut round = Round {
            members: Pin::new(&mut started.list),
            condition: &mut this.condition,
            order: &mut this.order,
            due: &mut started.due,
        };
        ready!(started.rounds.poll(cx, &mut round));
        let List(members) = &mut started.list;
        let mut outputs = with_room(members.len());
        outputs.extend(
            members
                .drain(..)
                .map(|mut member| Pin::new(&mut member).take()),
        );
        Poll::Ready((std::mem::take(&mut this.order), outputs))
    }
}

impl<C, S: Signature, F> fmt::Debug for RangedFuture<C, S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RangedFuture").finish_non_exhaustive()
    }
}
