use chrono::{DateTime, SubsecRound, Utc};
use sqlx::FromRow;

use crate::resource::{Join, key, resource};
use crate::{ChangeKind, DEVICE_GROUP, Error, RealmKey, SYSTEM_MODEL, TAG, TenantTx};

key! {
    /// A device's number.
    DeviceKey
}

resource! {
    /// A device as this side of Astarte knows it.
    DEVICE: Device as "device" in "devices" by DeviceKey {
        /// Its id in Astarte.
        device_id: String,
        /// A name for people. At first the same as `device_id`.
        name: String,
        /// Whether it is connected to Astarte, by the newest word on it.
        online: bool,
        /// When it last connected.
        last_connection: Option<DateTime<Utc>> as Seconds,
        /// When it last disconnected.
        last_disconnection: Option<DateTime<Utc>> as Seconds,
        /// The address it last connected from.
        last_seen_ip: Option<String>,
        /// The serial number of its system.
        serial_number: Option<String>,
        /// The part number of its system, which names its system model.
        part_number: Option<String>,
    }
    relations {
        /// The system model that owns its part number.
        system_model: One SYSTEM_MODEL = Join::Through {
            table: "system_model_part_numbers",
            ours: ("part_number", "part_number"),
            theirs: ("system_model_id", "id"),
        },
        /// The tags that people put on it.
        tags: Pages TAG =
            Join::Through { table: "devices_tags", ours: ("id", "device_id"), theirs: ("tag_id", "id") },
        /// The groups whose selector it passes now.
        device_groups: List DEVICE_GROUP = Join::GroupsOfDevice,
    }
}

/// What one or more events, or Astarte's status, tell about a device.
///
/// Observations of one device can be merged in any order: of two that speak of the same thing the newer one stands,
/// and of two equally new ones the one merged later. So an event that arrives late, or twice, changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceObservation {
    realm: RealmKey,
    device_id: String,
    connectivity: Option<Dated<bool>>,
    last_connection: Option<DateTime<Utc>>,
    last_disconnection: Option<DateTime<Utc>>,
    heard_at: Option<DateTime<Utc>>,
    last_seen_ip: Option<Dated<String>>,
    serial_number: Option<Dated<Option<String>>>,
    part_number: Option<Dated<Option<String>>>,
    status_read_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Dated<T> {
    at: DateTime<Utc>,
    value: T,
}

impl<T> Dated<T> {
    fn newer(mine: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (mine, other) {
            (Some(mine), Some(other)) if mine.at > other.at => Some(mine),
            (mine, other) => other.or(mine),
        }
    }
}

impl DeviceObservation {
    /// The device exists; no more is known.
    #[must_use]
    pub fn new(realm: RealmKey, device_id: impl Into<String>) -> Self {
        Self {
            realm,
            device_id: device_id.into(),
            connectivity: None,
            last_connection: None,
            last_disconnection: None,
            heard_at: None,
            last_seen_ip: None,
            serial_number: None,
            part_number: None,
            status_read_at: None,
        }
    }

    /// The Astarte id of the device that this is about.
    #[must_use]
    pub fn device_id(&self) -> &str {
        &self.device_id
    }

    /// It connected, perhaps from a known address.
    #[must_use]
    pub fn connected(mut self, at: DateTime<Utc>, ip: Option<String>) -> Self {
        self.connectivity = Some(Dated { at, value: true });
        self.last_connection = Some(at.trunc_subsecs(0));
        self.last_seen_ip = ip.map(|value| Dated { at, value });
        self
    }

    /// It disconnected.
    #[must_use]
    pub fn disconnected(mut self, at: DateTime<Utc>) -> Self {
        self.connectivity = Some(Dated { at, value: false });
        self.last_disconnection = Some(at.trunc_subsecs(0));
        self
    }

    /// It sent something, so it was online then. This does not date its connection: the time may be its own clock's,
    /// and a clock that runs ahead would make real disconnections look old.
    #[must_use]
    pub const fn heard(mut self, at: DateTime<Utc>) -> Self {
        self.heard_at = Some(at);
        self
    }

    /// It told the serial number of its system, or that it has none.
    #[must_use]
    pub fn serial_number(mut self, at: DateTime<Utc>, value: Option<String>) -> Self {
        self.serial_number = Some(Dated { at, value });
        self
    }

    /// It told the part number of its system, or that it has none.
    #[must_use]
    pub fn part_number(mut self, at: DateTime<Utc>, value: Option<String>) -> Self {
        self.part_number = Some(Dated { at, value });
        self
    }

