//! What the parts of one emulator share.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::Error;
use crate::ca::CertificateAuthority;
use crate::faults::Faults;
use crate::http::auth::PublicKey;
use crate::id::is_realm_name;
use crate::mqtt::Realms;
use crate::realm::Realm;
use crate::triggers::{Deliverer, DeliveryQueues};

pub(crate) struct Shared {
    pub(crate) realms: RwLock<BTreeMap<String, Arc<Realm>>>,
    pub(crate) ca: CertificateAuthority,
    pub(crate) housekeeping_key: PublicKey,
    pub(crate) broker_url: String,
    pub(crate) version: String,
    pub(crate) server_timestamps: bool,
    pub(crate) faults: Faults,
    pub(crate) deliverer: Deliverer,
}

impl Shared {
    pub(crate) fn create_realm(&self, name: &str, key: PublicKey) -> Result<Arc<Realm>, Error> {
        if !is_realm_name(name) {
            return Err(Error::InvalidRealmName(name.to_owned()));
        }
        let mut realms = self.realms.write().unwrap_or_else(PoisonError::into_inner);
        if realms.contains_key(name) {
            return Err(Error::RealmExists(name.to_owned()));
        }
        let queues = DeliveryQueues::new(self.deliverer.clone());
        let realm = Arc::new(Realm::new(name.to_owned(), key, queues, self.server_timestamps));
        realms.insert(name.to_owned(), Arc::clone(&realm));
        Ok(realm)
    }

    pub(crate) fn realm_names(&self) -> Vec<String> {
        self.realms.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }
}

impl Realms for Shared {
    fn realm(&self, name: &str) -> Option<Arc<Realm>> {
        self.realms.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }
}
