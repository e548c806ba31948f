//! The items of a page, taken out of it one tree at a time: a page that is a tree as a whole takes many times its bytes.
//!
//! Only where what leads to the items are plain names, and where nothing else that is asked of the page stands among
//! them. Any other page is one tree.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{
    Deserialize as _, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::Value;
use serde_json_path::JsonPath;

use crate::config::settings::source::{List, PagedBy, Told};

/// What a page was read to: all of it but the items, and what was made of each of those.
pub(super) type Taken<T> = (Value, Option<Vec<T>>);

/// The names that lead to the items by each of the paths of a list, if all of it is plain.
pub(super) fn plain(list: &List) -> Option<Vec<Vec<String>>> {
    let items: Option<Vec<_>> = list.items.iter().map(|path| names(&path.0)).collect();
    let next = match &list.paging.by {
        PagedBy::Token { next, .. } | PagedBy::NextUrl { next } => Some(next),
        _ => None,
    };
    let pages = match &list.paging.by {
        PagedBy::Page { pages, .. } => pages.as_ref(),
        _ => None,
    };
    let told = [list.total.as_ref(), pages].into_iter().flatten().flat_map(Told::paths);
    let others: Option<Vec<_>> = told.chain(&list.paging.has_more).chain(next).map(names).collect();
    let (items, others) = (items?, others?);
    let among = |other: &Vec<String>| items.iter().any(|names| other.starts_with(names) && !names.is_empty());
    (!others.iter().any(among)).then_some(items)
}

/// The names of a path that is nothing but names.
fn names(path: &JsonPath) -> Option<Vec<String>> {
    let text = path.to_string();
    let mut rest = text.strip_prefix('$')?;
    let mut names = Vec::new();
    while !rest.is_empty() {
        let quoted = ['\'', '"'].into_iter().find_map(|quote| {
            rest.strip_prefix('[')?
                .strip_prefix(quote)?
                .split_once(quote)
                .and_then(|(name, after)| after.strip_prefix(']').map(|after| (name, after)))
        });
        let (name, after) = match quoted {
            Some(quoted) => quoted,
            None => {
                let dotted = rest.strip_prefix('.')?;
                dotted.split_at(dotted.find(['.', '[']).unwrap_or(dotted.len()))
            }
        };
        if name.is_empty() || !name.chars().all(|char| char.is_alphanumeric() || "_- ".contains(char)) {
            return None;
        }
        names.push(name.to_owned());
        rest = after;
    }
    Some(names)
}

/// Reads a page. The first of these ways that leads to a list leads to the items, each of which is gone before the next
/// one is read. `None`: none does.
pub(super) fn read<T>(
    bytes: &[u8],
    ways: &[Vec<String>],
    mut each: impl FnMut(Value) -> T,
) -> Result<Taken<T>, serde_json::Error> {
    // Looked for first: two of them may lead to a list, and only one of those is to be taken apart.
    let leads = |names: &&Vec<String>| ways.len() == 1 || whole(bytes, Look(names)).unwrap_or(false);
    let mut taken = None;
    let answer = match ways.iter().find(leads) {
        Some(names) => whole(bytes, Take { names, each: &mut each, taken: &mut taken })?,
        None => serde_json::from_slice(bytes)?,
    };
    Ok((answer, taken))
}

fn whole<'de, S: DeserializeSeed<'de>>(bytes: &'de [u8], seed: S) -> Result<S::Value, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = seed.deserialize(&mut reader)?;
    reader.end()?;
    Ok(read)
}

/// A tree, out of which what lies at the end of the names is taken if it is a list.
struct Take<'a, F, T> {
    names: &'a [String],
    each: &'a mut F,
    taken: &'a mut Option<Vec<T>>,
}

