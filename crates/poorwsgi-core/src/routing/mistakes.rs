//! Rules that are allowed, but certainly not meant.

/// What is wrong with a rule that no request reaches: it has no slash at its start, or a group in braces. The
/// texts say what would be right.
///
/// ```
/// use poorwsgi_core::routing::mistakes_of_rule;
///
/// assert_eq!(
///     mistakes_of_rule("/user/{id}").collect::<Vec<_>>(),
///     ["{id} is taken as text; a group is written <id> or <id:word>"],
/// );
/// assert_eq!(mistakes_of_rule("user").count(), 1);
/// assert_eq!(mistakes_of_rule("/user/<id:re:[a-z]{2}>").count(), 0);
/// ```
pub fn mistakes_of_rule(rule: &str) -> impl Iterator<Item = String> + use<> {
    // "" is the path of a mounted application, and "*" that of `OPTIONS *` on some servers.
    let relative = !rule.starts_with(['/', '<']) && !matches!(rule, "" | "*");
    let slash = relative.then(|| {
        format!("paths begin with a slash, so no request reaches it; write {:?}", format!("/{rule}"))
    });
    let group = braced(rule)
        .map(|name| format!("{{{name}}} is taken as text; a group is written <{name}> or <{name}:word>"));
    slash.into_iter().chain(group)
}

/// The name in braces, outside of a group.
fn braced(rule: &str) -> Option<&str> {
    let mut rest = rule;
    while let Some((before, after)) = rest.split_once('{') {
        let (inner, next) = after.split_once('}')?;
        let name = inner.split(':').next().unwrap_or_default();
        let is_name = name.starts_with(|first: char| first == '_' || first.is_alphabetic())
            && name.chars().all(|char| char == '_' || char.is_alphanumeric());
        // Within a group, braces belong to a regular expression.
        if is_name
            && before
                .rfind('<')
                .is_none_or(|open| before.get(open..).is_some_and(|group| group.contains('>')))
        {
            return Some(name);
        }
        rest = next;
    }
    None
}
