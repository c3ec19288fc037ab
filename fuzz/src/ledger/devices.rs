//! A device and what it tells of its looks.

use pentimento::proto::ids::{AccountId, CheckoutId, DeviceId, ViewId};
use pentimento::proto::ledger::{Command, LoggedView, ViewLog};
use pentimento::time::WallTime;

use super::people::T0;

/// A device with its log of looks, which can be copied.
#[derive(Clone)]
pub(super) struct Device {
    pub(super) account: AccountId,
    checkout: u8,
    log: ViewLog,
    views: Vec<LoggedView>,
}

impl Device {
    /// With nothing in its log.
    pub(super) fn new(account: AccountId, checkout: u8) -> Self {
        let id = CheckoutId([checkout; 16]);
        Self {
            account,
            checkout,
            log: ViewLog::new(account, id, DeviceId([checkout; 16])),
            views: Vec::new(),
        }
    }

    /// Looks, without the servers.
    pub(super) fn look(&mut self, view: u8) {
        let look = LoggedView {
            view: ViewId([view; 16]),
            at: WallTime(T0),
        };
        self.log = self.log.with(look);
        self.views.push(look);
    }

    /// What was not told yet; it counts as told from now on.
    pub(super) fn check_in(&mut self, returns: bool) -> Command {
        let views = std::mem::take(&mut self.views);
        Command::CheckIn {
            account: self.account,
            checkout: CheckoutId([self.checkout; 16]),
            from: self.log.length - views.len() as u32,
            views,
            head: self.log.head,
            returns,
        }
    }
}
