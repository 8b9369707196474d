//! Filters: what a group of a route matches, and what its text is converted to.

use std::sync::Arc;

/// What the text of a matched group is converted to before a handler sees it.
///
/// The router only stores the conversion. The code that calls the handler converts the text, and answers 404
/// where that fails.
///
/// ```
/// use poorwsgi::Application;
/// use poorwsgi::routing::Conversion;
///
/// let app = Application::new("demo");
/// for filter in app.router().filters().iter() {
///     let value = match filter.conversion() {
///         Conversion::Str => "a text",
///         Conversion::Int | Conversion::Float => "a number",
///         Conversion::Uuid => "a UUID",
///         Conversion::Custom(_) => "a value of the application's",
///     };
///     println!("{} is {value}", filter.name());
/// }
/// # assert!(matches!(app.router().filters().get(":int").unwrap().conversion(), Conversion::Int));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conversion<C> {
    /// The text as it is.
    Str,
    /// A whole number. Its digits may be of any script, as `\d` matches them, and of any length.
    Int,
    /// A decimal number, digits as with [`Conversion::Int`].
    Float,
    /// A UUID in its hyphenated form (RFC 9562, section 4).
    Uuid,
    /// The application's own converter.
    Custom(C),
}

/// One filter of the table [`Filters`].
///
/// ```
/// use poorwsgi::Application;
/// use poorwsgi::routing::Filter;
///
/// let mut app = Application::new("demo");
/// app.set_filter("year", r"\d{4}", str::parse::<u16>);
/// let filters: Vec<_> = app.router().filters().iter().map(Filter::name).collect();
/// assert_eq!(filters, [":int", ":float", ":word", ":hex", ":uuid", ":re:", "none", ":year"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter<C> {
    name: String,
    regex: Option<Arc<str>>,
    conversion: Conversion<C>,
}

impl<C> Filter<C> {
    /// The name with its leading colon, spelled as it was set; `none` for the filter of groups that name no
    /// filter.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The expression that a group matches, in the syntax of Python's `re`; `None` for `:re:`, whose
    /// expression is in the route.
    #[must_use]
    pub fn regex(&self) -> Option<&str> {
        self.regex.as_deref()
    }

    /// What the text is converted to.
    #[must_use]
    pub const fn conversion(&self) -> &Conversion<C> {
        &self.conversion
    }
}

/// The table of filters, with PoorWSGI's built-in ones to start with.
///
/// | filter | matches | converted to |
/// |---|---|---|
/// | `:int` | `-?\d+` | whole number |
/// | `:float` | `-?\d+(\.\d+)?` | decimal number |
/// | `:word` | `\w+` | text |
/// | `:hex` | `[0-9a-fA-F]+` | text |
/// | `:uuid` | 8-4-4-4-12 hexadecimal digits | UUID |
/// | `:re:…` | the expression that follows | text |
/// | none | `[^/]+` | text |
///
/// Names are case-insensitive. A change of a filter does not affect routes that are already registered.
///
/// ```
/// use poorwsgi::Application;
///
/// let mut app = Application::new("demo");
/// app.set_filter("year", r"\d{4}", str::parse::<u16>);
/// assert_eq!(app.router().filters().get(":YEAR").unwrap().regex(), Some(r"\d{4}"));
/// ```
#[derive(Clone, Debug)]
pub struct Filters<C> {
    rows: Vec<Filter<C>>,
}

/// The name under which the filter of groups without a filter is listed.
const NONE: &str = "none";
const RE: &str = ":re:";
/// The expression of groups without a filter.
pub(super) const ANY_SEGMENT: &str = "[^/]+";

/// The filter of a group: the expression to match, and the conversion.
pub(super) type GroupFilter<'f, C> = (&'f str, &'f Conversion<C>);

impl<C> Filters<C> {
    /// Adds a filter, or replaces the one of that name. A leading colon may be left out.
    pub(super) fn set(&mut self, name: &str, regex: &str, conversion: Conversion<C>) {
        let name = if name.starts_with(':') { name.to_owned() } else { format!(":{name}") };
        let filter = Filter { name, regex: Some(regex.into()), conversion };
        match self.rows.iter_mut().find(|row| same(&row.name, &filter.name)) {
            Some(row) => *row = filter,
            None => self.rows.push(filter),
        }
    }

