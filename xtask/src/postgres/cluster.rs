//! A PostgreSQL cluster that belongs to this checkout alone.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use crate::postgres::account::Account;
use crate::postgres::binaries::Binaries;
use crate::postgres::home::Home;
use crate::postgres::{Purpose, Stop};
use crate::process::{self, last_lines};

/// For work with data that stays.
const DEV_SETTINGS: [(&str, &str); 2] = [("max_connections", "200"), ("shared_buffers", "1GB")];

/// For many tests side by side, each with a pool of connections and a database that nobody will miss.
const TEST_SETTINGS: [(&str, &str); 5] = [
    ("max_connections", "400"),
    ("shared_buffers", "256MB"),
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
];

/// For one server that is stopped in the middle of its work. What is committed has left the server by then, which is
/// enough as long as the machine lives.
const FAULTS_SETTINGS: [(&str, &str); 3] =
    [("max_connections", "50"), ("shared_buffers", "32MB"), ("fsync", "off")];

/// Where to look for a port: below those that systems hand out by themselves, so that nobody is given it while the
/// server is away.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

/// The longest directory that leaves room for a socket's name in a socket's address.
const LONGEST_SOCKET_DIR: usize = 85;

/// A running cluster.
pub(crate) struct Cluster {
    files: Files,
    binaries: Binaries,
    port: u16,
}

/// What a cluster consists of on disk.
struct Files {
    dir: PathBuf,
    account: Account,
    purpose: Purpose,
}

/// What a running server wrote about itself.
#[derive(Debug, PartialEq, Eq)]
struct Running {
    pid: Pid,
    port: u16,
}

impl Cluster {
    /// Starts the cluster, or finds it running; makes it first where there is none.
    pub(super) async fn start(home: Home, binaries: Binaries, purpose: Purpose) -> Result<Self> {
        let files = Files::new(home, purpose);
        files.make_dir(&files.dir)?;
        if let Some(running) = files.running() {
            return Ok(Self { files, binaries, port: running.port });
        }
        if purpose == Purpose::Test {
            remove_dir(&files.data())?;
        }
        if files.data().exists() {
            files.check_version(&binaries).await?;
        } else {
            files.init(&binaries).await?;
        }
        let port = files.free_port()?;
        files.launch(&binaries, port).await?;
        Ok(Self { files, binaries, port })
    }

    /// The URL of one of its databases, for the superuser.
    pub(super) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes a database unless it is there.
    pub(super) async fn create_database(&self, name: &str) -> Result<()> {
        let found = self.psql(&format!("SELECT 1 FROM pg_database WHERE datname = '{name}'")).await?;
        if found.is_empty() {
            self.psql(&format!("CREATE DATABASE \"{name}\"")).await?;
        }
        Ok(())
    }

    async fn psql(&self, sql: &str) -> Result<String> {
        let mut psql = self.files.account.command(&self.binaries.psql(), &self.files.dir);
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql, &self.url("postgres")]);
        process::capture_ok(&mut psql).await
    }

    /// Stops it; its data stays.
    pub(super) async fn stop(self) -> Result<()> {
        self.files.stop(Stop::Fast).await?;
        Ok(())
    }
}

/// Stops the cluster if it runs, and says whether it did. Needs no programs of PostgreSQL.
pub(super) async fn stop(home: Home, purpose: Purpose, how: Stop) -> Result<bool> {
    Files::new(home, purpose).stop(how).await
}

/// Stops the cluster if it runs, and removes its data.
pub(super) async fn remove(home: Home, purpose: Purpose) -> Result<()> {
    let files = Files::new(home, purpose);
    files.stop(Stop::Crash).await?;
    remove_dir(&files.data())
}

