//! Replies of the Data Center Manageability Interface (DCMI specification v1.5).

use crate::driver::ipmi::bytes::Reader;

/// What every request and reply of the group begins with.
pub(crate) const GROUP: u8 = 0xdc;

/// Power of the whole platform, in watts (section 6.6.1). `None` while it is not measured. Zero is none: a
/// BMC that answers draws power.
pub(crate) fn power(reply: &[u8]) -> Option<f64> {
    let mut reader = Reader::new(reply);
    let [group, low, high, _min_max_average_time_period @ .., state] = reader.array::<18>()?;
    let watts = u16::from_le_bytes([low, high]);
    (group == GROUP && state & 0x40 != 0 && watts > 0).then_some(f64::from(watts))
}

/// Temperatures of the instances of one entity (section 6.7.3): how many instances there are, and those of
/// this reply with their degrees Celsius.
pub(crate) fn temperatures(reply: &[u8]) -> Option<(u8, Vec<(u8, f64)>)> {
    let mut reader = Reader::new(reply);
    let [group, total, count] = reader.array()?;
    let mut found = Vec::new();
    while let Some([degrees, instance]) = reader.array().filter(|_| found.len() < usize::from(count)) {
        // Sign and magnitude.
        let magnitude = f64::from(degrees & 0x7f);
        found.push((instance, if degrees & 0x80 == 0 { magnitude } else { -magnitude }));
    }
    (group == GROUP).then_some((total, found))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn power_counts_while_it_is_measured() {
        let reply = |watts: u8, state: u8| [&[GROUP, watts, 1][..], &[0; 14], &[state]].concat();
        assert_eq!(power(&reply(44, 0x40)), Some(300.0));
        assert_eq!(power(&reply(44, 0)), None);
        assert_eq!(power(&[&[GROUP][..], &[0; 16], &[0x40]].concat()), None, "no device runs on nothing");
        assert_eq!(power(&reply(44, 0x40)[..17]), None);
    }

    #[test]
    fn temperatures_have_a_sign_and_a_magnitude() {
        let reply = [GROUP, 3, 2, 23, 1, 0x85, 2, 9];
        assert_eq!(temperatures(&reply), Some((3, vec![(1, 23.0), (2, -5.0)])));
        assert_eq!(temperatures(&[GROUP, 1, 1]), Some((1, vec![])));
        assert_eq!(temperatures(&[0, 1, 1, 23, 1]), None);
    }

    proptest! {
        #[test]
        fn garbage_is_survived(reply in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = (power(&reply), temperatures(&reply));
        }
    }
}
