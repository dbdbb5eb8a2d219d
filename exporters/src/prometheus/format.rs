//! Which of the two formats a client gets.
//!
//! Follows RFC 9110, 12.5.1 (`Accept`, quality values) and the protocol headers that the Prometheus
//! documentation describes for scrapes. Whatever a client asks for, it gets one of the two.

/// An exposition format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text format 0.0.4: what a client gets that asks for nothing else.
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

impl Format {
    /// Value of the `Content-Type` header.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Most entries of an `Accept` header that are looked at; Prometheus sends at most six.
const MAX_RANGES: usize = 32;

/// The format that `accept`, the value of the `Accept` header, likes best; of two that it likes the same,
/// the one it names first. Text where it is empty or names nothing that there is.
pub fn negotiate(accept: &str) -> Format {
    let mut best = (0, Format::Text);
    for (format, quality) in accept.split(',').take(MAX_RANGES).filter_map(range) {
        if quality > best.0 {
            best = (quality, format);
        }
    }
    best.1
}

/// One media range: the format that it means, and its quality in thousandths.
fn range(text: &str) -> Option<(Format, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let media = parts.next()?;
    let (mut version, mut quality) = (None, 1000);
    for part in parts {
        let Some((name, value)) = part.split_once('=') else { continue };
        let value = value.trim().trim_matches('"');
        match name.trim() {
            name if name.eq_ignore_ascii_case("q") => quality = thousandths(value)?,
            name if name.eq_ignore_ascii_case("version") => version = Some(value),
            _ => {}
        }
    }
    let format = if media.eq_ignore_ascii_case("application/openmetrics-text") {
        matches!(version, None | Some("1.0.0")).then_some(Format::OpenMetrics)
    } else if media.eq_ignore_ascii_case("text/plain") {
        matches!(version, None | Some("0.0.4")).then_some(Format::Text)
    } else {
        matches!(media, "*/*" | "text/*").then_some(Format::Text)
    };
    Some((format?, quality))
}

fn thousandths(text: &str) -> Option<u16> {
    let quality: f64 = text.parse().ok()?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 1000, checked")]
    (0.0..=1.0).contains(&quality).then_some((quality * 1000.0).round() as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_gets_what_it_likes_best() {
        let prometheus_2 = "application/openmetrics-text;version=1.0.0,\
            application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
            application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
            text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        let expected = [
            (prometheus_2, Format::OpenMetrics),
            (prometheus_3, Format::OpenMetrics),
            ("", Format::Text),
            ("*/*", Format::Text),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Text),
            ("text/plain;q=0.9, application/openmetrics-text;version=1.0.0;q=0.5", Format::Text),
            ("text/plain;q=0.5, Application/OpenMetrics-Text; Version=\"1.0.0\"", Format::OpenMetrics),
            ("application/openmetrics-text, text/plain", Format::OpenMetrics),
            ("text/plain, application/openmetrics-text", Format::Text),
            ("application/openmetrics-text;version=0.0.1", Format::Text),
            ("application/openmetrics-text;q=0", Format::Text),
            ("application/openmetrics-text;q=nonsense", Format::Text),
            ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily", Format::Text),
            (";;;,,,=,q=", Format::Text),
        ];
        for (accept, format) in expected {
            assert_eq!(negotiate(accept), format, "{accept}");
        }
    }
}
