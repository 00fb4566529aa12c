//! Lengths of time as people say them.

/// `10 minutes`, `1 hour 30 minutes`, `250 ms`; of a negative length the amount.
pub fn shown_length(us: i64) -> String {
    const UNITS: [(u64, &str); 7] = [
        (7 * 86_400_000_000, "week"),
        (86_400_000_000, "day"),
        (3_600_000_000, "hour"),
        (60_000_000, "minute"),
        (1_000_000, "second"),
        (1000, "ms"),
        (1, "µs"),
    ];
    // To the last instant of a window.
    if us > 0 && us % 1_000_000 == 999_999 {
        return format!("{} − 1 µs", shown_length(us + 1));
    }
    let mut rest = us.unsigned_abs();
    let mut words = Vec::new();
    for (length, name) in UNITS {
        let n = rest / length;
        rest %= length;
        // Weeks only where it is nothing but weeks: 10 days are no `1 week 3 days`.
        if n == 0 || (name == "week" && rest > 0) {
            rest += n * length;
            continue;
        }
        let plural = if n == 1 || name.ends_with('s') { "" } else { "s" };
        words.push(format!("{n} {name}{plural}"));
    }
    if words.is_empty() { "0 seconds".to_owned() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::shown_length;

    #[test]
    fn lengths_are_said_in_their_own_units() {
        let said = [0, 1, 60_000_000, -90_000_000, 5_400_000_000, 1_000_250, 864_000_000_000, 1_209_600_000_000];
        let want =
            ["0 seconds", "1 µs", "1 minute", "1 minute 30 seconds", "1 hour 30 minutes", "1 second 250 µs", "10 days"];
        assert_eq!(said.map(shown_length)[..7], want);
        assert_eq!(shown_length(said[7]), "2 weeks");
        assert_eq!(shown_length(599_999_999), "10 minutes − 1 µs");
    }
}
