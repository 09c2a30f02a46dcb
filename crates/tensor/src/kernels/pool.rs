//! Threads that wait for work, close by.
//!
//! A decode step of GPT-2 is about sixty parallel regions of a fraction of a millisecond each.
//! The workers therefore spin for a while after a region, because waking a parked thread takes
//! longer than many a region does, and park after that, so that an idle program costs nothing.
//!
//! A region is closed as soon as its tasks are done: a worker that was not there in time (parked,
//! or not scheduled) misses it, and nobody waits for it. Which thread runs which task is left to
//! chance; no result may depend on it.

use std::cell::UnsafeCell;
use std::hint::spin_loop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, TryLockError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long a worker spins before it parks: longer than what a decode step does between two
/// regions, argmax over the vocabulary included.
const SPIN: Duration = Duration::from_micros(200);

/// The region is open for workers to enter.
const OPEN: u64 = 1 << 31;
/// The workers inside the region.
const INSIDE: u64 = OPEN - 1;
/// One more region.
const REGION: u64 = 1 << 32;

/// What the workers share: one region at a time.
struct Shared {
    /// The number of the region in the high half, [`OPEN`], and [`INSIDE`].
    state: AtomicU64,
    /// The task to take next.
    next: AtomicUsize,
    /// Written while the region is closed and nobody inside, read only by those inside.
    job: UnsafeCell<Option<Job>>,
    panicked: AtomicBool,
    stop: AtomicBool,
    spin: bool,
}

#[derive(Clone, Copy)]
struct Job {
    task: *const (dyn Fn(usize) + Sync),
    tasks: usize,
}

// SAFETY: `job` is written only between regions and read only inside one, see `Shared::job`; the
// function behind its pointer is `Sync`. Everything else is atomic.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

struct Worker {
    parked: Arc<AtomicBool>,
    handle: JoinHandle<()>,
}

/// `threads - 1` workers, started by the first region that wants them, and the caller.
pub(crate) struct Pool {
    threads: usize,
    shared: Arc<Shared>,
    workers: OnceLock<Vec<Worker>>,
    /// Held by whoever runs a region.
    turn: Mutex<()>,
}

impl Pool {
    /// A pool of `threads`, the caller among them.
    pub(crate) fn new(threads: usize) -> Self {
        // With more threads than CPUs, one that spins keeps another from working.
        let cpus = thread::available_parallelism().map_or(1, usize::from);
        Pool {
            threads,
            shared: Arc::new(Shared {
                state: AtomicU64::new(0),
                next: AtomicUsize::new(0),
                job: UnsafeCell::new(None),
                panicked: AtomicBool::new(false),
                stop: AtomicBool::new(false),
                spin: threads <= cpus,
            }),
            workers: OnceLock::new(),
            turn: Mutex::new(()),
        }
    }

