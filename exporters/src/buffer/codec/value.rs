//! The values of one series, one after the other: what is expected costs little.
//!
//! Pure, and bit-exact: readings are short decimals, so a value is coded as a whole number of its last decimal place,
//! as the difference from what the values before let expect; a value that is no short decimal is coded as it is.
//! The same function writes and reads, so that the two cannot disagree.

use crate::buffer::codec::coder::{Chance, Coder};
use crate::buffer::decimal::{self, EXACT, MAX_PLACES, POWERS};

/// Sizes whose leading bits are told apart.
const SHAPED: usize = 12;

/// What a series has taught so far, apart from its values: another series may begin with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Habits {
    same: [Chance; 12],
    odd: Chance,
    places: Chance,
    stepless: Chance,
    sign: [Chance; 9],
    /// One after the other for 40 sizes of a difference in bits; larger ones share the last.
    size: [[Chance; 8]; 5],
    lead: [[Chance; 3]; SHAPED],
    third: [Chance; 4],
}

impl Habits {
    /// As another series begins with them.
    pub(crate) fn hint(&self, count: u32) -> Self {
        let hint = |chance: &Chance| chance.hint(count);
        Self {
            same: self.same.each_ref().map(hint),
            odd: hint(&self.odd),
            places: hint(&self.places),
            stepless: hint(&self.stepless),
            sign: self.sign.each_ref().map(hint),
            size: self.size.each_ref().map(|sizes| sizes.each_ref().map(hint)),
            lead: self.lead.each_ref().map(|lead| lead.each_ref().map(hint)),
            third: self.third.each_ref().map(hint),
        }
    }
}

/// One way to expect the next value.
const WAYS: usize = 4;

/// Where a series stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    value: f64,
    /// Whether there was a decimal.
    begun: bool,
    /// The value in units of its last decimal place.
    units: i64,
    places: usize,
    /// What all differences so far are multiples of; 0 before the first.
    step: i64,
    /// The last difference.
    delta: i64,
    /// Slow mean of the units, 16 times.
    mean: i64,
    /// Slow mean of the differences, 16 times.
    pace: i64,
    /// The last two values: 1 bit each, set where it was not the one before.
    moved: usize,
    /// How large the error of each way was of late.
    errors: [u32; WAYS],
}

impl History {
    /// Decimal places that its values have had so far.
    pub(crate) fn places(&self) -> usize {
        self.places
    }

    /// Codes the next value.
    pub(crate) fn code<C: Coder>(&mut self, coder: &mut C, habits: &mut Habits, value: f64) -> f64 {
        let context = self.moved * 3 + self.distance();
        let moved = coder.bit(pick(&mut habits.same, context), value.to_bits() != self.value.to_bits());
        self.moved = (self.moved << 1 | usize::from(moved)) & 3;
        if moved {
            self.value = self.change(coder, habits, value);
        }
        self.mean += ((self.units << 4) - self.mean) >> 4;
        self.value
    }

    /// How far the value is from its mean, in steps: a reading that is off tends to come back.
    fn distance(&self) -> usize {
        let off = ((self.units << 4) - self.mean).unsigned_abs();
        let step = self.step.unsigned_abs().max(1) << 4;
        if off * 2 < step { 0 } else { 1 + usize::from(off >= step) }
    }

    fn change<C: Coder>(&mut self, coder: &mut C, habits: &mut Habits, value: f64) -> f64 {
        let known = if C::WRITES { decimal::units(value, self.places) } else { None };
        if coder.bit(&mut habits.odd, known.is_none()) {
            let places = if C::WRITES { self.more_places(value) } else { None };
            if !coder.bit(&mut habits.places, places.is_some()) {
                return f64::from_bits(coder.plain(value.to_bits(), 64));
            }
            self.widen(coder.plain(places.unwrap_or_default() as u64, 4) as usize);
        }
        let again = || if C::WRITES { decimal::units(value, self.places) } else { None };
        let units = known.or_else(again).unwrap_or_default();
        if self.begun {
            let delta = self.difference(coder, habits, units.wrapping_sub(self.units));
            self.units = self.units.wrapping_add(delta).clamp(-(EXACT as i64), EXACT as i64);
        } else {
            self.begun = true;
            self.units = first(coder, units);
            self.mean = self.units << 4;
        }
        decimal::value(self.units, self.places)
    }

    /// The places that a value needs, if they are more than now and the value before has room for them.
    fn more_places(&self, value: f64) -> Option<usize> {
        let places =
            (self.places + 1..=MAX_PLACES).find(|&places| decimal::units(value, places).is_some())?;
        let factor = POWERS.get(places - self.places)?;
        (self.units as f64 * factor).abs().lt(&EXACT).then_some(places)
    }