    /// The filter of that name, colon included.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Filter<C>> {
        self.rows.iter().find(|row| same(&row.name, name))
    }

    /// All filters, built-in ones first, then in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Filter<C>> {
        self.rows.iter()
    }

    /// Finds the filter of a group. `written` is the text after the group's name, colon included: the name of
    /// a filter, or `:re:` and an expression.
    pub(super) fn find<'f>(&'f self, written: Option<&'f str>) -> Option<GroupFilter<'f, C>> {
        let name = written.unwrap_or(NONE);
        if let Some(Filter { regex: Some(regex), conversion, .. }) = self.get(name) {
            return Some((regex, conversion));
        }
        let expression = own_expression(name)?;
        Some((expression, self.get(RE)?.conversion()))
    }

    /// The names that a route may use, sorted, for an error's text.
    pub(super) fn known(&self) -> String {
        let mut names: Vec<&str> = self.rows.iter().map(Filter::name).filter(|name| *name != NONE).collect();
        names.sort_unstable();
        names.join(", ")
    }
}

impl<C> Default for Filters<C> {
    fn default() -> Self {
        let row = |name: &str, regex: Option<&str>, conversion| Filter {
            name: name.to_owned(),
            regex: regex.map(Arc::from),
            conversion,
        };
        Filters {
            rows: vec![
                row(":int", Some(r"-?\d+"), Conversion::Int),
                row(":float", Some(r"-?\d+(\.\d+)?"), Conversion::Float),
                row(":word", Some(r"\w+"), Conversion::Str),
                row(":hex", Some("[0-9a-fA-F]+"), Conversion::Str),
                row(
                    ":uuid",
                    Some("[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"),
                    Conversion::Uuid,
                ),
                row(RE, None, Conversion::Str),
                row(NONE, Some(ANY_SEGMENT), Conversion::Str),
            ],
        }
    }
}

/// Whether an expression is that of a built-in filter, none of which matches a slash or nothing at all.
pub(super) fn is_within_segment(expression: &str) -> bool {
    Filters::<()>::default().rows.iter().any(|row| row.regex() == Some(expression))
}

/// The expression behind `:re:`, as written: only the filter's name is case-insensitive.
pub(super) fn own_expression(written: &str) -> Option<&str> {
    let (name, expression) = written.split_at_checked(RE.len())?;
    name.eq_ignore_ascii_case(RE).then_some(expression)
}

fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || one.to_lowercase() == other.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_table_is_that_of_poorwsgi() {
        let filters = Filters::<()>::default();
        let rows: Vec<_> = filters.iter().map(|row| (row.name(), row.regex(), row.conversion())).collect();
        assert_eq!(
            rows,
            [
                (":int", Some(r"-?\d+"), &Conversion::Int),
                (":float", Some(r"-?\d+(\.\d+)?"), &Conversion::Float),
                (":word", Some(r"\w+"), &Conversion::Str),
                (":hex", Some("[0-9a-fA-F]+"), &Conversion::Str),
                (
                    ":uuid",
                    Some("[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"),
                    &Conversion::Uuid
                ),
                (":re:", None, &Conversion::Str),
                ("none", Some("[^/]+"), &Conversion::Str),
            ]
        );
    }

    #[test]
    fn a_filter_is_added_or_overwritten_under_any_case() {
        let mut filters = Filters::default();
        filters.set("Colour", "#[0-9a-f]{6}", Conversion::Custom(1));
        filters.set(":INT", "[0-9]+", Conversion::Custom(2));
        assert_eq!(filters.iter().count(), 8);
        assert_eq!(filters.find(Some(":colour")), Some(("#[0-9a-f]{6}", &Conversion::Custom(1))));
        assert_eq!(filters.find(Some(":int")), Some(("[0-9]+", &Conversion::Custom(2))));
        assert_eq!(filters.known(), ":Colour, :INT, :float, :hex, :re:, :uuid, :word");
    }

    #[test]
    fn an_own_expression_keeps_its_case_and_takes_the_conversion_of_re() {
        let mut filters = Filters::default();
        assert_eq!(filters.find(Some(r":RE:\D+")), Some((r"\D+", &Conversion::Str)));
        filters.set(":re:", "x*", Conversion::Custom(1));
        assert_eq!(filters.find(Some(r":re:\D+")), Some((r"\D+", &Conversion::Custom(1))));
        assert_eq!(filters.find(Some(":re:")), Some(("x*", &Conversion::Custom(1))));
    }

    #[test]
    fn setting_none_adds_a_named_filter_and_leaves_groups_without_one_alone() {
        let mut filters = Filters::<()>::default();
        filters.set("none", "x", Conversion::Str);
        assert_eq!(filters.find(None), Some(("[^/]+", &Conversion::Str)));
        assert_eq!(filters.find(Some(":none")), Some(("x", &Conversion::Str)));
    }
}
