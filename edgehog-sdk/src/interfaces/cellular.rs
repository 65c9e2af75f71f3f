//! Modems of a device.

use super::{SIXTY_DAYS, texts};
use crate::{Timestamp, interface};

interface! {
    name: "io.edgehog.devicemanager.CellularConnectionProperties",
    version: (0, 1),
    kind: device properties at "/%{id}",
    flags: { allow_unset: true },

    /// One modem of a device and its SIM card.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct CellularConnectionProperties {
        /// The modem's slot.
        pub slot: String = key,
        /// Access point name of the operator.
        pub apn: Option<String> = "apn",
        /// Number of the modem.
        pub imei: Option<String> = "imei",
        /// Number of the SIM card.
        pub imsi: Option<String> = "imsi",
    }
}

interface! {
    name: "io.edgehog.devicemanager.CellularConnectionStatus",
    version: (0, 1),
    kind: device objects at "/%{id}",
    flags: { explicit_timestamp: true, database_retention_ttl: SIXTY_DAYS },

    /// The mobile network that one modem sees.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct CellularConnectionStatus {
        /// The modem's slot.
        pub slot: String = key,
        /// When it was sampled.
        pub timestamp: Option<Timestamp> = timestamp,
        /// Name of the operator.
        pub carrier: Option<String> = "carrier",
        /// Number of the cell: 16 bits in 2G networks, 28 in later ones.
        pub cell_id: Option<i64> = "cellId",
        /// Mobile country code, 0 to 999.
        pub mobile_country_code: Option<i32> = "mobileCountryCode",
        /// Mobile network code, 0 to 999; in CDMA networks the system id, 0 to 32767.
        pub mobile_network_code: Option<i32> = "mobileNetworkCode",
        /// Location area code, two bytes.
        pub local_area_code: Option<i32> = "localAreaCode",
        /// Whether the modem is registered with the network.
        pub registration_status: Option<ModemRegistrationStatus> = "registrationStatus",
        /// Signal strength, dBm.
        pub rssi: Option<f64> = "rssi",
        /// Radio technology in use.
        pub technology: Option<ModemTechnology> = "technology",
    }
}

texts! {
    /// How a modem stands with the network.
    pub enum ModemRegistrationStatus {
        /// Not registered and not looking for a network.
        NotRegistered = "NotRegistered" | "NOT_REGISTERED",
        /// Registered with the home network.
        Registered = "Registered",
        /// Looking for a network.
        SearchingOperator = "SearchingOperator" | "SEARCHING_OPERATOR",
        /// The network refused.
        RegistrationDenied = "RegistrationDenied" | "REGISTRATION_DENIED",
        /// The device does not know.
        Unknown = "Unknown",
        /// Registered with a foreign network.
        RegisteredRoaming = "RegisteredRoaming" | "REGISTERED_ROAMING",
    }
}

texts! {
    /// Radio technology of a modem, as 3GPP names them.
    pub enum ModemTechnology {
        /// GSM.
        Gsm = "GSM",
        /// GSM Compact.
        GsmCompact = "GSMCompact" | "GSM_COMPACT",
        /// UTRAN.
        Utran = "UTRAN",
        /// GSM with EGPRS.
        GsmEgprs = "GSMwEGPRS" | "GSM_EGPRS",
        /// UTRAN with HSDPA.
        UtranHsdpa = "UTRANwHSDPA" | "UTRAN_HSDPA",
        /// UTRAN with HSUPA.
        UtranHsupa = "UTRANwHSUPA" | "UTRAN_HSUPA",
        /// UTRAN with HSDPA and HSUPA.
        UtranHsdpaHsupa = "UTRANwHSDPAandHSUPA" | "UTRAN_HSDPA_HSUPA",
        /// E-UTRAN.
        Eutran = "EUTRAN",
    }
}
