//! Who we are, timings and bounds.

use crate::proto::cargo::Form;
use crate::proto::identity::PublicKey;
use crate::proto::ids::{NodeId, UserId};
use crate::time::Calendar;

/// Who we are, timings and bounds.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who we are.
    pub me: UserId,
    /// Grants remembered at the most, given and received.
    pub leases_max: usize,
    /// Log entries kept at the most; the oldest are dropped.
    pub log_max: usize,
    /// A claim that was not shown for so long is let go, in milliseconds.
    pub claim_ms: u64,
    /// How long a person who wants to look waits for a picture that is on its way, in milliseconds.
    pub picture_wait_ms: u64,
    /// Attempts to send a picture to a borrower who is online, before it waits for their return.
    pub attempts: u32,
    /// How long the owner waits for the borrower's word that the picture is kept before a wish is
    /// told that it is not delivered yet, in milliseconds.
    pub delivery_ms: u64,
    /// Milliseconds between two looks for pictures that are due (ours to send, or to ask for).
    pub due_every_ms: u64,
    /// A step (disk, CPU pool, courier, presence) that is not answered for so long counts as lost,
    /// in milliseconds. Longer than the courier takes to tell how a letter went.
    pub step_ms: u64,
    /// The servers' word on looks, counted or taken along, is waited for so long, in milliseconds.
    /// Longer than the clerk waits for shares of looks that are counted: nothing brings what it
    /// gives too late.
    pub look_ms: u64,
    /// Milliseconds between two attempts to tell the servers of looks without them.
    pub check_in_ms: u64,
    /// Milliseconds between two questions to the ledger how a grant stands that we gave and whose
    /// looks may be with the borrower's device.
    pub standing_ms: u64,
    /// The shares of a grant are with a majority of the servers; all are asked for theirs after so
    /// long, in milliseconds, and as long as one lacks it again after twice as long, and so on.
    pub complete_first_ms: u64,
    /// That wait at the most, in milliseconds. No look makes it shorter.
    pub complete_max_ms: u64,
    /// All had their shares: they are asked again after so long, in milliseconds.
    pub complete_every_ms: u64,
    /// How pictures are sent to borrowers. A picture in an own cover always travels whole.
    pub delivery: Form,
    /// The servers and their keys, in the order of the configuration: share `i` of a strict grant
    /// is that of server `i`, from 1. Without any there are no strict grants.
    pub servers: Vec<(NodeId, PublicKey)>,
    /// To stamp log entries.
    pub calendar: Calendar,
}

impl Config {
    /// For a local network.
    #[must_use]
    pub const fn lan(me: UserId, calendar: Calendar) -> Self {
        Self {
            me,
            servers: Vec::new(),
            calendar,
            // About half a kilobyte each, all in memory.
            leases_max: 10_000,
            log_max: 100_000,
            // A viewer paints within seconds; a slow terminal over a slow line takes longer.
            claim_ms: 60_000,
            // It is asked for twice in that time.
            picture_wait_ms: 5_000,
            // As many as a letter gets before its reader counts as offline.
            attempts: 3,
            // A few megabytes take about a second; a person waits no longer than for any answer.
            delivery_ms: 10_000,
            due_every_ms: 2_000,
            step_ms: 12_000,
            look_ms: 16_000,
            // Each costs an entry of the servers' log; a fork shows so much later.
            check_in_ms: 60_000,
            standing_ms: 600_000,
            // A server that is restarted is back by then.
            complete_first_ms: 5_000,
            complete_max_ms: 600_000,
            // A packet to each server and back; a disk is replaced less often.
            complete_every_ms: 3_600_000,
            // A quarter of the bytes for a moment of work at each end.
            delivery: Form::Delta,
        }
    }
}