impl Files {
    fn new(home: Home, purpose: Purpose) -> Self {
        let name = match purpose {
            Purpose::Dev => "dev",
            Purpose::Test => "test",
            Purpose::Faults => "faults",
        };
        Self { dir: home.path().join(name), account: home.into_account(), purpose }
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn log(&self) -> PathBuf {
        self.dir.join("postgres.log")
    }

    fn pid_file(&self) -> PathBuf {
        self.data().join("postmaster.pid")
    }

    /// The server of this cluster, if it runs. A file left by a server that was killed names a process that is
    /// gone, or by now some other one: the working directory of ours tells them apart.
    fn running(&self) -> Option<Running> {
        let running = Running::parse(&std::fs::read_to_string(self.pid_file()).ok()?)?;
        let works_in = std::fs::read_link(format!("/proc/{}/cwd", running.pid.as_raw_nonzero())).ok()?;
        (works_in == self.data().canonicalize().ok()?).then_some(running)
    }

    async fn init(&self, binaries: &Binaries) -> Result<()> {
        // Under another name until it is whole, so that an interrupted start leaves nothing that looks ready.
        let unfinished = self.dir.join("data.new");
        remove_dir(&unfinished)?;
        let mut initdb = self.account.command(&binaries.initdb(), &self.dir);
        initdb.args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]);
        process::capture_ok(initdb.arg("--pgdata").arg(&unfinished)).await?;
        std::fs::rename(&unfinished, self.data()).context("cannot put the new cluster in its place")
    }

    async fn check_version(&self, binaries: &Binaries) -> Result<()> {
        let made_by = std::fs::read_to_string(self.data().join("PG_VERSION")).unwrap_or_default();
        let (made_by, version) = (made_by.trim(), binaries.major_version().await?.to_string());
        if made_by != version {
            bail!(
                "{} was made by PostgreSQL {made_by}, but this is {version}: remove the directory to begin anew",
                self.data().display()
            );
        }
        Ok(())
    }

    /// The port of the last time if nobody took it meanwhile, else a new one.
    fn free_port(&self) -> Result<u16> {
        let file = self.dir.join("port");
        let remembered = std::fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok());
        let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        let listener = match remembered.map(bind) {
            Some(Ok(listener)) => listener,
            _ => PORTS
                .skip(usize::from(self.first_port()))
                .find_map(|port| bind(port).ok())
                .context("cannot find a free port")?,
        };
        let port = listener.local_addr().context("cannot find a free port")?.port();
        std::fs::write(&file, port.to_string()).context("cannot remember a port")?;
        Ok(port)
    }

    /// Where in [`PORTS`] to begin, so that checkouts beside each other do not look at the same ones.
    fn first_port(&self) -> u16 {
        u16::try_from(super::home::fingerprint(&self.dir) % 16_000).unwrap_or_default()
    }

    async fn launch(&self, binaries: &Binaries, port: u16) -> Result<()> {
        // What a killed server left, which a new one would respect if its process id is in use again.
        match std::fs::remove_file(self.pid_file()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).context("cannot remove a stale postmaster.pid");
            }
            _ => {}
        }
        let socket_dir = self.socket_dir();
        remove_dir(&socket_dir)?;
        self.make_dir(&socket_dir)?;
        let settings: &[(&str, &str)] = match self.purpose {
            Purpose::Dev => &DEV_SETTINGS,
            Purpose::Test => &TEST_SETTINGS,
            Purpose::Faults => &FAULTS_SETTINGS,
        };
        let mut pg_ctl = self.account.command(&binaries.pg_ctl(), &self.dir);
        pg_ctl.args(["start", "--silent", "--wait", "--timeout=60", "--options"]);
        pg_ctl.arg(server_options(port, &socket_dir, settings));
        pg_ctl.arg("--pgdata").arg(self.data()).arg("--log").arg(self.log());
        process::capture_ok(&mut pg_ctl).await.with_context(|| {
            format!(
                "PostgreSQL does not start; {} ends with:\n{}\n",
                self.log().display(),
                last_lines(&self.log(), 8)
            )
        })?;
        Ok(())
    }

    /// Beside the data, or in a shorter place where that is too long for a socket.
    fn socket_dir(&self) -> PathBuf {
        let beside = self.dir.join("socket");
        if beside.as_os_str().len() <= LONGEST_SOCKET_DIR {
            return beside;
        }
        std::env::temp_dir().join(format!("edgehog-socket-{:016x}", super::home::fingerprint(&self.dir)))
    }

    /// A directory that only the cluster's account can enter.
    fn make_dir(&self, dir: &Path) -> Result<()> {
        use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
        if !dir.exists() {
            let made = std::fs::DirBuilder::new().mode(0o700).create(dir);
            made.with_context(|| format!("cannot make {}", dir.display()))?;
        }
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(dir, private).with_context(|| format!("{} is not ours", dir.display()))?;
        self.account.own(dir)
    }

    async fn stop(&self, how: Stop) -> Result<bool> {
        let Some(running) = self.running() else { return Ok(false) };
        // Fast shutdown: sessions are ended, what is committed is kept. The next one does without farewells.
        let fast = [(Signal::INT, 30), (Signal::QUIT, 10)];
        for (signal, patience) in fast.into_iter().skip(usize::from(how == Stop::Crash)) {
            kill_process(running.pid, signal).context("cannot signal PostgreSQL")?;
            let deadline = Instant::now() + Duration::from_secs(patience);
            while Instant::now() < deadline {
                if self.running().is_none() {
                    return Ok(true);
                }
                sleep(Duration::from_millis(20)).await;
            }
        }
        bail!("PostgreSQL (process {}) does not stop", running.pid.as_raw_nonzero())
    }
}

