//! The macros with which interfaces and their enumerations are declared.

/// Declares an Astarte interface as a Rust type.
///
/// ```
/// use edgehog_sdk::{DeviceOwned, Interface, Timestamp, interface};
/// use serde_json::json;
///
/// interface! {
///     name: "org.example.greenhouse.Climate",
///     version: (1, 0),
///     kind: device objects at "/%{room}",
///     flags: { explicit_timestamp: true, database_retention_ttl: Some(86_400) },
///
///     /// The climate of one room.
///     #[derive(Debug, Clone, PartialEq)]
///     pub struct Climate {
///         /// Name of the room.
///         pub room: String = key,
///         /// When it was measured.
///         pub timestamp: Option<Timestamp> = timestamp,
///         /// Temperature, °C.
///         pub temperature: Option<f64> = "temperature",
///         /// Whether a window is open; rooms that do not say so are left out.
///         pub window_open: bool = "windowOpen",
///     }
/// }
///
/// assert_eq!(Climate::DEFINITION.mappings().last().unwrap().endpoint, "/%{room}/windowOpen");
///
/// let answer = json!({"cellar": {}, "kitchen": [{"temperature": 21, "windowOpen": true}]});
/// let rooms = Climate::decode(&answer)?;
/// assert_eq!(rooms.len(), 1);
/// assert_eq!(rooms[0].room, "kitchen");
/// assert_eq!(rooms[0].temperature, Some(21.0));
/// # Ok::<(), edgehog_sdk::DecodeError>(())
/// ```
///
/// The head, in this order:
///
/// | member | value |
/// |---|---|
/// | `name` | full name of the interface |
/// | `version` | `(major, minor)` |
/// | `kind` | `device properties`, `device individual`, `device objects`, `server properties`, `server individual` or `server objects`; then `at "<base>"`, the segments that all endpoints share, unless there are none |
/// | `flags` (optional) | those members of [`Flags`](crate::definition::Flags) that differ from Astarte's defaults |
/// | `samples` (optional) | how many samples a read asks for, see [`DeviceOwned::SAMPLES`](crate::DeviceOwned::SAMPLES) |
/// | `refine` (optional) | a `fn(Self) -> Self` that each item passes after it was read |
///
/// Each field has a source: `key` (the value of the base's parameter), `timestamp` (the time that Astarte adds to
/// samples) or the endpoint below the base. The type of the field is the type of the mapping (see
/// [`MappingValue`](crate::value::MappingValue)) and says what a missing value means (see
/// [`Member`](crate::value::Member)).
///
/// The type implements [`Interface`](crate::Interface) and [`DeviceOwned`](crate::DeviceOwned) or
/// [`ServerOwned`](crate::ServerOwned). [`Data`](crate::DeviceOwned::Data) is `Self` without base, else `Vec<Self>`.
///
/// # Individual datastreams of devices
///
/// Each mapping has a newest value and a time of its own, so each field is a [`Latest`](crate::value::Latest):
///
/// ```
/// use edgehog_sdk::{DeviceOwned, interface, value::Latest};
/// use serde_json::json;
///
/// interface! {
///     name: "org.example.greenhouse.Sensors",
///     version: (1, 0),
///     kind: device individual at "/%{room}",
///     flags: { explicit_timestamp: true },
///
///     /// What the sensors of one room last said.
///     #[derive(Debug)]
///     pub struct Sensors {
///         /// Name of the room.
///         pub room: String = key,
///         /// Humidity of the air, %.
///         pub humidity: Option<Latest<f64>> = "humidity",
///         /// Number of people.
///         pub people: Option<Latest<i32>> = "people",
///     }
/// }
///
/// let answer = json!({"kitchen": {"humidity": {"value": 40.5, "timestamp": "2026-01-02T03:04:05.678Z"}}});
/// let rooms = Sensors::decode(&answer)?;
/// let humidity = rooms[0].humidity.unwrap();
/// assert_eq!(humidity.value, 40.5);
/// assert_eq!(humidity.timestamp.unwrap().to_string(), "2026-01-02T03:04:05.678Z");
/// assert_eq!(rooms[0].people, None);
///
/// let event = Sensors::from_event("/kitchen/people", &json!(3))?;
/// assert_eq!(event.people.unwrap().value, 3);
/// # Ok::<(), edgehog_sdk::DecodeError>(())
/// ```
///
/// A field without its time is refused:
///
/// ```compile_fail
/// edgehog_sdk::interface! {
///     name: "org.example.greenhouse.Sensors",
///     version: (1, 0),
///     kind: device individual,
///
///     pub struct Sensors {
///         pub humidity: Option<f64> = "humidity",
///     }
/// }
/// ```
///
/// # Properties of servers
///
/// Fields that are `None` are not sent, so the device keeps what it has. What may be unset
/// ([`allow_unset`](crate::definition::Flags::allow_unset)) is unset with
/// [`AppEngine::unset_property`](edgehog_astarte::AppEngine::unset_property).
///
/// ```
/// use edgehog_sdk::{ServerOwned, interface};
/// use serde_json::json;
///
/// interface! {
///     name: "org.example.greenhouse.Settings",
///     version: (1, 0),
///     kind: server properties at "/rooms/%{room}",
///     flags: { allow_unset: true },
///
///     /// What one room shall be like.
///     #[derive(Debug)]
///     pub struct Settings {
///         /// Id of the room.
///         pub room: uuid::Uuid = key,
///         /// Temperature to keep, °C.
///         pub temperature: Option<f64> = "temperature",
///         /// Whether to let people open the windows.
///         pub windows: Option<bool> = "windows",
///     }
/// }
///
/// let settings = Settings { room: uuid::Uuid::nil(), temperature: Some(19.5), windows: None };
/// let messages = settings.messages();
/// assert_eq!(messages.len(), 1);
/// assert_eq!(messages[0].path, "/rooms/00000000-0000-0000-0000-000000000000/temperature");
/// assert_eq!(messages[0].value, json!(19.5));
/// ```
#[macro_export]
macro_rules! interface {
    (
        name: $name:literal,
        version: $version:expr,
        kind: $owner:ident $kind:ident,
        $($rest:tt)*
    ) => {
        $crate::interface! { @declare $name, $version, $owner $kind one "", $($rest)* }
    };
    (
        name: $name:literal,
        version: $version:expr,
        kind: $owner:ident $kind:ident at $base:literal,
        $($rest:tt)*
    ) => {
        $crate::interface! { @declare $name, $version, $owner $kind all $base, $($rest)* }
    };
    (
        @declare $name:literal, $version:expr, $owner:ident $kind:ident $count:ident $base:literal,
        $(flags: { $($flag:ident: $flag_value:expr),+ $(,)? },)?
        $(samples: $samples:literal,)?
        $(refine: $refine:expr,)?
        $(#[$meta:meta])*
        pub struct $type:ident {
            $($(#[$field_meta:meta])* pub $field:ident: $field_type:ty = $source:tt,)+
        }
    ) => {
        $(#[$meta])*
        pub struct $type {
            $($(#[$field_meta])* pub $field: $field_type,)+
        }

        impl $crate::Interface for $type {
            const DEFINITION: &'static $crate::definition::Definition = &$crate::definition::Definition::new(
                ($name, $version),
                $crate::interface!(@kind $owner $kind),
                $base,
                $crate::definition::Flags { $($($flag: $flag_value,)+)? ..$crate::definition::Flags::DEFAULT },
                &[$(
                    $crate::definition::Field::new(
                        $crate::interface!(@source $source),
                        $crate::interface!(@endpoint $base, $source),
                        <$field_type as $crate::value::Member>::TYPE,
                    )
                ),+],
            );
        }

        $crate::interface! {
            @access $owner $kind $count $base,
            $type { $($field = $source,)+ } [$($samples)?] [$($refine)?]
        }
    };

    (@access device $kind:ident $count:ident $base:literal,
        $type:ident { $($field:ident = $source:tt,)+ } [$($samples:literal)?] [$($refine:expr)?]
    ) => {
        impl $crate::DeviceOwned for $type {
            type Data = $crate::interface!(@data $count $type);

            $(const SAMPLES: u32 = $samples;)?

            fn decode(data: &$crate::__private::Value) -> Result<Self::Data, $crate::DecodeError> {
                $crate::interface!(@decode $count)(data)
            }

            fn from_item(item: &$crate::Item<'_>) -> Result<Self, $crate::DecodeError> {
                let value = Self { $($field: $crate::interface!(@read $kind $source, item)?,)+ };
                $(let value = $refine(value);)?
                Ok(value)
            }
        }
    };
    (@access server $kind:ident $count:ident $base:literal,
        $type:ident { $($field:ident = $source:tt,)+ } [] []
    ) => {
        impl $crate::ServerOwned for $type {
            fn messages(&self) -> Vec<$crate::Message> {
                let mut outgoing = $crate::__private::Outgoing::new(<Self as $crate::Interface>::DEFINITION);
                $($crate::interface!(@write $source, outgoing, &self.$field);)+
                outgoing.into_messages()
            }
        }
    };

    (@kind device properties) => { $crate::interface!(@kind Device Properties Individual) };
    (@kind device individual) => { $crate::interface!(@kind Device Datastream Individual) };
    (@kind device objects) => { $crate::interface!(@kind Device Datastream Object) };
    (@kind server properties) => { $crate::interface!(@kind Server Properties Individual) };
    (@kind server individual) => { $crate::interface!(@kind Server Datastream Individual) };
    (@kind server objects) => { $crate::interface!(@kind Server Datastream Object) };
    (@kind $owner:ident $type:ident $aggregation:ident) => {
        (
            $crate::definition::Ownership::$owner,
            $crate::definition::InterfaceType::$type,
            $crate::definition::Aggregation::$aggregation,
        )
    };
    (@kind $($other:tt)+) => {
        compile_error!(concat!("no such kind of interface: ", stringify!($($other)+)))
    };

    (@source key) => { $crate::definition::Source::Key };
    (@source timestamp) => { $crate::definition::Source::Timestamp };
    (@source $member:literal) => { $crate::definition::Source::Member($member) };

    (@endpoint $base:literal, key) => { "" };
    (@endpoint $base:literal, timestamp) => { "" };
    (@endpoint $base:literal, $member:literal) => { concat!($base, "/", $member) };

    (@data one $type:ident) => { $type };
    (@data all $type:ident) => { Vec<$type> };

    (@decode one) => { $crate::__private::decode_one };
    (@decode all) => { $crate::__private::decode_all };

    (@read individual timestamp, $item:ident) => {
        compile_error!("each field of a `device individual` interface has a time of its own, see `Latest`")
    };
    (@read individual $member:literal, $item:ident) => {
        $item.latest($crate::interface!(@source $member))
    };
    (@read $kind:ident $source:tt, $item:ident) => { $item.get($crate::interface!(@source $source)) };

    (@write key, $outgoing:ident, $value:expr) => { $outgoing.key($value) };
    (@write $member:literal, $outgoing:ident, $value:expr) => { $outgoing.member($member, $value) };
}

/// Declares an enumeration of texts that a mapping may hold.
///
/// Each variant has its text, and further texts that are read but never written. Case is ignored when reading.
macro_rules! texts {
    (
        $(#[$meta:meta])*
        pub enum $type:ident {
            $($(#[$variant_meta:meta])* $variant:ident = $text:literal $(| $alias:literal)*,)+
        }
    ) => {
        $(#[$meta])*
        ///
        /// Reads (`FromStr`) ignoring case.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $type {
            $($(#[$variant_meta])* $variant,)+
        }

        impl $type {
            /// The text on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl ::std::fmt::Display for $type {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl ::std::str::FromStr for $type {
            type Err = $crate::UnknownText;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                const TEXTS: &[(&str, $type)] =
                    &[$(($text, $type::$variant), $(($alias, $type::$variant),)*)+];
                let known = TEXTS.iter().find(|(known, _)| known.eq_ignore_ascii_case(text));
                known.map(|(_, value)| *value).ok_or($crate::UnknownText { expected: stringify!($type) })
            }
        }

        impl $crate::value::MappingValue for $type {
            const TYPE: $crate::definition::MappingType = $crate::definition::MappingType::String;

            fn from_json(json: &::serde_json::Value) -> Option<Self> {
                json.as_str()?.parse().ok()
            }

            fn to_json(&self) -> ::serde_json::Value {
                ::serde_json::Value::from(self.as_str())
            }
        }

        /// The texts of an enumeration are fixed and hold no separators.
        impl $crate::value::PathSegment for $type {
            fn segment(&self) -> String {
                self.as_str().to_owned()
            }
        }
    };
}
pub(crate) use texts;
