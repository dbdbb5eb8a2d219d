//! The environment variables of OpenTelemetry exporters, as defaults of a destination.
//!
//! Follows the OpenTelemetry Protocol Exporter specification: those for metrics alone
//! (`OTEL_EXPORTER_OTLP_METRICS_…`) come before those for all signals (`OTEL_EXPORTER_OTLP_…`). Never reads the
//! environment itself.

use std::time::Duration;

use percent_encoding::percent_decode_str;

use super::{Compression, Options, Protocol};
use crate::forward::{ConfigError, Endpoint, Tls};

/// Path of the signal, which is added to an endpoint for all signals.
const PATH: &str = "v1/metrics";

/// Looks a variable up under both of its names.
struct Variables<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    fn metrics(&self, name: &str) -> Option<String> {
        self.plain(&format!("OTEL_EXPORTER_OTLP_METRICS_{name}"))
    }

    fn get(&self, name: &str) -> Option<String> {
        self.metrics(name).or_else(|| self.plain(&format!("OTEL_EXPORTER_OTLP_{name}")))
    }

    /// An empty variable counts as unset.
    fn plain(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }
}

impl Options {
    /// What the variables say, and OpenTelemetry's defaults for the rest: HTTP to this machine; but gzip where no
    /// variable says otherwise. `protocol` comes before theirs.
    ///
    /// # Errors
    /// A variable with a value that cannot be used.
    pub fn from_environment(
        variable: &dyn Fn(&str) -> Option<String>,
        protocol: Option<Protocol>,
    ) -> Result<Self, ConfigError> {
        let variables = Variables(variable);
        let protocol = match (protocol, variables.get("PROTOCOL").as_deref()) {
            (Some(protocol), _) => protocol,
            (None, None | Some("http/protobuf")) => Protocol::Http,
            (None, Some("grpc")) => Protocol::Grpc,
            (None, Some(other)) => {
                let detail = format!("{other:?} is neither grpc nor http/protobuf");
                return Err(ConfigError::Variable { name: "OTEL_EXPORTER_OTLP_PROTOCOL", detail });
            }
        };
        let compression = match variables.get("COMPRESSION").as_deref() {
            None | Some("gzip") => Compression::Gzip,
            Some("none") => Compression::None,
            Some("zstd") => Compression::Zstd,
            Some(other) => {
                let detail = format!("{other:?} is none of none, gzip and zstd");
                return Err(ConfigError::Variable { name: "OTEL_EXPORTER_OTLP_COMPRESSION", detail });
            }
        };
        let mut endpoint = Endpoint::new(url(&variables, protocol));
        if let Some(text) = variables.get("TIMEOUT") {
            let milliseconds = text.parse().ok().filter(|&milliseconds| milliseconds > 0);
            endpoint.timeout = milliseconds.map(Duration::from_millis).ok_or_else(|| {
                let detail = format!("{text:?} is no number of milliseconds from 1 on");
                ConfigError::Variable { name: "OTEL_EXPORTER_OTLP_TIMEOUT", detail }
            })?;
        }
        let headers = pairs(&variables.get("HEADERS").unwrap_or_default());
        endpoint.headers = headers.into_iter().map(|(name, value)| (name, value.into())).collect();
        endpoint.tls = tls(&variables)?;
        Ok(Self { endpoint, protocol, compression, resource: resource(&variables) })
    }
}

fn url(variables: &Variables<'_>, protocol: Protocol) -> String {
    let own = variables.metrics("ENDPOINT");
    let shared = || variables.get("ENDPOINT");
    if protocol == Protocol::Http {
        let shared = || shared().unwrap_or_else(|| "http://localhost:4318".into());
        return own.unwrap_or_else(|| format!("{}/{PATH}", shared().trim_end_matches('/')));
    }
    let target = own.or_else(shared).unwrap_or_else(|| "http://localhost:4317".into());
    if target.contains("://") {
        return target;
    }
    let insecure = variables.get("INSECURE").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    format!("{}://{target}", if insecure { "http" } else { "https" })
}

fn tls(variables: &Variables<'_>) -> Result<Tls, ConfigError> {
    let path = |name| variables.get(name).map(Into::into);
    let client = match (path("CLIENT_CERTIFICATE"), path("CLIENT_KEY")) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => {
            let detail = "a client certificate needs its key, and a key its certificate".into();
            return Err(ConfigError::Variable { name: "OTEL_EXPORTER_OTLP_CLIENT_KEY", detail });
        }
    };
    Ok(Tls { ca_file: path("CERTIFICATE"), client })
}

