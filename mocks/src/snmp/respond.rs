//! What an agent answers: GET, GETNEXT and GETBULK over a recording.
//!
//! RFC 3416 section 4.2 for v2c and v3, RFC 1157 section 4.1 with RFC 3584 section 4.2 for v1 (no
//! exceptions, no Counter64). SET is refused. Which objects exist is known from the recording, and from the
//! overrides that add to it: a name has `noSuchInstance` when a recorded row lies under the name without its last
//! arc, else `noSuchObject`.

use std::borrow::Cow;

use snmp2::snmp;

use super::codec::{MAX_MESSAGE, Pdu, Request, push_binding};
use super::faults::{Endless, ErrorStatus, Fault, FaultSet};
use super::live::Moment;
use super::oid::Oid;
use super::overrides::Overrides;
use super::recording::{Recording, Row};
use super::value::Value;

/// Octets that begin no UTF-8 text: an overlong form and a lone continuation.
const NO_UTF8: [u8; 4] = [0xc0, 0xaf, 0xff, 0x80];

/// The objects that one request can see.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) recording: &'a Recording,
    pub(crate) faults: &'a FaultSet,
    pub(crate) overrides: &'a Overrides,
    pub(crate) moment: Moment,
    /// Version 1: errors instead of exceptions, and no Counter64.
    pub(crate) v1: bool,
}

type Found<'a> = (Cow<'a, Oid>, Cow<'a, Value>);

