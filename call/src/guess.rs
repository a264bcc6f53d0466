//! What somebody may have meant who mistyped a name.

/// Similarity (Jaro-Winkler, 0 to 1) from which a name is offered.
const SIMILAR: f64 = 0.8;

/// Names that are offered at most.
const OFFERED: usize = 3;

/// The names most like a mistyped one, as the end of a sentence; empty if none is.
pub(crate) fn did_you_mean<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let typed = typed.to_lowercase();
    let mut like: Vec<(f64, &str)> = names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&typed, &name.to_lowercase()), name))
        .filter(|(similar, _)| *similar >= SIMILAR)
        .collect();
    like.sort_by(|a, b| b.0.total_cmp(&a.0));
    like.truncate(OFFERED);
    let names: Vec<&str> = like.into_iter().map(|(_, name)| name).collect();
    if names.is_empty() { String::new() } else { format!("; did you mean {}?", names.join(" or ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likest_comes_first() {
        let names = ["GetHeight", "GetBlockHash", "GetHeader"];
        assert_eq!(did_you_mean("getheigth", names), "; did you mean GetHeight or GetHeader?");
        assert_eq!(did_you_mean("frobnicate", names), "");
    }
}
