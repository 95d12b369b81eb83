use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::TestContext;
use super::socket::{Post, TestUdpSocket};
use super::turn::{Turn, Waiting};
use crate::context::{IoExecutor, Simulation};
use crate::shim::plain::Mutex;

/// What is between sockets for datagrams, and its faults: how they come is decided by the
/// [seed](TestContext::seeded) of the context.
///
/// ```
/// use async_op::test::{Network, TestContext, explore};
/// use std::time::Duration;
///
/// let second = Duration::from_secs(1);
/// explore(0..20, |context| {
///     let mut network = Network::new(context);
///     network.delay(Duration::ZERO..=second).lose(50).duplicate(10);
///     let a = network.bind(([10, 0, 0, 1], 7).into());
///     let b = network.bind(([10, 0, 0, 2], 7).into());
///     let mut buffer = [0; 8];
///     let answer = loop {
///         // Once in two it is lost: again, after a second.
///         a.send_to("hello", b.local_addr()).blocking().unwrap();
///         if let Ok(answer) = b.receive_from(&mut buffer).cancel_after(second).blocking() {
///             break answer;
///         }
///     };
///     assert_eq!(answer, (5, a.local_addr()));
/// });
/// ```
///
/// A datagram whose address nobody has is lost. What is not received is kept.
pub struct Network {
    executor: IoExecutor,
    shared: Arc<Shared>,
    waiting: Arc<Waiting>,
}

struct Shared {
    simulation: Arc<Simulation>,
    state: Mutex<State>,
}

struct State {
    delay: RangeInclusive<Duration>,
    /// Of a hundred.
    lost: usize,
    duplicated: usize,
    sent: usize,
    /// What each socket has to receive.
    queues: HashMap<SocketAddr, Vec<Datagram>>,
}

struct Datagram {
    arrives: Instant,
    number: usize,
    from: SocketAddr,
    bytes: Vec<u8>,
}

