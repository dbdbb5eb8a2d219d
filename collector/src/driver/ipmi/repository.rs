//! The sensor data records of a BMC (section 33): read once, and again when their timestamps change.
//!
//! Records are read in parts under a reservation. The count that a BMC tells is not believed: the chain of
//! record ids is followed to its end, or to a record that comes a second time. Where the last record cannot be
//! read, as on some BMCs, the others are taken; where more are missing, that is told with every poll and tried
//! again after the inventory interval. Where a poll ends before the chain does, the next one goes on.

use std::collections::HashSet;
use std::time::Duration;

use model::Reason;
use tokio::time::Instant;

use super::decode::sdr::{self, HEADER, Locator, Record, Sensor};
use super::error::WireError;
use super::link::Ask;
use super::wire::message::Request;

/// Network function Storage.
const STORAGE: u8 = 0x0a;

/// Most records of one BMC. Large chassis have about 800.
const MAX_RECORDS: usize = 2_000;

/// Reservations for one reading. Another console that changes records cancels them.
const MAX_RESERVATIONS: u32 = 8;

/// Bytes of a record that are asked for at once: fits the smallest message buffers of BMCs.
const PART: u8 = 22;

/// Fewest bytes that are worth asking for.
const MIN_PART: u8 = 6;

/// The record that follows the last one.
const END: u16 = 0xffff;

/// Completion codes: reservation cancelled, and the three for more bytes than fit.
const CANCELLED: u8 = 0xc5;
const TOO_LONG: [u8; 3] = [0xc7, 0xc8, 0xca];

/// What is known of a BMC's records. The records themselves go to who makes use of them.
#[derive(Debug, Default)]
pub(crate) struct Repository {
    /// What the repository said of itself when it was read, and when that was.
    read: Option<(Stamps, Instant)>,
    /// What could not be read, and why.
    gap: Option<(Reason, String)>,
    /// What polls that ended too early have read of the repository with these stamps.
    begun: Option<(Stamps, Chain)>,
}

/// The chain of records as far as it was followed.
#[derive(Debug, Default)]
struct Chain {
    found: Found,
    seen: HashSet<u16>,
    next: u16,
    asked: usize,
}

/// What was found in a repository.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) sensors: Vec<Sensor>,
    /// Of FRUs: what parts are called.
    pub(crate) locators: Vec<Locator>,
    /// Names of other management controllers.
    pub(crate) controllers: Vec<String>,
    gap: Option<(Reason, String)>,
}

/// Get SDR Repository Info: what changes when the records do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamps {
    count: u16,
    /// Times of the last addition and the last erasure.
    times: [u32; 2],
}

/// Slave address of the BMC itself.
const BMC: u8 = 0x20;

impl Repository {
    pub(crate) fn gap(&self) -> Option<(Reason, &str)> {
        self.gap.as_ref().map(|(reason, detail)| (*reason, detail.as_str()))
    }

    /// Reads the records if they have changed, or if some were missing `patience` ago; nothing otherwise.
    ///
    /// # Errors
    /// The device gave no usable answer; what was known stays.
    pub(crate) async fn refresh(
        &mut self,
        device: &mut impl Ask,
        patience: Duration,
    ) -> Result<Option<Found>, WireError> {
        let info = device.ask(Request::new(STORAGE, 0x20, &[])).await?;
        let stamps =
            stamps(&info).ok_or(WireError::Malformed("the repository's information is too short"))?;
        if let Some((known, at)) = self.read
            && known == stamps
            && (self.gap.is_none() || at.elapsed() < patience)
        {
            return Ok(None);
        }
        let (begun, chain) = self.begun.get_or_insert_with(|| (stamps, Chain::default()));
        if *begun != stamps {
            (*begun, *chain) = (stamps, Chain::default());
        }
        let mut reading = Reading { device, reservation: 0, reservations: 0, part: PART };
        reading.reserve().await?;
        reading.follow(chain, stamps.count).await?;
        let mut found = self.begun.take().map(|(_, chain)| chain.found).unwrap_or_default();
        self.gap = found.gap.take();
        self.read = Some((stamps, Instant::now()));
        Ok(Some(found))
    }
}

impl Found {
    fn take(&mut self, record: Option<Record>, id: u16) {
        match record {
            Some(Record::Sensors(sensors)) => self.sensors.extend(sensors),
            Some(Record::Fru(locator)) => self.locators.push(locator),
            Some(Record::Controller(controller)) if controller.address != BMC => {
                self.controllers.push(controller.name);
            }
            Some(Record::Controller(_) | Record::Other) => {}
            None => self.gap = Some((Reason::Parse, format!("sensor record {id:#06x} is too short"))),
        }
    }
}

