use edgehog_engine::store::Error as StoreError;
use edgehog_engine::{Error, NewTenant};

use crate::{engine, new_tenant};

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
