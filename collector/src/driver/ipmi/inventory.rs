//! Reads the inventory of the BMC's own FRU, number 0 (section 34), in parts.

use super::bytes::Reader;
use super::decode::fru::{Fru, decode};
use super::error::WireError;
use super::link::Ask;
use super::wire::message::Request;

/// Network function Storage.
const STORAGE: u8 = 0x0a;

/// Most bytes that are read. The areas that matter come first, and rarely take 512.
const MAX_BYTES: u16 = 2048;

/// Bytes that are asked for at once: fits the smallest message buffers of BMCs.
const PART: u8 = 16;

/// The inventory, if it is in a known format.
///
/// # Errors
/// The device refuses the first part, or does not answer.
pub(crate) async fn read(device: &mut impl Ask) -> Result<Option<Fru>, WireError> {
    let info = device.ask(Request::new(STORAGE, 0x10, &[0])).await?;
    let mut reader = Reader::new(&info);
    let size = reader.u16().ok_or(WireError::Malformed("the size of the FRU inventory is missing"))?;
    // Bit 0: the device counts in words.
    let words = reader.u8().unwrap_or(0) & 1 == 1;
    let size = size.saturating_mul(if words { 2 } else { 1 }).min(MAX_BYTES);
    let mut data: Vec<u8> = Vec::new();
    loop {
        let offset = u16::try_from(data.len()).unwrap_or(MAX_BYTES);
        if offset >= size {
            break;
        }
        let count = u8::try_from(size.saturating_sub(offset)).unwrap_or(PART).min(PART);
        let [low, high] = (if words { offset / 2 } else { offset }).to_le_bytes();
        let count = if words { count.div_ceil(2) } else { count };
        match device.ask(Request::new(STORAGE, 0x11, &[0, low, high, count])).await {
            // The first byte counts the others.
            Ok(reply) if reply.len() > 1 => data.extend(reply.iter().skip(1).take(PART.into())),
            Ok(_) => break,
            // A device that claims more than it has: what was read is good.
            Err(error) if error.code().is_some() && !data.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    Ok(decode(&data))
}