/// From Get SDR Repository Info: version, count, free space, then the two times.
fn stamps(info: &[u8]) -> Option<Stamps> {
    let mut reader = super::bytes::Reader::new(info);
    let _version = reader.u8()?;
    let count = reader.u16()?;
    let _free = reader.u16()?;
    Some(Stamps { count, times: [reader.u32()?, reader.u32()?] })
}

struct Reading<'a, A> {
    device: &'a mut A,
    reservation: u16,
    reservations: u32,
    part: u8,
}

impl<A: Ask> Reading<'_, A> {
    async fn reserve(&mut self) -> Result<(), WireError> {
        self.reservations = self.reservations.saturating_add(1);
        if self.reservations > MAX_RESERVATIONS {
            return Err(WireError::Limit(
                "the device keeps cancelling the reservation of its sensor records",
            ));
        }
        let reply = self.device.ask(Request::new(STORAGE, 0x22, &[])).await?;
        let [low, high, ..] = reply[..] else {
            return Err(WireError::Malformed("no reservation in the reply"));
        };
        self.reservation = u16::from_le_bytes([low, high]);
        Ok(())
    }

    /// Follows the chain to its end. `count` is how many records there are, as the device says.
    async fn follow(&mut self, chain: &mut Chain, count: u16) -> Result<(), WireError> {
        let Chain { found, seen, next: id, asked } = chain;
        while *id != END {
            if seen.contains(id) {
                found.gap = Some((Reason::Protocol, "the sensor records go round in a circle".to_owned()));
                break;
            }
            if *asked >= MAX_RECORDS {
                found.gap = Some((Reason::Limit, format!("more than {MAX_RECORDS} sensor records")));
                break;
            }
            match self.record(*id).await {
                Ok((next, record)) => {
                    *asked = asked.saturating_add(1);
                    seen.insert(*id);
                    found.take(sdr::decode(&record), *id);
                    // The first one is asked for by an id that stands for it.
                    if let (0, Some(own)) = (*id, record.first_chunk()) {
                        seen.insert(u16::from_le_bytes(*own));
                    }
                    *id = next;
                }
                // Some BMCs cannot give their last record, or have fewer than they link to.
                Err(error) if error.code().is_some() && !found.sensors.is_empty() => {
                    let detail = format!("sensor records from {id:#06x} on: {error}");
                    tracing::info!(detail, "a BMC does not give all its sensor records");
                    if asked.saturating_add(1) < usize::from(count) {
                        found.gap = Some((error.reason(), detail));
                    }
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// One record, and the id of the next. Begins anew where the reservation is cancelled.
    async fn record(&mut self, id: u16) -> Result<(u16, Vec<u8>), WireError> {
        loop {
            match self.parts(id).await {
                Err(WireError::Completion { code: CANCELLED, .. }) => self.reserve().await?,
                result => return result,
            }
        }
    }

    async fn parts(&mut self, id: u16) -> Result<(u16, Vec<u8>), WireError> {
        const HEADER_BYTES: u8 = HEADER as u8;
        let (next, mut record) = self.part(id, 0, HEADER_BYTES).await?;
        let body =
            sdr::body_length(&record).ok_or(WireError::Malformed("a sensor record without a header"))?;
        // Offsets have one byte: a record that claims to be longer ends there.
        let end = HEADER_BYTES.saturating_add(body);
        let mut offset = HEADER_BYTES;
        while offset < end {
            let wanted = self.part.min(end.saturating_sub(offset));
            match self.part(id, offset, wanted).await {
                Ok((_, bytes)) if bytes.is_empty() => break,
                Ok((_, mut bytes)) => {
                    bytes.truncate(wanted.into());
                    offset = offset.saturating_add(u8::try_from(bytes.len()).unwrap_or(wanted));
                    record.append(&mut bytes);
                }
                Err(WireError::Completion { code, .. })
                    if TOO_LONG.contains(&code) && self.part > MIN_PART =>
                {
                    self.part = (self.part / 2).max(MIN_PART);
                }
                Err(error) => return Err(error),
            }
        }
        Ok((next, record))
    }

    async fn part(&mut self, id: u16, offset: u8, count: u8) -> Result<(u16, Vec<u8>), WireError> {
        let ([r0, r1], [i0, i1]) = (self.reservation.to_le_bytes(), id.to_le_bytes());
        let request = Request::new(STORAGE, 0x23, &[r0, r1, i0, i1, offset, count]);
        let reply = self.device.ask(request).await?;
        let (next, bytes) =
            sdr::chunk(&reply).ok_or(WireError::Malformed("a part of a sensor record is missing"))?;
        Ok((next, bytes.to_vec()))
    }
}
