//! Bounds on what was measured: `"<1500"`, `">=3"`, `"<0.5%"`.

/// A bound on a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// The metric.
    pub metric: String,
    /// As it was written.
    pub written: String,
    relation: Relation,
    bound: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Below,
    AtMost,
    Above,
    AtLeast,
}

impl Threshold {
    /// Reads a bound.
    ///
    /// # Errors
    /// If it is none; the text says how one looks.
    pub fn parse(metric: &str, written: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{written:?} is no bound: write <, <=, > or >= and a number, such as \"<1500\" or \
                 \"<0.5%\""
            )
        };
        let text = written.trim();
        let relations = [
            ("<=", Relation::AtMost),
            (">=", Relation::AtLeast),
            ("<", Relation::Below),
            (">", Relation::Above),
        ];
        let (sign, relation) = relations
            .into_iter()
            .find(|(sign, _)| text.starts_with(sign))
            .ok_or_else(wrong)?;
        let number = text[sign.len()..].trim().trim_end_matches('%').trim();
        let bound: f64 = number.parse().map_err(|_| wrong())?;
        if !bound.is_finite() {
            return Err(wrong());
        }
        Ok(Self {
            metric: metric.to_owned(),
            written: text.to_owned(),
            relation,
            bound,
        })
    }

    /// Whether a value keeps the bound.
    #[must_use]
    pub fn holds(&self, value: f64) -> bool {
        match self.relation {
            Relation::Below => value < self.bound,
            Relation::AtMost => value <= self.bound,
            Relation::Above => value > self.bound,
            Relation::AtLeast => value >= self.bound,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(written: &str, value: f64) -> bool {
        Threshold::parse("m", written)
            .expect("a bound")
            .holds(value)
    }

    #[test]
    fn bounds_hold_up_to_their_edge() {
        assert!(holds("<2", 1.9) && !holds("<2", 2.0));
        assert!(holds("<= 2", 2.0) && !holds("<= 2", 2.1));
        assert!(holds(">2", 2.1) && !holds(">2", 2.0));
        assert!(holds(">=2", 2.0) && !holds(">=2", 1.9));
        assert!(holds("<0.5%", 0.4) && !holds("<0.5%", 0.6));
    }

    #[test]
    fn what_is_no_bound_is_refused() {
        for written in ["", "5", "<", "<five", "=5", "<inf", "<nan"] {
            assert!(Threshold::parse("m", written).is_err(), "{written}");
        }
    }
}
