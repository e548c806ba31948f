//! The header `Link`. Pure.

/// The target of `rel="next"` in the values of the header `Link` (RFC 8288, section 3).
pub(crate) fn next_link<'h>(values: impl Iterator<Item = &'h str>) -> Option<String> {
    for value in values {
        let mut rest = value;
        while let Some((_, after)) = rest.split_once('<') {
            let (target, after) = after.split_once('>')?;
            // The parameters end where the next target begins: a comma may stand inside a quoted one.
            let end = after.find(", <").or_else(|| after.find(",<")).unwrap_or(after.len());
            let (params, next) = after.split_at(end);
            let is_next = params.split(';').filter_map(|param| param.trim().split_once('=')).any(|(name, rel)| {
                let rel = rel.trim().trim_matches('"');
                name.trim().eq_ignore_ascii_case("rel")
                    && rel.split_whitespace().any(|word| word.eq_ignore_ascii_case("next"))
            });
            if is_next {
                return Some(target.trim().to_owned());
            }
            rest = next;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_other_links() {
        let next = |value: &'static str| next_link(std::iter::once(value));
        assert_eq!(next("<https://a.example/x?p=1,2>; rel=\"next\"").as_deref(), Some("https://a.example/x?p=1,2"));
        let both = "<https://a.example/1>; rel=\"previous\", <https://a.example/2>; title=\"a, b\"; REL=next";
        assert_eq!(next(both).as_deref(), Some("https://a.example/2"));
        assert_eq!(next("</3>; rel=\"last next\"").as_deref(), Some("/3"));
        assert_eq!(next("<https://a.example/1>; rel=previous; title=next"), None);
        assert_eq!(next_link(["<a>; rel=prev", "<b>; rel=next"].into_iter()).as_deref(), Some("b"));
        for odd in ["", "<", "no link", "<a", "<a>"] {
            assert_eq!(next(odd), None, "{odd}");
        }
    }
}
