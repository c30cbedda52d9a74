//! One run of a script: what all its tasks see.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rackless_nf::Port;

use crate::device::Device;
use crate::native::Mempool;
use crate::shared::{Bytes, Shared, held};
use crate::stop::Stop;
use crate::vm::{self, Outcome, Start};
use crate::{ExitStatus, GenOptions, Output};

/// How long tasks that do not look whether they are to run may hold up the end of a run.
const GRACE: Duration = Duration::from_secs(2);

/// State of a run; the tasks' Lua machines share it.
pub(crate) struct Session {
    pub(crate) script: PathBuf,
    pub(crate) source: Vec<u8>,
    pub(crate) args: Vec<String>,
    pub(crate) color: bool,
    pub(crate) output: Output,
    pub(crate) devices: Vec<Device>,
    pub(crate) shared: Shared,
    pub(crate) stop: Arc<Stop>,
    pools: Mutex<Vec<Arc<Mempool>>>,
    tasks: Mutex<Vec<Arc<Task>>>,
    next_task: AtomicU64,
    counters: AtomicUsize,
    exit: Mutex<Option<ExitStatus>>,
}

/// One task: a thread with a Lua machine.
pub(crate) struct Task {
    pub(crate) id: u64,
    state: Mutex<TaskState>,
    finished: Condvar,
}

enum TaskState {
    Running,
    /// The results, serialised; `None` when the task failed.
    Finished(Option<Bytes>),
}

impl Session {
    pub(crate) fn new(options: GenOptions, source: Vec<u8>) -> Self {
        let stop = Arc::new(Stop::default());
        let device = |port: Box<dyn Port>| Device::new(port, Arc::clone(&stop));
        Self {
            script: options.script,
            source,
            args: options.args,
            color: options.color,
            output: options.output,
            devices: options.ports.into_iter().map(device).collect(),
            shared: Shared::default(),
            stop,
            pools: Mutex::default(),
            tasks: Mutex::default(),
            next_task: AtomicU64::new(1),
            counters: AtomicUsize::new(0),
            exit: Mutex::default(),
        }
    }

    /// Starts a task that calls a function of the script with serialised arguments.
    pub(crate) fn start_task(self: &Arc<Self>, function: String, args: Bytes) -> std::io::Result<u64> {
        let id = self.next_task.fetch_add(1, Ordering::Relaxed);
        let task = Arc::new(Task { id, state: Mutex::new(TaskState::Running), finished: Condvar::new() });
        held(&self.tasks).push(Arc::clone(&task));
        let (session, running) = (Arc::clone(self), Arc::clone(&task));
        let spawned = thread::Builder::new().name(function.clone()).spawn(move || {
            let result = match vm::run(&session, Start::Task { id, function, args }) {
                Ok(Outcome::Done(results)) => results,
                Ok(Outcome::Exit) => None,
                Ok(Outcome::Failed) | Err(_) => {
                    session.exit(ExitStatus::FAILED);
                    None
                }
            };
            running.finish(result);
        });
        if let Err(error) = spawned {
            task.finish(None);
            return Err(error);
        }
        Ok(id)
    }

    /// The task with this number.
    pub(crate) fn task(&self, id: u64) -> Option<Arc<Task>> {
        held(&self.tasks).iter().find(|task| task.id == id).cloned()
    }

    /// Waits until every task that was started has finished.
    pub(crate) fn wait_for_tasks(&self) {
        loop {
            let task = held(&self.tasks).iter().find(|task| task.is_running()).cloned();
            match task {
                Some(task) => _ = self.wait_for(&task),
                None => return,
            }
        }
    }

    /// Waits for a task and gives its results; gives up when the run was ended by force.
    pub(crate) fn wait_for(&self, task: &Task) -> Option<Bytes> {
        let mut forced = None;
        loop {
            if let Some(result) = task.wait(Duration::from_millis(50)) {
                return result;
            }
            if self.stop.forced() && forced.get_or_insert_with(Instant::now).elapsed() > GRACE {
                return None;
            }
        }
    }

    /// Ends the run with this status; the first one counts.
    pub(crate) fn exit(&self, status: ExitStatus) {
        held(&self.exit).get_or_insert(status);
        self.stop.force();
    }

    /// The status that the run was ended with.
    pub(crate) fn exit_status(&self) -> Option<ExitStatus> {
        *held(&self.exit)
    }

    /// Ends what is still running, as far as it listens, after the master has returned.
    pub(crate) fn wind_up(&self) {
        self.stop.force();
        let deadline = Instant::now() + GRACE;
        let tasks = held(&self.tasks).clone();
        for task in tasks {
            task.wait(deadline.saturating_duration_since(Instant::now()));
        }
    }

    /// A pool that lives as long as the session.
    pub(crate) fn new_pool(&self, count: u32, room: u32) -> *const Mempool {
        let pool = Arc::new(Mempool::new(count, room, Arc::clone(&self.stop)));
        let address = Arc::as_ptr(&pool);
        held(&self.pools).push(pool);
        address
    }

    /// How many counters there are.
    pub(crate) fn counters(&self) -> usize {
        self.counters.load(Ordering::Relaxed)
    }

    /// A number for a new counter.
    pub(crate) fn next_counter(&self) -> usize {
        self.counters.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl Task {
    /// Whether the task has not finished yet.
    pub(crate) fn is_running(&self) -> bool {
        matches!(*held(&self.state), TaskState::Running)
    }

    /// The results if the task finishes within this time; they stay for the next caller.
    fn wait(&self, timeout: Duration) -> Option<Option<Bytes>> {
        let still_running = |state: &mut TaskState| matches!(state, TaskState::Running);
        let state = self
            .finished
            .wait_timeout_while(held(&self.state), timeout, still_running)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        match &*state {
            TaskState::Running => None,
            TaskState::Finished(result) => Some(result.clone()),
        }
    }

    fn finish(&self, result: Option<Bytes>) {
        *held(&self.state) = TaskState::Finished(result);
        self.finished.notify_all();
    }
}
