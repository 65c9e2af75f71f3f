//! What to tell about a running installation, to people, to shells and to devices.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::dev::Files;
use crate::dev::http::Request;
use crate::workspace;

/// Where everything answers, and with which tokens.
pub(super) struct Endpoints {
    pub(super) edgehog_url: String,
    pub(super) tenant: &'static str,
    pub(super) token: String,
    pub(super) admin_token: String,
    pub(super) astarte_url: String,
    pub(super) realm: &'static str,
    pub(super) pairing_token: String,
    pub(super) database_url: String,
    pub(super) encryption_keys: String,
}

impl Endpoints {
    /// Asks how many devices there are.
    pub(super) fn count_devices(&self) -> Request {
        Request::graphql(&self.graphql_path(), &self.token, "{ devices { count } }")
    }

    pub(super) fn write(&self, files: &Files) -> Result<()> {
        // Astarte is in memory: it has forgotten the devices of earlier runs, so they must pair anew.
        let state = files.dir.join("runtime");
        let _ = fs::remove_dir_all(&state);
        fs::create_dir_all(&state).with_context(|| format!("cannot make {}", state.display()))?;
        write_secret(&files.runtime_config(), &self.runtime_config(&state))?;
        write_secret(&files.environment(), &self.environment())
    }

    /// Prints what one wants to know first.
    pub(super) fn announce(&self, files: &Files, devices: u32, elapsed: Duration) {
        let Self { edgehog_url, token, .. } = self;
        let path = self.graphql_path();
        println!(
            "\nEdgehog is ready with {devices} devices, {:.1} s after the build.\n",
            elapsed.as_secs_f32()
        );
        println!("GraphQL    {edgehog_url}{path}");
        println!("Token      {token}");
        println!("Try        curl -s {edgehog_url}{path} -H 'Authorization: Bearer {token}' \\");
        println!("             -H 'Content-Type: application/json' \\");
        println!("             -d '{{\"query\":\"{SHOWN_QUERY}\"}}'");
        println!("Console    point it at {edgehog_url}; the tenant is {}", self.tenant);
        println!("           cargo xtask console  checks that it would find what it needs");
        println!("Shell      . {}", shown(&files.environment()));
        println!("Device     edgehog-device-runtime --config {}", shown(&files.runtime_config()));
        println!("Logs       {}", shown(&files.logs()));
        println!("\nCtrl-C stops everything; the data stays.");
    }

    fn graphql_path(&self) -> String {
        format!("/tenants/{}/api", self.tenant)
    }

