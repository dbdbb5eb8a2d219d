//! Did you mean: the known word nearest to a mistyped one.

/// The nearest of `known` within a third of the word's length; case, `-` and `_` count for nothing.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(word);
    let most = folded.len().div_ceil(3).min(4);
    known
        .into_iter()
        .map(|candidate| (distance(&folded, &fold(candidate)), candidate))
        .filter(|(distance, _)| *distance <= most && *distance < folded.len().max(2))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `a, b or c`.
pub(super) fn join<T: AsRef<str>>(words: &[T]) -> String {
    match words {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} or {}", first.join(", "), last.as_ref())
        }
    }
}

/// Longest word that is compared, in characters; the cost grows with the square.
const MAX_WORD_CHARS: usize = 64;

fn fold(word: &str) -> Vec<char> {
    let kept = word.chars().filter(|c| !matches!(c, '-' | '_')).take(MAX_WORD_CHARS);
    kept.map(|c| c.to_ascii_lowercase()).collect()
}

/// Edits (insert, delete, replace, swap of neighbours) from one word to another: optimal string alignment.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    let mut last = None;
    for (row, &a) in from.iter().enumerate() {
        let mut current = vec![row.saturating_add(1)];
        for (column, &b) in to.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX);
            let replace = at(&above, column).saturating_add(usize::from(a != b));
            let delete = at(&above, column.saturating_add(1)).saturating_add(1);
            let insert = at(&current, column).saturating_add(1);
            let mut best = replace.min(delete).min(insert);
            let previous = column.checked_sub(1).and_then(|index| to.get(index).map(|c| (index, *c)));
            if let (Some(last), Some((index, previous))) = (last, previous)
                && last == b
                && previous == a
            {
                best = best.min(at(&before, index).saturating_add(1));
            }
            current.push(best);
        }
        last = Some(a);
        before = std::mem::replace(&mut above, current);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_and_a_far_one_is_not() {
        let known = ["address", "interval", "protocol", "tls", "site"];
        for (word, expected) in [
            ("adress", Some("address")),
            ("Inter-val", Some("interval")),
            ("protcool", Some("protocol")),
            ("tsl", Some("tls")),
            ("buffer", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
    }

    #[test]
    fn a_swap_is_one_edit() {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        assert_eq!(distance(&chars("ca"), &chars("ac")), 1);
        assert_eq!(distance(&chars("kitten"), &chars("sitting")), 3);
        assert_eq!(distance(&chars(""), &chars("abc")), 3);
    }
}
