//! Switches that make the emulator misbehave on purpose.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// What happens to trigger deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeliveryFault {
    /// Every attempt fails as if the receiver could not be reached; the trigger's policy decides about retries.
    Refuse,
    /// The delivery waits this long first. Those behind it in its queue wait, too.
    Delay(Duration),
    /// The event is lost.
    Drop,
    /// The event is delivered twice.
    Duplicate,
    /// The event waits until the next one of its queue is delivered, or until the faults are changed. Meanwhile it
    /// counts as pending.
    Reorder,
}

/// What happens to requests for AppEngine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AppEngineFault {
    /// Every request is answered 503 with a body that is not JSON, as an ingress does.
    Unavailable,
    /// Every request waits this long first.
    Slow(Duration),
}

/// Which faults are switched on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Switches {
    delivery: Option<DeliveryFault>,
    /// Deliveries that the fault is still meant for; `None` is all.
    remaining: Option<usize>,
    app_engine: Option<AppEngineFault>,
}

/// The switches of one emulator. Clones share them.
///
/// ```no_run
/// # async fn example(emulator: astarte_emulator::Emulator) {
/// use astarte_emulator::DeliveryFault;
///
/// emulator.faults().next_deliveries(1, DeliveryFault::Drop);
/// // … the next event of any trigger is lost …
/// emulator.faults().clear();
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<watch::Sender<Switches>>);

impl Faults {
    /// Applies a fault to all deliveries from now on.
    pub fn deliveries(&self, fault: DeliveryFault) {
        self.0.send_modify(|switches| {
            switches.delivery = Some(fault);
            switches.remaining = None;
        });
    }

    /// Applies a fault to the next `count` deliveries only.
    pub fn next_deliveries(&self, count: usize, fault: DeliveryFault) {
        self.0.send_modify(|switches| {
            switches.delivery = (count > 0).then_some(fault);
            switches.remaining = Some(count);
        });
    }

    /// Applies a fault to all requests for AppEngine from now on.
    pub fn app_engine(&self, fault: AppEngineFault) {
        self.0.send_modify(|switches| switches.app_engine = Some(fault));
    }

    /// Switches all faults off.
    pub fn clear(&self) {
        self.0.send_modify(|switches| *switches = Switches::default());
    }

    pub(crate) fn for_app_engine(&self) -> Option<AppEngineFault> {
        self.0.borrow().app_engine
    }

    /// The fault meant for the delivery at hand.
    pub(crate) fn take_for_delivery(&self) -> Option<DeliveryFault> {
        let mut fault = None;
        self.0.send_if_modified(|switches| {
            fault = switches.delivery;
            match &mut switches.remaining {
                Some(remaining) if fault.is_some() => {
                    *remaining = remaining.saturating_sub(1);
                    if *remaining == 0 {
                        switches.delivery = None;
                    }
                }
                _ => {}
            }
            // Only the switches' owner wakes those who wait for a change.
            false
        });
        fault
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Switches> {
        self.0.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counted_fault_wears_off() {
        let faults = Faults::default();
        faults.next_deliveries(2, DeliveryFault::Drop);
        assert_eq!(faults.take_for_delivery(), Some(DeliveryFault::Drop));
        assert_eq!(faults.take_for_delivery(), Some(DeliveryFault::Drop));
        assert_eq!(faults.take_for_delivery(), None);
    }
}
