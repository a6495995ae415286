//! Small files that threads write, while what comes after them is made.
//!
//! To make a file takes a system longer than to write the little that is in it, and longer than it
//! takes to find out what is to be in it.

use std::collections::VecDeque;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// A file as a whole.
pub struct SmallFile {
    /// Where it is to be.
    pub path: PathBuf,
    /// What is to be in it.
    pub text: Vec<u8>,
}

impl SmallFile {
    fn write(&self) -> io::Result<()> {
        File::create(&self.path)?.write_all(&self.text)
    }
}

/// Writes files, each in the place of one that is there: those of a directory in the order in which
/// they come, and those of several at once.
///
/// After the first failure none is begun any more, and every call tells of it.
pub struct SmallFiles {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    most_bytes: usize,
    most_threads: usize,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// By the number of the thread.
    lanes: Vec<Lane>,
    /// What those have that are not written yet.
    bytes: usize,
    is_over: bool,
    failure: Option<Failure>,
}

/// What one thread is to write.
#[derive(Default)]
struct Lane {
    waiting: VecDeque<SmallFile>,
    is_writing: bool,
}

impl State {
    fn lane_of(&mut self, file: &SmallFile) -> &mut Lane {
        let mut hasher = DefaultHasher::new();
        file.path.parent().map(Path::as_os_str).hash(&mut hasher);
        let number = usize::try_from(hasher.finish() % self.lanes.len() as u64);
        &mut self.lanes[number.unwrap_or_default()]
    }

    fn forget_waiting(&mut self) {
        self.lanes.iter_mut().for_each(|lane| lane.waiting.clear());
    }
}

/// A failure that is told of more than once.
#[derive(Clone, Copy)]
enum Failure {
    System(i32),
    Other(io::ErrorKind),
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::System(number) => Self::from_raw_os_error(number),
            Failure::Other(kind) => kind.into(),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        error.raw_os_error().map_or(Self::Other(error.kind()), Self::System)
    }
}

impl SmallFiles {
    /// Files of which so many bytes may wait to be written, or those of one call, by at most so many
    /// threads, one or more.
    pub fn new(most_bytes: usize, most_threads: usize) -> Self {
        Self { shared: Arc::default(), threads: Mutex::default(), most_bytes, most_threads }
    }

    /// Has files written; waits while too much waits already.
    ///
    /// They are written at once where the system lets no thread begin.
    pub fn write(&self, files: Vec<SmallFile>) -> io::Result<()> {
        if self.begin().is_err() {
            return files.iter().try_for_each(SmallFile::write);
        }
        let bytes = files.iter().map(|file| file.text.len()).sum::<usize>();
        let state = self.shared.once(|state| {
            state.failure.is_some() || state.bytes == 0 || state.bytes + bytes <= self.most_bytes
        });
        let mut state = sound(state)?;
        for file in files {
            state.lane_of(&file).waiting.push_back(file);
        }
        state.bytes += bytes;
        drop(state);
        self.shared.changed.notify_all();
        Ok(())
    }

    /// Returns when all are written.
    pub fn drain(&self) -> io::Result<()> {
        let is_done = |state: &State| {
            state.lanes.iter().all(|lane| lane.waiting.is_empty() && !lane.is_writing)
        };
        sound(self.shared.once(|state| state.failure.is_some() || is_done(state))).map(drop)
    }

    /// Ends the threads; what still waits is not written.
    pub fn close(&self) {
        let mut state = self.shared.lock();
        state.is_over = true;
        state.forget_waiting();
        drop(state);
        self.shared.changed.notify_all();
        for thread in locked(&self.threads).drain(..) {
            let _ = thread.join();
        }
    }

    /// Has as many threads there as the system lets begin, which is told where there is none.
    fn begin(&self) -> io::Result<()> {
        let mut threads = locked(&self.threads);
        if !threads.is_empty() {
            return Ok(());
        }
        for number in 0..self.most_threads {
            let shared = Arc::clone(&self.shared);
            let named = thread::Builder::new().name("small files".to_owned());
            match named.spawn(move || shared.work(number)) {
                Ok(thread) => threads.push(thread),
                Err(error) if threads.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        self.shared.lock().lanes.resize_with(threads.len(), Lane::default);
        Ok(())
    }
}

impl Drop for SmallFiles {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    /// The state once it is so.
    fn once(&self, is_so: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let waited = self.changed.wait_while(self.lock(), |state| !is_so(state));
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the files of the lane of that number until it is over.
    fn work(&self, number: usize) {
        let has_some =
            |state: &State| state.lanes.get(number).is_some_and(|lane| !lane.waiting.is_empty());
        loop {
            let mut state = self.once(|state| state.is_over || has_some(state));
            let Some(lane) = state.lanes.get_mut(number) else { return };
            let Some(file) = lane.waiting.pop_front() else { return };
            lane.is_writing = true;
            drop(state);
            let written = file.write();
            let mut state = self.lock();
            state.lanes[number].is_writing = false;
            state.bytes -= file.text.len();
            if let Err(error) = written {
                state.failure = Some(error.into());
                state.forget_waiting();
            }
            let is_idle = state.lanes[number].waiting.is_empty();
            drop(state);
            if is_idle {
                self.changed.notify_all();
            }
        }
    }
}

/// The state, unless something failed.
fn sound(state: MutexGuard<'_, State>) -> io::Result<MutexGuard<'_, State>> {
    match state.failure {
        Some(failure) => Err(failure.into()),
        None => Ok(state),
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn file(name: &str, text: &[u8]) -> SmallFile {
        let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        SmallFile { path, text: text.to_vec() }
    }

    #[test]
    fn writes_all_that_came_before_it_is_drained() -> io::Result<()> {
        let files = SmallFiles::new(3, 2);
        let paths = ["first", "second"].map(|name| file(name, b"").path);
        files.write(vec![file("first", b"more than may wait"), file("second", b"b")])?;
        files.write(vec![file("first", b"over")])?;
        files.drain()?;
        assert_eq!([fs::read(&paths[0])?, fs::read(&paths[1])?], [&b"over"[..], b"b"]);
        paths.iter().try_for_each(fs::remove_file)
    }

    #[test]
    fn files_of_a_directory_are_written_in_order_by_any_number_of_threads() -> io::Result<()> {
        let root = std::env::temp_dir().join(format!("directories-{}", std::process::id()));
        let paths: Vec<_> = (0..20).map(|number| root.join(format!("{number}/a"))).collect();
        for path in &paths {
            fs::create_dir_all(path.parent().unwrap_or(&root))?;
        }
        for threads in 1..4 {
            let files = SmallFiles::new(100, threads);
            for text in 0..50_u8 {
                let of_turn =
                    paths.iter().map(|path| SmallFile { path: path.clone(), text: vec![text] });
                files.write(of_turn.collect())?;
            }
            files.drain()?;
            for path in &paths {
                assert_eq!(fs::read(path)?, [49]);
            }
        }
        fs::remove_dir_all(root)
    }

    #[test]
    fn a_failure_is_told_with_its_number_by_every_call_after_it() -> io::Result<()> {
        let files = SmallFiles::new(100, 2);
        let path = PathBuf::from("/nothing/here");
        files.write(vec![SmallFile { path, text: vec![0] }])?;
        let number = |result: io::Result<()>| result.err().and_then(|error| error.raw_os_error());
        assert_eq!(number(files.drain()), Some(2));
        assert_eq!(number(files.write(vec![])), Some(2));
        assert_eq!(number(files.drain()), Some(2));
        Ok(())
    }
}
