//! Durations as people and ISO 8601 write them: `90m`, `1d12h`, `P1DT12H`, `PT5M`.

/// The units, from large to small, with their length in ms.
const UNITS: [(char, i64); 5] =
    [('W', 604_800_000), ('D', 86_400_000), ('H', 3_600_000), ('M', 60_000), ('S', 1_000)];

/// Reads a duration in ms.
///
/// # Errors
/// A sentence that shows the forms.
pub(super) fn parse(text: &str) -> Result<i64, String> {
    let upper = text.to_ascii_uppercase();
    let parsed = match upper.strip_prefix('P') {
        // Before the T an M would be months.
        Some(iso) => match iso.split_once('T') {
            Some(("", time)) => sum(time, "HMS"),
            Some((date, time)) => sum(date, "WD").zip(sum(time, "HMS")).and_then(|(a, b)| a.checked_add(b)),
            None => sum(iso, "WD"),
        },
        None => sum(&upper, "WDHMS"),
    };
    parsed.ok_or_else(|| "give it as 30s, 90m, 1d12h, or as P1DT12H30M".to_owned())
}

/// Adds up numbers with units, which must come from large to small.
fn sum(text: &str, units: &str) -> Option<i64> {
    let mut rest = text;
    let mut allowed = UNITS.iter().filter(|(unit, _)| units.contains(*unit));
    let mut total = 0i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (count, behind) = rest.split_at_checked(digits)?;
        let unit = behind.chars().next()?;
        let (_, ms) = allowed.find(|(one, _)| *one == unit)?;
        total = total.checked_add(count.parse::<i64>().ok()?.checked_mul(*ms)?)?;
        rest = behind.get(unit.len_utf8()..)?;
    }
    Some(total).filter(|_| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_both_kinds() {
        let cases = [
            ("30s", Some(30_000)),
            ("90m", Some(5_400_000)),
            ("1d12h", Some(129_600_000)),
            ("2w", Some(1_209_600_000)),
            ("P1DT12H", Some(129_600_000)),
            ("pt5m1s", Some(301_000)),
            ("P0DT0H0M0S", Some(0)),
            ("P7D", Some(604_800_000)),
            ("", None),
            ("P", None),
            ("PT", None),
            ("P1DT", None),
            ("P1M", None),
            ("5", None),
            ("h", None),
            ("1h1d", None),
            ("1h1h", None),
            ("-1h", None),
            ("1h ", None),
            ("1\u{e4}", None),
            ("99999999999999999d", None),
        ];
        for (text, want) in cases {
            assert_eq!(parse(text).ok(), want, "{text:?}");
        }
    }
}