    fn widen(&mut self, places: usize) {
        let more = u32::try_from(places.saturating_sub(self.places)).unwrap_or_default();
        let factor = 10_i64.saturating_pow(more.min(MAX_PLACES as u32));
        self.places = places.min(MAX_PLACES);
        for units in [&mut self.units, &mut self.step, &mut self.delta, &mut self.mean, &mut self.pace] {
            *units = units.saturating_mul(factor).clamp(-(EXACT as i64) << 4, (EXACT as i64) << 4);
        }
    }

    fn difference<C: Coder>(&mut self, coder: &mut C, habits: &mut Habits, delta: i64) -> i64 {
        let mut step = self.step.max(1);
        if step > 1 && coder.bit(&mut habits.stepless, delta % step != 0) {
            step = 1;
        }
        let guesses = self.guesses(step);
        let way = self.best_way();
        let guess = guesses.get(way).copied().unwrap_or_default();
        let toward = sign_class(guesses[2]) * 3 + sign_class(self.delta);
        let steps = guess.wrapping_add(number(coder, habits, toward, part(delta, step).wrapping_sub(guess)));
        let delta = steps.wrapping_mul(step);
        for (error, guess) in self.errors.iter_mut().zip(guesses) {
            let off = steps.wrapping_sub(guess).unsigned_abs();
            *error = *error - (*error >> 3) + (64 - off.leading_zeros()) * 16;
        }
        let off = delta.wrapping_mul(16).wrapping_sub(self.pace);
        self.pace = if self.step == 0 { delta.wrapping_mul(16) } else { self.pace.wrapping_add(off >> 4) };
        self.step = common(self.step, delta);
        self.delta = delta;
        delta
    }

    /// The expected difference in steps: none, the last one again, back to the mean, or the usual one.
    fn guesses(&self, step: i64) -> [i64; WAYS] {
        let sixteenth = |value| part(value / 16, step);
        [0, part(self.delta, step), sixteenth(self.mean - (self.units << 4)), sixteenth(self.pace)]
    }

    fn best_way(&self) -> usize {
        let way = self.errors.iter().enumerate().min_by_key(|each| each.1);
        way.map_or(0, |way| way.0)
    }
}

/// A quotient. Most steps are 1, and a division takes as long as all the rest of a value.
fn part(value: i64, step: i64) -> i64 {
    if step == 1 { value } else { value / step }
}

fn sign_class(value: i64) -> usize {
    match value.signum() {
        0 => 0,
        1 => 1,
        _ => 2,
    }
}

/// Codes a whole number: sign, size in bits, the leading bits, the rest.
fn number<C: Coder>(coder: &mut C, habits: &mut Habits, toward: usize, value: i64) -> i64 {
    let magnitude = value.unsigned_abs();
    let wanted = 64 - magnitude.leading_zeros();
    let mut size = 0;
    let sizes = habits.size.as_flattened_mut();
    while size < 63 && coder.bit(pick(sizes, size as usize), size < wanted) {
        size += 1;
    }
    if size == 0 {
        return 0;
    }
    let negative = coder.bit(pick(&mut habits.sign, toward), value < 0);
    let mut read = 1_u64;
    let mut left = size - 1;
    let shape = (size as usize).min(SHAPED - 1);
    if let Some(lead) = habits.lead.get_mut(shape) {
        for node in 0..2 {
            if left > 0 {
                left -= 1;
                let at = if node == 0 { 0 } else { 1 + (read & 1) as usize };
                read = read << 1 | u64::from(coder.bit(pick(lead, at), magnitude >> left & 1 == 1));
            }
        }
    }
    if left == 1 && size == 4 {
        left = 0;
        read = read << 1
            | u64::from(coder.bit(pick(&mut habits.third, (read & 3) as usize), magnitude & 1 == 1));
    }
    read = read << left | coder.plain(magnitude & ((1 << left) - 1), left);
    let read = i64::try_from(read).unwrap_or(i64::MAX);
    if negative { -read } else { read }
}

/// Codes a whole number of which nothing is known.
fn first<C: Coder>(coder: &mut C, value: i64) -> i64 {
    let negative = coder.plain(u64::from(value < 0), 1) == 1;
    let size = coder.plain(u64::from(64 - value.unsigned_abs().leading_zeros()), 6) as u32;
    let magnitude = i64::try_from(coder.plain(value.unsigned_abs(), size)).unwrap_or(i64::MAX);
    if negative { -magnitude } else { magnitude }
}

fn pick(chances: &mut [Chance], at: usize) -> &mut Chance {
    let last = chances.len() - 1;
    #[allow(clippy::indexing_slicing, reason = "cut to the last index; no table of chances is empty")]
    &mut chances[at.min(last)]
}

/// Greatest common divisor, where 0 is a multiple of everything.
fn common(a: i64, b: i64) -> i64 {
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    if a == 1 || (a != 0 && b % a == 0) {
        return i64::try_from(a).unwrap_or(1);
    }
    while b != 0 {
        (a, b) = (b, a % b);
    }
    i64::try_from(a).unwrap_or(1)
}
