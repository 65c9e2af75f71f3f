use edgehog_engine::storage::{Key, Storage, StorageConfig, StorageError};
use edgehog_engine::store::{Error as StoreError, Tenant};
use edgehog_engine::{Error, NewTenant};

use crate::{engine, engine_with, new_tenant};

/// Every attribute that breaks its rule is named, all of them at once, and nothing is made.
#[tokio::test]
async fn all_that_is_wrong_is_named() {
    let (engine, _) = engine().await;
    let wrong = NewTenant::new(" ", "Plant_One", "no key", "ftp://astarte", "Plant-One", "no key".into())
        .default_locale("english");
    let problems = engine.provision_tenant(&wrong).await.unwrap_err();
    let fields: Vec<_> = (problems.iter())
        .map(|problem| match problem {
            Error::Invalid { field, .. } => *field,
            other => panic!("{other:?}"),
        })
        .collect();
    let all =
        ["name", "slug", "default_locale", "public_key", "base_api_url", "realm_name", "realm_private_key"];
    assert_eq!(fields, all);
    assert!(engine.tenant("Plant_One").await.unwrap().is_none());
}

#[tokio::test]
async fn a_taken_slug_is_named() {
    let (engine, _) = engine().await;
    engine.provision_tenant(&new_tenant("plant-one")).await.unwrap();
    let mut twin = new_tenant("plant-one");
    twin.name = "another".into();
    let problems = engine.provision_tenant(&twin).await.unwrap_err();
    assert!(matches!(problems[..], [Error::Store(StoreError::Taken { field: "slug", .. })]), "{problems:?}");
}

/// A changed tenant keeps its number; one that does not exist is not made.
#[tokio::test]
async fn a_tenant_can_be_changed() {
    let (engine, _) = engine().await;
    assert!(engine.update_tenant(&new_tenant("plant-one")).await.unwrap().is_none());
    let made = engine.provision_tenant(&new_tenant("plant-one")).await.unwrap();
    let mut new = new_tenant("plant-one");
    new.name = "Plant One".into();
    let changed = engine.update_tenant(&new).await.unwrap().unwrap();
    assert_eq!((changed.tenant_id, changed.name.as_str()), (made.tenant_id, "Plant One"));
    new.realm_name = "-".into();
    assert!(engine.update_tenant(&new).await.is_err());
}

/// A deleted tenant is not found any more, nor are its files; deleting it again finds nothing.
#[tokio::test]
async fn a_tenant_can_be_deleted() {
    let storage = Storage::open(&StorageConfig::Memory).unwrap();
    let (engine, _) = engine_with(|engine| engine.storage(Some(storage.clone()))).await;
    let kept = engine.provision_tenant(&new_tenant("plant-two")).await.unwrap();
    let made = engine.provision_tenant(&new_tenant("plant-one")).await.unwrap();
    assert!(engine.tenant("plant-one").await.unwrap().is_some());
    let picture = |tenant: &Tenant| Key::system_model_picture(tenant.tenant_id.get(), "board", "a.png");
    let (gone, stays) = (picture(&made), picture(&kept));
    for key in [&gone, &stays] {
        storage.put_reader(key, &b"picture"[..], "image/png").await.unwrap();
    }
    assert_eq!(engine.delete_tenant(made.tenant_id).await.unwrap().as_ref(), Some(&made));
    assert!(engine.tenant("plant-one").await.unwrap().is_none());
    assert!(matches!(storage.head(&gone).await, Err(StorageError::NotFound)));
    storage.head(&stays).await.unwrap();
    assert!(engine.delete_tenant(made.tenant_id).await.unwrap().is_none());
    assert_eq!(engine.tenants().await.unwrap(), [kept]);
}
