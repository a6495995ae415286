//! Things that are read one after another, worked on by several threads, and taken in order.
//!
//! Some are read before they are asked for, so that no thread has to wait for another that reads.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The state of that work: an `R` reads things, one at a time, and of each `T` comes an `M`.
pub struct OrderedWork<R, T, M> {
    state: Mutex<State<R, T, M>>,
    /// There may be something to do.
    to_do: Condvar,
    /// There may be something to take.
    to_take: Condvar,
    /// How many things are to be there for threads that have nothing to do.
    spare: usize,
}

struct State<R, T, M> {
    /// None while a thread reads.
    reader: Option<R>,
    /// What was read and not yet begun, with its number.
    ready: VecDeque<(usize, T)>,
    read: usize,
    taken: usize,
    /// How many things may have been read and not yet taken.
    allowed: usize,
    /// How large those may be together, but for the last of them.
    allowed_size: usize,
    /// What has come of things, from the one to be taken next on.
    made: VecDeque<Option<M>>,
    /// How large each of those is, with the thing, or may be expected to become.
    sizes: VecDeque<usize>,
    /// How large that is which was taken last: whoever took it has it until taking the next.
    lent: usize,
    is_over: bool,
    is_broken: bool,
    /// How many threads wait for something to do,
    idle: usize,
    /// and how many to take something: what is done wakes nobody in vain.
    taking: usize,
}

type Guard<'a, R, T, M> = MutexGuard<'a, State<R, T, M>>;

/// What a thread is to do next.
pub enum Step<R, T> {
    /// Read a thing, and give the reader back.
    Read(R),
    /// Work on the thing that was read as this one.
    Work(usize, T),
    /// Nothing any more.
    Stop,
}

/// A thread died before it made what it was to make.
#[derive(Debug)]
pub struct Broken;

impl<R, T, M> OrderedWork<R, T, M> {
    /// Nothing was read; one thing may be.
    pub fn new(reader: R, spare: usize) -> Self {
        let state = State {
            reader: Some(reader),
            ready: VecDeque::new(),
            read: 0,
            taken: 0,
            allowed: 1,
            allowed_size: 0,
            made: VecDeque::new(),
            sizes: VecDeque::new(),
            lent: 0,
            is_over: false,
            is_broken: false,
            idle: 0,
            taking: 0,
        };
        let (to_do, to_take) = (Condvar::new(), Condvar::new());
        Self { state: Mutex::new(state), to_do, to_take, spare }
    }

    fn state(&self) -> Guard<'_, R, T, M> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // To tell nobody of something would be a call to the system, too.

    /// Tells those who wait that there may be something to do.
    fn tell_idle(&self, state: &State<R, T, M>) {
        if state.idle > 0 {
            self.to_do.notify_all();
        }
    }

    /// Tells whoever waits to take something if that is there, or never will be.
    fn tell_taking(&self, state: &State<R, T, M>) {
        if state.taking > 0 && !state.is_missing() {
            self.to_take.notify_all();
        }
    }

