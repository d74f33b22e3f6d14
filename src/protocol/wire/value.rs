use std::sync::Arc;

use super::{Form, Malformed, Problem, Reader, Unencodable, Writer};
use crate::model::Uuid;
use crate::protocol::schema::Type;

/// A type that a field of a message can have.
pub trait Wire<'a>: Sized {
    /// What Kafka's message definitions call it.
    const TYPE: Type;

    /// The value of a field that the table gives no default: zero, empty, never null.
    fn zero() -> Self;

    /// Appends the value.
    fn write(&self, w: &mut Writer, form: Form);

    /// Consumes a value.
    fn read(r: &mut Reader<'a>, form: Form) -> Result<Self, Malformed>;
}

/// A type that can be null on the wire, as `Option<Self>`.
pub trait Nullable<'a>: Wire<'a> {
    /// Appends the value or null.
    fn write_nullable(value: Option<&Self>, w: &mut Writer, form: Form);

    /// Consumes a value or null.
    fn read_nullable(r: &mut Reader<'a>, form: Form) -> Result<Option<Self>, Malformed>;
}

/// The records of one partition: borrowed when decoded, a length alone when a broker answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordsField<'a> {
    /// The batches themselves.
    Borrowed(&'a [u8]),
    /// So many bytes, which the sender inserts ([`Writer::splice`]).
    Spliced(usize),
}

impl<'a> RecordsField<'a> {
    /// Length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Borrowed(bytes) => bytes.len(),
            Self::Spliced(len) => *len,
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The batches, if they are here; a decoded field's always are.
    pub fn bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Borrowed(bytes) => Some(bytes),
            Self::Spliced(_) => None,
        }
    }
}

macro_rules! numbers {
    ($($name:ty = $kind:ident),* $(,)?) => { $(
        impl<'a> Wire<'a> for $name {
            const TYPE: Type = Type::$kind;

            fn zero() -> Self {
                Self::default()
            }

            fn write(&self, w: &mut Writer, _: Form) {
                w.put(&self.to_be_bytes());
            }

            fn read(r: &mut Reader<'a>, _: Form) -> Result<Self, Malformed> {
                r.array().map(Self::from_be_bytes)
            }
        }
    )* };
}

numbers! {
    i8 = Int8, i16 = Int16, u16 = Uint16, i32 = Int32, u32 = Uint32, i64 = Int64, f64 = Float64,
}

impl<'a> Wire<'a> for bool {
    const TYPE: Type = Type::Bool;

    fn zero() -> Self {
        false
    }

    fn write(&self, w: &mut Writer, _: Form) {
        w.put(&[(*self).into()]);
    }

    fn read(r: &mut Reader<'a>, _: Form) -> Result<Self, Malformed> {
        r.array().map(|[byte]| byte != 0)
    }
}

impl<'a> Wire<'a> for Uuid {
    const TYPE: Type = Type::Uuid;

    fn zero() -> Self {
        Self::ZERO
    }

    fn write(&self, w: &mut Writer, _: Form) {
        w.uuid(*self);
    }

    fn read(r: &mut Reader<'a>, _: Form) -> Result<Self, Malformed> {
        r.uuid()
    }
}

/// Types that are a length and so many bytes or elements: null is a length of −1 (compact: 0).
macro_rules! lengthy {
    ([$($generics:tt)*] $name:ty, $kind:expr, $empty:expr, $len:ident,
     |$value:ident, $w:ident, $to:ident| $write:expr,
     |$r:ident, $n:ident, $from:ident| $read:expr) => {
        impl<'a, $($generics)*> Wire<'a> for $name {
            const TYPE: Type = $kind;

            fn zero() -> Self {
                $empty
            }

            fn write(&self, w: &mut Writer, form: Form) {
                Self::write_nullable(Some(self), w, form);
            }

            fn read(r: &mut Reader<'a>, form: Form) -> Result<Self, Malformed> {
                Self::read_nullable(r, form)?.ok_or_else(|| r.malformed(Problem::Null))
            }
        }

        impl<'a, $($generics)*> Nullable<'a> for $name {
            fn write_nullable(value: Option<&Self>, $w: &mut Writer, $to: Form) {
                $w.$len(value.map(|value| value.len()), $to.flexible);
                if let Some($value) = value {
                    $write
                }
            }

            fn read_nullable($r: &mut Reader<'a>, $from: Form) -> Result<Option<Self>, Malformed> {
                match $r.$len($from.flexible)? {
                    Some($n) => $read.map(Some),
                    None => Ok(None),
                }
            }
        }
    };
}

