//! What nodes hold of sessions, messages under way, letters and users stays within its caps.

use super::{At, Check};
use crate::node::board::News;
use crate::sim::plan::BOB;
use crate::sim::transfers::checks::memory_is_within_caps;
use crate::sim::wishes::{Done, Wishes};
use crate::sim::world::Seen;

/// Letters that a server keeps at the most.
const LETTERS_MAX: u32 = 10_000;
/// Requests that it remembers as open.
const JOBS_MAX: u32 = 4_096;

/// See the module.
#[derive(Debug)]
pub(super) struct Memory;

impl Check for Memory {
    fn name(&self) -> &'static str {
        "memory within its caps"
    }

    fn see(&mut self, At { node, .. }: At, seen: &Seen, _: &Wishes) -> Result<(), String> {
        let broken = match seen {
            Seen::Holds(survey) => memory_is_within_caps(survey).or_else(|| {
                // Nobody speaks with more parties than there are, itself not counted.
                (survey.links.len() > BOB).then(|| format!("links {:?}", survey.links))
            }),
            Seen::News(News::Letters(letters)) if *letters > LETTERS_MAX => {
                Some(format!("{letters} letters"))
            }
            Seen::News(News::Jobs(jobs)) if *jobs > JOBS_MAX => Some(format!("{jobs} requests")),
            Seen::News(News::Online(users)) if *users > 2 => Some(format!("{users} users of two")),
            _ => None,
        };
        broken.map_or(Ok(()), |what| Err(format!("node {node}: {what}")))
    }

    fn finish(&mut self, _: &Done) -> Result<(), String> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::tell;
    use super::*;
    use crate::transport::endpoint::Survey;

    #[test]
    fn more_than_may_be_held_is_found() {
        let holds = |budget_used_bytes| {
            let survey = Survey {
                budget_used_bytes,
                receivers_used_bytes: budget_used_bytes,
                budget_max_bytes: 10,
                ..Survey::default()
            };
            tell(&mut Memory, [(0, 0, Seen::Holds(Box::new(survey)))])
        };
        assert!(holds(10).is_ok());
        assert!(holds(11).is_err());
        let letters = |count| tell(&mut Memory, [(0, 0, Seen::News(News::Letters(count)))]);
        assert!(letters(LETTERS_MAX).is_ok());
        assert!(letters(LETTERS_MAX + 1).is_err());
    }
}
