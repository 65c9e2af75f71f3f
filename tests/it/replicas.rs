//! Several servers of one database, each a process of its own, that share the realms.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use astarte_emulator::{Emulator, RealmKey};
use edgehog_engine::{Engine, Keyring, NewTenant, PgConnectOptions, Store, StoreConfig};
use sqlx::{ConnectOptions, Executor};
use tokio_util::sync::CancellationToken;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const PATIENCE: Duration = Duration::from_secs(120);

/// Seconds between two reconciliations of a realm.
const INTERVAL: f64 = 10.0;

struct Site {
    emulator: Emulator,
    realm_key: RealmKey,
    engine: Engine,
    database: PgConnectOptions,
}

/// A server; it is killed when this is dropped, without a chance to tidy up.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Site {
    /// A database that writes down who claims which reconciliation when.
    async fn new() -> Self {
        let database = edgehog_test_database::create().await;
        Store::migrate(&database).await.unwrap();
        let log = "CREATE TABLE public.claims (tenant_id bigint, held_by uuid, began_at timestamptz, due_at timestamptz); \
             GRANT INSERT ON public.claims TO PUBLIC; \
             CREATE FUNCTION public.log_claim() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 INSERT INTO public.claims VALUES (NEW.tenant_id, NEW.held_by, NEW.began_at, OLD.due_at); \
                 RETURN NEW; END $$; \
             CREATE TRIGGER log AFTER UPDATE ON edgehog.reconciliations FOR EACH ROW \
                 WHEN (NEW.began_at IS DISTINCT FROM OLD.began_at) EXECUTE FUNCTION public.log_claim()";
        database.connect().await.unwrap().execute(log).await.unwrap();
        let keyring = Keyring::from_base64(&KEY.into()).unwrap();
        let store = Store::connect(StoreConfig::new(database.clone(), keyring)).await.unwrap();
        Self {
            emulator: Emulator::builder().start().await.unwrap(),
            realm_key: RealmKey::generate().unwrap(),
            engine: Engine::builder(store, "http://localhost:4000".parse().unwrap()).build().unwrap(),
            database,
        }
    }

    async fn tenant(&self, number: usize, astarte: &str) {
        let (slug, realm) = (format!("plant-{number}"), format!("plant{number}"));
        let new = NewTenant::new(
            &slug,
            &slug,
            self.realm_key.public_key_pem(),
            astarte,
            realm,
            self.realm_key.private_key_pem().clone(),
        );
        self.engine.provision_tenant(&new).await.unwrap();
    }

    fn serve(&self) -> Process {
        let port = TcpListener::bind("[::]:0").unwrap().local_addr().unwrap().port().to_string();
        let mut database: reqwest::Url = std::env::var("DATABASE_URL").unwrap().parse().unwrap();
        database.set_path(self.database.get_database().unwrap());
        let mut command = Command::new(server());
        command.arg("serve").env_clear().stdout(Stdio::null());
        command.env("DATABASE_URL", database.as_str()).env("EDGEHOG_ENCRYPTION_KEYS", KEY);
        command.env("PORT", port).env("URL_HOST", "localhost").env("RUST_LOG", "off");
        command.env("RECONCILE_INTERVAL_SECONDS", INTERVAL.to_string());
        Process(command.spawn().unwrap())
    }

    /// Asks the database for a number until it is the wanted one.
    async fn until(&self, number: &str, wanted: i64) {
        let mut connection = self.database.connect().await.unwrap();
        let ask = async {
            loop {
                let found: i64 =
                    sqlx::query_scalar(sqlx::AssertSqlSafe(number)).fetch_one(&mut connection).await.unwrap();
                if found == wanted {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, ask).await.is_ok(), "never {wanted}: {number}");
    }
}

/// The server's program, which lies where tests of the workspace do; the whole test command builds it before them.
fn server() -> PathBuf {
    let program = std::env::current_exe().unwrap().parent().unwrap().with_file_name("edgehog-server");
    assert!(program.is_file(), "build it first: cargo build -p edgehog-server");
    program
}