impl Running {
    /// The first lines of postmaster.pid are: process id, data directory, start time, port.
    fn parse(pid_file: &str) -> Option<Self> {
        let mut lines = pid_file.lines();
        // A negative number is that of a single-user session, which serves nobody.
        let pid = lines.next()?.trim().parse().ok().filter(|pid| *pid > 0).and_then(Pid::from_raw)?;
        let port = lines.nth(2)?.trim().parse().ok()?;
        Some(Self { pid, port })
    }
}

/// The server's command line, for the shell that pg_ctl hands it to.
fn server_options(port: u16, socket_dir: &Path, settings: &[(&str, &str)]) -> String {
    let socket_dir = socket_dir.to_string_lossy().replace('\'', r"'\''");
    let mut options = format!("-h 127.0.0.1 -p {port} -k '{socket_dir}'");
    for (name, value) in settings {
        options.push_str(&format!(" -c {name}={value}"));
    }
    options
}

fn remove_dir(dir: &Path) -> Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", dir.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(dir: &Path) -> Files {
        std::fs::create_dir(dir.join("data")).unwrap();
        Files { dir: dir.to_owned(), account: Account::Own, purpose: Purpose::Dev }
    }

    #[test]
    fn a_running_server_is_known_by_its_pid_file() {
        let text = "4711\n/somewhere/data\n1700000000\n5433\n/somewhere\n127.0.0.1\n  123  456\nready   \n";
        let running = Running { pid: Pid::from_raw(4711).unwrap(), port: 5433 };
        assert_eq!(Running::parse(text), Some(running));
        for broken in ["", "4711\n", "0\n/d\n1\n5433\n", "-1\n/d\n1\nport\n"] {
            assert_eq!(Running::parse(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn a_stale_pid_file_of_a_process_that_is_not_postgresql_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(dir.path());
        // The test itself lives, but works elsewhere.
        let text = format!("{}\n{}\n1700000000\n5433\n", std::process::id(), files.data().display());
        std::fs::write(files.pid_file(), text).unwrap();
        assert_eq!(files.running(), None);
    }

    #[test]
    fn the_port_stays_the_same_until_somebody_takes_it() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(dir.path());
        let first = files.free_port().unwrap();
        assert_eq!(files.free_port().unwrap(), first);
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
        let second = files.free_port().unwrap();
        assert_ne!(second, first);
        assert_eq!(std::fs::read_to_string(dir.path().join("port")).unwrap(), second.to_string());
    }

    #[test]
    fn server_options_survive_a_shell() {
        let options = server_options(5433, Path::new("/it's here"), &[("fsync", "off")]);
        assert_eq!(options, r"-h 127.0.0.1 -p 5433 -k '/it'\''s here' -c fsync=off");
    }
}
