//! The secrets of realms.

use edgehog_store::{Config, Keyring, PgConnectOptions, SealError, Store};
use secrecy::ExposeSecret;
use sqlx::{ConnectOptions, Executor, FromRow};

use crate::new_tenant;

const ONE: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const TWO: &str = "HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

async fn database() -> PgConnectOptions {
    let options = edgehog_test_database::create().await;
    Store::migrate(&options).await.unwrap();
    options
}

async fn store(options: &PgConnectOptions, keys: &str) -> Store {
    let keyring = Keyring::from_base64(&keys.into()).unwrap();
    Store::connect(Config::new(options.clone(), keyring).pool_size(2)).await.unwrap()
}

#[derive(FromRow)]
struct Stored {
    private_key: String,
    trigger_secret: Option<String>,
}

/// What somebody finds who reads the database.
async fn stored(options: &PgConnectOptions, slug: &str) -> Stored {
    let mut connection = options.connect().await.unwrap();
    let select = "SELECT private_key, trigger_secret FROM edgehog.realms JOIN edgehog.tenants USING (tenant_id) \
                  WHERE slug = $1";
    sqlx::query_as(select).bind(slug).fetch_one(&mut connection).await.unwrap()
}

/// Whoever reads the database finds no secret in it; whoever has the keys does.
#[tokio::test]
async fn secrets_are_sealed_in_the_database() {
    let options = database().await;
    let store = store(&options, ONE).await;
    let mut new = new_tenant("plant-one");
    new.realm_private_key = "-----BEGIN private".into();
    store.registry().tenant_create(&new).await.unwrap();
    let stored = stored(&options, "plant-one").await;
    let (_, realm) = store.registry().tenant_by_slug("plant-one").await.unwrap().unwrap();
    let realm = realm.unwrap();
    assert_eq!(realm.private_key.unwrap().expose_secret(), "-----BEGIN private");
    let secret = realm.trigger_secret.unwrap().unwrap();
    assert!(secret.expose_secret().len() >= 40);
    for (text, secret) in
        [(stored.private_key, "-----BEGIN private"), (stored.trigger_secret.unwrap(), secret.expose_secret())]
    {
        assert!(text.starts_with("sealed:1:") && !text.contains(secret), "{text}");
    }
}

/// A sealed key that is put into another tenant's row is of no use there; its own tenant is not affected by what is wrong
/// with another's.
#[tokio::test]
async fn a_sealed_secret_opens_in_its_own_row_alone() {
    let options = database().await;
    let store = store(&options, ONE).await;
    for slug in ["plant-one", "plant-two"] {
        store.registry().tenant_create(&new_tenant(slug)).await.unwrap();
    }
    let swap = "UPDATE edgehog.realms SET private_key = (SELECT private_key FROM edgehog.realms ORDER BY tenant_id LIMIT 1)";
    options.connect().await.unwrap().execute(swap).await.unwrap();
    let private_key = async |slug: &str| {
        let (_, realm) = store.registry().tenant_by_slug(slug).await.unwrap().unwrap();
        realm.unwrap().private_key.map(drop)
    };
    assert_eq!(private_key("plant-one").await, Ok(()));
    assert_eq!(private_key("plant-two").await, Err(SealError::Damaged));
}

/// What earlier versions left readable is sealed. With a new key first and the old one behind it everything can be sealed
/// anew, and then the old one is not needed; without the old one nothing is lost.
#[tokio::test]
async fn keys_can_be_exchanged() {
    let options = database().await;
    let old = store(&options, ONE).await;
    let made = old.registry().tenant_create(&new_tenant("plant-one")).await.unwrap();
    let readable = "UPDATE edgehog.realms SET private_key = 'key', trigger_secret = 'secret'";
    options.connect().await.unwrap().execute(readable).await.unwrap();
    let sealed = old.registry().secrets_seal().await.unwrap();
    assert_eq!((sealed.sealed, sealed.unopened), (vec![made.tenant_id], vec![]));
    assert_eq!(old.registry().secrets_seal().await.unwrap().sealed, []);

    let new_alone = store(&options, TWO).await;
    let before = stored(&options, "plant-one").await;
    let sealed = new_alone.registry().secrets_reseal().await.unwrap();
    assert_eq!((sealed.sealed, sealed.unopened), (vec![], vec![made.tenant_id]));
    assert_eq!(stored(&options, "plant-one").await.private_key, before.private_key);

    let both = store(&options, &format!("{TWO},{ONE}")).await;
    let sealed = both.registry().secrets_reseal().await.unwrap();
    assert_eq!((sealed.sealed, sealed.unopened), (vec![made.tenant_id], vec![]));
    assert_eq!(both.registry().secrets_reseal().await.unwrap().sealed, []);
    let (_, realm) = new_alone.registry().tenant_by_slug("plant-one").await.unwrap().unwrap();
    let realm = realm.unwrap();
    assert_eq!(realm.private_key.unwrap().expose_secret(), "key");
    assert_eq!(realm.trigger_secret.unwrap().unwrap().expose_secret(), "secret");
}

/// A new realm asks for its secret at once, and keeps it when it is changed. One that had none gets one when it is to ask,
/// and does not ask until its triggers have it; it can be told not to.
#[tokio::test]
async fn a_realm_asks_for_its_secret() {
    let options = database().await;
    let store = store(&options, ONE).await;
    let registry = store.registry();
    let realm = async || registry.tenant_by_slug("plant-one").await.unwrap().unwrap().1.unwrap();
    let secret = async || realm().await.trigger_secret.map(|it| it.unwrap().expose_secret().to_owned());
    let new = new_tenant("plant-one");
    registry.tenant_create(&new).await.unwrap();
    let first = secret().await;
    assert!(first.is_some() && realm().await.trigger_secret_required);
    registry.tenant_update(&new).await.unwrap();
    assert!(secret().await == first && realm().await.trigger_secret_required);
    registry.tenant_update(&new.clone().authenticate_triggers(false)).await.unwrap();
    assert!(secret().await.is_none() && !realm().await.trigger_secret_required);
    registry.tenant_update(&new).await.unwrap();
    assert!(secret().await.is_some_and(|second| Some(second) != first));
    assert!(!realm().await.trigger_secret_required);
}
