//! An adaptive binary range coder: each bit costs what its probability says, which is learned as it goes.
//!
//! Pure. What is coded is written once for both directions: a function that passes its bits through a [`Coder`]
//! writes them where that is an [`Encoder`] and reads them where it is a [`Decoder`]. Reading garbage gives garbage of the
//! same length, never a failure: checksums are the frame's business. Carries as in LZMA.

/// Both directions of the coder.
pub(crate) trait Coder {
    /// Whether bits that are passed in count.
    const WRITES: bool;

    /// What the next bit divides.
    fn range(&self) -> u32;

    /// Codes a bit as the part of the range that is left: the lower one for 0, the upper one for 1.
    fn divide(&mut self, lower: u32, upper: u32, bit: bool) -> bool;

    /// Codes a bit. The encoder gives back what it was given, the decoder what was coded.
    #[inline]
    fn bit(&mut self, chance: &mut Chance, bit: bool) -> bool {
        let lower = (self.range() >> 16) * chance.zero();
        let bit = self.divide(lower, self.range() - lower, bit);
        chance.learn(bit);
        bit
    }

    /// Codes the low `count` bits of a value, at most 64, as likely one way as the other.
    fn plain(&mut self, value: u64, count: u32) -> u64 {
        (0..count).rev().fold(0, |read, shift| {
            let half = self.range() >> 1;
            read << 1 | u64::from(self.divide(half, half, value >> shift & 1 == 1))
        })
    }
}

/// How likely a bit is 0, and on how many bits that rests: 22 bits of the one and 10 of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chance(u32);

/// Bits after which a chance follows at an even pace.
const STEADY: u32 = 255;
const COUNT_MASK: u32 = 0x3ff;
/// The likeliest that a 0 gets, in 22 bits.
const MAX: u32 = (1 << 22) - 1;
/// How far a chance moves with the next bit, in 1/65536: 1 / (bits so far + 1.5).
const PACES: [u32; STEADY as usize + 1] = paces();

#[allow(clippy::indexing_slicing, reason = "runs at compile time only")]
const fn paces() -> [u32; STEADY as usize + 1] {
    let mut paces = [0; STEADY as usize + 1];
    let mut count = 0;
    while count < paces.len() {
        paces[count] = 131_072 / (2 * count as u32 + 3);
        count += 1;
    }
    paces
}

/// Chances stay this far from certainty, in 1/65536: a wrong guess costs no more than 12 bits.
const MIN: u32 = 16;

impl Default for Chance {
    fn default() -> Self {
        Self(1 << 31)
    }
}

impl Chance {
    /// That a bit is 0, in 1/65536.
    fn zero(self) -> u32 {
        (self.0 >> 16).clamp(MIN, 65_536 - MIN)
    }

    fn learn(&mut self, bit: bool) {
        let (now, count) = (self.0 >> 10, self.0 & COUNT_MASK);
        let pace = u64::from(PACES.get(count as usize).copied().unwrap_or_default());
        let part = |distance: u32| ((u64::from(distance) * pace) >> 16) as u32;
        let next = if bit { now - part(now) } else { now + part(MAX - now) };
        self.0 = (next << 10) | (count + 1).min(STEADY);
    }

    /// As learned, but ready to change its mind: what another series begins with.
    pub(crate) fn hint(self, count: u32) -> Self {
        Self((self.0 & !COUNT_MASK) | (self.0 & COUNT_MASK).min(count))
    }
}

/// Below this the range is renewed.
const TOP: u32 = 1 << 24;

/// Writes bits at the end of `out`.
#[derive(Debug)]
pub(crate) struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    low: u64,
    range: u32,
    /// The byte that a carry may still change, none before the first.
    held: Option<u8>,
    /// Bytes 0xff behind it, which a carry would run through.
    full: u64,
}

