//! The system event log (section 31): counts the entries that are new since the last look, by severity.
//!
//! What the log held when it was first seen is no news, as with Redfish. The log is followed from the last
//! entry that was seen; where that one is gone, the log was erased or overwritten, and all it holds is new. Nor is
//! it news what comes back: a device that starts shows its log empty. Whether it was erased is seen once it holds
//! something, by its time of erasure or by the entry itself.

use model::{Label, Labels, Rejection, ReportBuilder, metric};

use super::decode::sel::{self, Info, RECORD};
use super::error::WireError;
use super::link::Ask;
use super::wire::message::Request;

/// Network function Storage.
const STORAGE: u8 = 0x0a;

/// Most entries that are read in one poll; the next one goes on. A full log has some 500 to 4,000.
const MAX_ENTRIES: usize = 64;

/// Ids that stand for the first and the last entry; the latter also for the end.
const FIRST: u16 = 0x0000;
const LAST: u16 = 0xffff;

/// Severities, as the catalogue writes them.
const SEVERITIES: [&str; 3] = ["ok", "warning", "critical"];

/// What is known of the log of one device.
#[derive(Debug, Default)]
pub(crate) struct EventLog {
    /// The log as it was when all its entries were seen.
    settled: Option<Info>,
    /// The log as it was at the last look.
    known: Option<Info>,
    /// The last entry that was seen; none where the log was empty.
    last: Option<[u8; RECORD]>,
    counts: [u64; SEVERITIES.len()],
}

impl EventLog {
    /// Counts what is new.
    ///
    /// # Errors
    /// The device has no log, or does not answer.
    pub(crate) async fn look(
        &mut self,
        device: &mut impl Ask,
        report: &mut ReportBuilder,
    ) -> Result<(), WireError> {
        let info = device.ask(Request::new(STORAGE, 0x40, &[])).await?;
        let info = Info::decode(&info).ok_or(WireError::Malformed("the event log's state is too short"))?;
        let result = match self.known {
            None => self.begin(device, info).await,
            // An empty log has no news. What it held is remembered until it holds something else.
            Some(_) if self.settled == Some(info) || info.entries == 0 => Ok(()),
            Some(known) => self.follow(device, info, known, report).await,
        };
        for (severity, count) in SEVERITIES.iter().zip(self.counts).filter(|_| self.known.is_some()) {
            let labels = Labels::new().with(Label::Severity, severity);
            report.record(metric::OOB_EVENT_LOG_EVENTS, &labels, count as f64);
        }
        result
    }

    async fn begin(&mut self, device: &mut impl Ask, info: Info) -> Result<(), WireError> {
        if info.entries > 0 {
            self.last = Some(entry(device, LAST).await?.1);
        }
        (self.known, self.settled) = (Some(info), Some(info));
        Ok(())
    }

    async fn follow(
        &mut self,
        device: &mut impl Ask,
        info: Info,
        known: Info,
        report: &mut ReportBuilder,
    ) -> Result<(), WireError> {
        if info.was_erased_since(&known) {
            self.last = None;
        }
        self.known = Some(info);
        let mut next = self.after_last(device).await?;
        for _ in 0..MAX_ENTRIES {
            if next == LAST {
                self.settled = Some(info);
                break;
            }
            let (following, record) = entry(device, next).await?;
            match sel::severity(&record).and_then(|severity| self.counts.get_mut(severity)) {
                Some(count) => *count = count.saturating_add(1),
                // A vendor's own event: how bad it is, only the vendor knows.
                None => report.reject(Rejection::Parse),
            }
            self.last = Some(record);
            // A log that leads back to where it came from ends here.
            next = if following == next { LAST } else { following };
        }
        Ok(())
    }

    /// The id of the entry behind the last one that was seen.
    async fn after_last(&mut self, device: &mut impl Ask) -> Result<u16, WireError> {
        let Some(last) = self.last else { return Ok(FIRST) };
        match entry(device, sel::id(&last)).await {
            Ok((next, record)) if record == last => Ok(next),
            // Another entry has its place, or none.
            Ok(_) => Ok(FIRST),
            Err(error) if error.code().is_some() => Ok(FIRST),
            Err(error) => Err(error),
        }
    }
}

/// An entry, and the id of the one behind it.
async fn entry(device: &mut impl Ask, id: u16) -> Result<(u16, [u8; RECORD]), WireError> {
    let [low, high] = id.to_le_bytes();
    let reply = device.ask(Request::new(STORAGE, 0x43, &[0, 0, low, high, 0, 0xff])).await?;
    sel::entry(&reply).ok_or(WireError::Malformed("an entry of the event log is too short"))
}
