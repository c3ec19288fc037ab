//! How a peer's questions are treated without asking the owner.

use super::jobs::{Origin, Step, bare, done, failed};
use super::rows::{RuleRow, rule_record};
use super::{Output, Sharing, checks};
use crate::actors::edges::Contact;
use crate::actors::machine::Outbox;
use crate::proto::control::{AskRule, Outcome, Rule};
use crate::proto::ids::{UserId, WishId};
use crate::time::Moment;

/// The name of the rule for everybody who has none of their own.
const EVERYBODY: &str = "*";

/// Where nothing is set: previews are what a gallery is for, looks are the owner's to give.
const UNSET: Rule = Rule {
    previews: true,
    asks: AskRule::Wait,
};

/// Rules by user (none is everybody) that come, or go.
pub(super) type Changes = Vec<(Option<UserId>, Option<RuleRow>)>;

impl Sharing {
    /// The rule that holds for a user.
    pub(super) fn rule_for(&self, user: UserId) -> Rule {
        let row = self.rules.get(&Some(user));
        row.or_else(|| self.rules.get(&None))
            .map_or(UNSET, |row| row.rule)
    }

    pub(super) fn rules_wanted(&self, wish: WishId, out: &mut Outbox<Output>) {
        done(Origin::Wish(wish), self.rules_outcome(), out);
    }

    fn rules_outcome(&self) -> Outcome {
        let rows = self.rules.values();
        let mut rules: Vec<(String, Rule)> = rows.map(|row| (row.name.clone(), row.rule)).collect();
        rules.sort_by(|one, other| one.0.cmp(&other.0));
        Outcome::Rules(rules)
    }

    pub(super) fn rule_wanted(
        &mut self,
        now: Moment,
        wish: WishId,
        peer: &str,
        rule: Option<Rule>,
        out: &mut Outbox<Output>,
    ) {
        let origin = Origin::Wish(wish);
        if let Err(failure) = self.has_place() {
            return failed(origin, failure, out);
        }
        let peer = bare(peer);
        if peer == EVERYBODY {
            return self.change_rule(now, wish, None, EVERYBODY, rule, out);
        }
        // A rule can be taken back by its name when nobody can say any more whose that is.
        let named: Changes = self
            .rules
            .iter()
            .filter(|(user, row)| user.is_some() && row.name == peer)
            .map(|(user, _)| (*user, None))
            .collect();
        if rule.is_none() && !named.is_empty() {
            return self.write_changes(now, wish, named, out);
        }
        self.find(now, wish, peer, Step::RuleFind(rule), out);
    }

    pub(super) fn write_rule(
        &mut self,
        now: Moment,
        wish: WishId,
        peer: &Contact,
        rule: Option<Rule>,
        out: &mut Outbox<Output>,
    ) {
        let user = peer.identity.user_id();
        if user == self.config.me {
            return failed(Origin::Wish(wish), checks::oneself(), out);
        }
        self.change_rule(now, wish, Some(user), &peer.name, rule, out);
    }

    fn change_rule(
        &mut self,
        now: Moment,
        wish: WishId,
        user: Option<UserId>,
        name: &str,
        rule: Option<Rule>,
        out: &mut Outbox<Output>,
    ) {
        let is_new = rule.is_some() && !self.rules.contains_key(&user);
        let coming = self
            .jobs
            .values()
            .filter(|job| matches!(job.step, Step::RuleRow(_)));
        if is_new && self.rules.len() + coming.count() >= self.config.rules_max {
            let failure = checks::full("rules", self.config.rules_max);
            return failed(Origin::Wish(wish), failure, out);
        }
        let row = rule.map(|rule| RuleRow {
            name: name.to_owned(),
            rule,
        });
        self.write_changes(now, wish, vec![(user, row)], out);
    }

    fn write_changes(
        &mut self,
        now: Moment,
        wish: WishId,
        changes: Changes,
        out: &mut Outbox<Output>,
    ) {
        let records = changes
            .iter()
            .map(|(user, row)| rule_record(*user, row.as_ref()))
            .collect();
        let step = Step::RuleRow(changes);
        self.write(now, Origin::Wish(wish), step, records, out);
    }

    pub(super) fn rule_written(
        &mut self,
        origin: Origin,
        changes: Changes,
        out: &mut Outbox<Output>,
    ) {
        for (user, row) in changes {
            match row {
                Some(row) => self.rules.insert(user, row),
                None => self.rules.remove(&user),
            };
        }
        done(origin, self.rules_outcome(), out);
    }
}
