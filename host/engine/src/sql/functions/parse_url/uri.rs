//! A URL taken apart as Java's `java.net.URI` does it, which Spark asks: RFC 2396, with addresses of IPv6, letters beyond
//! ASCII, and hosts that are none (`my_host`, a port that is no number) as an authority without one. Nothing is decoded.

use std::net::Ipv6Addr;

/// The parts of a URL. One that is there and empty is an empty text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Uri<'u> {
    pub scheme: Option<&'u str>,
    pub authority: Option<&'u str>,
    pub user_info: Option<&'u str>,
    pub host: Option<&'u str>,
    /// None where no `/` follows the scheme: `mailto:ann@example.org`.
    pub path: Option<&'u str>,
    pub query: Option<&'u str>,
    /// Path and query.
    pub file: Option<&'u str>,
    pub fragment: Option<&'u str>,
}

// What may stand in a part beside letters, digits and `%20`.
const USER_INFO: &str = "-_.!~*'();:&=+$,";
const SERVER: &str = "-_.!~*'();:&=+$,@[]";
const NAME: &str = "-_.!~*'()$,;:@&=+";
const PATH: &str = "-_.!~*'():@&=+$,;/";
const ANY: &str = "-_.!~*'();/?:@&=+$,[]";

impl<'u> Uri<'u> {
    /// The parts of `url`; or why it is none.
    pub fn parse(url: &'u str) -> Result<Self, String> {
        let (rest, fragment) = split(url, '#');
        let mut uri = Self { fragment, ..Self::default() };
        let rest = match rest.find([':', '/', '?']).filter(|at| rest[*at..].starts_with(':')) {
            None => rest,
            Some(at) => {
                let scheme = &rest[..at];
                let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
                if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.chars().all(is_scheme) {
                    return Err(format!("'{scheme}' is no scheme such as https"));
                }
                uri.scheme = Some(scheme);
                &rest[at + 1..]
            }
        };
        if uri.scheme.is_none() || rest.starts_with('/') {
            uri.hierarchical(rest)?;
        } else if rest.is_empty() {
            return Err("nothing stands behind its scheme".to_owned());
        } else {
            check(rest, ANY, "text behind the scheme")?;
        }
        check(fragment.unwrap_or_default(), ANY, "fragment")?;
        Ok(uri)
    }

    /// `//authority/path?query`, of which all may be missing.
    fn hierarchical(&mut self, text: &'u str) -> Result<(), String> {
        let mut rest = text;
        if let Some(behind) = text.strip_prefix("//") {
            let end = behind.find(['/', '?']).unwrap_or(behind.len());
            if end > 0 {
                self.authority(&behind[..end])?;
            } else if behind.is_empty() && self.fragment.is_none() {
                return Err("no host stands behind its //".to_owned());
            }
            rest = &behind[end..];
        }
        let (path, query) = split(rest, '?');
        check(path, PATH, "path")?;
        check(query.unwrap_or_default(), ANY, "query")?;
        (self.path, self.query, self.file) = (Some(path), query, Some(rest));
        Ok(())
    }

    fn authority(&mut self, text: &'u str) -> Result<(), String> {
        // In the address of an interface `%` is no escape: `[fe80::1%eth0]`.
        let of_server = if text.find(']').is_some_and(|at| at > 0) { "%" } else { "" };
        let of_server = stranger(text, SERVER, of_server)?;
        let of_name = stranger(text, NAME, "")?;
        let server = match of_server {
            Some(stranger) => Err(format!("{stranger} in its host")),
            None => server(text),
        };
        match server {
            Ok((user_info, host)) => (self.user_info, self.host) = (user_info, Some(host)),
            Err(why) if of_name.is_some() => return Err(why),
            Err(_) => {}
        }
        self.authority = Some(text);
        Ok(())
    }
}

/// User and host of `user@host:port`.
fn server(text: &str) -> Result<(Option<&str>, &str), String> {
    let (user_info, rest) = match text.split_once('@') {
        Some((user_info, rest)) => (Some(user_info), rest),
        None => (None, text),
    };
    check(user_info.unwrap_or_default(), USER_INFO, "user")?;
    let end = match rest.starts_with('[') {
        true => rest.find(']').ok_or("the ] behind its address is missing")? + 1,
        false => rest.find(':').unwrap_or(rest.len()),
    };
    let (host, port) = rest.split_at(end);
    if !is_ipv6(host) && !is_ipv4(host) && !is_host_name(host) {
        return Err(format!("'{host}' is no host"));
    }
    let digits = port.strip_prefix(':').unwrap_or(if port.is_empty() { "" } else { "?" });
    let is_port = digits.is_empty() || digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<i32>().is_ok();
    if is_port { Ok((user_info, host)) } else { Err(format!("'{port}' is no port")) }
}

fn is_ipv6(host: &str) -> bool {
    let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) else { return false };
    let (address, interface) = split(address, '%');
    let is_interface =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.');
    address.parse::<Ipv6Addr>().is_ok() && interface.is_none_or(is_interface)
}

fn is_ipv4(host: &str) -> bool {
    let is_byte = |part: &str| part.bytes().all(|b| b.is_ascii_digit()) && part.parse::<u64>().is_ok_and(|n| n < 256);
    host.split('.').count() == 4 && host.split('.').all(is_byte)
}