impl<'a> Encoder<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, low: 0, range: u32::MAX, held: None, full: 0 }
    }

    fn shift(&mut self) {
        let carry = self.low > u64::from(u32::MAX);
        if carry || self.low < 0xff00_0000 {
            if let Some(held) = self.held {
                self.out.push(held.wrapping_add(u8::from(carry)));
            }
            for _ in 0..self.full {
                self.out.push(if carry { 0 } else { 0xff });
            }
            self.full = 0;
            self.held = Some(low_byte(self.low >> 24));
        } else {
            self.full += 1;
        }
        self.low = (self.low << 8) & u64::from(u32::MAX);
    }

    fn renew(&mut self) {
        while self.range < TOP {
            self.range <<= 8;
            self.shift();
        }
    }

    /// Ends the stream, in as few bytes as tell it from every other: what follows is read as zeros.
    pub(crate) fn finish(mut self) {
        let start = self.out.len();
        let (low, end) = (self.low, self.low + u64::from(self.range));
        let rounded = |shift: u32| (low + (1 << shift) - 1) >> shift << shift;
        self.low = (0..=32).rev().map(rounded).find(|&value| value < end).unwrap_or(low);
        for _ in 0..5 {
            self.shift();
        }
        while self.out.len() > start && self.out.last() == Some(&0) {
            self.out.pop();
        }
    }
}

fn low_byte(value: u64) -> u8 {
    value.to_le_bytes()[0]
}

impl Coder for Encoder<'_> {
    const WRITES: bool = true;

    fn range(&self) -> u32 {
        self.range
    }

    #[inline]
    fn divide(&mut self, lower: u32, upper: u32, bit: bool) -> bool {
        if bit {
            self.low += u64::from(lower);
        }
        self.range = if bit { upper } else { lower };
        self.renew();
        bit
    }
}

/// Reads bits. Past the end there are zeros.
#[derive(Debug)]
pub(crate) struct Decoder<'a> {
    rest: std::slice::Iter<'a, u8>,
    code: u32,
    range: u32,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let mut decoder = Self { rest: bytes.iter(), code: 0, range: u32::MAX };
        for _ in 0..4 {
            decoder.shift();
        }
        decoder
    }

    fn shift(&mut self) {
        self.code = self.code << 8 | u32::from(self.rest.next().copied().unwrap_or_default());
    }

    fn renew(&mut self) {
        while self.range < TOP {
            self.range <<= 8;
            self.shift();
        }
    }
}

impl Coder for Decoder<'_> {
    const WRITES: bool = false;

    fn range(&self) -> u32 {
        self.range
    }

    #[inline]
    fn divide(&mut self, lower: u32, upper: u32, _: bool) -> bool {
        let bit = self.code >= lower;
        if bit {
            self.code -= lower;
        }
        self.range = if bit { upper } else { lower };
        self.renew();
        bit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pass<C: Coder>(coder: &mut C, script: &[(u8, u64)]) -> Vec<u64> {
        let mut chances = [Chance::default(); 4];
        script
            .iter()
            .map(|&(kind, value)| match kind {
                0..4 => u64::from(coder.bit(&mut chances[usize::from(kind)], value & 1 == 1)),
                count => coder.plain(value & ((1 << (count - 4)) - 1), u32::from(count - 4)),
            })
            .collect()
    }

    fn written(script: &[(u8, u64)]) -> (Vec<u8>, Vec<u64>) {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes);
        let values = pass(&mut encoder, script);
        encoder.finish();
        (bytes, values)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(script in proptest::collection::vec((0u8..40, any::<u64>()), 0..300)) {
            let (bytes, values) = written(&script);
            prop_assert_eq!(pass(&mut Decoder::new(&bytes), &script), values);
        }
    }

    #[test]
    fn carries_run_through_full_bytes() {
        for ones in 0..64 {
            let mut script = vec![(4 + 32, u64::MAX); ones];
            script.extend([(0, 1); 40]);
            let (bytes, values) = written(&script);
            assert_eq!(pass(&mut Decoder::new(&bytes), &script), values);
        }
    }

    #[test]
    fn what_is_expected_costs_next_to_nothing() {
        let (bytes, _) = written(&[(0, 0); 10_000]);
        assert!(bytes.len() <= 10, "{}", bytes.len());
        assert!(written(&[]).0.is_empty());
    }
}