    /// Everything by the names under which programs and people of this workspace look for it.
    pub(super) fn variables(&self) -> [(&'static str, &str); 8] {
        [
            ("EDGEHOG_URL", &self.edgehog_url),
            ("EDGEHOG_TENANT", self.tenant),
            ("EDGEHOG_TOKEN", &self.token),
            ("EDGEHOG_ADMIN_TOKEN", &self.admin_token),
            ("ASTARTE_URL", &self.astarte_url),
            ("ASTARTE_REALM", self.realm),
            ("DATABASE_URL", &self.database_url),
            ("EDGEHOG_ENCRYPTION_KEYS", &self.encryption_keys),
        ]
    }

    fn environment(&self) -> String {
        self.variables().iter().map(|(name, value)| format!("{name}={}\n", shell_quoted(value))).collect()
    }

    /// The configuration of a real device runtime on this machine. Its broker's certificate is our own, hence
    /// `ignore_ssl`.
    fn runtime_config(&self, state: &Path) -> String {
        let Self { astarte_url, realm, pairing_token, .. } = self;
        let state = toml_quoted(&state.to_string_lossy());
        format!(
            "# For edgehog-device-runtime --config; cargo xtask test puts that program into target/tools/bin.\n\
             # The device registers itself: the pairing token lets it, for a day from when this file was written.\n\
             # A device_id is any 128 bits in URL-safe base64; give each device its own, and its own directories.\n\
             astarte_library = \"astarte-device-sdk\"\n\
             store_directory = {state}\n\
             download_directory = {state}\n\
             \n\
             [astarte_device_sdk]\n\
             realm = \"{realm}\"\n\
             pairing_url = \"{astarte_url}/pairing\"\n\
             pairing_token = \"{pairing_token}\"\n\
             device_id = \"{DEVICE_ID}\"\n\
             ignore_ssl = true\n"
        )
    }
}

/// A query to begin with, without characters that JSON or a shell would mind.
const SHOWN_QUERY: &str = "{ devices(first: 5) { count edges { node { name online systemModel { name } \
     tags { edges { node { name } } } deviceGroups { name } position { latitude longitude } } } } }";

/// The device that the sample configuration describes.
const DEVICE_ID: &str = "ZWRnZWhvZy1ydW50aW1lIQ";

/// A path as one would type it, from where cargo was most likely called.
fn shown(path: &Path) -> String {
    path.strip_prefix(workspace::root()).unwrap_or(path).display().to_string()
}

fn shell_quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// Reads what [`Endpoints::write`] wrote for shells; `None` where nothing is ready.
pub(super) fn read_environment(path: &Path) -> Option<Vec<(String, String)>> {
    let text = fs::read_to_string(path).ok()?;
    let variable = |line: &str| {
        let (name, quoted) = line.split_once('=')?;
        let value = quoted.strip_prefix('\'')?.strip_suffix('\'')?;
        Some((name.to_owned(), value.replace(r"'\''", "'")))
    };
    text.lines().map(variable).collect()
}

fn toml_quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', r"\\").replace('"', "\\\""))
}

/// All at once, for who waits for the file to appear, and for our eyes only.
fn write_secret(path: &Path, text: &str) -> Result<()> {
    let unfinished = path.with_added_extension("new");
    let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written
        .and_then(|()| fs::rename(&unfinished, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn endpoints() -> Endpoints {
        Endpoints {
            edgehog_url: "http://localhost:4000".into(),
            tenant: "acme-inc",
            token: "a.b.c".into(),
            admin_token: "d.e.f".into(),
            astarte_url: "http://localhost:4001".into(),
            realm: "acme",
            pairing_token: "g.h.i".into(),
            encryption_keys: "k=".into(),
            database_url: "postgres://me:it's $HOME `x` \"y\" \\@localhost/x".into(),
        }
    }

    #[test]
    fn a_shell_reads_the_environment_as_it_was_meant() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("edgehog.env");
        write_secret(&file, &endpoints().environment()).unwrap();
        let script = ". \"$0\"; printf %s \"$EDGEHOG_URL $EDGEHOG_TENANT $ASTARTE_REALM $DATABASE_URL\"";
        let output = Command::new("sh").args(["-c", script]).arg(&file).output().unwrap();
        let expected = format!("http://localhost:4000 acme-inc acme {}", endpoints().database_url);
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
        let read = read_environment(&file).unwrap();
        let written = endpoints();
        assert_eq!(read, written.variables().map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn what_is_not_ready_has_no_environment() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read_environment(&dir.path().join("edgehog.env")), None);
    }

    #[test]
    fn the_shown_query_goes_unquoted_into_json_and_shell() {
        assert!(!SHOWN_QUERY.contains(['"', '\'', '\\', '\n']), "{SHOWN_QUERY}");
    }

    #[test]
    fn the_runtime_finds_realm_and_pairing_in_its_configuration() {
        let config = endpoints().runtime_config(Path::new("/some\"where"));
        for line in [
            "realm = \"acme\"",
            "pairing_url = \"http://localhost:4001/pairing\"",
            "pairing_token = \"g.h.i\"",
            "store_directory = \"/some\\\"where\"",
        ] {
            assert!(config.lines().any(|found| found == line), "{line} in\n{config}");
        }
    }
}
