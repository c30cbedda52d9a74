//! What tasks share: namespaces, locks, pipes and barriers, each known to Lua by a number or a name.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Barrier, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// Serialised values, as Lua source.
pub(crate) type Bytes = Vec<u8>;

/// Everything that the tasks of one run share.
#[derive(Default)]
pub(crate) struct Shared {
    namespaces: Mutex<HashMap<Bytes, Arc<Namespace>>>,
    locks: Mutex<Vec<Arc<TaskLock>>>,
    pipes: Mutex<Vec<Arc<Pipe>>>,
    barriers: Mutex<Vec<Arc<Barrier>>>,
}

/// A table whose values any task may read and write.
#[derive(Default)]
pub(crate) struct Namespace {
    values: Mutex<BTreeMap<Bytes, Bytes>>,
    /// The lock that scripts take around several accesses.
    pub(crate) lock: TaskLock,
}

/// A lock that the task that holds it may take again.
#[derive(Default)]
pub(crate) struct TaskLock {
    state: Mutex<(Option<ThreadId>, u32)>,
    released: Condvar,
}

/// A bounded queue of serialised values or addresses.
pub(crate) struct Pipe {
    items: Mutex<VecDeque<Bytes>>,
    changed: Condvar,
    capacity: usize,
}

impl Shared {
    /// The namespace of this name, made when it is new.
    pub(crate) fn namespace(&self, name: &[u8]) -> Arc<Namespace> {
        Arc::clone(held(&self.namespaces).entry(name.to_vec()).or_default())
    }

    pub(crate) fn new_lock(&self) -> usize {
        push(&self.locks, TaskLock::default())
    }

    pub(crate) fn lock(&self, id: usize) -> Option<Arc<TaskLock>> {
        held(&self.locks).get(id).cloned()
    }

    pub(crate) fn new_pipe(&self, capacity: usize) -> usize {
        push(
            &self.pipes,
            Pipe { items: Mutex::default(), changed: Condvar::new(), capacity: capacity.max(1) },
        )
    }

    pub(crate) fn pipe(&self, id: usize) -> Option<Arc<Pipe>> {
        held(&self.pipes).get(id).cloned()
    }

    pub(crate) fn new_barrier(&self, tasks: usize) -> usize {
        push(&self.barriers, Barrier::new(tasks))
    }

    pub(crate) fn barrier(&self, id: usize) -> Option<Arc<Barrier>> {
        held(&self.barriers).get(id).cloned()
    }
}

impl Namespace {
    pub(crate) fn set(&self, key: Bytes, value: Option<Bytes>) {
        let mut values = held(&self.values);
        match value {
            Some(value) => values.insert(key, value),
            None => values.remove(&key),
        };
    }

    pub(crate) fn value(&self, key: &[u8]) -> Option<Bytes> {
        held(&self.values).get(key).cloned()
    }

    pub(crate) fn keys(&self) -> Vec<Bytes> {
        held(&self.values).keys().cloned().collect()
    }
}

impl TaskLock {
    /// Takes the lock, waiting at most `timeout` (`None`: for ever), and returns whether it has it.
    pub(crate) fn lock(&self, timeout: Option<Duration>) -> bool {
        let me = thread::current().id();
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        let mut state = held(&self.state);
        while state.0.is_some_and(|owner| owner != me) {
            state = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => self.released.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return false,
                Some(left) => {
                    self.released.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        *state = (Some(me), state.1 + 1);
        true
    }

    /// Gives the lock back; returns false when the caller does not hold it.
    pub(crate) fn unlock(&self) -> bool {
        let mut state = held(&self.state);
        if state.0 != Some(thread::current().id()) {
            return false;
        }
        state.1 -= 1;
        if state.1 == 0 {
            state.0 = None;
            self.released.notify_one();
        }
        true
    }
}

impl Pipe {
    /// Puts an item in; gives it back when the pipe stays full for `timeout`.
    pub(crate) fn send(&self, item: Bytes, timeout: Duration) -> Result<(), Bytes> {
        let deadline = Instant::now() + timeout;
        let mut items = held(&self.items);
        while items.len() >= self.capacity {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(item);
            }
            items = self.changed.wait_timeout(items, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        items.push_back(item);
        self.changed.notify_all();
        Ok(())
    }

    /// Takes the oldest item, waiting at most `timeout` for one.
    pub(crate) fn recv(&self, timeout: Duration) -> Option<Bytes> {
        let deadline = Instant::now() + timeout;
        let mut items = held(&self.items);
        loop {
            if let Some(item) = items.pop_front() {
                self.changed.notify_all();
                return Some(item);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            items = self.changed.wait_timeout(items, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(crate) fn len(&self) -> usize {
        held(&self.items).len()
    }
}

/// Locks a mutex whose content no panic can leave half changed.
pub(crate) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn push<T>(list: &Mutex<Vec<Arc<T>>>, item: T) -> usize {
    let mut list = held(list);
    list.push(Arc::new(item));
    list.len() - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_taken_twice_by_its_holder_and_refused_to_others() {
        let lock = TaskLock::default();
        assert!(lock.lock(None) && lock.lock(None));
        let other = |lock: &TaskLock| lock.lock(Some(Duration::ZERO)) && lock.unlock();
        thread::scope(|scope| assert!(!scope.spawn(|| other(&lock)).join().unwrap()));
        assert!(lock.unlock());
        thread::scope(|scope| assert!(!scope.spawn(|| other(&lock)).join().unwrap()));
        assert!(lock.unlock() && !lock.unlock());
        thread::scope(|scope| assert!(scope.spawn(|| other(&lock)).join().unwrap()));
    }

    #[test]
    fn a_full_pipe_gives_the_item_back() {
        let shared = Shared::default();
        let pipe = shared.pipe(shared.new_pipe(1)).unwrap();
        assert_eq!(pipe.send(b"a".to_vec(), Duration::ZERO), Ok(()));
        assert_eq!(pipe.send(b"b".to_vec(), Duration::ZERO), Err(b"b".to_vec()));
        assert_eq!(pipe.recv(Duration::ZERO).as_deref(), Some(&b"a"[..]));
        assert_eq!(pipe.recv(Duration::ZERO), None);
    }

    #[test]
    fn a_namespace_keeps_and_forgets_values() {
        let shared = Shared::default();
        shared.namespace(b"n").set(b"k".to_vec(), Some(b"v".to_vec()));
        assert_eq!(shared.namespace(b"n").value(b"k").as_deref(), Some(&b"v"[..]));
        assert_eq!(shared.namespace(b"n").keys(), [b"k".to_vec()]);
        shared.namespace(b"n").set(b"k".to_vec(), None);
        assert_eq!(shared.namespace(b"n").value(b"k"), None);
    }
}