/// However many servers there are, a realm is reconciled once in its time, and no server does it all.
#[tokio::test]
async fn each_realm_is_reconciled_once_in_its_time() {
    const TENANTS: usize = 50;
    let site = Site::new().await;
    for number in 0..TENANTS {
        site.emulator.create_realm(&format!("plant{number}"), site.realm_key.public_key_pem()).unwrap();
        site.tenant(number, site.emulator.base_url().as_str()).await;
    }
    let _servers = [site.serve(), site.serve()];
    let thrice =
        "SELECT count(*) FROM (SELECT FROM claims GROUP BY tenant_id HAVING count(*) >= 3) AS thrice";
    site.until(thrice, 50).await;
    let mut connection = site.database.connect().await.unwrap();
    let (holders, early, failed): (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(DISTINCT held_by) FROM claims), \
             (SELECT count(*) FROM ( \
                 SELECT began_at - lag(began_at) OVER (PARTITION BY tenant_id ORDER BY began_at) AS pause FROM claims \
             ) AS pauses WHERE extract(epoch FROM pause) < $1), \
             (SELECT count(*) FROM edgehog.reconciliations WHERE failures > 0)",
    )
    .bind(INTERVAL * 0.9)
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert_eq!((holders, early, failed), (2, 0, 0));
}

/// An Astarte that takes connections and says nothing.
fn silent_astarte() -> (String, Arc<Mutex<Vec<TcpStream>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (url, open) = (format!("http://{}", listener.local_addr().unwrap()), Arc::<Mutex<Vec<_>>>::default());
    let kept = open.clone();
    std::thread::spawn(move || listener.incoming().for_each(|it| kept.lock().unwrap().extend(it.ok())));
    (url, open)
}

/// What a server was at that is killed is taken over by another one, in the order of seconds.
#[tokio::test]
async fn a_killed_server_loses_its_realms() {
    const TENANTS: i64 = 8;
    let site = Site::new().await;
    let (astarte, _open) = silent_astarte();
    let first = site.serve();
    for number in 0..TENANTS {
        site.tenant(usize::try_from(number).unwrap(), &astarte).await;
    }
    let claimed = "SELECT count(*) FROM edgehog.reconciliations WHERE held_until > now()";
    site.until(claimed, TENANTS).await;
    let second = site.serve();
    let mut connection = site.database.connect().await.unwrap();
    let others = "SELECT count(DISTINCT held_by) FROM claims";
    assert_eq!(sqlx::query_scalar::<_, i64>(others).fetch_one(&mut connection).await.unwrap(), 1);
    drop(first);
    let killed = std::time::Instant::now();
    let taken = "SELECT count(DISTINCT tenant_id) FROM claims \
                 WHERE held_by <> (SELECT held_by FROM claims ORDER BY began_at LIMIT 1)";
    site.until(taken, TENANTS).await;
    println!("taken over after {:?}", killed.elapsed());
    drop(second);
}

/// A server that is told to end gives back what it was at: nobody has to wait until its time is over.
#[tokio::test]
async fn a_stopping_server_gives_back_its_realms() {
    let site = Site::new().await;
    let (astarte, _open) = silent_astarte();
    site.tenant(0, &astarte).await;
    let stop = CancellationToken::new();
    let work = tokio::spawn(site.engine.clone().run(stop.clone()));
    site.until("SELECT count(*) FROM edgehog.reconciliations WHERE held_until > now()", 1).await;
    stop.cancel();
    work.await.unwrap();
    let free = "SELECT count(*) FROM edgehog.reconciliations WHERE held_by IS NULL AND due_at <= now()";
    let mut connection = site.database.connect().await.unwrap();
    assert_eq!(sqlx::query_scalar::<_, i64>(free).fetch_one(&mut connection).await.unwrap(), 1);
}
