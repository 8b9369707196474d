//! Makes a type, with serde, of the named texts of a path, a query or a form.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use serde::de::value::{BorrowedStrDeserializer, SeqDeserializer};
use serde::de::{Deserializer, Error as _, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;

/// Why texts do not fit a type.
#[derive(Debug)]
pub(super) struct TextError {
    /// The field, and what is wrong with it.
    reason: String,
    field: Option<String>,
    /// Whether the type has other fields than there are texts, whatever the texts are.
    pub(super) is_of_shape: bool,
}

impl TextError {
    fn of_shape(reason: impl fmt::Display) -> Self {
        TextError { is_of_shape: true, ..TextError::custom(reason) }
    }

    fn in_field(self, name: &str) -> Self {
        TextError { field: self.field.or_else(|| Some(name.to_owned())), ..self }
    }
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(field) => write!(f, "{field}: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

impl std::error::Error for TextError {}

impl serde::de::Error for TextError {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        TextError { reason: reason.to_string(), field: None, is_of_shape: false }
    }

    fn missing_field(field: &'static str) -> Self {
        TextError::of_shape("missing").in_field(field)
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        TextError::of_shape("unknown").in_field(field)
    }

    fn invalid_length(length: usize, expected: &dyn serde::de::Expected) -> Self {
        TextError::of_shape(format_args!("{length} values, where {expected} is wanted"))
    }
}

/// The values of one name.
#[derive(Clone, Debug)]
pub(super) struct Texts<'de> {
    name: &'de str,
    values: Vec<&'de str>,
}

impl<'de> Texts<'de> {
    pub(super) fn new(name: &'de str, value: &'de str) -> Self {
        Texts { name, values: vec![value] }
    }

    /// The values of each name, in the order in which the names first come.
    pub(super) fn by_name(pairs: impl IntoIterator<Item = (&'de str, &'de str)>) -> Vec<Self> {
        let mut all: Vec<Texts<'de>> = Vec::new();
        let mut places = HashMap::new();
        for (name, value) in pairs {
            let place = *places.entry(name).or_insert(all.len());
            match all.get_mut(place) {
                Some(texts) => texts.values.push(value),
                None => all.push(Texts::new(name, value)),
            }
        }
        all
    }

    fn one(&self) -> Result<&'de str, TextError> {
        match self.values.as_slice() {
            [value] => Ok(value),
            values => {
                Err(TextError::custom(format_args!("comes {} times, where one is wanted", values.len())))
            }
        }
    }

    fn parse<T: FromStr<Err: fmt::Display>>(&self) -> Result<T, TextError> {
        self.one()?.parse().map_err(TextError::custom)
    }
}