    /// Astarte's status said this, when asked at `read_at`.
    #[must_use]
    pub fn status(
        mut self,
        read_at: DateTime<Utc>,
        connected: bool,
        last_connection: Option<DateTime<Utc>>,
        last_disconnection: Option<DateTime<Utc>>,
        last_seen_ip: Option<String>,
    ) -> Self {
        // The status does not say when the connection state changed, but it cannot have been before the newer of these.
        let at = last_connection.max(last_disconnection).unwrap_or(DateTime::UNIX_EPOCH);
        self.connectivity = Some(Dated { at, value: connected });
        self.last_connection = last_connection.map(|at| at.trunc_subsecs(0));
        self.last_disconnection = last_disconnection.map(|at| at.trunc_subsecs(0));
        self.last_seen_ip =
            last_seen_ip.map(|value| Dated { at: last_connection.unwrap_or(DateTime::UNIX_EPOCH), value });
        self.status_read_at = Some(read_at);
        self
    }

    /// Joins what two observations of the same device tell; `other` came later.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self {
            connectivity: Dated::newer(self.connectivity, other.connectivity),
            last_connection: self.last_connection.max(other.last_connection),
            last_disconnection: self.last_disconnection.max(other.last_disconnection),
            heard_at: self.heard_at.max(other.heard_at),
            last_seen_ip: Dated::newer(self.last_seen_ip, other.last_seen_ip),
            serial_number: Dated::newer(self.serial_number, other.serial_number),
            part_number: Dated::newer(self.part_number, other.part_number),
            status_read_at: self.status_read_at.max(other.status_read_at),
            ..other
        }
    }
}

/// What became of a recorded observation.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
#[non_exhaustive]
pub struct Recorded {
    /// The device's number.
    pub id: DeviceKey,
    /// Its id in Astarte.
    pub device_id: String,
    /// Whether Astarte's own word about the device has never been read.
    pub unread: bool,
    /// Whether it was not known before.
    pub created: bool,
    /// Whether this changed anything that clients see.
    pub changed: bool,
}

impl TenantTx {
    /// Which of these devices are not known, or have never been recorded with a [status](DeviceObservation::status).
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn device_unread(
        &mut self,
        realm: RealmKey,
        device_ids: &[&str],
    ) -> Result<Vec<String>, Error> {
        let tenant = self.tenant();
        Ok(sqlx::query_scalar(
            "SELECT seen.id FROM unnest($3::text[]) AS seen (id) WHERE NOT EXISTS ( \
                 SELECT FROM devices d WHERE d.tenant_id = $1 AND d.realm_id = $2 AND d.device_id = seen.id \
                     AND d.status_read_at IS NOT NULL)",
        )
        .bind(tenant)
        .bind(realm)
        .bind(device_ids)
        .fetch_all(self.connection())
        .await?)
    }

    /// Records what was observed, one observation for a device at most; devices not known yet are made.
    ///
    /// # Errors
    ///
    /// [`Error::MissingReference`] where the realm is not the tenant's, [`Error::Unacceptable`] for text that
    /// PostgreSQL cannot hold. Nothing is recorded then.
    pub async fn device_record(&mut self, observed: &[DeviceObservation]) -> Result<Vec<Recorded>, Error> {
        // Always the same order of locks, so that two writers wait for each other rather than deadlock.
        let mut sorted: Vec<_> = observed.iter().collect();
        sorted.sort_unstable_by(|a, b| (a.realm.cmp(&b.realm)).then_with(|| a.device_id.cmp(&b.device_id)));
        let tenant = self.tenant();
        let column = |of: fn(&DeviceObservation) -> Option<DateTime<Utc>>| -> Vec<_> {
            sorted.iter().map(|seen| of(seen)).collect()
        };
        let recorded: Vec<Recorded> = sqlx::query_as(include_str!("device_record.sql"))
            .bind(tenant)
            .bind(sorted.iter().map(|seen| seen.realm).collect::<Vec<_>>())
            .bind(sorted.iter().map(|seen| seen.device_id.as_str()).collect::<Vec<_>>())
            .bind(sorted.iter().map(|seen| seen.connectivity.as_ref().map(|it| it.value)).collect::<Vec<_>>())
            .bind(column(|seen| seen.connectivity.as_ref().map(|it| it.at)))
            .bind(column(|seen| seen.last_connection))
            .bind(column(|seen| seen.last_disconnection))
            .bind(column(|seen| seen.heard_at))
            .bind(text(&sorted, |seen| seen.last_seen_ip.as_ref().map(|it| it.value.as_str())))
            .bind(text(&sorted, |seen| seen.serial_number.as_ref()?.value.as_deref()))
            .bind(column(|seen| seen.serial_number.as_ref().map(|it| it.at)))
            .bind(text(&sorted, |seen| seen.part_number.as_ref()?.value.as_deref()))
            .bind(column(|seen| seen.part_number.as_ref().map(|it| it.at)))
            .bind(column(|seen| seen.status_read_at))
            .fetch_all(self.connection())
            .await?;
        for device in recorded.iter().filter(|device| device.changed) {
            let kind = if device.created { ChangeKind::Created } else { ChangeKind::Updated };
            self.changed(&DEVICE, kind, device.id);
        }
        Ok(recorded)
    }

