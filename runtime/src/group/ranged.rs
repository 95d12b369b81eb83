use std::alloc::Layout;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use allocator_api2::vec::Vec as VecIn;

use super::member::{Member, Pass, Requests};
use super::{Group, GroupCondition, NAME};
use crate::alloc::{AnyAllocator, Shared, WakeShared, out_of_memory};
use crate::cancel::CancellationType;
use crate::executor::{AnyExecutor, SystemExecutor};
use crate::initiation::Initiation;
use crate::signature::Signature;
use crate::task::{FrameBox, scope};
use crate::token::Operation;

/// The future of a group of any number of operations.
#[must_use = "futures do nothing unless polled"]
pub struct RangedFuture<C, S: Signature, F> {
    stage: Stage<S, F>,
    condition: C,
    order: Vec<usize>,
    requests: Requests,
}

enum Stage<S: Signature, F> {
    Unstarted(Vec<F>),
    Started(Started<S>),
}

struct Started<S: Signature> {
    members: VecIn<Place<S>, AnyAllocator>,
    /// Whose wakers the members have. An address alone: a waker that the group
    /// kept would keep it waiting when nobody else is left to wake it.
    waker: (usize, usize),
}

struct Place<S: Signature> {
    member: Member<S, FrameBox<'static, S::Output>>,
    is_woken: Shared<AtomicBool>,
}

/// Wakes the group for one member, which is then polled. A recycled header: it
/// may outlive the group.
struct MemberWaker {
    is_woken: Shared<AtomicBool>,
    group: Waker,
}

impl WakeShared for MemberWaker {
    fn wake(&self) {
        // Release: what the member is to see comes with it.
        if !self.is_woken.swap(true, Ordering::AcqRel) {
            self.group.wake_by_ref();
        }
    }
}

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
        let order = with_room(self.len());
        RangedFuture {
            stage: Stage::Unstarted(self),
            condition,
            order,
            requests: Requests::default(),
        }
    }
}

impl<S> Started<S>
where
    S: Signature + 'static,
{
    fn new<F: Future<Output = S::Output> + Send + 'static>(futures: Vec<F>) -> Self {
        let mut members = VecIn::new_in(scope::allocator());
        if members.try_reserve_exact(futures.len()).is_err() {
            no_room_for::<Place<S>>(futures.len());
        }
        members.extend(futures.into_iter().map(|future| Place {
            member: Member::new(FrameBox::new(future)),
            is_woken: Shared::new(AtomicBool::new(true), NAME),
        }));
        Self {
            members,
            waker: (0, 0),
        }
    }

    /// Polls those that have been woken, or are asked something new; all of
    /// them with a waker that they do not have.
    fn poll<C: GroupCondition<S>>(&mut self, group: &Waker, pass: &mut Pass<'_, C>) {
        let waker = (
            group.data().addr(),
            std::ptr::from_ref(group.vtable()).addr(),
        );
        let is_new = std::mem::replace(&mut self.waker, waker) != waker;
        for (index, place) in self.members.iter_mut().enumerate() {
            let is_woken = place.is_woken.swap(false, Ordering::AcqRel);
            if !place.member.is_outstanding() {
                continue;
            }
            if !is_woken && !is_new && pass.news.is_empty() {
                pass.outstanding += 1;
                continue;
            }
            pass.index = index;
            let waker = MemberWaker {
                is_woken: place.is_woken.clone(),
                group: group.clone(),
            };
            let waker = Shared::<_>::new(waker, NAME).waker();
            let mut cx = Context::from_waker(&waker);
            Pin::new(&mut place.member).poll(&mut cx, pass);
        }
    }
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
        let mut asked = CancellationType::default();
        loop {
            let order = &mut this.order;
            let mut completed = |index| order.push(index);
            let mut pass = Pass {
                condition: &mut this.condition,
                news: this.requests.news(asked),
                asked,
                index: 0,
                completed: &mut completed,
                outstanding: 0,
            };
            started.poll(cx.waker(), &mut pass);
            if pass.outstanding == 0 {
                break;
            }
            // All have been started before any is asked to stop.
            if pass.asked == asked {
                return Poll::Pending;
            }
            asked = pass.asked;
        }
        let mut outputs = with_room(started.members.len());
        let members = started.members.drain(..);
        outputs.extend(members.map(|mut place| Pin::new(&mut place.member).take()));
        Poll::Ready((std::mem::take(&mut this.order), outputs))
    }
}

impl<C, S: Signature, F> fmt::Debug for RangedFuture<C, S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RangedFuture").finish_non_exhaustive()
    }
}