impl<'a> View<'a> {
    fn get(&self, name: &Oid) -> Cow<'a, Value> {
        if let (None, Some(added)) = (self.recording.get(name), self.overrides.added(name)) {
            return Cow::Borrowed(added);
        }
        match self.recording.get(name) {
            Some(row) if self.is_visible(row) => self.value(row),
            Some(_) => Cow::Owned(Value::NoSuchInstance),
            None if name.parent().is_some_and(|object| self.recording.has_under(&object)) => {
                Cow::Owned(Value::NoSuchInstance)
            }
            None => Cow::Owned(Value::NoSuchObject),
        }
    }

    fn next(&self, name: &Oid) -> Option<Found<'a>> {
        let next = self.recording.after(name).iter().find(|row| self.is_visible(row));
        let endless = self.faults.on_object(name, |fault| match fault {
            Fault::EndlessWalk(endless) => Some(*endless),
            _ => None,
        });
        match endless {
            Some(endless) => self.endless(name, next, endless),
            None => self.nearest(name, next),
        }
    }

    /// The next object, recorded or added.
    fn nearest(&self, name: &Oid, recorded: Option<&'a Row>) -> Option<Found<'a>> {
        let added = self.overrides.added_after(name);
        match added.filter(|(added, _)| recorded.is_none_or(|row| **added < row.oid)) {
            Some((name, value)) => Some((Cow::Borrowed(name), Cow::Borrowed(value))),
            None => recorded.map(|row| self.found(row)),
        }
    }

    fn endless(&self, name: &Oid, next: Option<&'a Row>, endless: Endless) -> Option<Found<'a>> {
        let under = self.faults.prefix(name, &Fault::EndlessWalk(endless));
        let within = next.filter(|row| under.is_none_or(|under| row.oid.is_under(under)));
        match (endless, within) {
            (Endless::Repeat, _) => self.recording.get(name).or(next).map(|row| self.found(row)),
            (_, Some(row)) => Some(self.found(row)),
            (Endless::Loop, None) => {
                let mut rows = self.recording.rows().iter();
                rows.find(|row| under.is_none_or(|under| row.oid.is_under(under))).map(|row| self.found(row))
            }
            (Endless::Grow, None) => Some((Cow::Owned(name.successor()), Cow::Owned(Value::Integer(1)))),
        }
    }

    fn found(&self, row: &'a Row) -> Found<'a> {
        (Cow::Borrowed(&row.oid), self.value(row))
    }

    fn is_visible(&self, row: &Row) -> bool {
        let hidden = |fault: &Fault| (*fault == Fault::NoSuchInstance).then_some(());
        let unknown = self.v1 && matches!(row.value, Value::Counter64(_));
        !unknown && self.faults.on_object(&row.oid, hidden).is_none()
    }

    fn value(&self, row: &'a Row) -> Cow<'a, Value> {
        let value = match self.recording.rule(row) {
            Some(rule) => rule.apply(&row.oid, &row.value, self.moment),
            None => Cow::Borrowed(&row.value),
        };
        let value = self.overrides.instead(&row.oid, &value).map_or(value, Cow::Owned);
        let Value::OctetString(text) = &*value else { return value };
        let spoilt = self.faults.on_object(&row.oid, |fault| match fault {
            Fault::HugeStrings { bytes } => Some(huge(text, *bytes)),
            Fault::InvalidUtf8 => Some([&NO_UTF8, &**text].concat()),
            _ => None,
        });
        spoilt.map_or(value, |octets| Cow::Owned(Value::OctetString(octets.into())))
    }
}

/// The text over and over, but no longer than a datagram, which already is more than any answer holds.
fn huge(text: &[u8], octets: usize) -> Vec<u8> {
    let filler: &[u8] = if text.is_empty() { b"x" } else { text };
    filler.iter().copied().cycle().take(octets.min(MAX_MESSAGE)).collect()
}

/// The answer to a request, its bindings within `room` octets.
pub(crate) fn respond(view: View<'_>, request: &Request<'_>, room: usize) -> Pdu {
    let status = view.faults.on_request(&request.names, |fault| match fault {
        Fault::ErrorStatus(status) => Some(*status),
        _ => None,
    });
    if let Some(status) = status {
        return failure(view, request, status, usize::from(status != ErrorStatus::TooBig));
    }
    match request.tag {
        snmp::MSG_GET => single(view, request, room, |name| {
            let value = view.get(name);
            (Cow::Borrowed(name), value)
        }),
        snmp::MSG_GET_NEXT => single(view, request, room, |name| {
            view.next(name).unwrap_or((Cow::Borrowed(name), Cow::Owned(Value::EndOfMibView)))
        }),
        snmp::MSG_GET_BULK => bulk(view, request, room),
        _ if view.v1 => failure(view, request, ErrorStatus::NoSuchName, 1),
        _ => failure(view, request, ErrorStatus::NotWritable, 1),
    }
}

/// A response without values. `tooBig` of v2 and later carries no bindings, other errors carry the request's.
pub(crate) fn failure(view: View<'_>, request: &Request<'_>, status: ErrorStatus, index: usize) -> Pdu {
    let empty = status == ErrorStatus::TooBig && !view.v1;
    Pdu {
        tag: snmp::MSG_RESPONSE,
        id: request.id,
        error_status: status as u32,
        error_index: index,
        bindings: if empty { Vec::new() } else { request.bindings.to_vec() },
    }
}

fn success(request: &Request<'_>, bindings: Vec<u8>) -> Pdu {
    Pdu { tag: snmp::MSG_RESPONSE, id: request.id, error_status: 0, error_index: 0, bindings }
}

fn single<'a>(
    view: View<'_>,
    request: &'a Request<'_>,
    room: usize,
    find: impl Fn(&'a Oid) -> Found<'a>,
) -> Pdu {
    let mut bindings = Vec::new();
    for (index, name) in (1..).zip(&request.names) {
        let (name, value) = find(name);
        let exception = matches!(*value, Value::NoSuchObject | Value::NoSuchInstance | Value::EndOfMibView);
        if view.v1 && (exception || matches!(*value, Value::Counter64(_))) {
            return failure(view, request, ErrorStatus::NoSuchName, index);
        }
        push_binding(&mut bindings, &name, &value);
        if bindings.len() > room {
            return failure(view, request, ErrorStatus::TooBig, 0);
        }
    }
    success(request, bindings)
}

/// RFC 3416 section 4.2.3: non-repeaters once, the others in turn, until the repetitions, the objects or the
/// room are used up. When not even one binding has room the answer is `tooBig`, as net-snmp does it.
fn bulk(view: View<'_>, request: &Request<'_>, room: usize) -> Pdu {
    let mut bindings = Vec::new();
    let (once, repeated) = request.names.split_at(request.non_repeaters.min(request.names.len()));
    let mut cursors: Vec<Cow<'_, Oid>> = repeated.iter().map(Cow::Borrowed).collect();
    let above = view.faults.on_request(&request.names, |fault| match fault {
        Fault::BulkSkips { above } if request.max_repetitions > *above => Some(*above),
        _ => None,
    });
    let mut full =
        !once.iter().all(|name| push_next(view, &mut bindings, &mut Cow::Borrowed(name), room).fits());
    for repetition in 0..request.max_repetitions {
        let mut more = false;
        for cursor in &mut cursors {
            if full {
                break;
            }
            if above.is_some_and(|above| repetition >= above)
                && let Some((skipped, _)) = view.next(cursor)
            {
                *cursor = skipped;
            }
            let step = push_next(view, &mut bindings, cursor, room);
            full = !step.fits();
            more |= step == Step::Row;
        }
        if full || !more {
            break;
        }
    }
    if full && bindings.is_empty() {
        return failure(view, request, ErrorStatus::TooBig, 0);
    }
    success(request, bindings)
}

#[derive(Clone, Copy, PartialEq)]
enum Step {
    Row,
    End,
    NoRoom,
}

impl Step {
    fn fits(self) -> bool {
        self != Self::NoRoom
    }
}

/// Appends the object after `cursor` and moves it there; takes the object back when there is no room.
fn push_next<'a>(view: View<'a>, bindings: &mut Vec<u8>, cursor: &mut Cow<'a, Oid>, room: usize) -> Step {
    let length = bindings.len();
    let step = match view.next(cursor) {
        Some((name, value)) => {
            push_binding(bindings, &name, &value);
            *cursor = name;
            Step::Row
        }
        None => {
            push_binding(bindings, cursor, &Value::EndOfMibView);
            Step::End
        }
    };
    if bindings.len() > room {
        bindings.truncate(length);
        return Step::NoRoom;
    }
    step
}