impl Network {
    /// Makes a network without faults: all arrives at once, and in order.
    ///
    /// ```
    /// use async_op::test::{Network, TestContext};
    ///
    /// let context = TestContext::new();
    /// let network = Network::new(&context);
    /// let a = network.bind(([192, 0, 2, 1], 7).into());
    /// let b = network.bind(([192, 0, 2, 2], 7).into());
    /// a.send_to("hello", b.local_addr()).blocking()?;
    /// assert_eq!(b.receive(&mut [0; 8]).blocking()?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new(context: &TestContext) -> Self {
        let waiting = Arc::new(Waiting::default());
        context.tell_when_gone(&waiting);
        Self {
            executor: context.executor(),
            waiting,
            shared: Arc::new(Shared {
                simulation: context.simulation(),
                state: Mutex::new(State {
                    delay: Duration::ZERO..=Duration::ZERO,
                    lost: 0,
                    duplicated: 0,
                    sent: 0,
                    queues: HashMap::new(),
                }),
            }),
        }
    }

    /// From now on each datagram arrives after a time of this range: one may overtake another.
    ///
    /// ```
    /// use async_op::test::{Network, TestContext};
    /// use std::time::Duration;
    ///
    /// let context = TestContext::new();
    /// let mut network = Network::new(&context);
    /// let second = Duration::from_secs(1);
    /// network.delay(second..=second);
    /// let a = network.bind(([192, 0, 2, 1], 7).into());
    /// let b = network.bind(([192, 0, 2, 2], 7).into());
    /// a.send_to("hello", b.local_addr()).blocking()?;
    /// assert_eq!(b.receive(&mut [0; 8]).blocking()?, 5);
    /// assert_eq!(context.elapsed(), second);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn delay(&mut self, delay: RangeInclusive<Duration>) -> &mut Self {
        self.shared.state.lock().delay = delay;
        self
    }

    /// From now on of a hundred datagrams so many are lost, more or less.
    ///
    /// ```
    /// use async_op::test::{Network, TestContext};
    /// use async_op::is_timeout;
    /// use std::time::Duration;
    ///
    /// let context = TestContext::new();
    /// let mut network = Network::new(&context);
    /// network.lose(100);
    /// let a = network.bind(([192, 0, 2, 1], 7).into());
    /// let b = network.bind(([192, 0, 2, 2], 7).into());
    /// a.send_to("hello", b.local_addr()).blocking()?;
    /// let mut buffer = [0; 8];
    /// let received = b.receive(&mut buffer).cancel_after(Duration::from_secs(1)).blocking();
    /// assert!(is_timeout(&received.unwrap_err()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn lose(&mut self, percent: usize) -> &mut Self {
        self.shared.state.lock().lost = percent;
        self
    }

    /// From now on of a hundred datagrams so many arrive twice, more or less.
    ///
    /// ```
    /// use async_op::test::{Network, TestContext};
    ///
    /// let context = TestContext::new();
    /// let mut network = Network::new(&context);
    /// network.duplicate(100);
    /// let a = network.bind(([192, 0, 2, 1], 7).into());
    /// let b = network.bind(([192, 0, 2, 2], 7).into());
    /// a.send_to("hello", b.local_addr()).blocking()?;
    /// for _ in 0..2 {
    ///     assert_eq!(b.receive(&mut [0; 8]).blocking()?, 5);
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn duplicate(&mut self, percent: usize) -> &mut Self {
        self.shared.state.lock().duplicated = percent;
        self
    }

    /// Makes a socket, which has this address until its last handle is dropped.
    ///
    /// ```
    /// use async_op::test::{Network, TestContext};
    ///
    /// let context = TestContext::new();
    /// let socket = Network::new(&context).bind(([192, 0, 2, 1], 7).into());
    /// assert_eq!(socket.local_addr(), ([192, 0, 2, 1], 7).into());
    /// ```
    ///
    /// # Panics
    ///
    /// If another has the address.
    pub fn bind(&self, address: SocketAddr) -> TestUdpSocket {
        let mut state = self.shared.state.lock();
        let is_free = !state.queues.contains_key(&address);
        state.queues.entry(address).or_default();
        drop(state);
        assert!(is_free, "{address} is in use");
        let post: Arc<dyn Post> = Arc::<Shared>::clone(&self.shared);
        TestUdpSocket::new(self.executor, address, post, &self.waiting)
    }
}

impl Post for Shared {
    fn receive(
        &self,
        address: SocketAddr,
        from: Option<SocketAddr>,
        now: Instant,
        part: &mut [u8],
    ) -> Turn<(usize, SocketAddr)> {
        let mut state = self.state.lock();
        let queue = state.queues.entry(address).or_default();
        // What comes from elsewhere is not for one that is connected.
        queue.retain(|datagram| from.is_none_or(|from| from == datagram.from));
        let keys = queue.iter().enumerate();
        let first = keys.min_by_key(|(_, datagram)| (datagram.arrives, datagram.number));
        match first {
            None => Turn::Later,
            Some((_, first)) if first.arrives > now => Turn::At(first.arrives),
            Some((place, _)) => {
                let datagram = queue.remove(place);
                let len = part.len().min(datagram.bytes.len());
                part[..len].copy_from_slice(&datagram.bytes[..len]);
                Turn::Over(Ok((len, datagram.from)))
            }
        }
    }

    fn send(&self, from: SocketAddr, to: SocketAddr, now: Instant, bytes: &[u8]) -> Turn {
        let state = &mut *self.state.lock();
        let happens = |percent| self.simulation.below(100) < percent;
        let copies = match happens(state.lost) {
            true => 0,
            false => 1 + usize::from(happens(state.duplicated)),
        };
        if let Some(queue) = state.queues.get_mut(&to) {
            for _ in 0..copies {
                state.sent += 1;
                queue.push(Datagram {
                    arrives: now + self.simulation.within(&state.delay),
                    number: state.sent,
                    from,
                    bytes: bytes.to_vec(),
                });
            }
        }
        Turn::Over(Ok(bytes.len()))
    }

    fn forget(&self, address: SocketAddr) {
        self.state.lock().queues.remove(&address);
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}