/// Whether it is labels of letters, digits and `-` inside, with dots between them; the last of several begins with a letter.
fn is_host_name(host: &str) -> bool {
    let labels = host.strip_suffix('.').unwrap_or(host);
    let is_label = |label: &str| {
        let inside = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.bytes().all(inside)
    };
    let last = labels.rsplit_once('.').map(|(_, last)| last);
    labels.split('.').all(is_label) && last.is_none_or(|last| last.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// What stands before the first `mark`, and behind it if there is one.
fn split(text: &str, mark: char) -> (&str, Option<&str>) {
    text.split_once(mark).map_or((text, None), |(before, behind)| (before, Some(behind)))
}

fn check(text: &str, marks: &str, part: &str) -> Result<(), String> {
    stranger(text, marks, "")?.map_or(Ok(()), |stranger| Err(format!("{stranger} in its {part}")))
}

/// The first character, in quotes, that is no letter, no digit, none of `marks`, and in no escape such as `%20`.
fn stranger(text: &str, marks: &str, also: &str) -> Result<Option<String>, String> {
    let mut escape = 0;
    for (at, c) in text.char_indices() {
        let known = match c {
            _ if escape > 0 => {
                escape -= 1;
                true
            }
            c if also.contains(c) => true,
            '%' => {
                let digits = text.get(at + 1..at + 3).filter(|two| two.bytes().all(|b| b.is_ascii_hexdigit()));
                if digits.is_none() {
                    let shown: String = text[at..].chars().take(3).collect();
                    return Err(format!("'{shown}' is no escape such as %20"));
                }
                escape = 2;
                true
            }
            c if c.is_ascii() => c.is_ascii_alphanumeric() || marks.contains(c),
            c => !c.is_whitespace() && !c.is_control(),
        };
        if !known {
            return Ok(Some(format!("'{c}'")));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scheme, user, host, authority, path, query and fragment; `-` for none.
    fn parts(url: &str) -> String {
        match Uri::parse(url) {
            Ok(u) => [u.scheme, u.user_info, u.host, u.authority, u.path, u.query, u.fragment]
                .map(|part| part.map_or("-".to_owned(), |part| format!("'{part}'")))
                .join(" "),
            Err(why) => why,
        }
    }

    #[test]
    fn urls_are_taken_apart_as_in_java() {
        for (url, there) in [
            (
                "http://user:pa%20ss@spark.apache.org:8080/a/b.php?query=1&x=#Ref",
                "'http' 'user:pa%20ss' 'spark.apache.org' 'user:pa%20ss@spark.apache.org:8080' '/a/b.php' 'query=1&x=' 'Ref'",
            ),
            ("https://a.org", "'https' - 'a.org' 'a.org' '' - -"),
            ("https://a.org?", "'https' - 'a.org' 'a.org' '' '' -"),
            ("/cart?id=1#", "- - - - '/cart' 'id=1' ''"),
            ("", "- - - - '' - -"),
            ("//cdn.org/x", "- - 'cdn.org' 'cdn.org' '/x' - -"),
            ("http://#x", "'http' - - - '' - 'x'"),
            ("file:///etc/hosts", "'file' - - - '/etc/hosts' - -"),
            ("mailto:ann@a.org?x#y", "'mailto' - - - - - 'y'"),
            ("localhost:80/x", "'localhost' - - - - - -"),
            ("http://@a/", "'http' '' 'a' '@a' '/' - -"),
            ("http://a:/", "'http' - 'a' 'a:' '/' - -"),
            ("http://1.2.3.4:80", "'http' - '1.2.3.4' '1.2.3.4:80' '' - -"),
            ("http://[2001:db8::1%eth0]:80/", "'http' - '[2001:db8::1%eth0]' '[2001:db8::1%eth0]:80' '/' - -"),
            ("http://123/", "'http' - '123' '123' '/' - -"),
            ("http://a.org./", "'http' - 'a.org.' 'a.org.' '/' - -"),
            // An authority, and no host.
            ("http://my_host/", "'http' - - 'my_host' '/' - -"),
            ("http://a.4/", "'http' - - 'a.4' '/' - -"),
            ("http://1.2.3.256/", "'http' - - '1.2.3.256' '/' - -"),
            ("http://u@a:b/", "'http' - - 'u@a:b' '/' - -"),
            ("http://bücher.de/ä?ö", "'http' - - 'bücher.de' '/ä' 'ö' -"),
            // None.
            ("inva lid://user:pass@host/", "'inva lid' is no scheme such as https"),
            ("1.2.3.4:80/x", "'1.2.3.4' is no scheme such as https"),
            ("http://", "no host stands behind its //"),
            ("http:", "nothing stands behind its scheme"),
            ("http://a/b c", "' ' in its path"),
            ("http://a/?x=<b>", "'<' in its query"),
            ("http://a/?x=%zz", "'%zz' is no escape such as %20"),
            ("http://a/%ä", "'%ä' is no escape such as %20"),
            ("http://a b/", "' ' in its host"),
            ("http://[::1/", "the ] behind its address is missing"),
            ("http://[::g]/", "'[::g]' is no host"),
            ("http://a/#x#y", "'#' in its fragment"),
        ] {
            assert_eq!(parts(url), there, "{url}");
        }
    }
}
