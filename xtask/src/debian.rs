//! Packages of Debian, installed when we may.

use anyhow::{Context, Result, bail};
use rustix::process::geteuid;
use tokio::process::Command;

use crate::interrupt::Interrupt;
use crate::process::{self, on_path};

/// A way to run commands as root without being asked for a password.
pub(crate) struct Root {
    sudo: bool,
}

impl Root {
    /// `None` where there is no such way, or no apt-get to use it for.
    pub(crate) async fn obtain() -> Option<Self> {
        on_path("apt-get")?;
        if geteuid().is_root() {
            return Some(Self { sudo: false });
        }
        on_path("sudo")?;
        let output = process::capture(Command::new("sudo").args(["-n", "true"])).await.ok()?;
        output.status.success().then_some(Self { sudo: true })
    }

    /// A command that will run as root.
    pub(crate) fn command(&self, program: &str) -> Command {
        if !self.sudo {
            return Command::new(program);
        }
        let mut command = Command::new("sudo");
        command.args(["-n", program]);
        command
    }

    /// Installs packages, fetching the lists of packages first where those at hand will not do.
    pub(crate) async fn install(&self, packages: &[&str], interrupt: &Interrupt) -> Result<()> {
        eprintln!("Installing Debian packages: {}", packages.join(" "));
        if process::run(self.apt_install(packages), interrupt).await?.success() {
            return Ok(());
        }
        let retry = async {
            process::run_ok(self.apt_get(&["-qq", "update"]), interrupt).await?;
            process::run_ok(self.apt_install(packages), interrupt).await
        };
        retry.await.with_context(|| format!("apt-get cannot install {}", packages.join(", ")))
    }

    fn apt_install(&self, packages: &[&str]) -> Command {
        let mut command =
            self.apt_get(&["-qq", "-o=Dpkg::Use-Pty=0", "install", "--yes", "--no-install-recommends"]);
        command.args(packages);
        command
    }

    fn apt_get(&self, args: &[&str]) -> Command {
        // Through env(1), because sudo keeps variables of ours from its command.
        let mut command = self.command("env");
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]).args(args);
        command
    }
}

/// What the device runtime is built and run with, beyond Rust and a C compiler.
const RUNTIME_PACKAGES: [&str; 4] = ["dbus-daemon", "libdbus-1-dev", "libudev-dev", "pkg-config"];

/// Sees to it that the libraries of the device runtime are installed.
pub(crate) async fn runtime_libraries(interrupt: &Interrupt) -> Result<()> {
    if runtime_libraries_present().await {
        return Ok(());
    }
    let Some(root) = Root::obtain().await else {
        bail!("the device runtime needs {}: install these packages as root", RUNTIME_PACKAGES.join(", "));
    };
    root.install(&RUNTIME_PACKAGES, interrupt).await
}

async fn runtime_libraries_present() -> bool {
    if on_path("dbus-daemon").is_none() {
        return false;
    }
    // pkg-config rather than dpkg answers on every distribution.
    let query = process::capture(Command::new("pkg-config").args(["--exists", "libudev", "dbus-1"])).await;
    query.is_ok_and(|output| output.status.success())
}
