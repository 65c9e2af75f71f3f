//! Child processes that end when xtask does.
//!
//! Each runs in a process group of its own: Ctrl-C in the terminal reaches only xtask, which then ends the
//! groups one by one, with whatever the children started in turn.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::interrupt::{Interrupt, Interrupted};

/// How long a child may take to end by itself before it is killed.
const GRACE: Duration = Duration::from_secs(10);

/// How long what it started may stay after it. Short, because what is dead but was never waited for looks alive.
const GRACE_OF_ORPHANS: Duration = Duration::from_secs(1);

/// A running child with everything below it.
pub(crate) struct Group {
    name: String,
    child: Child,
    /// The id of the child and of its group; `None` once the group is known to be gone.
    pid: Option<Pid>,
}

impl Group {
    /// Starts the command. `name` is what messages call it.
    pub(crate) fn spawn(name: &str, mut command: Command) -> Result<Self> {
        let child = command.process_group(0).stdin(Stdio::null()).kill_on_drop(true).spawn();
        let child = child.with_context(|| format!("cannot run {}", program(&command)))?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Self { name: name.to_owned(), child, pid })
    }

    /// What messages call it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Waits for the child's end.
    pub(crate) async fn wait(&mut self) -> Result<ExitStatus> {
        self.child.wait().await.with_context(|| format!("cannot wait for {}", self.name))
    }

    /// Whether the child has ended, and how.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("cannot ask for {}", self.name))
    }

    /// Asks the whole group to end, and kills what does not.
    pub(crate) async fn stop(mut self) {
        self.signal(Signal::TERM);
        let _ = timeout(GRACE, self.child.wait()).await;
        let deadline = Instant::now() + GRACE_OF_ORPHANS;
        while self.has_members() && Instant::now() < deadline {
            sleep(Duration::from_millis(20)).await;
        }
        self.signal(Signal::KILL);
        // The child is reaped by now, or will be: nothing is left of it, not even a zombie.
        let _ = self.child.wait().await;
        self.pid = None;
    }

    fn has_members(&self) -> bool {
        self.pid.is_some_and(|pid| test_kill_process_group(pid).is_ok())
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid {
            // The group may be gone already: just as well.
            let _ = kill_process_group(pid, signal);
        }
    }
}

/// For the ways out that do not pass [`Group::stop`].
impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// A command that is told to end when xtask dies without a chance to stop it (SIGKILL), where the system can.
pub(crate) fn bound_to_us(program: impl AsRef<OsStr>) -> Command {
    let setpriv = Path::new("/usr/bin/setpriv");
    if !setpriv.exists() {
        return Command::new(program);
    }
    let mut command = Command::new(setpriv);
    command.args(["--pdeathsig", "TERM", "--"]).arg(program);
    command
}

/// Runs a command to its end, its output where ours is. An interrupt stops it.
pub(crate) async fn run(mut command: Command, interrupt: &Interrupt) -> Result<ExitStatus> {
    let name = program(&command);
    // Standard output is for what our caller asked for, such as a URL; progress goes to standard error.
    command.stdout(io::stderr());
    wait(Group::spawn(&name, command)?, interrupt).await
}

/// [`run`] for a command whose failure is ours.
pub(crate) async fn run_ok(command: Command, interrupt: &Interrupt) -> Result<()> {
    let name = program(&command);
    let status = run(command, interrupt).await?;
    if !status.success() {
        bail!("{name} failed ({status})");
    }
    Ok(())
}

/// Waits for the group's child; an interrupt stops the group.
pub(crate) async fn wait(mut group: Group, interrupt: &Interrupt) -> Result<ExitStatus> {
    let status = interrupt.or(group.wait()).await;
    // Whatever the child left behind in its group ends too.
    group.stop().await;
    match status {
        Ok(status) => status,
        Err(_) => bail!(Interrupted),
    }
}

/// Runs a short command and keeps what it prints. Who stops waiting for it kills it.
pub(crate) async fn capture(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null()).process_group(0).kill_on_drop(true);
    command.output().await.with_context(|| format!("cannot run {}", program(command)))
}

/// [`capture`] for a command whose failure is ours: its standard output.
pub(crate) async fn capture_ok(command: &mut Command) -> Result<String> {
    let output = capture(command).await?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{} failed ({}): {}", program(command), output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A log file for a child's standard output and error, emptied first.
pub(crate) fn log_to(command: &mut Command, path: &Path) -> Result<()> {
    let open = || File::create(path).with_context(|| format!("cannot write {}", path.display()));
    let log = open()?;
    command.stdout(log.try_clone().context("cannot share a log file")?).stderr(log);
    Ok(())
}

/// The end of a log, for the message about the one who wrote it.
pub(crate) fn last_lines(path: &Path, count: usize) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// How our caller learns of a child's end: its exit code, or 128 and the signal as shells have it.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// The program on `PATH` that a shell would run for this name.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

fn program(command: &Command) -> String {
    let command = command.as_std();
    let name = |text: &OsStr| Path::new(text).file_name().unwrap_or(text).to_string_lossy().into_owned();
    name(command.get_program())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A shell that starts a sleeper in the background, tells its process id, and stays.
    fn shell_with_sleeper(file: &Path) -> Command {
        let mut shell = bound_to_us("sh");
        shell.args(["-c", "sleep 600 & echo $! > \"$0.new\"; mv \"$0.new\" \"$0\"; wait"]).arg(file);
        shell
    }

    async fn sleeper(file: &Path) -> Pid {
        for _ in 0..500 {
            if let Ok(text) = std::fs::read_to_string(file) {
                return Pid::from_raw(text.trim().parse().unwrap()).unwrap();
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!("the shell did not start its sleeper");
    }

    /// Gone, or dead and only waiting for whoever adopted it to notice.
    fn is_gone(pid: Pid) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
        stat.map_or(true, |stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')))
    }

    #[tokio::test]
    async fn stopping_ends_grandchildren_too() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let group = Group::spawn("shell", shell_with_sleeper(&file)).unwrap();
        let sleeper = sleeper(&file).await;
        group.stop().await;
        assert!(is_gone(sleeper));
    }

    #[tokio::test]
    async fn an_interrupt_stops_a_running_command() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let (raise, interrupt) = Interrupt::by_hand();
        let (result, sleeper) = tokio::join!(run(shell_with_sleeper(&file), &interrupt), async {
            let sleeper = sleeper(&file).await;
            raise.send_replace(true);
            sleeper
        });
        assert!(result.unwrap_err().is::<Interrupted>());
        assert!(is_gone(sleeper));
    }

    #[tokio::test]
    async fn a_failing_command_says_what_it_said() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo no luck >&2; exit 3"]);
        let message = capture_ok(&mut shell).await.unwrap_err().to_string();
        assert!(message.contains("sh failed") && message.contains("no luck"), "{message}");
    }

    #[test]
    fn the_end_of_a_log_is_its_last_lines() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        std::fs::write(&log, "one\ntwo\nthree\n").unwrap();
        assert_eq!(last_lines(&log, 2), "two\nthree");
        assert_eq!(last_lines(&log, 9), "one\ntwo\nthree");
        assert_eq!(last_lines(&dir.path().join("none"), 9), "");
    }
}
