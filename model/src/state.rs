//! Component states of the OpenTelemetry hardware conventions.
//!
//! A device's own words become these three (and `predicted_failure` for media); what a device does
//! not say is never guessed.

/// State of a component, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Works as it should.
    Ok,
    /// Works, and needs attention.
    Degraded,
    /// The device predicts that it will fail.
    PredictedFailure,
    /// Does not work.
    Failed,
}

impl Status {
    /// Value of `hw.state`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::PredictedFailure => "predicted_failure",
            Self::Failed => "failed",
        }
    }

    /// The state that tells it of a component of this type: not every type has one for predicted failures.
    pub fn told_of(self, hw_type: &str) -> Self {
        if status_states(hw_type).contains(&self.as_str()) { self } else { Self::Degraded }
    }

    /// The status with this name.
    pub fn find(name: &str) -> Option<Self> {
        [Self::Ok, Self::Degraded, Self::PredictedFailure, Self::Failed]
            .into_iter()
            .find(|status| status.as_str() == name)
    }
}

/// The states that `hw.status` has for a component type, as the conventions allow them.
pub fn status_states(hw_type: &str) -> &'static [&'static str] {
    match hw_type {
        "physical_disk" | "memory" => &["ok", "degraded", "failed", "predicted_failure"],
        _ => &["ok", "degraded", "failed"],
    }
}
