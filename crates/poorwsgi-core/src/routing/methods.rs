//! The handlers of one route by method.

use crate::state::{Method, MethodSet};

/// A value for each method. A value that several methods share is stored once.
///
/// ```
/// use poorwsgi::{Application, Request, routing::MethodTable, state};
///
/// /// The methods of a route as its `Allow` field names them.
/// fn allow<T>(methods: &MethodTable<T>) -> String {
///     methods.methods().to_string()
/// }
///
/// let mut app = Application::new("demo");
/// app.route("/about", state::METHOD_GET | state::METHOD_HEAD, |_req: Request| "about us")?;
/// let tables: Vec<_> = app.router().static_routes().map(|(_, methods)| allow(methods)).collect();
/// assert_eq!(tables, ["HEAD, GET"]);
/// # Ok::<(), poorwsgi::routing::RouteError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MethodTable<T> {
    entries: Vec<(MethodSet, T)>,
}

impl<T> MethodTable<T> {
    pub(crate) const fn new() -> Self {
        MethodTable { entries: Vec::new() }
    }

    /// The value for a method.
    #[must_use]
    pub fn get(&self, method: Method) -> Option<&T> {
        self.entries.iter().find(|(methods, _)| methods.contains(method)).map(|(_, value)| value)
    }

    /// All methods that have a value.
    #[must_use]
    pub fn methods(&self) -> MethodSet {
        self.entries.iter().fold(MethodSet::default(), |all, (methods, _)| all | *methods)
    }

    /// Each method with its value, in the order of the methods' bits.
    pub fn iter(&self) -> impl Iterator<Item = (Method, &T)> {
        Method::ALL.iter().filter_map(|method| Some((*method, self.get(*method)?)))
    }

    /// Each value with all the methods that share it, in the order of registration.
    pub fn shared(&self) -> impl Iterator<Item = (MethodSet, &T)> {
        self.entries.iter().map(|(methods, value)| (*methods, value))
    }

    /// Sets the value of each of these methods, in place of the value that it had.
    pub(crate) fn set(&mut self, methods: MethodSet, value: T) {
        self.entries.retain_mut(|(old, _)| {
            *old = old.without(methods);
            !old.is_empty()
        });
        if !methods.is_empty() {
            self.entries.push((methods, value));
        }
    }
}

impl<T: Clone> MethodTable<T> {
    /// Removes the value of one method and returns it; other methods that share the value keep it.
    pub(crate) fn pop(&mut self, method: Method) -> Option<T> {
        let at = self.entries.iter().position(|(methods, _)| methods.contains(method))?;
        let (methods, value) = self.entries.get_mut(at)?;
        *methods = methods.without(method.into());
        if methods.is_empty() { Some(self.entries.remove(at).1) } else { Some(value.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{METHOD_ALL, METHOD_GET_POST, METHOD_POST};

    #[test]
    fn a_later_value_takes_its_methods_from_an_earlier_one() {
        let mut table = MethodTable::new();
        table.set(METHOD_GET_POST, "first");
        table.set(METHOD_POST, "second");
        let all: Vec<_> = table.iter().collect();
        assert_eq!(all, [(Method::Head, &"first"), (Method::Get, &"first"), (Method::Post, &"second")]);
        table.set(METHOD_ALL, "third");
        assert_eq!(table.entries.len(), 1);
        table.set(MethodSet::default(), "none");
        assert_eq!(table.entries.len(), 1);
    }

    #[test]
    fn one_method_is_taken_at_a_time() {
        let mut table = MethodTable::new();
        table.set(METHOD_GET_POST, "a");
        assert_eq!(table.pop(Method::Get), Some("a"));
        assert_eq!(table.pop(Method::Get), None);
        assert_eq!(table.methods().to_string(), "HEAD, POST");
        assert_eq!((table.pop(Method::Head), table.pop(Method::Post)), (Some("a"), Some("a")));
        assert!(table.methods().is_empty());
    }
}