macro_rules! parsed {
    ($($deserialize:ident $visit:ident)*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
            visitor.$visit(self.parse()?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Texts<'de> {
    type Error = TextError;

    parsed! {
        deserialize_bool visit_bool
        deserialize_char visit_char
        deserialize_i8 visit_i8
        deserialize_i16 visit_i16
        deserialize_i32 visit_i32
        deserialize_i64 visit_i64
        deserialize_i128 visit_i128
        deserialize_u8 visit_u8
        deserialize_u16 visit_u16
        deserialize_u32 visit_u32
        deserialize_u64 visit_u64
        deserialize_u128 visit_u128
        deserialize_f32 visit_f32
        deserialize_f64 visit_f64
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        match self.values.as_slice() {
            [value] => visitor.visit_borrowed_str(value),
            _ => self.deserialize_seq(visitor),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_borrowed_str(self.one()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        self.deserialize_str(visitor)
    }

    /// A browser sends a field that was left empty as an empty text.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        if self.values == [""] { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, TextError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        let Texts { name, values } = self;
        SeqDeserializer::new(values.into_iter().map(|value| Texts::new(name, value))).deserialize_seq(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TextError> {
        visitor.visit_enum(BorrowedStrDeserializer::new(self.one()?))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_unit()
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bytes byte_buf unit_struct tuple tuple_struct map struct identifier
    }
}

impl<'de> IntoDeserializer<'de, TextError> for Texts<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// All names with their values, for a structure or a map.
pub(super) struct Named<'de> {
    rest: std::vec::IntoIter<Texts<'de>>,
    current: Option<Texts<'de>>,
}

impl<'de> Named<'de> {
    pub(super) fn new(all: Vec<Texts<'de>>) -> Self {
        Named { rest: all.into_iter(), current: None }
    }
}

impl<'de> Deserializer<'de> for Named<'de> {
    type Error = TextError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_map(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, TextError> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool char i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 str string bytes byte_buf option unit
        unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for Named<'de> {
    type Error = TextError;

    fn next_key_seed<K: serde::de::DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, TextError> {
        self.current = self.rest.next();
        let name = self.current.as_ref().map(|texts| texts.name);
        name.map(|name| seed.deserialize(BorrowedStrDeserializer::new(name))).transpose()
    }

    fn next_value_seed<V: serde::de::DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, TextError> {
        let texts = self.current.take().ok_or_else(|| TextError::custom("a value without a name"))?;
        let name = texts.name;
        seed.deserialize(texts).map_err(|error| error.in_field(name))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde::de::DeserializeOwned;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Size {
        Small,
        Large,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(try_from = "u8")]
    struct Even(u8);

    impl TryFrom<u8> for Even {
        type Error = &'static str;

        fn try_from(number: u8) -> Result<Self, &'static str> {
            if number.is_multiple_of(2) { Ok(Even(number)) } else { Err("odd") }
        }
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Order {
        article: String,
        pieces: u32,
        size: Option<Size>,
        #[serde(default)]
        tag: Vec<String>,
        even: Option<Even>,
        #[serde(default)]
        gift: bool,
    }

    fn read<T: DeserializeOwned>(pairs: &[(&str, &str)]) -> Result<T, String> {
        let texts = Texts::by_name(pairs.iter().copied());
        T::deserialize(Named::new(texts)).map_err(|error| error.to_string())
    }

    #[test]
    fn texts_become_the_types_of_the_fields() {
        let pairs =
            [("article", "tea"), ("tag", "a"), ("pieces", "3"), ("tag", "b"), ("gift", "true"), ("x", "")];
        let (size, even) = (None, None);
        let tag = vec!["a".to_owned(), "b".to_owned()];
        let order = Order { article: "tea".into(), pieces: 3, size, tag, even, gift: true };
        assert_eq!(read(&pairs), Ok(order));
        let size = [("article", ""), ("pieces", "0"), ("size", "small"), ("even", "8")];
        let read: Order = read(&size).unwrap();
        assert_eq!((read.size, read.even, read.article.as_str()), (Some(Size::Small), Some(Even(8)), ""));
    }

    /// A field that was left empty is `None`, whatever its type.
    #[test]
    fn an_empty_value_of_an_option_is_none() {
        let order: Order = read(&[("article", ""), ("pieces", "1"), ("size", ""), ("even", "")]).unwrap();
        assert_eq!((order.size, order.even), (None, None));
    }

    #[test]
    fn an_error_names_the_field_and_what_is_wrong() {
        let order = |pairs: &[(&str, &str)]| read::<Order>(pairs).unwrap_err();
        assert_eq!(order(&[("article", "tea")]), "pieces: missing");
        assert_eq!(order(&[("pieces", "x")]), "pieces: invalid digit found in string");
        assert_eq!(order(&[("pieces", "1"), ("pieces", "2")]), "pieces: comes 2 times, where one is wanted");
        assert_eq!(order(&[("even", "3")]), "even: odd");
        assert!(order(&[("size", "huge")]).starts_with("size: unknown variant `huge`"));
        assert!(order(&[("tag", "a"), ("gift", "x")]).starts_with("gift: "));
    }

    #[test]
    fn maps_take_all_names() {
        let map: HashMap<String, String> = read(&[("a", "1"), ("b", "2")]).unwrap();
        assert_eq!((map["a"].as_str(), map["b"].as_str()), ("1", "2"));
        let lists: HashMap<String, Vec<u8>> = read(&[("a", "1"), ("a", "2")]).unwrap();
        assert_eq!(lists["a"], [1, 2]);
    }
}
