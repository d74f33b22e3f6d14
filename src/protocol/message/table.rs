/// Turns tables of fields into a message and its nested structs.
///
/// ```text
/// message! {
///     /// What it is for.
///     HeartbeatRequest: request 12, versions 0..=4, flexible 4.. {
///         group_id: String,
///         generation_id: i32,
///         member_id: String,
///         group_instance_id: Option<String> [3.., null, default null],
///     }
/// }
/// ```
///
/// The head says the kind (`request KEY`, `response KEY`, `record TYPE`, `data`), the versions and
/// where the flexible encoding begins (nothing: never). A field without brackets is in every
/// version. In brackets, separated by commas:
///
/// - `3..` or `1..=3`: the versions that carry it;
/// - `tag 0`: it is a tagged field, omitted while it has its default;
/// - `null` or `null 12..`: the versions in which it may be null; its type is an `Option`;
/// - `default -1`, `default null`: otherwise zero, empty, and `Some` of that for an `Option`;
/// - `ignorable`: may be left out of a version that lacks it, whatever its value;
/// - `classic`: classic lengths in flexible versions too.
///
/// Nested structs follow with a name and fields alone. A struct that borrows from the decoded
/// bytes is named `Name<'a>`. Every message gets [`Message`](crate::protocol::message::Message),
/// every struct [`Wire`](crate::protocol::wire::Wire) and a `Default` with the table's defaults.
macro_rules! message {
    ($(#[$doc:meta])* $name:ident $(<$life:lifetime>)?: $kind:ident $($key:literal)?,
     versions $first:literal ..= $last:literal $(, flexible $flexible:literal ..)? { $($body:tt)* }
     $($(#[$nested_doc:meta])* $nested:ident $(<$nested_life:lifetime>)?
       { $($nested_body:tt)* })*) => {
        message!(@struct [$(#[$doc])*] $name [$($life)?] { $($body)* });
        message!(@structs $($(#[$nested_doc])* $nested $(<$nested_life>)? { $($nested_body)* })*);
        impl<'a> $crate::protocol::message::Message<'a> for $name $(<$life>)? {
            const SCHEMA: &'static $crate::protocol::schema::Schema =
                &$crate::protocol::schema::Schema {
                    name: stringify!($name),
                    kind: message!(@kind $kind $($key)?),
                    versions: $crate::protocol::schema::Versions::between($first, $last),
                    flexible: message!(@flexible $($flexible)?),
                    fields: Self::FIELDS,
                };
        }
    };
    (@structs $($(#[$doc:meta])* $name:ident $(<$life:lifetime>)? { $($body:tt)* })*) => {
        $(message!(@struct [$(#[$doc])*] $name [$($life)?] { $($body)* });)*
    };
    (@struct [$(#[$doc:meta])*] $name:ident [$($life:lifetime)?]
     { $($(#[$field_doc:meta])* $field:ident: $type:ty $([$($spec:tt)*])?),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name $(<$life>)? {
            $(
                $(#[$field_doc])*
                #[doc = concat!(
                    "\n\n`", stringify!($field), ": ", stringify!($type)
                    $(, " [", stringify!($($spec)*), "]")?, "`"
                )]
                pub $field: $type,
            )*
        }

        impl<'a> $name $(<$life>)? {
            const FIELDS: &'static [$crate::protocol::schema::Field] = &[$(
                $crate::protocol::schema::Field {
                    name: stringify!($field),
                    kind: <$type as $crate::protocol::wire::Wire<'a>>::TYPE,
                    spec: message!(@spec $crate::protocol::schema::Spec::PLAIN; $($($spec)*)?),
                },
            )*];
        }

        impl $(<$life>)? Default for $name $(<$life>)? {
            fn default() -> Self {
                Self { $($field: message!(@default $type; $($($spec)*)?)),* }
            }
        }

        impl<'a> $crate::protocol::wire::Wire<'a> for $name $(<$life>)? {
            const TYPE: $crate::protocol::schema::Type =
                $crate::protocol::schema::Type::Struct(Self::FIELDS);

            fn zero() -> Self {
                Self::default()
            }

            #[allow(unused_mut, unused_variables)]
            fn write(
                &self,
                w: &mut $crate::protocol::wire::Writer,
                form: $crate::protocol::wire::Form,
            ) {
                let mut tags = 0;
                $({
                    message!(@const $($($spec)*)?);
                    if SPEC.in_body(form.version) {
                        $crate::protocol::wire::Wire::write(&self.$field, w, form.of(&SPEC));
                        w.blame(stringify!($name), stringify!($field));
                    } else if (SPEC.in_tags(form.version) || SPEC.lost_in(form.version))
                        && self.$field != message!(@default $type; $($($spec)*)?)
                    {
                        match SPEC.in_tags(form.version) {
                            true => tags += 1,
                            false => w.lose(stringify!($name), stringify!($field), form.version),
                        }
                    }
                })*
                if !form.flexible {
                    return;
                }
                w.uvarint(tags);
                $({
                    message!(@const $($($spec)*)?);
                    if let Some(tag) = SPEC.tag
                        && SPEC.in_tags(form.version)
                        && self.$field != message!(@default $type; $($($spec)*)?)
                    {
                        w.tagged(tag, |w| {
                            $crate::protocol::wire::Wire::write(&self.$field, w, form.of(&SPEC));
                        });
                        w.blame(stringify!($name), stringify!($field));
                    }
                })*
            }

            #[allow(unused_mut, unused_variables)]
            fn read(
                r: &mut $crate::protocol::wire::Reader<'a>,
                form: $crate::protocol::wire::Form,
            ) -> Result<Self, $crate::protocol::wire::Malformed> {
                let mut out = Self::default();
                $({
                    message!(@const $($($spec)*)?);
                    if SPEC.in_body(form.version) {
                        out.$field = message!(@read r, form.of(&SPEC), $name, $field);
                    }
                })*
                if form.flexible {
                    r.tagged_fields(|r, tag| {
                        $({
                            message!(@const $($($spec)*)?);
                            if SPEC.has_tag(tag, form.version) {
                                out.$field = message!(@read r, form.of(&SPEC), $name, $field);
                                return Ok(());
                            }
                        })*
                        r.skip_rest();
                        Ok(())
                    })?;
                }
                Ok(out)
            }
        }

        impl<'a> $crate::protocol::wire::Nullable<'a> for $name $(<$life>)? {
            fn write_nullable(
                value: Option<&Self>,
                w: &mut $crate::protocol::wire::Writer,
                form: $crate::protocol::wire::Form,
            ) {
                $crate::protocol::wire::write_nullable_struct(value, w, form);
            }

            fn read_nullable(
                r: &mut $crate::protocol::wire::Reader<'a>,
                form: $crate::protocol::wire::Form,
            ) -> Result<Option<Self>, $crate::protocol::wire::Malformed> {
                $crate::protocol::wire::read_nullable_struct(r, form)
            }
        }
    };

    (@kind request $key:literal) => { $crate::protocol::schema::Kind::Request($key) };
    (@kind response $key:literal) => { $crate::protocol::schema::Kind::Response($key) };
    (@kind record $key:literal) => { $crate::protocol::schema::Kind::Record($key) };
    (@kind data) => { $crate::protocol::schema::Kind::Data };

    (@flexible) => { $crate::protocol::schema::Versions::NONE };
    (@flexible $first:literal) => { $crate::protocol::schema::Versions::since($first) };

    // What a field of `form` says, and an error that names the field.
    (@read $r:ident, $form:expr, $name:ident, $field:ident) => {
        $crate::protocol::wire::Wire::read($r, $form)
            .map_err(|error| error.in_field(stringify!($name), stringify!($field)))?
    };

    // The brackets as a constant, one attribute after the other.
    (@const $($spec:tt)*) => {
        const SPEC: $crate::protocol::schema::Spec =
            message!(@spec $crate::protocol::schema::Spec::PLAIN; $($spec)*);
    };
    (@spec $spec:expr;) => { $spec };
    (@spec $spec:expr; $first:literal ..= $last:literal $(, $($rest:tt)*)?) => {
        message!(@spec $spec.versions($first, $last); $($($rest)*)?)
    };
    (@spec $spec:expr; $first:literal .. $(, $($rest:tt)*)?) => {
        message!(@spec $spec.versions($first, i16::MAX); $($($rest)*)?)
    };
    (@spec $spec:expr; tag $tag:literal $(, $($rest:tt)*)?) => {
        message!(@spec $spec.tag($tag); $($($rest)*)?)
    };
    (@spec $spec:expr; null $first:literal ..= $last:literal $(, $($rest:tt)*)?) => {
        message!(@spec $spec.null($first, $last); $($($rest)*)?)
    };
    (@spec $spec:expr; null $first:literal .. $(, $($rest:tt)*)?) => {
        message!(@spec $spec.null($first, i16::MAX); $($($rest)*)?)
    };
    (@spec $spec:expr; null $(, $($rest:tt)*)?) => {
        message!(@spec $spec.null(i16::MIN, i16::MAX); $($($rest)*)?)
    };
    (@spec $spec:expr; default $default:expr $(, $($rest:tt)*)?) => {
        message!(@spec $spec.default(stringify!($default)); $($($rest)*)?)
    };
    (@spec $spec:expr; ignorable $(, $($rest:tt)*)?) => {
        message!(@spec $spec.ignorable(); $($($rest)*)?)
    };
    (@spec $spec:expr; classic $(, $($rest:tt)*)?) => {
        message!(@spec $spec.classic(); $($($rest)*)?)
    };

    // The value after `default`, wherever it stands among the attributes.
    (@default $type:ty;) => { <$type as $crate::protocol::wire::Wire<'_>>::zero() };
    (@default $type:ty; default null $($rest:tt)*) => { None };
    (@default $type:ty; default $default:expr $(, $($rest:tt)*)?) => { $default };
    (@default $type:ty; $skipped:tt $($rest:tt)*) => { message!(@default $type; $($rest)*) };
}