fn resource(variables: &Variables<'_>) -> Vec<(String, String)> {
    let mut all = pairs(&variables.plain("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default());
    if let Some(service) = variables.plain("OTEL_SERVICE_NAME") {
        all.retain(|(key, _)| key != "service.name");
        all.push(("service.name".into(), service));
    }
    all
}

/// `key=value,key=value`, values percent-encoded, as W3C Baggage writes them.
fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |entry: &str| {
        let (key, value) = entry.split_once('=')?;
        let value = percent_decode_str(value.trim()).decode_utf8_lossy().into_owned();
        Some((key.trim().to_owned(), value)).filter(|(key, _)| !key.is_empty())
    };
    text.split(',').filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn options(variables: &[(&str, &str)]) -> Result<Options, ConfigError> {
        let find = |name: &str| variables.iter().find(|it| it.0 == name).map(|it| it.1.to_owned());
        Options::from_environment(&find, None)
    }

    /// What the configuration names decides on the port and the path.
    #[test]
    fn a_protocol_that_is_given_comes_before_the_variables() {
        let find = |name: &str| (name == "OTEL_EXPORTER_OTLP_PROTOCOL").then(|| "grpc".to_owned());
        let http = Options::from_environment(&find, Some(Protocol::Http)).unwrap();
        assert_eq!(
            (http.protocol, &*http.endpoint.url),
            (Protocol::Http, "http://localhost:4318/v1/metrics")
        );
        let grpc = Options::from_environment(&|_| None, Some(Protocol::Grpc)).unwrap();
        assert_eq!((grpc.protocol, &*grpc.endpoint.url), (Protocol::Grpc, "http://localhost:4317"));
    }

    #[test]
    fn compression_is_what_a_variable_says_and_else_gzip() {
        let compression = |value| options(&[("OTEL_EXPORTER_OTLP_COMPRESSION", value)]).unwrap().compression;
        assert_eq!(compression("none"), Compression::None);
        assert_eq!(compression("gzip"), Compression::Gzip);
        assert_eq!(compression(""), Compression::Gzip);
    }

    #[test]
    fn endpoints_follow_the_specifications_examples() {
        let url = |variables: &[_]| options(variables).unwrap().endpoint.url;
        assert_eq!(url(&[]), "http://localhost:4318/v1/metrics");
        let shared = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/mycollector/");
        assert_eq!(url(&[shared]), "http://collector:4318/mycollector/v1/metrics");
        let own = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "https://collector.example.com/v1/mymetrics");
        assert_eq!(url(&[shared, own]), "https://collector.example.com/v1/mymetrics");
        let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        assert_eq!(url(&[grpc]), "http://localhost:4317");
        assert_eq!(url(&[grpc, ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317")]), "https://collector:4317");
    }

    #[test]
    fn a_variable_for_metrics_comes_first() {
        let options = options(&[
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10000"),
            ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "2500"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b, x-site = fra1,broken"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "none"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/etc/ca.pem"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=x,deployment.environment=pole"),
            ("OTEL_SERVICE_NAME", "lightsout"),
        ]);
        let options = options.unwrap();
        assert_eq!(options.endpoint.timeout, Duration::from_millis(2_500));
        assert_eq!(options.compression, Compression::None);
        assert_eq!(options.endpoint.tls.ca_file, Some("/etc/ca.pem".into()));
        let headers: Vec<_> =
            options.endpoint.headers.iter().map(|(name, value)| (&**name, value.expose_secret())).collect();
        assert_eq!(headers, [("api-key", "a b"), ("x-site", "fra1")]);
        let expected = [("deployment.environment", "pole"), ("service.name", "lightsout")];
        assert_eq!(options.resource, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (name, value) in
            [("PROTOCOL", "http/json"), ("TIMEOUT", "10s"), ("TIMEOUT", "0"), ("CLIENT_KEY", "key.pem")]
        {
            let name = format!("OTEL_EXPORTER_OTLP_{name}");
            let error = options(&[(&name, value)]).err().unwrap().to_string();
            assert!(error.starts_with(&name), "{error}");
        }
    }
}
