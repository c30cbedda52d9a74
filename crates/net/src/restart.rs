//! Programs that are started again: because they have ended, or because a user asks.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use nix::libc::{SIGKILL, SIGTERM};
use rackless_topology::Topology;
use rackless_topology::model::{FileContent, Node, ProgramId, Restart};

use crate::control::Event;
use crate::error::Error;
use crate::init::Ended;
use crate::programs::{self, Program};
use crate::shared::{ProgramName, Shared, lock};
use crate::{files, find};

/// How long a program may take to end once it was told to; then it is killed.
const GRACE: Duration = Duration::from_secs(5);
/// The pause before a program that has ended is started again, doubled at each time …
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// … up to this one …
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// … and short again for a program that ran this long.
const STEADY: Duration = Duration::from_secs(10);

impl Shared {
    /// Ends the programs that `text` names and starts them again, in their order; on return they are ready.
    ///
    /// Their processes get `SIGTERM`, and `SIGKILL` if they take too long; the node's links stay as they are. Files that
    /// the node has from elsewhere are copied anew.
    pub(crate) fn restart(self: &Arc<Self>, text: &str) -> Result<(), Error> {
        if !self.is_up() {
            return Err(Error::ComingUp { lab: self.name.clone() });
        }
        let _only_one = lock(&self.restarting);
        let topology = self.topology();
        let programs = find::programs(&topology, text)?;
        let nodes = copied_into(&topology, &programs);
        files::check(nodes.iter().copied(), &self.options.directory)?;
        self.end_all(&programs)?;
        self.replace_files(nodes.iter().copied(), nodes.iter().copied())?;
        let order = self.ordered(&programs);
        order
            .iter()
            .try_for_each(|id| programs::start(self, *id).and_then(|()| programs::await_ready(self, *id)))
    }

    /// Ends programs, on a node those that wait for others first; one that was not started has ended.
    pub(crate) fn end_all(&self, programs: &[ProgramId]) -> Result<(), Error> {
        let topology = self.topology();
        let runs = |id: &&ProgramId| {
            let programs = lock(&self.programs);
            programs.get(&programs::names(&topology, **id)).is_some_and(|program| program.ended.is_none())
        };
        self.ordered(programs).iter().rev().filter(runs).try_for_each(|id| self.end(*id))
    }

    /// Sorts programs so that each comes after those of its node that it waits for.
    fn ordered(&self, programs: &[ProgramId]) -> Vec<ProgramId> {
        let topology = self.topology();
        let mut left = programs.to_vec();
        let mut order = Vec::with_capacity(left.len());
        let waits = |id: &ProgramId, left: &[ProgramId]| {
            let after = &topology[*id].after;
            left.iter().any(|other| other.node == id.node && after.contains(&other.place))
        };
        while let Some(first) = left.iter().position(|id| !waits(id, &left)) {
            order.push(left.remove(first));
        }
        order
    }

    fn end(&self, id: ProgramId) -> Result<(), Error> {
        let topology = self.topology();
        let (node, name) = (|| topology.program_name(id), programs::names(&topology, id));
        let job = {
            let mut programs = lock(&self.programs);
            let program = programs.get_mut(&name).ok_or_else(|| Error::NoProgram { node: node() })?;
            program.ending = true;
            program.job
        };
        let failed = |source| Error::NotEnded { node: node(), source };
        for signal in [SIGTERM, SIGKILL] {
            self.init.end(job, signal).map_err(failed)?;
            let runs = |program: Option<&Program>| program.is_some_and(|program| program.ended.is_none());
            let (programs, _) = self
                .program_change
                .wait_timeout_while(lock(&self.programs), GRACE, |programs| runs(programs.get(&name)))
                .unwrap_or_else(PoisonError::into_inner);
            if !runs(programs.get(&name)) {
                return Ok(());
            }
        }
        Err(failed(std::io::ErrorKind::TimedOut.into()))
    }

    /// Notes and tells that a program has ended, and starts it again if it shall be.
    pub(crate) fn program_ended(
        self: &Arc<Self>,
        name: &ProgramName,
        job: u64,
        ended: Ended,
        output: String,
    ) {
        // It may have gone from the lab while it ended.
        let topology = self.topology();
        let policy = find_program(&topology, name).map_or(Restart::Never, |id| topology[id].restart);
        let mut pause = None;
        if let Some(program) = lock(&self.programs).get_mut(name).filter(|program| program.job == job) {
            program.ended = Some(ended);
            if program.proven && !program.ending && wanted(policy, ended) && !self.is_stopping() {
                pause = Some(program.pause());
            }
        }
        self.program_change.notify_all();
        let (node, program) = name.clone();
        self.publish(Event::Ended { node, program, ended, output });
        if let Some(pause) = pause {
            self.start_again(name, job, pause);
        }
    }

    fn start_again(self: &Arc<Self>, name: &ProgramName, job: u64, pause: Duration) {
        let (node, program) = name.clone();
        self.publish(Event::Restarting {
            node: node.clone(),
            program: program.clone(),
            pause_ms: pause.as_millis() as u64,
        });
        std::thread::sleep(pause);
        let _only_one = lock(&self.restarting);
        let ours = lock(&self.programs).get(name).is_some_and(|program| program.job == job);
        let Some(id) = find_program(&self.topology(), name).filter(|_| ours && !self.is_stopping()) else {
            return;
        };
        match programs::start(self, id).and_then(|()| programs::await_ready(self, id)) {
            Ok(()) | Err(Error::ProgramEnded { .. }) => {} // its own end was told, and may lead here again
            Err(error) => self.publish(Event::Failed { node, program, message: error.chain() }),
        }
    }

    /// Whether the lab is being removed.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}

impl Program {
    /// Gives the pause before the program is started again.
    fn pause(&mut self) -> Duration {
        if self.started.elapsed() >= STEADY {
            self.failures = 0;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(16)).min(LONGEST_PAUSE);
        self.failures += 1;
        pause
    }
}

/// Gives the nodes of programs that have files from elsewhere, of which they get the present content.
fn copied_into<'t>(topology: &'t Topology, programs: &[ProgramId]) -> Vec<&'t Node> {
    let nodes: BTreeSet<_> = programs.iter().map(|id| id.node).collect();
    let copied = |node: &&Node| node.files.values().any(|file| matches!(file, FileContent::From(_)));
    nodes.into_iter().map(|id| &topology[id]).filter(copied).collect()
}

fn find_program(topology: &Topology, (node, name): &ProgramName) -> Option<ProgramId> {
    let node = topology.node_id(node)?;
    topology.programs_of(node).find(|id| topology[*id].name == *name)
}

fn wanted(policy: Restart, ended: Ended) -> bool {
    match policy {
        Restart::Never => false,
        Restart::OnFailure => ended != Ended::Exit(0),
        Restart::Always => true,
    }
}
