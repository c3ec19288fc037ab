//! What a model may see of a courier.

use crate::actors::courier::Courier;

impl Courier {
    /// Everything that makes a difference.
    pub(crate) fn held(&self) -> String {
        format!("{:?} {:?}", self.dispatch, self.arrivals)
    }
}