    /// Gives a device another name, or leaves it. Says whether there is such a device.
    ///
    /// # Errors
    ///
    /// [`Error::Unacceptable`] for text that PostgreSQL cannot hold.
    pub async fn device_update(&mut self, device: DeviceKey, name: Option<&str>) -> Result<bool, Error> {
        let tenant = self.tenant();
        let done = sqlx::query(
            "UPDATE devices SET name = coalesce($3, name), updated_at = now() WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant)
        .bind(device)
        .bind(name)
        .execute(self.connection())
        .await?;
        let found = done.rows_affected() > 0;
        if found {
            self.changed(&DEVICE, ChangeKind::Updated, device);
        }
        Ok(found)
    }

    /// Tells those who watch that something was done to a device that left its row as it is.
    pub fn device_touched(&mut self, device: DeviceKey) {
        self.changed(&DEVICE, ChangeKind::Updated, device);
    }

    /// Keeps a device from being deleted before this transaction ends. Says whether there is such a device.
    pub(crate) async fn device_exists(&mut self, device: DeviceKey) -> Result<bool, Error> {
        let tenant = self.tenant();
        let found: Option<i32> =
            sqlx::query_scalar("SELECT 1 FROM devices WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE")
                .bind(tenant)
                .bind(device)
                .fetch_optional(self.connection())
                .await?;
        Ok(found.is_some())
    }

    /// Deletes a device and all that hangs on it. Says whether there was one.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn device_delete(&mut self, realm: RealmKey, device_id: &str) -> Result<bool, Error> {
        let tenant = self.tenant();
        let deleted: Option<DeviceKey> = sqlx::query_scalar(
            "DELETE FROM devices WHERE tenant_id = $1 AND realm_id = $2 AND device_id = $3 RETURNING id",
        )
        .bind(tenant)
        .bind(realm)
        .bind(device_id)
        .fetch_optional(self.connection())
        .await?;
        if let Some(device) = deleted {
            self.changed(&DEVICE, ChangeKind::Destroyed, device);
        }
        Ok(deleted.is_some())
    }
}

fn text<'a>(
    observed: &[&'a DeviceObservation],
    of: fn(&'a DeviceObservation) -> Option<&'a str>,
) -> Vec<Option<&'a str>> {
    observed.iter().map(|seen| of(seen)).collect()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    fn observation() -> impl Strategy<Value = (usize, i64)> {
        (0_usize..6, 1_i64..1000)
    }

    fn observe((kind, second): (usize, i64)) -> DeviceObservation {
        let blank = DeviceObservation::new(RealmKey::from(1), "d");
        match kind {
            0 => blank.connected(at(second), Some(format!("192.0.2.{second}"))),
            1 => blank.disconnected(at(second)),
            2 => blank.heard(at(second)),
            3 => blank.serial_number(at(second), Some(second.to_string())),
            4 => blank.part_number(at(second), None),
            _ => blank.status(at(second), true, Some(at(second)), None, None),
        }
    }

    fn merged(kinds: &[(usize, i64)]) -> Option<DeviceObservation> {
        kinds.iter().copied().map(observe).reduce(DeviceObservation::merge)
    }

    proptest! {
        /// Whatever order events arrive in, the newest truth stands (times here differ, as no tie decides).
        #[test]
        fn order_does_not_matter(kinds in prop::collection::hash_map(1_i64..1000, 0_usize..6, 1..12), seed in any::<u64>()) {
            let in_order: Vec<_> = kinds.into_iter().map(|(second, kind)| (kind, second)).collect();
            let mut shuffled = in_order.clone();
            let half = usize::try_from(seed % (shuffled.len() as u64)).unwrap();
            shuffled.rotate_left(half);
            shuffled.reverse();
            prop_assert_eq!(merged(&in_order), merged(&shuffled));
        }

        /// An event delivered twice changes nothing.
        #[test]
        fn repeats_do_not_matter(kind in observation(), others in prop::collection::vec(observation(), 0..6)) {
            let once: Vec<_> = others.iter().copied().chain([kind]).collect();
            let twice: Vec<_> = once.iter().copied().chain([kind]).collect();
            prop_assert_eq!(merged(&once), merged(&twice));
        }
    }
}