    /// Calls `task` with every number below `tasks`, on any of the threads in any order, and
    /// returns when all calls have returned.
    ///
    /// When the pool is busy (another thread uses it, or `task` itself does) the caller does it all.
    ///
    /// # Panics
    ///
    /// When `task` does.
    pub(crate) fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        let turn = match self.turn.try_lock() {
            _ if self.threads <= 1 || tasks <= 1 => None,
            Ok(turn) => Some(turn),
            Err(TryLockError::Poisoned(turn)) => Some(turn.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
        if turn.is_none() {
            return (0..tasks).for_each(task);
        }
        let workers = self.workers.get_or_init(|| self.start());
        let shared = &*self.shared;
        // SAFETY: only the lifetime changes. The pointer is read only inside this region, and
        // this function neither returns nor unwinds before the region is closed and empty.
        let erased = unsafe {
            std::mem::transmute::<
                *const (dyn Fn(usize) + Sync + '_),
                *const (dyn Fn(usize) + Sync + 'static),
            >(std::ptr::from_ref(task))
        };
        let job = Job { task: erased, tasks };
        // SAFETY: the region is closed and nobody inside; `turn` keeps other callers out.
        unsafe { *shared.job.get() = Some(job) };
        shared.next.store(0, Ordering::Relaxed);
        // Nobody changes `state` while it is closed and empty but the one who holds `turn`.
        let state = (shared.state.load(Ordering::Relaxed) & !(REGION - 1)).wrapping_add(REGION);
        shared.state.store(state | OPEN, Ordering::SeqCst);
        for worker in workers.iter().take(tasks - 1) {
            if worker.parked.load(Ordering::SeqCst) {
                worker.handle.thread().unpark();
            }
        }
        let ours = catch_unwind(AssertUnwindSafe(|| shared.drain(job)));
        shared.close();
        let theirs = shared.panicked.swap(false, Ordering::Relaxed);
        drop(turn);
        if let Err(panic) = ours {
            resume_unwind(panic);
        }
        assert!(!theirs, "a task panicked on another thread");
    }

    fn start(&self) -> Vec<Worker> {
        // A thread that the system refuses is one fewer: the results are the same.
        (1..self.threads)
            .map_while(|i| {
                let shared = self.shared.clone();
                let parked = Arc::new(AtomicBool::new(false));
                let seen = parked.clone();
                thread::Builder::new()
                    .name(format!("gpt2-tensor-{i}"))
                    .spawn(move || shared.work(&seen))
                    .ok()
                    .map(|handle| Worker { parked, handle })
            })
            .collect()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for worker in self.workers.take().unwrap_or_default() {
            worker.handle.thread().unpark();
            // It has caught its panics.
            let _ = worker.handle.join();
        }
    }
}

impl Shared {
    /// Takes tasks until none is left.
    fn drain(&self, job: Job) {
        // SAFETY: whoever calls this is inside the region, where the function is alive.
        let task = unsafe { &*job.task };
        loop {
            let i = self.next.fetch_add(1, Ordering::Relaxed);
            if i >= job.tasks {
                break;
            }
            task(i);
        }
    }

    /// Lets nobody in any more, and waits until nobody is inside.
    fn close(&self) {
        // What is left of the tasks, after a panic of the caller's, is left.
        self.next.store(usize::MAX / 2, Ordering::Relaxed);
        self.state.fetch_and(!OPEN, Ordering::AcqRel);
        let mut turns = 0_u32;
        while self.state.load(Ordering::Acquire) & INSIDE != 0 {
            turns += 1;
            if self.spin && turns < 10_000 {
                spin_loop();
            } else {
                thread::yield_now();
            }
        }
    }

    /// The life of a worker.
    fn work(&self, parked: &AtomicBool) {
        let mut last = 0;
        while let Some(state) = self.wait(last, parked) {
            last = state & !(REGION - 1);
            if !self.enter(last) {
                continue;
            }
            // SAFETY: inside the region, where `job` is not written.
            if let Some(job) = unsafe { *self.job.get() }
                && catch_unwind(AssertUnwindSafe(|| self.drain(job))).is_err()
            {
                self.panicked.store(true, Ordering::Relaxed);
            }
            self.state.fetch_sub(1, Ordering::Release);
        }
    }

    /// Enters the region `number` if it is still open.
    fn enter(&self, number: u64) -> bool {
        let open = |state: u64| {
            (state & !(REGION - 1) == number && state & OPEN != 0).then_some(state + 1)
        };
        self.state.fetch_update(Ordering::AcqRel, Ordering::Relaxed, open).is_ok()
    }

    /// Waits for an open region that is not `last`. `None` when the pool is dropped.
    fn wait(&self, last: u64, parked: &AtomicBool) -> Option<u64> {
        let ready = || {
            let state = self.state.load(Ordering::SeqCst);
            (state & OPEN != 0 && state & !(REGION - 1) != last).then_some(state)
        };
        let mut begin = Instant::now();
        loop {
            for _ in 0..64 {
                if let Some(state) = ready() {
                    return Some(state);
                }
                spin_loop();
            }
            if self.stop.load(Ordering::SeqCst) {
                return None;
            }
            if !self.spin || begin.elapsed() > SPIN {
                // Announced before the last look, as the caller opens before it looks for the
                // parked: one of the two sees the other.
                parked.store(true, Ordering::SeqCst);
                if ready().is_none() && !self.stop.load(Ordering::SeqCst) {
                    thread::park();
                }
                parked.store(false, Ordering::SeqCst);
                // The region that woke this thread may be over, but the next one follows.
                begin = Instant::now();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_task_once(pool: &Pool, tasks: usize) {
        let counts: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
        pool.run(tasks, &|task| {
            counts[task].fetch_add(1, Ordering::Relaxed);
        });
        assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
    }

    #[test]
    fn every_task_runs_once() {
        for threads in [1, 2, 3, 8] {
            let pool = Pool::new(threads);
            for round in 0..300 {
                every_task_once(&pool, round % 70);
                if round % 100 == 0 {
                    // Long enough for the workers to park.
                    thread::sleep(3 * SPIN);
                }
            }
        }
    }

    #[test]
    fn more_than_one_thread_works() {
        let pool = Pool::new(2);
        let caller = thread::current().id();
        let elsewhere = AtomicBool::new(false);
        // A worker may miss a region, but not all of them.
        for _ in 0..1000 {
            pool.run(2, &|_| {
                if thread::current().id() != caller {
                    elsewhere.store(true, Ordering::Relaxed);
                }
                thread::sleep(Duration::from_micros(100));
            });
            if elsewhere.load(Ordering::Relaxed) {
                return;
            }
        }
        panic!("the caller did everything");
    }

    #[test]
    fn a_region_inside_a_region() {
        let pool = Pool::new(3);
        pool.run(5, &|_| every_task_once(&pool, 20));
    }

    #[test]
    fn a_panic_comes_out_and_the_pool_survives() {
        let pool = Pool::new(2);
        for bad in [0, 7, 49] {
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                pool.run(50, &|task| assert!(task != bad, "task {bad}"));
            }));
            assert!(outcome.is_err());
            every_task_once(&pool, 50);
        }
    }
}
