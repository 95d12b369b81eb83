//! The operations of this process that have not ended.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Instant;

use tracing::Id;

use crate::cancel::CancellationType;
use crate::context::IoExecutor;
use crate::shim::plain::{Mutex, MutexGuard};
use crate::site::Site;
use crate::task::initiating::OperationId;

pub(super) struct Entry {
    pub(super) site: Site,
    pub(super) parent: OperationId,
    pub(super) context: Option<IoExecutor>,
    pub(super) since: Instant,
    pub(super) span: Option<Id>,
    pub(super) requested: CancellationType,
    pub(super) is_completed: bool,
}

type Shard = HashMap<u64, Entry, BuildHasherDefault<Spread>>;

/// One for a thread, more or less: they take their numbers in runs.
static SHARDS: [Mutex<Shard>; 16] =
    [const { Mutex::new(HashMap::with_hasher(BuildHasherDefault::new())) }; 16];

/// Numbers that come one after another need no more than this.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are numbers")
    }

    fn write_u64(&mut self, key: u64) {
        // Fibonacci hashing: the map looks at the highest bits too.
        self.0 = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

pub(super) fn insert(id: OperationId, entry: Entry) {
    shard(id).insert(id.number(), entry);
}

pub(super) fn remove(id: OperationId) -> Option<Entry> {
    match id {
        OperationId::NONE => None,
        id => shard(id).remove(&id.number()),
    }
}

/// Returns `None` if the operation has ended.
pub(super) fn update<R>(id: OperationId, f: impl FnOnce(&mut Entry) -> R) -> Option<R> {
    match id {
        OperationId::NONE => None,
        id => shard(id).get_mut(&id.number()).map(f),
    }
}

pub(super) fn for_each(mut f: impl FnMut(u64, &Entry)) {
    for shard in &SHARDS {
        for (id, entry) in &*shard.lock() {
            f(*id, entry);
        }
    }
}

fn shard(id: OperationId) -> MutexGuard<'static, Shard> {
    SHARDS[id.run() % SHARDS.len()].lock()
}
