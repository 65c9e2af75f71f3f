//! The programs that run side by side, and what becomes of all when one ends.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Error, Result, anyhow, bail};
use tokio::process::Command;
use tokio::time::Instant;

use crate::interrupt::Interrupt;
use crate::process::{Group, last_lines, log_to};

/// How long a start may take in all.
const PATIENCE: Duration = Duration::from_secs(120);

const PAUSE: Duration = Duration::from_millis(50);

/// Running programs, each with a log of its own.
pub(super) struct Stage {
    logs: PathBuf,
    groups: Vec<Group>,
    deadline: Instant,
}

impl Stage {
    pub(super) fn new(logs: PathBuf) -> Self {
        Self { logs, groups: Vec::new(), deadline: Instant::now() + PATIENCE }
    }

    pub(super) fn start(&mut self, name: &str, mut command: Command) -> Result<()> {
        log_to(&mut command, &log(&self.logs, name))?;
        self.groups.push(Group::spawn(name, command)?);
        Ok(())
    }

    /// Asks again and again until the answer is yes. A program that ends meanwhile ends the waiting.
    pub(super) async fn until(
        &mut self,
        what: &str,
        interrupt: &Interrupt,
        mut is_so: impl AsyncFnMut() -> bool,
    ) -> Result<()> {
        loop {
            if let Some(end) = self.an_end()? {
                return Err(end);
            }
            if interrupt.or(is_so()).await? {
                return Ok(());
            }
            if Instant::now() > self.deadline {
                bail!("waited too long for {what}; see the logs in {}", self.logs.display());
            }
            interrupt.sleep(PAUSE).await?;
        }
    }

    /// Waits until one of the programs ends, which none should.
    pub(super) async fn first_end(&mut self) -> Result<Error> {
        loop {
            if let Some(end) = self.an_end()? {
                return Ok(end);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Stops all, in the reverse order of their start.
    pub(super) async fn clear(mut self) {
        while let Some(group) = self.groups.pop() {
            group.stop().await;
        }
    }

    fn an_end(&mut self) -> Result<Option<Error>> {
        for group in &mut self.groups {
            if let Some(status) = group.ended()? {
                let log = log(&self.logs, group.name());
                let (name, log, lines) = (group.name(), log.display(), last_lines(&log, 10));
                return Ok(Some(anyhow!("{name} ended ({status}); {log} ends with:\n{lines}")));
            }
        }
        Ok(None)
    }
}

/// Whether a program has logged a line that begins so.
pub(super) fn said(logs: &Path, name: &str, beginning: &str) -> bool {
    let text = std::fs::read(log(logs, name)).unwrap_or_default();
    String::from_utf8_lossy(&text).lines().any(|line| line.starts_with(beginning))
}

fn log(logs: &Path, name: &str) -> PathBuf {
    logs.join(format!("{name}.log"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::Interrupted;

    fn shell(script: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        shell
    }

    #[tokio::test]
    async fn waits_until_a_program_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let (_raise, interrupt) = Interrupt::by_hand();
        let mut stage = Stage::new(dir.path().to_owned());
        stage.start("fleet", shell("echo starting; echo ready http://localhost; exec sleep 600")).unwrap();
        let ready = async || said(dir.path(), "fleet", "ready ");
        stage.until("the fleet", &interrupt, ready).await.unwrap();
        stage.clear().await;
    }

    #[tokio::test]
    async fn a_program_that_ends_ends_the_waiting_with_its_last_words() {
        let dir = tempfile::tempdir().unwrap();
        let (_raise, interrupt) = Interrupt::by_hand();
        let mut stage = Stage::new(dir.path().to_owned());
        stage.start("stays", shell("exec sleep 600")).unwrap();
        stage.start("leaves", shell("echo no such database >&2; exit 3")).unwrap();
        let error = stage.until("ever", &interrupt, async || false).await.unwrap_err().to_string();
        assert!(error.contains("leaves ended") && error.contains("no such database"), "{error}");
        let error = stage.first_end().await.unwrap().to_string();
        assert!(error.contains("leaves ended"), "{error}");
        stage.clear().await;
    }

    #[tokio::test]
    async fn an_interrupt_ends_the_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let (raise, interrupt) = Interrupt::by_hand();
        let mut stage = Stage::new(dir.path().to_owned());
        raise.send_replace(true);
        let error = stage.until("ever", &interrupt, async || false).await.unwrap_err();
        assert!(error.is::<Interrupted>());
    }
}
