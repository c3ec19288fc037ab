//! Which of these tests find which planted bug.

use super::cluster;
use crate::planted::Bug;
use crate::planted::tests::Hunt;

const CLUSTER: &str = "three mailboxes with bad disks and a bad bus";

pub(crate) const HUNTS: &[Hunt] = &[
    Hunt::new(Bug::MailAckBeforeDisk, CLUSTER, cluster::many_runs),
    Hunt::new(Bug::MailAckDropsLater, CLUSTER, cluster::many_runs),
    Hunt::new(Bug::MailComesBack, CLUSTER, cluster::many_runs),
];
