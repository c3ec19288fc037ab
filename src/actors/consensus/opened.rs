//! What a server begins with: its log and its state, as the rows of its disk have them.

use super::log::Log;
use super::rows::{self, Damage};
use super::{Config, Rows, StateMachine, Why};

/// See the module.
pub(super) struct Opened<S> {
    pub(super) log: Log,
    pub(super) state: S,
    pub(super) is_blank: bool,
    pub(super) quarantine: Option<Why>,
}

/// Reads the rows; what cannot be believed is the reason for a quarantine.
pub(super) fn open<S: StateMachine>(config: &Config, blank: S, rows: &Rows) -> Opened<S> {
    let group = config.group();
    let mut opened = Opened {
        log: Log::new(group.clone()),
        state: blank,
        is_blank: false,
        quarantine: None,
    };
    match rows::read(config.me, &group, rows) {
        Ok(rows::Found::Blank) => opened.is_blank = true,
        Ok(rows::Found::Quarantined(why)) => opened.quarantine = Some(why),
        Err(damage) => opened.quarantine = Some(Why::Damaged(damage)),
        Ok(rows::Found::Log(log)) => match log.kept().map(|kept| S::restore(&kept.state)) {
            None => opened.log = *log,
            Some(Ok(state)) => (opened.log, opened.state) = (*log, state),
            Some(Err(damaged)) => {
                let damage = Damage::Snapshot(damaged.to_string());
                opened.quarantine = Some(Why::Damaged(damage));
            }
        },
    }
    opened
}