    /// Waits for something to do.
    pub fn step(&self) -> Step<R, T> {
        let mut state = self.state();
        loop {
            let is_wanted = state.may_read() && state.ready.len() < self.spare;
            if let Some(reader) = is_wanted.then(|| state.reader.take()).flatten() {
                return Step::Read(reader);
            }
            if let Some((turn, thing)) = state.next_to_work_on() {
                return Step::Work(turn, thing);
            }
            // What is left to be worked on waits until what is taken first has made room.
            if state.is_over && state.ready.is_empty() {
                return Step::Stop;
            }
            state.idle += 1;
            state = self.to_do.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    /// Gives the reader back with what it has read, and how large that may be expected to be with what
    /// comes of it, or with what is to be taken as the last.
    pub fn give_back(&self, reader: R, read: Result<(T, usize), M>) {
        let mut state = self.state();
        let turn = state.read;
        state.read += 1;
        state.reader = Some(reader);
        match read {
            Ok(_) if state.is_over => {}
            Ok((thing, size)) => {
                state.sizes.push_back(size);
                state.ready.push_back((turn, thing));
            }
            Err(last) => {
                state.is_over = true;
                state.sizes.push_back(0);
                state.put(turn, last, 0);
                self.tell_taking(&state);
            }
        }
        self.tell_idle(&state);
    }

    /// Hands over what was made of the thing that was read as this one, and how large it is with that.
    pub fn put(&self, turn: usize, made: M, size: usize) {
        let mut state = self.state();
        state.put(turn, made, size);
        self.tell_taking(&state);
    }

    /// Waits for what comes of the next thing.
    pub fn take(&self) -> Result<M, Broken> {
        let mut state = self.state();
        state.lent = 0;
        if state.is_missing() {
            self.tell_idle(&state);
        }
        while state.is_missing() {
            state.taking += 1;
            state = self.to_take.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.taking -= 1;
        }
        let made = state.made.pop_front().flatten().ok_or(Broken)?;
        state.taken += 1;
        state.lent = state.sizes.pop_front().unwrap_or(0);
        self.tell_idle(&state);
        Ok(made)
    }

    /// Whether the next thing is still to be made, as whoever took the last one does without it.
    pub fn is_missing(&self) -> bool {
        let mut state = self.state();
        state.lent = 0;
        state.is_missing()
    }

    /// Allows so many to be read and not yet taken, of about that size together, but at least one.
    pub fn allow(&self, count: usize, size: usize) {
        let mut state = self.state();
        if (state.allowed, state.allowed_size) != (count, size) {
            (state.allowed, state.allowed_size) = (count, size);
            self.tell_idle(&state);
        }
    }

    /// Ends the work: nothing more is to be done.
    pub fn end(&self) {
        let mut state = self.state();
        state.is_over = true;
        state.ready.clear();
        self.tell_idle(&state);
        self.tell_taking(&state);
    }

    /// Ends the work where a thread died: whoever waits would do so in vain.
    pub fn fail(&self) {
        self.state().is_broken = true;
        self.end();
    }

    /// Looks at what reads, when no thread does.
    pub fn with_reader<A>(&self, look: impl FnOnce(&R) -> A) -> Option<A> {
        self.state().reader.as_ref().map(look)
    }
}

impl<R, T, M> State<R, T, M> {
    /// Whether the next thing is still to be made, and may be.
    fn is_missing(&self) -> bool {
        !self.is_broken && !matches!(self.made.front(), Some(Some(_)))
    }

    fn may_read(&self) -> bool {
        let held = self.read - self.taken;
        let is_empty = held == 0 && self.lent <= self.allowed_size;
        !self.is_over && (is_empty || (held < self.allowed && self.has_room()))
    }

    fn has_room(&self) -> bool {
        self.lent + self.sizes.iter().sum::<usize>() < self.allowed_size
    }

    /// The thing that was read first, unless what is there is large already and it can wait.
    fn next_to_work_on(&mut self) -> Option<(usize, T)> {
        let &(turn, _) = self.ready.front()?;
        let is_next = turn == self.taken;
        if is_next || self.has_room() { self.ready.pop_front() } else { None }
    }

    fn put(&mut self, turn: usize, made: M, size: usize) {
        let place = turn - self.taken;
        if let Some(whole) = self.sizes.get_mut(place) {
            *whole = size;
        }
        while self.made.len() <= place {
            self.made.push_back(None);
        }
        self.made[place] = Some(made);
    }
}

#[cfg(test)]
mod tests {
    use super::{OrderedWork, Step};
    use std::thread;

    type Counting = OrderedWork<usize, usize, usize>;

    /// Reads numbers up to a last one.
    fn work_on(work: &Counting, last: usize) {
        loop {
            match work.step() {
                Step::Read(next) if next < last => work.give_back(next + 1, Ok((next, 1))),
                Step::Read(next) => work.give_back(next, Err(last)),
                Step::Work(turn, number) => work.put(turn, number, 1),
                Step::Stop => break,
            }
        }
    }

    #[test]
    fn things_are_taken_in_order() {
        let work = Counting::new(0, 2);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| work_on(&work, 1000));
            }
            let all = (0..=1000).map(|number| {
                work.allow(number % 7, number % 5);
                work.take().unwrap_or(usize::MAX)
            });
            assert!(all.eq(0..=1000));
        });
        assert_eq!(work.with_reader(|&next| next), Some(1000));
    }

    #[test]
    fn only_so_many_are_read() {
        let work = Counting::new(0, 9);
        work.allow(3, usize::MAX);
        thread::scope(|scope| {
            let other = scope.spawn(|| {
                for next in 1..=3 {
                    assert!(matches!(work.step(), Step::Read(_)));
                    work.give_back(next, Ok((next, 1)));
                }
                let rest: Vec<_> = (0..4).map(|_| work.step()).collect();
                let worked = rest.iter().filter(|step| matches!(step, Step::Work(..)));
                (worked.count(), matches!(rest.last(), Some(Step::Stop)))
            });
            while work.state().read < 3 || !work.state().ready.is_empty() {
                thread::yield_now();
            }
            work.end();
            assert_eq!(other.join().ok(), Some((3, true)));
        });
    }

    #[test]
    fn what_has_to_wait_for_room_is_worked_on_after_all_was_read() {
        let work = Counting::new(0, 3);
        work.allow(9, 10);
        for read in [Ok((0, 1)), Ok((1, 1)), Err(2)] {
            assert!(matches!(work.step(), Step::Read(_)));
            work.give_back(0, read);
        }
        assert!(matches!(work.step(), Step::Work(0, 0)));
        work.put(0, 0, 100);
        thread::scope(|scope| {
            let other = scope.spawn(|| matches!(work.step(), Step::Work(1, 1)));
            for _ in 0..1000 {
                thread::yield_now();
            }
            assert_eq!(work.take().ok(), Some(0));
            assert_eq!(other.join().ok(), Some(true));
        });
    }

    #[test]
    fn nobody_waits_for_a_thread_that_died() {
        let work = Counting::new(0, 1);
        thread::scope(|scope| {
            let other = scope.spawn(|| work.take());
            work.fail();
            assert!(other.join().is_ok_and(|taken| taken.is_err()));
        });
        assert!(matches!(work.step(), Step::Stop));
    }
}