lengthy!([] &'a str, Type::String, "", short_len,
    |value, w, _form| w.put(value.as_bytes()),
    |r, len, _form| r.text(len));

lengthy!([] String, Type::String, Self::new(), short_len,
|value, w, _form| w.put(value.as_bytes()),
|r, len, _form| {
    let text = r.text(len)?;
    r.charge(len).map(|()| text.to_owned())
});

// For what is kept, and shared, as it is.
lengthy!([] Arc<str>, Type::String, Self::default(), short_len,
|value, w, _form| w.put(value.as_bytes()),
|r, len, _form| {
    let text = r.text(len)?;
    r.charge(len).map(|()| text.into())
});

lengthy!([] &'a [u8], Type::Bytes, &[], long_len,
    |value, w, _form| w.put(value),
    |r, len, _form| r.take(len));

lengthy!([] Vec<u8>, Type::Bytes, Self::new(), long_len,
|value, w, _form| w.put(value),
|r, len, _form| {
    let bytes = r.take(len)?;
    r.charge(len).map(|()| bytes.to_vec())
});

lengthy!([] RecordsField<'a>, Type::Records, Self::Borrowed(&[]), long_len,
    |value, w, _form| match value {
        Self::Borrowed(bytes) => w.put(bytes),
        Self::Spliced(len) => w.splice(*len),
    },
    |r, len, _form| r.take(len).map(Self::Borrowed));

lengthy!([T: Wire<'a>] Vec<T>, Type::Array(&T::TYPE), Self::new(), long_len,
    |value, w, form| value.iter().for_each(|element| element.write(w, form.not_null())),
    |r, len, form| read_elements(r, len, form.not_null()));

fn read_elements<'a, T: Wire<'a>>(
    r: &mut Reader<'a>,
    count: usize,
    form: Form,
) -> Result<Vec<T>, Malformed> {
    let mut elements = r.vec_of(count)?;
    for _ in 0..count {
        elements.push(T::read(r, form)?);
    }
    Ok(elements)
}

impl<'a, T: Nullable<'a>> Wire<'a> for Option<T> {
    const TYPE: Type = T::TYPE;

    fn zero() -> Self {
        Some(T::zero())
    }

    fn write(&self, w: &mut Writer, form: Form) {
        match self {
            Some(value) if !form.nullable => value.write(w, form),
            value if form.nullable => T::write_nullable(value.as_ref(), w, form),
            _ => {
                w.reject(Unencodable::new(format!(
                    "null is not allowed in version {}",
                    form.version
                )));
                T::zero().write(w, form);
            }
        }
    }

    fn read(r: &mut Reader<'a>, form: Form) -> Result<Self, Malformed> {
        match form.nullable {
            true => T::read_nullable(r, form),
            false => T::read(r, form).map(Some),
        }
    }
}

/// A nullable struct: a mark, −1 for null or 1, and the struct if there is one. In a tagged field
/// null is 0: Kafka takes its mark for a varint there.
pub fn write_nullable_struct<'a, T: Wire<'a>>(value: Option<&T>, w: &mut Writer, form: Form) {
    let null = if form.tagged { 0 } else { 0xff };
    w.put(&[if value.is_some() { 1 } else { null }]);
    if let Some(value) = value {
        value.write(w, form.not_null());
    }
}

/// Reads what [`write_nullable_struct`] writes.
pub fn read_nullable_struct<'a, T: Wire<'a>>(
    r: &mut Reader<'a>,
    form: Form,
) -> Result<Option<T>, Malformed> {
    match i8::read(r, form)? {
        -1 => Ok(None),
        0 if form.tagged => Ok(None),
        1 => T::read(r, form.not_null()).map(Some),
        mark => Err(r.malformed(Problem::PresenceMark(mark))),
    }
}
