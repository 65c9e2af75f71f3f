//! The macros that resources and their keys are declared with.

/// Declares the key of a resource as a type of its own, so that keys of different things are not mixed up.
macro_rules! key {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, sqlx::Type,
        )]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(i64);

        impl $name {
            /// The number as the database and the wire know it.
            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl From<i64> for $name {
            fn from(id: i64) -> Self {
                Self(id)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$name> for $crate::Value {
            fn from(key: $name) -> Self {
                Self::Integer(key.0)
            }
        }

        impl $crate::resource::AttributeType for $name {
            const KIND: $crate::Kind = $crate::Kind::Key;

            fn from_value(value: $crate::Value) -> Option<Self> {
                value.as_integer().map(Self)
            }

            fn to_value(&self) -> $crate::Value {
                (*self).into()
            }
        }
    };
}

/// Declares a resource: the Rust type of its rows, and the static that describes it.
macro_rules! resource {
    (
        $(#[doc = $doc:literal])+
        $static:ident: $name:ident as $type_name:literal in $table:literal by $key:ty {
            $(
                $(#[doc = $attribute_doc:literal])+
                $attribute:ident: $type:ty $(as $kind:ident)? $([$internal:ident])?,
            )*
        }
        relations {
            $(
                $(#[doc = $relation_doc:literal])+
                $relation:ident: $cardinality:ident $target:path $([$hidden:ident])? = $join:expr,
            )*
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub struct $name {
            /// Its number.
            pub id: $key,
            $($(#[doc = $attribute_doc])+ pub $attribute: $type,)*
        }

        #[doc = concat!("What [`", stringify!($name), "`] is made of.")]
        pub static $static: $crate::Resource = $crate::Resource {
            name: stringify!($name),
            type_name: $type_name,
            doc: concat!($($doc, "\n"),+),
            attributes: &[
                $crate::resource::Attribute {
                    name: "id",
                    doc: " Its key.",
                    kind: <$key as $crate::resource::AttributeType>::KIND,
                    nullable: false,
                    internal: false,
                },
                $($crate::resource::Attribute {
                    name: stringify!($attribute),
                    doc: concat!($($attribute_doc, "\n"),+),
                    kind: $crate::resource::resource!(@kind $type $(, $kind)?),
                    nullable: <$type as $crate::resource::AttributeType>::NULLABLE,
                    internal: $crate::resource::resource!(@flag $($internal)?),
                },)*
            ],
            relations: &[
                $($crate::resource::Relation {
                    name: stringify!($relation),
                    doc: concat!($($relation_doc, "\n"),+),
                    cardinality: $crate::resource::Cardinality::$cardinality,
                    target: &$target,
                    internal: $crate::resource::resource!(@flag $($hidden)?),
                    join: $join,
                },)*
            ],
            table: $table,
        };

        impl $crate::Row for $name {
            const RESOURCE: &'static $crate::Resource = &$static;

            fn from_record(mut record: $crate::Record) -> Result<Self, $crate::RowError> {
                let mut place = 0..;
                let mut take = || place.next().map_or($crate::Value::Null, |place| record.take(place));
                let missing = |attribute| $crate::RowError { resource: stringify!($name), attribute };
                Ok(Self {
                    id: $crate::resource::AttributeType::from_value(take()).ok_or(missing("id"))?,
                    $($attribute: $crate::resource::AttributeType::from_value(take())
                        .ok_or(missing(stringify!($attribute)))?,)*
                })
            }

            fn values(&self) -> Vec<$crate::Value> {
                use $crate::resource::AttributeType;
                vec![self.id.to_value(), $(self.$attribute.to_value(),)*]
            }
        }
    };
    (@kind $type:ty) => { <$type as $crate::resource::AttributeType>::KIND };
    (@kind $type:ty, $kind:ident) => { $crate::Kind::$kind };
    (@flag) => { false };
    (@flag internal) => { true };
}

pub(crate) use {key, resource};
