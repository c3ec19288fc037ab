//! Timings and bounds of what is asked of etcd.

/// Where etcd is and how it is used; what is not about etcd is in [`Config`](super::super::Config).
#[derive(Clone, Debug)]
pub struct EtcdConfig {
    /// Endpoints, which the edge knows by their numbers. Members of one etcd cluster.
    pub endpoints: usize,
    /// All keys begin with it and a `/`.
    pub prefix: String,
    /// An answer is waited for so long, in milliseconds.
    pub wait_ms: u64,
    /// The shortest pause after a question without an answer, in milliseconds.
    pub pause_ms: u64,
    /// Whoever hears nothing looks how far the log is after so long, in milliseconds.
    pub poll_ms: u64,
    /// Commands in a batch, in bytes. The last one may exceed it.
    pub batch_max_bytes: usize,
    /// Commands in a batch.
    pub batch_max: usize,
    /// Batches that are read at a time; at least 2, for each is vouched for by the next.
    pub page: u32,
    /// A part of a state, in bytes.
    pub part_bytes: usize,
    /// No answer is longer, in bytes.
    pub answer_max_bytes: usize,
    /// Pause between two rows on the own disk, in milliseconds.
    pub marker_ms: u64,
}

impl EtcdConfig {
    /// For an etcd on the local network.
    #[must_use]
    pub const fn lan(endpoints: usize, prefix: String) -> Self {
        Self {
            endpoints,
            prefix,
            wait_ms: 1_500,
            pause_ms: 25,
            poll_ms: 1_000,
            batch_max_bytes: 256 << 10,
            batch_max: 1_024,
            page: 8,
            part_bytes: 512 << 10,
            answer_max_bytes: 8 << 20,
            marker_ms: 5_000,
        }
    }
}
