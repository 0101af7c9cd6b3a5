//! Outside programs: found or missed aloud, fetched into a cache, run with a time limit.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use crate::broker::workspace;

/// How long fetching and building may take.
pub const FETCH: Duration = Duration::from_secs(600);

/// Whether all `programs` are there. Each one that is not is printed, past the test runner's
/// capture; the caller then skips its test.
///
/// # Panics
/// When one is missing and `KLAMM_COMPAT=required`.
#[must_use]
pub fn have(programs: &[&str]) -> bool {
    let missing = programs.iter().filter(|program| !is_there(program, on_path(program)));
    missing.count() == 0
}

/// Whether something that a test needs is there, which the caller has looked for; as [`have`] otherwise.
///
/// # Panics
/// When it is missing and `KLAMM_COMPAT=required`.
#[must_use]
pub fn is_there(what: &str, found: bool) -> bool {
    if !found {
        let _ = writeln!(std::io::stderr(), "missing: {what} (a test that needs it is skipped)");
        let required = std::env::var("KLAMM_COMPAT").is_ok_and(|v| v == "required");
        assert!(!required, "missing and required: {what}");
    }
    found
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Where fetched packages and built programs stay: `KLAMM_COMPAT_CACHE` or `target/compat-cache`.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn cache() -> PathBuf {
    let given = std::env::var_os("KLAMM_COMPAT_CACHE").map(PathBuf::from);
    let path = given.unwrap_or_else(|| workspace().join("target/compat-cache"));
    std::fs::create_dir_all(&path).expect("the cache can be made");
    path.canonicalize().expect("the cache has a path")
}

/// The folder of our own small programs for outside clients.
#[must_use]
pub fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("programs")
}

/// A folder of the cache that `make` fills once for each content of `sources`, whichever test or
/// process comes first.
///
/// # Panics
/// When it cannot be made.
pub fn prepared(name: &str, inputs: &[PathBuf], make: impl FnOnce(&Path)) -> PathBuf {
    let mut hash = DefaultHasher::new();
    for input in inputs {
        std::fs::read(input).unwrap_or_else(|e| panic!("{}: {e}", input.display())).hash(&mut hash);
    }
    let folder = cache().join(format!("{name}-{:016x}", hash.finish()));
    let lock = std::fs::File::create(cache().join(format!("{name}.lock"))).expect("the lock file opens");
    flock(&lock, FlockOperation::LockExclusive).expect("a file can be locked");
    let done = folder.join(".complete");
    if !done.exists() {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("the cache can be written");
        make(&folder);
        std::fs::write(&done, "").expect("the cache can be written");
    }
    folder
}

/// The command that runs one of our Python programs, with the packages that it needs.
#[must_use]
pub fn python_program(name: &str) -> Command {
    let folder = sources().join("python");
    let requirements = folder.join("requirements.txt");
    let environment = prepared("python", std::slice::from_ref(&requirements), |at| {
        let _ = run(Command::new("python3").args(["-m", "venv"]).arg(at), "", FETCH).good();
        let mut pip = Command::new(at.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "-r"]);
        let _ = run(pip.arg(&requirements), "", FETCH).good();
    });
    let mut command = Command::new(environment.join("bin/python"));
    command.arg("-B").arg(folder.join(name));
    command
}

/// The command that runs our Go program in the folder `name`.
#[must_use]
pub fn go_program(name: &str) -> Command {
    let folder = sources().join(name);
    let built = prepared(name, &files_of(&folder), |at| {
        let mut go = Command::new("go");
        go.args(["build", "-mod=readonly", "-o"]).arg(at.join("program")).arg(".").current_dir(&folder);
        let _ = run(&mut go, "", FETCH).good();
    });
    Command::new(built.join("program"))
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the program has a folder");
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// What a program did.
pub struct Ran {
    /// Its exit code; none if a signal or the time limit ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Its standard output, if it ended well.
    ///
    /// # Panics
    /// With everything that it printed, if it did not.
    #[must_use]
    pub fn good(self) -> String {
        assert_eq!(self.code, Some(0), "\n--- out\n{}\n--- err\n{}", self.out, self.err);
        self.out
    }
}

/// Runs a program to its end, at most for `limit`, with `input` as its standard input.
///
/// # Panics
/// When it cannot be started.
pub fn run(command: &mut Command, input: &str, limit: Duration) -> Ran {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?} does not start: {e}"));
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    let mut stdout = child.stdout.take().expect("stdout is a pipe");
    let mut stderr = child.stderr.take().expect("stderr is a pipe");
    let input = input.as_bytes().to_vec();
    std::thread::spawn(move || stdin.write_all(&input));
    let out = std::thread::spawn(move || read_all(&mut stdout));
    let err = std::thread::spawn(move || read_all(&mut stderr));
    let end = Instant::now() + limit;
    let code = loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break status.code();
        }
        if Instant::now() > end {
            let _ = child.kill();
            let _ = child.wait();
            break None;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let join = |t: std::thread::JoinHandle<String>| t.join().unwrap_or_default();
    let (out, mut err) = (join(out), join(err));
    if code.is_none() {
        err.push_str(&format!("\n(stopped after {limit:?}, or killed: {command:?})"));
    }
    Ran { code, out, err }
}

fn read_all(from: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    let _ = from.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}
