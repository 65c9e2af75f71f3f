//! Learning about devices from Astarte itself: when one is seen first, and all of them once in a while.

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use edgehog_astarte::{AppEngine, AppEngineExt, DeviceId, DeviceListQuery, DeviceStatus};
use edgehog_sdk::Interface;
use edgehog_sdk::interfaces::SystemInfo;
use edgehog_store::DeviceObservation;
use futures::future::join_all;
use futures::{StreamExt, TryStreamExt};

use crate::events::Effect;
use crate::tenants::TenantRealm;
use crate::{Error, Tenant};

/// Devices asked for at once. Astarte makes whole status objects slowly.
const PAGE: u32 = 100;

/// How long the answer to an event may wait for what Astarte knows of its device. Astarte itself waits five seconds.
const PATIENCE: Duration = Duration::from_secs(2);

impl Tenant {
    /// Reads what Astarte knows of a device that was seen first just now. Returns when it is recorded, or when that
    /// takes too long to wait for; a failure is mended by the device's next event or the next reconciliation.
    pub(crate) async fn meet(&self, device_id: String) {
        let Some(realm) = self.realm().cloned() else { return };
        let Some(leave) = realm.introduction() else { return };
        let tenant = self.clone();
        let learning = tokio::spawn(async move {
            let _until_done = leave;
            if let Err(error) = tenant.learn(&device_id).await {
                realm.introduction_failed();
                let error = &error as &dyn std::error::Error;
                let tenant = &tenant.info().slug;
                tracing::warn!(%tenant, device = device_id, error, "the status of a new device could not be read");
            }
        });
        // Late is as good as failed for the one who waits; the reading itself goes on.
        let _ = tokio::time::timeout(PATIENCE, learning).await;
    }

    async fn learn(&self, device_id: &str) -> Result<(), Error> {
        let realm = self.realm().ok_or(Error::NoRealm)?;
        let device = DeviceId::new(device_id)?;
        let read_at = Utc::now();
        let status = match realm.client()?.device_status(&device).await {
            // An event may outlive its device.
            Err(error) if error.is_absent() => return Ok(()),
            status => status?,
        };
        let observation = observed(realm, read_at, &status);
        let observation = with_system_info(realm, &status, observation).await;
        // Through the queue like any other word on the device, so that nothing overtakes it.
        match self.events().record(Effect::Observe(observation)).await {
            Ok(_) => Ok(()),
            Err(error) => {
                let tenant = &self.info().slug;
                tracing::warn!(%tenant, device = device_id, %error, "the status of a device was not recorded");
                Ok(())
            }
        }
    }

    /// Records the state of all devices of the realm. Devices that Astarte no longer has are left as they are.
    ///
    /// # Errors
    ///
    /// [`Error::NoRealm`], [`Error::Astarte`] where the list ends early (what was read until then is recorded), and
    /// [`Error::Store`].
    pub async fn reconcile_devices(&self) -> Result<usize, Error> {
        let realm = self.realm().ok_or(Error::NoRealm)?;
        let query = DeviceListQuery::new().details(true).limit(PAGE);
        let mut pages = std::pin::pin!(realm.client()?.devices(query).try_chunks(PAGE as usize));
        let mut count = 0;
        while let Some(page) = pages.next().await {
            let (entries, failure) = match page {
                Ok(entries) => (entries, None),
                Err(error) => (error.0, Some(error.1)),
            };
            let read_at = Utc::now();
            let statuses: Vec<_> = entries.iter().filter_map(|entry| entry.status()).collect();
            self.record_statuses(realm, read_at, &statuses).await?;
            count += statuses.len();
            if let Some(failure) = failure {
                return Err(failure.into());
            }
        }
        Ok(count)
    }

    async fn record_statuses(
        &self,
        realm: &TenantRealm,
        read_at: DateTime<Utc>,
        statuses: &[&DeviceStatus],
    ) -> Result<(), Error> {
        let ids: Vec<_> = statuses.iter().map(|status| status.id.as_str()).collect();
        let mut tx = self.scope().begin().await?;
        let unread: HashSet<_> = tx.device_unread(realm.id, &ids).await?.into_iter().collect();
        tx.commit().await?;
        let mut observations = Vec::with_capacity(statuses.len());
        for status in statuses {
            let is_new = unread.contains(status.id.as_str());
            observations.push(async move {
                let observation = observed(realm, read_at, status);
                if is_new { with_system_info(realm, status, observation).await } else { observation }
            });
        }
        // All at once: the client lets only so many requests for a realm go at a time.
        let observations = join_all(observations).await;
        let mut tx = self.scope().begin().await?;
        tx.device_record(&observations).await?;
        tx.commit().await?;
        Ok(())
    }
}

fn observed(realm: &TenantRealm, read_at: DateTime<Utc>, status: &DeviceStatus) -> DeviceObservation {
    DeviceObservation::new(realm.id, status.id.as_str()).status(
        read_at,
        status.connected,
        status.last_connection,
        status.last_disconnection,
        status.last_seen_ip.clone(),
    )
}

/// Adds the serial and part number that the device told before anybody listened. An event tells them with its time,
/// and so wins over these at any time.
async fn with_system_info(
    realm: &TenantRealm,
    status: &DeviceStatus,
    observation: DeviceObservation,
) -> DeviceObservation {
    if !status.introspection.contains_key(SystemInfo::NAME) {
        return observation;
    }
    let Ok(astarte) = realm.client() else { return observation };
    let astarte = std::sync::Arc::new(astarte.clone());
    let Ok(system) = edgehog_sdk::Device::new(astarte, status.id.clone()).system_info().await else {
        return observation;
    };
    let long_ago = DateTime::UNIX_EPOCH;
    let told = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    observation
        .serial_number(long_ago, told(system.serial_number))
        .part_number(long_ago, told(system.part_number))
}
