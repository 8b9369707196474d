//! The tables that an application is made of, for handlers of any language.

#[cfg(feature = "digest")]
use std::sync::Arc;

#[cfg(feature = "digest")]
use crate::digest::NonceTable;
use crate::dispatch::Language;
use crate::routing::{MethodTable, Router};
use crate::settings::Settings;
use crate::state::{Method, MethodSet};

/// Everything an application is made of: settings, routes, filters, hooks, state and error handlers.
///
/// A clone shares the handlers, so it is cheap enough to be made for each change of a table.
pub struct Tables<L: Language> {
    /// The application's settings.
    pub settings: Settings,
    /// Static routes, patterns, filters and default handlers.
    pub router: Router<L::Handler, L::Converter>,
    /// Called in order before each handler, when the route is known. A hook that returns an error ends the
    /// request.
    pub before: Vec<L::BeforeHook>,
    /// Called in order with each response, error pages included. Each hook may replace the response.
    pub after: Vec<L::AfterHook>,
    /// Handlers by status code.
    pub states: Registry<u16, L::StateHandler>,
    /// Handlers by error type. Of those whose type fits, the one registered first is called.
    pub errors: Registry<L::ErrorType, L::ErrorHandler>,
    #[cfg(feature = "digest")]
    /// The digest nonces in use. All applications of the process share them, because a login that one
    /// application has accepted may be replayed to another.
    pub nonces: Arc<NonceTable>,
}

impl<L: Language> Tables<L> {
    /// Empty tables.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Tables {
            settings,
            router: Router::new(),
            before: Vec::new(),
            after: Vec::new(),
            states: Registry::default(),
            errors: Registry::default(),
            #[cfg(feature = "digest")]
            nonces: NonceTable::of_process(),
        }
    }
}

impl<L: Language> Clone for Tables<L> {
    fn clone(&self) -> Self {
        Tables {
            settings: self.settings.clone(),
            router: self.router.clone(),
            before: self.before.clone(),
            after: self.after.clone(),
            states: self.states.clone(),
            errors: self.errors.clone(),
            #[cfg(feature = "digest")]
            nonces: Arc::clone(&self.nonces),
        }
    }
}

/// Handlers by key and method, in the order in which the keys were registered.
///
/// Registering a key again replaces the handlers of the given methods; other methods keep theirs.
#[derive(Clone, Debug)]
pub struct Registry<K, H> {
    rows: Vec<(K, MethodTable<H>)>,
}

impl<K, H> Default for Registry<K, H> {
    fn default() -> Self {
        Registry { rows: Vec::new() }
    }
}

impl<K: PartialEq, H: Clone> Registry<K, H> {
    /// Sets the handler of a key for these methods.
    pub fn set(&mut self, key: K, methods: MethodSet, handler: H) {
        if let Some((_, table)) = self.rows.iter_mut().find(|(known, _)| *known == key) {
            table.set(methods, handler);
            return;
        }
        let mut table = MethodTable::new();
        table.set(methods, handler);
        self.rows.push((key, table));
    }

    /// Removes the handler of a key for one method and returns it; other methods that share the handler keep
    /// it.
    pub fn pop(&mut self, key: &K, method: Method) -> Option<H> {
        let at = self.rows.iter().position(|(known, _)| known == key)?;
        let (_, table) = self.rows.get_mut(at)?;
        let handler = table.pop(method);
        if table.methods().is_empty() {
            self.rows.remove(at);
        }
        handler
    }

    /// The handler of the first key that fits and has the method.
    pub fn find(&self, fits: impl Fn(&K) -> bool, method: Method) -> Option<&H> {
        self.rows.iter().filter(|(key, _)| fits(key)).find_map(|(_, table)| table.get(method))
    }

    /// All keys with their handlers.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &MethodTable<H>)> {
        self.rows.iter().map(|(key, table)| (key, table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{METHOD_GET, METHOD_GET_POST, METHOD_POST};

    #[test]
    fn a_later_registration_takes_its_methods_over() {
        let mut states = Registry::default();
        states.set(404, METHOD_GET_POST, "first");
        states.set(404, METHOD_POST, "second");
        assert_eq!(states.find(|key| *key == 404, Method::Get), Some(&"first"));
        assert_eq!(states.find(|key| *key == 404, Method::Post), Some(&"second"));
        assert_eq!(states.find(|key| *key == 404, Method::Put), None);
        assert_eq!(states.find(|key| *key == 500, Method::Get), None);
    }

    #[test]
    fn the_first_key_that_fits_and_has_the_method_wins() {
        let mut errors = Registry::default();
        errors.set("value", METHOD_POST, "first");
        errors.set("value error", METHOD_GET_POST, "second");
        let find = |method| errors.find(|key| "value error".starts_with(key), method);
        assert_eq!((find(Method::Post), find(Method::Get)), (Some(&"first"), Some(&"second")));
    }

    #[test]
    fn popping_leaves_the_other_methods() {
        let mut states = Registry::default();
        states.set(404, METHOD_GET_POST, "page");
        assert_eq!(states.pop(&404, Method::Get), Some("page"));
        assert_eq!(states.pop(&404, Method::Get), None);
        let left: Vec<_> = states.iter().map(|(key, table)| (*key, table.methods())).collect();
        assert_eq!(left, [(404, METHOD_GET_POST.without(METHOD_GET))]);
        assert_eq!(states.pop(&404, Method::Head), Some("page"));
        assert_eq!(states.pop(&404, Method::Post), Some("page"));
        assert_eq!(states.iter().count(), 0);
    }
}
