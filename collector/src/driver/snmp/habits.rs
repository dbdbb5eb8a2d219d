//! What has been learned of one device's agent: how it likes to be asked.
//!
//! Remembered from poll to poll, and forgotten when the device behind the address becomes another one.

/// Most scalars in one GET. Twenty with a text or two among them fit one Ethernet frame.
const BATCH: usize = 20;

/// Most columns of one table side by side in one request.
const WIDTH: usize = 10;

/// Most instances asked for in one answer. Forty times some thirty bytes fit one Ethernet frame:
/// larger answers come in fragments, which many firewalls drop.
const INSTANCES: usize = 40;

/// Most rows asked for in one GETBULK. Some agents silently skip rows above 55, and small ones
/// take seconds for long answers; above 25 there is little to win.
const REPETITIONS: u32 = 25;

/// Whether GETBULK may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bulk {
    /// Not known yet.
    Untried,
    /// It has answered one.
    Works,
    /// It failed where GETNEXT answered, or its version has none.
    Broken,
}

/// How one agent likes to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Habits {
    pub(super) bulk: Bulk,
    /// Most scalars in one GET.
    pub(super) batch: usize,
    /// Most columns in one request.
    pub(super) width: usize,
    /// Most instances in one answer.
    pub(super) instances: usize,
    repetitions: u32,
}

impl Habits {
    /// Of an agent that nothing is known of. `repetitions` is what the target asks for, if anything.
    pub(super) fn new(has_bulk: bool, repetitions: Option<u32>) -> Self {
        let repetitions = repetitions.unwrap_or(REPETITIONS).max(1);
        Self {
            bulk: if has_bulk { Bulk::Untried } else { Bulk::Broken },
            batch: BATCH,
            width: WIDTH,
            // Who asks for long answers by name gets them.
            instances: usize::try_from(repetitions).unwrap_or(INSTANCES).max(INSTANCES),
            repetitions,
        }
    }

    /// How many rows to ask for when `columns` stand side by side and `instances` are wanted at most.
    pub(super) fn repetitions(&self, columns: usize, instances: usize) -> u32 {
        let rows = instances.checked_div(columns).unwrap_or(1);
        u32::try_from(rows).unwrap_or(u32::MAX).clamp(1, self.repetitions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_tables_are_asked_for_few_rows_and_narrow_ones_for_no_more_than_the_maximum() {
        let habits = Habits::new(true, None);
        assert_eq!(habits.repetitions(1, habits.instances), 25);
        assert_eq!(habits.repetitions(10, habits.instances), 4);
        assert_eq!(habits.repetitions(50, habits.instances), 1);
        let generous = Habits::new(true, Some(100));
        assert_eq!(generous.repetitions(1, generous.instances), 100);
        let careful = Habits::new(true, Some(0));
        assert_eq!(careful.repetitions(1, careful.instances), 1);
    }
}
