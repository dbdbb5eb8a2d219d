//! The status page: all targets by site, worst first, with the last error in words.
//!
//! Works without script (`?q=`, `?state=`); the script filters what is shown while one types and refreshes
//! it. Loads nothing from elsewhere; all text of devices and of the request is escaped by the template.

mod buffer;
mod words;

use std::sync::LazyLock;

use axum::extract::{Query, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use model::Timestamp;
use sha2::{Digest, Sha256};

use super::Shared;
use super::filter::{Filter, searched};
use crate::status::{BufferStatus, TargetState, TargetStatus};
use words::{age, count, duration, in_time};

/// Most targets on one page; a search finds the others.
const MAX_ROWS: usize = 1_000;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Allows this page's own style and script by their digest, the form and the refresh, and nothing else.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let digest = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; \
         img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        digest(STYLE),
        digest(SCRIPT)
    )
});

/// `GET /`.
pub(super) async fn page(State(shared): State<Shared>, Query(filter): Query<Filter>) -> Response {
    let targets = (shared.state.targets)();
    let buffer = (shared.state.buffer)();
    let markup = render(targets, buffer.as_ref(), &filter, (shared.state.now)());
    let mut response = Html(markup.into_string()).into_response();
    if let Ok(policy) = HeaderValue::from_str(&POLICY) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

fn render(
    mut targets: Vec<TargetStatus>,
    buffer: Option<&BufferStatus>,
    filter: &Filter,
    now: Timestamp,
) -> Markup {
    let total = targets.len();
    let attention = targets.iter().filter(|target| target.state.needs_attention()).count();
    let series: usize = targets.iter().map(|target| target.series).sum();
    filter.search(&mut targets);
    let counts = TargetState::ALL.map(|state| (state, targets.iter().filter(|t| t.state == state).count()));
    let found = targets.len();
    filter.keep_state(&mut targets);
    targets.sort_by(|a, b| {
        let key = |target: &TargetStatus| (target.state, target.device.name.clone());
        a.device.site.cmp(&b.device.site).then_with(|| key(a).cmp(&key(b)))
    });
    let hidden = targets.len().saturating_sub(MAX_ROWS);
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(attention))
            body {
                header {
                    h1 { span.logo aria-hidden="true" {} "lightsout" }
                    p.lead { (headline(total, attention)) }
                    p.quiet { (count(total, "target", "targets")) " · " (count(series, "series", "series")) }
                }
                div #buffer { @if let Some(buffer) = buffer { (buffer::section(buffer)) } }
                (search(filter, &counts, found))
                main id="targets" data-hidden=(hidden) {
                    (sites(&targets, now))
                    @if hidden > 0 {
                        p.note { "… and " (count(hidden, "target", "targets")) " more: search to narrow the list." }
                    }
                    p.note.none hidden[!targets.is_empty()] {
                        @if total == 0 { "No targets are configured." } @else { "Nothing matches." }
                    }
                }
                footer {
                    a href="/metrics" { "metrics" } a href="/sd" { "service discovery" }
                    a href="/api/v1/targets" { "targets as JSON" } a href="/-/ready" { "ready" }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

fn head(attention: usize) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            link rel="icon" href="data:,";
            title { @if attention > 0 { "(" (attention) ") " } "lightsout" }
            style { (PreEscaped(STYLE)) }
        }
    }
}

fn headline(total: usize, attention: usize) -> Markup {
    html! {
        @match (total, attention) {
            (0, _) => "Nothing to watch yet",
            (_, 0) => span.fine { "All is well" },
            (_, 1) => "1 target needs attention",
            (_, many) => { (many) " targets need attention" },
        }
    }
}

/// The search box, and one link for each state, which keeps the search.
fn search(filter: &Filter, counts: &[(TargetState, usize)], found: usize) -> Markup {
    let chosen = filter.state();
    let chip = |state: Option<TargetState>, number: usize| {
        let word = state.map_or("", TargetState::as_str);
        let words = state.map_or("all", TargetState::words);
        html! {
            button.chip type="submit" name="state" value=(word) data-state=(word) aria-pressed=(chosen == state) {
                @if !word.is_empty() { span class={ "dot " (word) } {} }
                (words) " " b { (number) }
            }
        }
    };
    html! {
        form.bar action="/" method="get" role="search" {
            // Pressing Enter uses the first button of a form: it must keep the state.
            button hidden type="submit" name="state" value=(chosen.map_or("", TargetState::as_str)) {}
            input type="search" name="q" value=(filter.query()) maxlength="200" autocomplete="off"
                placeholder="Search name, rack, address, error…" aria-label="Search targets";
            div.chips {
                (chip(None, found))
                @for &(state, number) in counts { (chip(Some(state), number)) }
            }
        }
    }
}

fn sites(targets: &[TargetStatus], now: Timestamp) -> Markup {
    let shown = targets.get(..MAX_ROWS).unwrap_or(targets);
    let groups = || shown.chunk_by(|a, b| a.device.site == b.device.site);
    html! {
        @for group in groups() {
            section {
                h2 { (group.first().map_or("", |target| &target.device.site)) " " span.quiet { (group.len()) } }
                table {
                    thead {
                        tr {
                            th scope="col" { "State" } th scope="col" { "Target" } th scope="col" { "Address" }
                            th scope="col" { "Last reading" } th scope="col" { "Next poll" }
                            th.number scope="col" { "Series" } th scope="col" { "Last error" }
                        }
                    }
                    tbody { @for target in group { (row(target, now)) } }
                }
            }
        }
    }
}

fn row(target: &TargetStatus, now: Timestamp) -> Markup {
    let device = &target.device;
    let state = target.state;
    html! {
        tr data-state=(state.as_str()) data-text=(searched(target)) {
            td.state { span class={ "dot " (state.as_str()) } {} (state.words()) }
            td.name {
                a href={ "/probe?target=" (words::encoded(&device.name)) } { (device.name) }
                div.quiet {
                    (device.device_type)
                    @if !device.rack.is_empty() { " · rack " (device.rack) }
                }
            }
            td.address { (address(&target.address)) div.quiet { (target.protocol.as_str()) } }
            td data-label="last reading" {
                @match target.last_success {
                    Some(at) => { (age(at, now)) },
                    None => "never",
                }
                @if let Some(took) = target.duration { div.quiet { "took " (duration(took)) } }
            }
            td data-label="next poll" {
                @match target.next_poll { Some(at) => { (in_time(at, now)) }, None => "–" }
                div.quiet { "every " (duration(target.interval)) }
            }
            td.number data-label="series" { (target.series) }
            td.error {
                @if let Some(error) = &target.last_error {
                    span.reason { (error.reason.as_str()) } " " (error.detail)
                    @if target.faults > 1 { div.quiet { (count(target.faults, "fault", "faults")) } }
                }
            }
        }
    }
}

/// An address that, where it is too long, breaks before its port.
fn address(text: &str) -> Markup {
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    html! { (host) @if !port.is_empty() { wbr; ":" (port) } }
}