impl<'de, F: FnMut(Value) -> T, T> DeserializeSeed<'de> for Take<'_, F, T> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, F: FnMut(Value) -> T, T> Visitor<'de> for Take<'_, F, T> {
    type Value = Value;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("any JSON")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        if !self.names.is_empty() {
            return Value::deserialize(SeqAccessDeserializer::new(items));
        }
        let mut taken = Vec::new();
        while let Some(item) = items.next_element::<Value>()? {
            taken.push((self.each)(item));
        }
        *self.taken = Some(taken);
        Ok(Value::Array(Vec::new()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let Some((first, rest)) = self.names.split_first() else {
            return Value::deserialize(MapAccessDeserializer::new(entries));
        };
        let mut map = serde_json::Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = if key != *first {
                entries.next_value()?
            } else if map.contains_key(&key) {
                return Err(A::Error::custom(format_args!("`{first}` stands there twice")));
            } else {
                entries.next_value_seed(Take { names: rest, each: &mut *self.each, taken: &mut *self.taken })?
            };
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

/// Whether the names lead to a list. Keeps nothing.
struct Look<'a>(&'a [String]);

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<bool, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = bool;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("any JSON")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<bool, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.0.is_empty())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<bool, A::Error> {
        let mut found = false;
        while let Some(key) = entries.next_key::<String>()? {
            match self.0.split_first() {
                Some((first, rest)) if key == *first => found = entries.next_value_seed(Look(rest))?,
                _ => _ = entries.next_value::<IgnoredAny>()?,
            }
        }
        Ok(found)
    }

    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_str<E>(self, _: &str) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use serde_json::json;

    use super::*;

    fn way(path: &str) -> Option<Vec<String>> {
        names(&JsonPath::parse(path).unwrap())
    }

    #[test]
    fn plain_names_are_told_from_everything_else() {
        assert_eq!(way("$"), Some(vec![]));
        assert_eq!(way("$.a.b"), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(way("$['a b'].c"), Some(vec!["a b".to_owned(), "c".to_owned()]));
        for other in ["$.*", "$..a", "$.a[0]", "$.a[*]", "$.a[?@.b]", "$['a','b']", "$['a\\'b']", "$.a[1:2]"] {
            assert_eq!(way(other), None, "{other}");
        }
    }

    #[test]
    fn a_page_is_read_as_the_whole_tree_of_it_would_be() {
        let ways = ["$", "$.a.b", "$.b"].map(|path| way(path).unwrap());
        for (page, items) in [
            (json!([1, {"a": 2}]), Some(vec![json!(1), json!({"a": 2})])),
            (json!({"b": [1], "a": {"b": [2], "c": 1.5}, "n": null}), Some(vec![json!(2)])),
            (json!({"a": {"b": {"b": [3]}}, "b": [true, "x", -1]}), Some(vec![json!(true), json!("x"), json!(-1)])),
            (json!({"a": [[1]], "b": {}}), None),
            (json!({"b": []}), Some(vec![])),
            (json!("x"), None),
        ] {
            let (rest, taken) = read(page.to_string().as_bytes(), &ways, |item| item).unwrap();
            assert_eq!(taken, items, "{page}");
            if taken.is_none() {
                assert_eq!(rest, page);
            }
        }
        let (rest, _) = read(br#"{"total": 3, "b": [1, 2, 3]}"#, &ways, |_| ()).unwrap();
        assert_eq!(rest, json!({"total": 3, "b": []}));
        for broken in [&b"{\"b\": [1], \"b\": [2]}"[..], b"{\"b\": [1", b"[1] x", b"", b"[1e999999, {]"] {
            assert!(read(broken, &ways, |_| ()).is_err(), "{}", String::from_utf8_lossy(broken));
        }
    }

    /// What was made of an item is asked for before the next one is a tree.
    #[test]
    fn no_item_is_a_tree_before_the_one_before_it_is_taken() {
        let seen = Cell::new(0);
        let page = br#"{"b": [1, 2, 3, {"cut": "#;
        assert!(read(page, &[vec!["b".to_owned()]], |_| seen.set(seen.get() + 1)).is_err());
        assert_eq!(seen.get(), 3);
    }
}
