//! The buffer on the status page: how full it is, and for each destination what waits and when that has gone.

use maud::{Markup, html};

use super::words::{bytes, count, duration};
use crate::status::{BufferStatus, DestinationStatus};

/// Part of the budget from which the bar warns, as the shipped alert does.
const NEARLY_FULL: f64 = 0.7;

pub(super) fn section(buffer: &BufferStatus) -> Markup {
    html! {
        div.buffer {
            div.lane {
                b { "Buffer" }
                meter min="0" max=(buffer.limit) value=(buffer.bytes) high=(buffer.limit as f64 * NEARLY_FULL)
                    title="part of the budget that is in use" {}
                p.quiet {
                    (bytes(buffer.bytes)) " of " (bytes(buffer.limit))
                    @if buffer.lost > 0 { span.trouble { " · " (samples(buffer.lost)) " lost" } }
                    @if let Some(cause) = &buffer.in_memory { span.trouble { " · kept in memory alone: " (cause) } }
                    @if !buffer.clock_known { span.trouble { " · nothing is sent before the clock is right" } }
                }
            }
            @for destination in &buffer.destinations { (lane(destination)) }
        }
    }
}

fn lane(destination: &DestinationStatus) -> Markup {
    let DestinationStatus { waiting, peak, rate, .. } = *destination;
    html! {
        div.lane {
            b { (destination.name) }
            // What has arrived of what waited at most.
            meter min="0" max=(peak.max(1)) value=(if peak == 0 { 1 } else { peak - waiting.min(peak) })
                title="part of the backlog that has arrived" {}
            p.quiet {
                span.trouble[destination.in_trouble] { (destination.words) }
                " · " (samples(waiting)) " waiting"
                @if let Some(oldest) = destination.oldest { ", the oldest for " (duration(oldest)) }
                @if rate > 0.0 { " · " (format!("{rate:.0}")) " samples/s arrive" }
                @if let Some(time) = destination.drained_in { " · done in " (duration(time)) }
            }
        }
    }
}

fn samples(number: u64) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), "sample", "samples")
}
